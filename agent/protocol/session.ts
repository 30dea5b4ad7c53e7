/**
 * Sessions: a key proves itself once and then reads with a short-lived bearer token. The client asks the node for a
 * challenge and signs it with the node's id and the address under which it reached it: no other node can use the
 * assertion, neither later nor by handing on a challenge of another. It is accepted once. A node's own key may read at
 * that node, since whoever holds the key already holds the node's data.
 */
import * as v from "valibot";
import { NodeIdSchema } from "./wire_values.ts";
import { canonicalBytes } from "./encoding.ts";
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
import { decodeJson, GrantChainSchema, KeyIdSchema, type RevokedAt, type Role, roleOf } from "./grant.ts";
import type { Digest, KeyId, NodeId, RealmId, Signer, Verifier } from "./identity.ts";
import { apiLimits } from "./limits.ts";

/** Schema of a session assertion's payload. */
export const SessionAssertionSchema = v.strictObject({
  v: v.literal(1),
  realm: KeyIdSchema,
  /** The node that is meant to open the session. */
  node: NodeIdSchema,
  /** Origin under which the client reaches it, such as `http://127.0.0.1:7481`. */
  address: v.pipe(v.string(), v.maxLength(300), v.regex(/^https?:\/\/[^/?#@\s]+$/, "an origin")),
  /** As the node gave it a moment ago. */
  challenge: v.pipe(v.string(), v.minLength(16), v.maxLength(200)),
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

/** What a node gives to be signed. */
export interface SessionChallengeView {
  /** Id of the node that answers. */
  readonly node: NodeId;
  /** Fresh text, good for one session. */
  readonly challenge: string;
  /** Until when, by the node's clock, in milliseconds since 1970. */
  readonly until: number;
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
  wish: { realm: RealmId; node: NodeId; address: string; challenge: string; ttlMs?: number },
  signer: Signer,
  grants: readonly Envelope[],
  as: "key" | "node" = "key",
): SignedSession {
  const bytes = canonicalBytes({
    v: 1,
    realm: wish.realm,
    node: wish.node,
    address: wish.address,
    challenge: wish.challenge,
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
  /** Time from when on the challenge's age refuses the assertion, so that it need not be remembered. */
  readonly staleAt: number;
  /** When the session ends. */
  readonly until: number;
}

/** What a node knows when it judges an assertion. */
export interface SessionJudge {
  readonly realm: RealmId;
  readonly self: NodeId;
  readonly now: number;
  readonly verifier: Verifier;
  readonly revokedAt: RevokedAt;
  /** Until when a challenge of this node is good; `undefined` when it is none. */
  readonly challengeUntil: (challenge: string) => number | undefined;
  /** Whether the client of this request can have reached this node under an origin. */
  readonly isOwnAddress: (origin: string) => boolean;
}

/** Verifies an assertion in everything but novelty: signature, realm, node, challenge, address, grants. */
export function openSession(signed: SignedSession, judge: SessionJudge): Result<OpenedSession> {
  const { realm, self, now, verifier, revokedAt } = judge;
  const bytes = open(signed.envelope, payloadTypes.session, verifier);
  if (!bytes.ok) return bytes;
  const decoded = decodeJson(bytes.value, SessionAssertionSchema, "the session assertion");
  if (!decoded.ok) return decoded;
  const a = decoded.value, key = signed.envelope.keyid;
  if (a.realm !== realm) {
    return refuse("wrong_realm", `the session is for realm ${a.realm}, this is ${realm}`);
  }
  if (a.node !== self) {
    return refuse("bad_origin", `the session is meant for node ${a.node}, this is ${self}; ask it instead`);
  }
  const staleAt = judge.challengeUntil(a.challenge);
  if (staleAt === undefined || staleAt <= now) {
    return refuse(
      "stale_command",
      "the session's challenge is not of this node or too old; ask for a new one",
    );
  }
  if (!judge.isOwnAddress(a.address)) {
    return refuse(
      "bad_origin",
      `${a.address} is no address of this node: use one that is, or start the node with --api-host for that name`,
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
    staleAt,
    until: now + (a.ttl_ms ?? apiLimits.sessionMs),
  });
}
