/** Invites and join requests: how a machine becomes a member. Both are self-verifying, so that every node can check. */
import * as v from "valibot";
import { canonicalBytes, fromBase64Url, fromUtf8, toBase64Url, utf8 } from "./encoding.ts";
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
  LabelSchema,
  type RevokedAt,
  roleCovers,
  roleOf,
  TimeSchema,
} from "./grant.ts";
import type { Digest, NodeId, RealmId, Signer, Verifier } from "./identity.ts";
import { DigestSchema, NodeIdSchema, TagSchema } from "./wire_values.ts";
import { limits } from "./limits.ts";

const TagsSchema = v.pipe(v.array(TagSchema), v.maxLength(64));

/** Schema of an invite. */
export const InviteSchema = v.strictObject({
  v: v.literal(1),
  realm: KeyIdSchema,
  bootstrap: v.pipe(v.array(v.pipe(v.string(), v.maxLength(256))), v.maxLength(16)),
  tags: TagsSchema,
  uses: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(10_000)),
  from: TimeSchema,
  until: TimeSchema,
  nonce: v.pipe(v.string(), v.minLength(8), v.maxLength(64)),
});
/** An admin's word that `uses` machines may join until `until`. */
export interface Invite {
  /** Version of this form. */
  v: 1;
  /** Realm to join. */
  realm: RealmId;
  /** Multiaddresses of members; empty for a founder's invite. */
  bootstrap: string[];
  /** Tags that a joining node gets. */
  tags: string[];
  /** How many machines may join. */
  uses: number;
  /** Valid from, milliseconds since 1970. */
  from: number;
  /** Valid until, milliseconds since 1970, exclusive. */
  until: number;
  /** Makes each invite unique. */
  nonce: string;
}

/** An invite with the grants that lead from the owner to its signer. */
export const SignedInviteSchema = v.strictObject({ envelope: EnvelopeSchema, grants: GrantChainSchema });
/** See {@link SignedInviteSchema}. */
export interface SignedInvite {
  /** The signed {@link Invite}. */
  envelope: Envelope;
  /** Grants from the owner's towards the signer's; empty when the owner signed. */
  grants: Envelope[];
}

/** Schema of a join request, signed by the joining node's key. */
export const JoinRequestSchema = v.strictObject({
  v: v.literal(1),
  realm: KeyIdSchema,
  node: NodeIdSchema,
  invite: DigestSchema,
  at: TimeSchema,
  name: LabelSchema,
});
/** See {@link JoinRequestSchema}. */
export type JoinRequest = v.InferOutput<typeof JoinRequestSchema>;

/** Proof of membership: the invite and the node's own signed wish to use it. */
export const AdmissionSchema = v.strictObject({ invite: SignedInviteSchema, request: EnvelopeSchema });
/** See {@link AdmissionSchema}. */
export type Admission = v.InferOutput<typeof AdmissionSchema>;

/** A verified admission. */
export interface OpenedAdmission {
  readonly node: NodeId;
  readonly invite: Digest;
  readonly name: string;
  readonly tags: readonly string[];
  readonly uses: number;
  readonly until: number;
  readonly at: number;
}

/** Signs an invite. */
export function sealInvite(invite: Invite, signer: Signer, grants: readonly Envelope[]): SignedInvite {
  return { envelope: seal(payloadTypes.invite, canonicalBytes(invite), signer), grants: [...grants] };
}
/** Signs a join request by the node's key. */
export function sealJoin(request: JoinRequest, node: Signer): Envelope {
  return sealAsNode(payloadTypes.join, canonicalBytes(request), node);
}
/** Id of an invite, by which it is counted and revoked. */
export const inviteId = (invite: SignedInvite): Digest => envelopeId(invite.envelope);

const PREFIX = "realm-invite-1.";
/** Text form of an invite, for people to copy. */
export const inviteToken = (invite: SignedInvite): string =>
  PREFIX + toBase64Url(utf8(JSON.stringify(invite)));

