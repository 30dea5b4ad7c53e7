/**
 * Challenges for sessions: made and recognised without remembering any, so that asking for them costs a node nothing.
 * A challenge is `<end>.<nonce>.<mac>` under a secret of this process.
 */
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { apiLimits, toBase64Url, utf8 } from "../protocol/mod.ts";

/** See the module's text. */
export interface Challenges {
  /** A fresh one and its end, milliseconds since 1970. */
  make(now: number): { readonly challenge: string; readonly until: number };
  /** End of one that was made here; `undefined` for any other text. */
  until(challenge: string): number | undefined;
}

const random = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes));

/** Challenges of this process. */
export function createChallenges(): Challenges {
  const secret = random(32);
  const macOf = (text: string) => toBase64Url(hmac(sha256, secret, utf8(text)));
  return {
    make(now) {
      const until = now + apiLimits.challengeMs;
      const text = `${until}.${toBase64Url(random(16))}`;
      return { challenge: `${text}.${macOf(text)}`, until };
    },
    until(challenge) {
      const at = challenge.lastIndexOf(".");
      const text = challenge.slice(0, at);
      // Compared by their hashes: how long it takes tells nothing of the right one.
      if (at < 0 || macOf(macOf(text)) !== macOf(challenge.slice(at + 1))) return undefined;
      return Number(text.split(".", 1)[0]);
    },
  };
}
