/**
 * The optional signature of a package: a DSSE envelope over its digest, name and version, in `signature.json`. It
 * says who made the package; who may deploy it is decided by the command that deploys it.
 */
import * as v from "valibot";
import { canonicalBytes, canonicalJson, fromUtf8, utf8 } from "../protocol/encoding.ts";
import { type Envelope, EnvelopeSchema, open, payloadTypes, seal } from "../protocol/envelope.ts";
import { refuse, type Result } from "../protocol/errors.ts";
import type { Digest, KeyId, Signer, Verifier } from "../protocol/identity.ts";
import type { AppManifest } from "../protocol/package_manifest.ts";

/** What is signed. */
const SignedPackage = v.strictObject({ digest: v.string(), name: v.string(), version: v.string() });

/** Signs a package. */
export function signPackage(digest: Digest, manifest: AppManifest, signer: Signer): Envelope {
  const payload = { digest, name: manifest.name, version: manifest.version };
  return seal(payloadTypes.package, canonicalBytes(payload), signer);
}

/** Bytes of `signature.json`. */
export const signatureBytes = (envelope: Envelope): Uint8Array => utf8(canonicalJson(envelope) + "\n");

/** Reads `signature.json`; refuses anything but the bytes that {@link signatureBytes} gives. */
export function parseSignature(bytes: Uint8Array): Result<Envelope> {
  try {
    const text = fromUtf8(bytes);
    const parsed = v.safeParse(EnvelopeSchema, JSON.parse(text));
    if (parsed.success && canonicalJson(parsed.output) + "\n" === text) {
      return { ok: true, value: parsed.output };
    }
  } catch {
    // Not UTF-8 or not JSON: refused below.
  }
  return refuse("bad_package", '"signature.json" is not a signature; make the package again');
}

/** Checks that `envelope` is a valid signature of this package; gives the key that signed. */
export function verifySignature(
  envelope: Envelope,
  digest: Digest,
  manifest: AppManifest,
  verifier: Verifier,
): Result<KeyId> {
  const opened = open(envelope, payloadTypes.package, verifier);
  if (!opened.ok) return opened;
  const expected = canonicalJson({ digest, name: manifest.name, version: manifest.version });
  return sameText(opened.value, expected)
    ? { ok: true, value: envelope.keyid }
    : refuse("bad_signature", '"signature.json" signs another package; make the package again');
}

function sameText(bytes: Uint8Array, text: string): boolean {
  const expected = utf8(text);
  return bytes.length === expected.length && bytes.every((b, i) => b === expected[i]);
}

/** Whether `envelope` claims to sign the package with this digest; says nothing about the signature itself. */
export function claimsDigest(envelope: Envelope, digest: Digest): boolean {
  try {
    const text = atob(envelope.payload.replaceAll("-", "+").replaceAll("_", "/"));
    const payload = v.safeParse(SignedPackage, JSON.parse(text));
    return payload.success && payload.output.digest === digest;
  } catch {
    return false;
  }
}
