/**
 * A delegation: a fresh short-lived key with the grants that lead to it, as one text. It is handed to a page in the
 * fragment of a link, which browsers never send to a server.
 */
import * as v from "valibot";
import { fromBase64Url, toBase64Url, utf8 } from "./encoding.ts";
import type { Envelope } from "./envelope.ts";
import { refuse, type Result } from "./errors.ts";
import { decodeJson, GrantChainSchema, KeyIdSchema } from "./grant.ts";
import type { RealmId } from "./identity.ts";

const DelegationSchema = v.strictObject({
  v: v.literal(1),
  realm: KeyIdSchema,
  seed: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{43}$/, "32 bytes in base64url")),
  grants: GrantChainSchema,
});
/** A key that may act for its issuer until its grant ends. Whoever has it has that power: treat it as a password. */
export interface Delegation {
  /** Realm in which it holds. */
  readonly realm: RealmId;
  /** Ed25519 seed, 32 bytes. */
  readonly seed: Uint8Array;
  /** From the owner's grant towards the key's own. */
  readonly grants: readonly Envelope[];
}
/** Longest text that is looked at: a chain of the greatest length fits. */
const MAX_TEXT = 16_384;

/** The text of a delegation, in base64url. */
export const formatDelegation = ({ realm, seed, grants }: Delegation): string =>
  toBase64Url(utf8(JSON.stringify({ v: 1, realm, seed: toBase64Url(seed), grants })));

/** Reads the text of a delegation; refusals: `bad_request`. */
export function parseDelegation(text: string): Result<Delegation> {
  const bytes = text.length <= MAX_TEXT ? decoded(text) : undefined;
  if (!bytes) return refuse("bad_request", "the link is damaged; make a new one with 'realm dashboard'");
  const value = decodeJson(bytes, DelegationSchema, "the link");
  if (!value.ok) return value;
  const seed = decoded(value.value.seed);
  if (seed?.length !== 32) return refuse("bad_request", "the link's key is damaged");
  return { ok: true, value: { realm: value.value.realm, seed, grants: value.value.grants } };
}

function decoded(text: string): Uint8Array | undefined {
  try {
    return fromBase64Url(text);
  } catch {
    return undefined;
  }
}
