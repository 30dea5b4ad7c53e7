/** Ed25519 in plain JavaScript, for clients and browsers: one signature a command needs no native speed. */
import { getPublicKey, hashes, sign, verify } from "@noble/ed25519";
import { sha512 } from "@noble/hashes/sha2.js";
import type { Signer, Verifier } from "../protocol/identity.ts";

// The synchronous calls of this library take their hash from here; WebCrypto has only asynchronous ones.
hashes.sha512 = sha512;

/** A signer from a 32-byte Ed25519 seed. */
export function signerFromSeed(seed: Uint8Array): Signer {
  const secret = Uint8Array.from(seed);
  return {
    publicKey: getPublicKey(secret),
    sign: (message) => sign(Uint8Array.from(message), secret),
  };
}

/** 32 random bytes from the platform's secure source: a new private key. */
export const newSeed = (): Uint8Array => crypto.getRandomValues(new Uint8Array(32));

/** Checks signatures. Strict (RFC 8032), like the nodes. */
export const verifier: Verifier = {
  verify(publicKey, message, signature) {
    try {
      return verify(Uint8Array.from(signature), Uint8Array.from(message), Uint8Array.from(publicKey), {
        zip215: false,
      });
    } catch {
      return false;
    }
  },
};
