/** An Ed25519 key for tests. */
import { ed25519 } from "@noble/curves/ed25519.js";
import { keyIdOf, type Signer, type Verifier } from "../protocol/identity.ts";

/** A fixed key pair with its verifier. */
export function createTestKeys(): { signer: Signer; verifier: Verifier; keyId: string } {
  const secret = new Uint8Array(32).fill(7), publicKey = ed25519.getPublicKey(secret);
  return {
    signer: { publicKey, sign: (message) => ed25519.sign(message, secret) },
    verifier: { verify: (key, message, signature) => ed25519.verify(signature, message, key) },
    keyId: keyIdOf(publicKey),
  };
}
