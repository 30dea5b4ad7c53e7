/**
 * Sessions: a key proves itself once and then reads with a short-lived bearer token. The assertion is signed for one
 * realm at one time and is accepted once. A node's own key may read at that node, since whoever holds the key
 * already holds the node's data.
 */
import * as v from "valibot";
import { canonicalBytes, toBase64Url } from "./encoding.ts";
import {
  type Envelope,
  envelopeId,
  EnvelopeSchema,
  open,
  payloadTypes,
  seal,
  sealAsNode,
} from "./envelope.ts";
import { ok, refuse, type Result } from "./errors.ts";
import {
  decodeJson,
  GrantChainSchema,
  KeyIdSchema,
  type RevokedAt,
  type Role,
  roleOf,
  TimeSchema,
} from "./grant.ts";
import type { Digest, KeyId, NodeId, RealmId, Signer, Verifier } from "./identity.ts";
import { apiLimits, limits } from "./limits.ts";

/** Schema of a session assertion's payload. */
export const SessionAssertionSchema = v.strictObject({
  v: v.literal(1),
  realm: KeyIdSchema,
  at: TimeSchema,
  nonce: v.pipe(v.string(), v.minLength(8), v.maxLength(64)),
  /** Life that the client wishes, in milliseconds. */
  ttl_ms: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1_000), v.maxValue(apiLimits.sessionMaxMs))),
});
/** What a client signs to open a session. */
export type SessionAssertion = v.InferOutput<typeof SessionAssertionSchema>;

/** Schema of a signed session assertion. */
export const SignedSessionSchema = v.strictObject({ envelope: EnvelopeSchema, grants: GrantChainSchema });
/** An assertion with the grants that lead from the owner to its signer. */
export interface SignedSession {
  /** The signed assertion. */
  envelope: Envelope;
  /** Grants from the owner's towards the signer's; empty for the owner and for a node. */
  grants: Envelope[];
}

/** An open session as the API answers it. */
export interface SessionView {
  /** Bearer token; a secret. */
  readonly token: string;
  /** Who it stands for. */
  readonly key: KeyId | NodeId;
  /** What it may do. */
  readonly role: Role;
  /** Milliseconds since 1970. */
  readonly until: number;
}

/** Signs a session assertion by an owner or operator key, or with `as: "node"` by a node's key. */
export function sealSession(
  wish: { realm: RealmId; at: number; nonce: Uint8Array; ttlMs?: number },
  signer: Signer,
  grants: readonly Envelope[],
  as: "key" | "node" = "key",
): SignedSession {
  const bytes = canonicalBytes({
    v: 1,
    realm: wish.realm,
    at: wish.at,
    nonce: toBase64Url(wish.nonce),
    ttl_ms: wish.ttlMs,
  });
  const sign = as === "node" ? sealAsNode : seal;
  return { envelope: sign(payloadTypes.session, bytes, signer), grants: [...grants] };
}

/** A verified assertion. */
export interface OpenedSession {
  readonly id: Digest;
  readonly key: KeyId | NodeId;
  readonly role: Role;
  /** Time at which the assertion itself is forgotten, from when on its age refuses it. */
  readonly staleAt: number;
  /** When the session ends. */
  readonly until: number;
}

/** Verifies an assertion in everything but novelty: signature, realm, time, grants. */
export function openSession(
  signed: SignedSession,
  realm: RealmId,
  self: NodeId,
  now: number,
  verifier: Verifier,
  revokedAt: RevokedAt,
): Result<OpenedSession> {
  const bytes = open(signed.envelope, payloadTypes.session, verifier);
  if (!bytes.ok) return bytes;
  const decoded = decodeJson(bytes.value, SessionAssertionSchema, "the session assertion");
  if (!decoded.ok) return decoded;
  const a = decoded.value, key = signed.envelope.keyid;
  if (a.realm !== realm) {
    return refuse("wrong_realm", `the session is for realm ${a.realm}, this is ${realm}`);
  }
  if (Math.abs(now - a.at) > limits.commandSkewMs) {
    return refuse(
      "stale_command",
      "the session assertion's time is more than 5 minutes from this node's clock; check both clocks",
    );
  }
  const role: Result<Role> = key === self
    ? ok("viewer")
    : roleOf(key, signed.grants, now, realm, verifier, revokedAt);
  if (!role.ok) return role;
  return ok({
    id: envelopeId(signed.envelope),
    key,
    role: role.value,
    staleAt: a.at + limits.commandSkewMs + 1,
    until: now + (a.ttl_ms ?? apiLimits.sessionMs),
  });
}
