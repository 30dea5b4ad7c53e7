/** Ed25519 by `node:crypto`: synchronous, so that replay stays deterministic, and an order faster than pure JavaScript. */
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import type { Signer, Verifier } from "../protocol/mod.ts";

/** DER prefix of a PKCS#8 Ed25519 private key (RFC 8410). */
const PKCS8 = Uint8Array.from([
  0x30,
  0x2e,
  0x02,
  0x01,
  0x00,
  0x30,
  0x05,
  0x06,
  0x03,
  0x2b,
  0x65,
  0x70,
  0x04,
  0x22,
  0x04,
  0x20,
]);
/** DER prefix of a SubjectPublicKeyInfo Ed25519 public key (RFC 8410). */
const SPKI = Uint8Array.from([0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00]);

const der = (prefix: Uint8Array, raw: Uint8Array): Uint8Array => {
  const out = new Uint8Array(prefix.length + raw.length);
  out.set(prefix);
  out.set(raw, prefix.length);
  return out;
};

/** A signer from a 32-byte Ed25519 seed. */
export function createSigner(seed: Uint8Array): Signer {
  const key = createPrivateKey({ key: der(PKCS8, seed) as never, format: "der", type: "pkcs8" });
  const spki = createPublicKey(key).export({ format: "der", type: "spki" });
  const publicKey = Uint8Array.from(spki.subarray(spki.length - 32));
  return { publicKey, sign: (message) => Uint8Array.from(sign(null, message, key)) };
}

/** Verifies; keeps the last parsed keys, since the same few sign nearly everything. */
export function createVerifier(cached = 1_024): Verifier {
  const keys = new Map<string, KeyObject>();
  return {
    verify(publicKey, message, signature) {
      try {
        const name = String.fromCharCode(...publicKey);
        let key = keys.get(name);
        if (!key) {
          key = createPublicKey({ key: der(SPKI, publicKey) as never, format: "der", type: "spki" });
          if (keys.size >= cached) keys.delete(keys.keys().next().value!);
          keys.set(name, key);
        }
        return verify(null, message, key, signature);
      } catch {
        return false;
      }
    },
  };
}