/** Reads a token without trusting it: what a joining machine needs to find the realm. */
export function parseInviteToken(token: string): Result<{ signed: SignedInvite; invite: Invite }> {
  const text = token.trim();
  if (!text.startsWith(PREFIX)) {
    return refuse(
      "invite_invalid",
      `the token does not start with ${PREFIX}; copy the whole output of 'realm invite'`,
    );
  }
  let bytes: Uint8Array;
  try {
    bytes = fromBase64Url(text.slice(PREFIX.length));
    fromUtf8(bytes);
  } catch {
    return refuse("invite_invalid", "the token is damaged; copy the whole output of 'realm invite' again");
  }
  const signed = decodeJson(bytes, SignedInviteSchema, "the token");
  if (!signed.ok) {
    return refuse("invite_invalid", "the token is damaged; copy the whole output of 'realm invite' again");
  }
  let payload: Uint8Array;
  try {
    payload = fromBase64Url(signed.value.envelope.payload);
  } catch {
    return refuse("invite_invalid", "the token's payload is damaged");
  }
  const invite = decodeJson(payload, InviteSchema, "the token");
  return invite.ok
    ? ok({ signed: signed.value, invite: invite.value })
    : refuse("invite_invalid", invite.message);
}

/** Verifies that the joining node itself signed its request to join this realm. */
export function openJoinRequest(
  admission: Admission,
  realm: RealmId,
  verifier: Verifier,
): Result<JoinRequest> {
  const bytes = open(admission.request, payloadTypes.join, verifier);
  if (!bytes.ok) return bytes;
  const request = decodeJson(bytes.value, JoinRequestSchema, "the join request");
  if (!request.ok) return request;
  if (admission.request.keyid !== request.value.node) {
    return refuse("invite_invalid", "the join request is signed by another key");
  }
  if (request.value.realm !== realm) return refuse("wrong_realm", "the join request is for another realm");
  return request;
}

/**
 * Verifies an admission in everything but the count of uses and revocation of the invite, which the membership
 * projection decides. `at` of the request is the time at which grants and expiry are judged.
 */
export function openAdmission(
  admission: Admission,
  realm: RealmId,
  verifier: Verifier,
  revokedAt: RevokedAt,
): Result<OpenedAdmission> {
  const request = openJoinRequest(admission, realm, verifier);
  if (!request.ok) return request;
  const r = request.value;
  const signed = admission.invite;
  const inviteBytes = open(signed.envelope, payloadTypes.invite, verifier);
  if (!inviteBytes.ok) {
    return refuse("invite_invalid", "the invite's signature does not match; ask for a new invite");
  }
  if (inviteId(signed) !== r.invite) return refuse("invite_invalid", "the join request names another invite");
  const invite = decodeJson(inviteBytes.value, InviteSchema, "the invite");
  if (!invite.ok) return refuse("invite_invalid", invite.message);
  const i = invite.value;
  if (i.realm !== realm) return refuse("wrong_realm", "the invite is for another realm");
  if (i.until - i.from > limits.inviteMaxMs) {
    return refuse("invite_invalid", "the invite lives longer than allowed");
  }
  if (r.at < i.from - limits.commandSkewMs) return refuse("invite_invalid", "the invite is not valid yet");
  if (r.at >= i.until) {
    return refuse(
      "invite_expired",
      `the invite expired at ${new Date(i.until).toISOString()}; ask for a new one`,
    );
  }
  const role = roleOf(signed.envelope.keyid, signed.grants, i.from, realm, verifier, revokedAt);
  if (!role.ok) return role;
  if (!roleCovers(role.value, "admin")) {
    return refuse("role_too_low", "the invite is signed by a key that is no admin");
  }
  return ok({
    node: r.node,
    invite: r.invite,
    name: r.name,
    tags: i.tags,
    uses: i.uses,
    until: i.until,
    at: r.at,
  });
}
