/**
 * DSSE envelopes (https://github.com/secure-systems-lab/dsse, protocol v1.0.2): the payload travels as the exact
 * bytes that were signed. Here: one signature, payload and signature in base64url.
 */
import * as v from "valibot";
import { concatBytes, fromBase64Url, toBase64Url, utf8 } from "./encoding.ts";
import {
  type Digest,
  digestOf,
  isKeyId,
  isNodeId,
  keyIdOf,
  nodeIdOf,
  publicKeyOf,
  type Signer,
  type Verifier,
} from "./identity.ts";
import { ok, refuse, type Result } from "./errors.ts";

/** Schema of an envelope. */
export const EnvelopeSchema = v.strictObject({
  payloadType: v.pipe(v.string(), v.maxLength(80)),
  payload: v.pipe(v.string(), v.maxLength(1 << 20)),
  keyid: v.pipe(
    v.string(),
    v.check((s) => isKeyId(s) || isNodeId(s), "a key id (z6Mk…) or node id (12D3KooW…)"),
  ),
  sig: v.pipe(v.string(), v.maxLength(90)),
});
/** A signed payload. */
export interface Envelope {
  /** One of {@link payloadTypes}. */
  payloadType: string;
  /** The signed bytes in base64url. */
  payload: string;
  /** Key id or node id: the key that verifies `sig`. */
  keyid: string;
  /** Ed25519 signature of the pre-authentication encoding, in base64url. */
  sig: string;
}

/** Payload types: a signature for one can never be taken for another. */
export const payloadTypes = {
  command: "application/vnd.realm.command+json",
  grant: "application/vnd.realm.grant+json",
  invite: "application/vnd.realm.invite+json",
  join: "application/vnd.realm.join+json",
  record: "application/vnd.realm.record+json",
  session: "application/vnd.realm.session+json",
  package: "application/vnd.realm.package+json",
  release: "application/vnd.realm.release+json",
} as const;
/** One of {@link payloadTypes}. */
export type PayloadType = (typeof payloadTypes)[keyof typeof payloadTypes];

/** DSSE pre-authentication encoding. */
export function preAuthEncoding(type: string, payload: Uint8Array): Uint8Array {
  const t = utf8(type);
  return concatBytes(utf8(`DSSEv1 ${t.length} `), t, utf8(` ${payload.length} `), payload);
}

/** Signs `payload` as an owner or operator key. */
export function seal(type: PayloadType, payload: Uint8Array, signer: Signer): Envelope {
  return sealAs(keyIdOf(signer.publicKey), type, payload, signer);
}
/** Signs `payload` as a node. */
export function sealAsNode(type: PayloadType, payload: Uint8Array, signer: Signer): Envelope {
  return sealAs(nodeIdOf(signer.publicKey), type, payload, signer);
}
function sealAs(keyid: string, type: PayloadType, payload: Uint8Array, signer: Signer): Envelope {
  const sig = signer.sign(preAuthEncoding(type, payload));
  return { payloadType: type, payload: toBase64Url(payload), keyid, sig: toBase64Url(sig) };
}

/** Verifies type and signature and returns the payload's bytes. */
export function open(envelope: Envelope, type: PayloadType, verifier: Verifier): Result<Uint8Array> {
  if (envelope.payloadType !== type) {
    return refuse("bad_signature", `the envelope holds ${envelope.payloadType} where ${type} was expected`);
  }
  const key = publicKeyOf(envelope.keyid);
  if (!key) return refuse("bad_signature", "the envelope's key id is not an Ed25519 key");
  let payload: Uint8Array, sig: Uint8Array;
  try {
    payload = fromBase64Url(envelope.payload);
    sig = fromBase64Url(envelope.sig);
  } catch {
    return refuse("bad_signature", "the envelope's payload or signature is not canonical base64url");
  }
  if (sig.length !== 64 || !verifier.verify(key, preAuthEncoding(type, payload), sig)) {
    return refuse("bad_signature", `the signature by ${envelope.keyid} does not match the content`);
  }
  return ok(payload);
}

/**
 * Id of what an envelope says: SHA-256 of its payload bytes (the signature is malleable, the payload is not). For
 * envelopes that were opened: throws `TypeError` when the payload is not base64url.
 */
export const envelopeId = (envelope: Envelope): Digest => digestOf(fromBase64Url(envelope.payload));
