/** Ed25519 in plain JavaScript, for clients and browsers: one signature a command needs no native speed. */
import { ed25519 } from "@noble/curves/ed25519.js";
import type { Signer, Verifier } from "../protocol/identity.ts";

/** A signer from a 32-byte Ed25519 seed. */
export function signerFromSeed(seed: Uint8Array): Signer {
  const secret = Uint8Array.from(seed);
  return {
    publicKey: ed25519.getPublicKey(secret),
    sign: (message) => ed25519.sign(message, secret),
  };
}

/** 32 random bytes from the platform's secure source: a new private key. */
export const newSeed = (): Uint8Array => crypto.getRandomValues(new Uint8Array(32));

/** Checks signatures. Strict (RFC 8032), like the nodes. */
export const verifier: Verifier = {
  verify(publicKey, message, signature) {
    try {
      return ed25519.verify(signature, message, publicKey, { zip215: false });
    } catch {
      return false;
    }
  },
};
