/** An Ed25519 key for tests. */
import { createSigner, createVerifier } from "../platform/mod.ts";
import { keyIdOf, type Signer, type Verifier } from "../protocol/identity.ts";

/** A fixed key pair with its verifier. */
export function createTestKeys(): { signer: Signer; verifier: Verifier; keyId: string } {
  const signer = createSigner(new Uint8Array(32).fill(7));
  return { signer, verifier: createVerifier(), keyId: keyIdOf(signer.publicKey) };
}
