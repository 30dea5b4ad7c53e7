/** Roles and grants: who may do what, until when, by whose word. A chain of grants leads from the owner to a signer. */
import * as v from "valibot";
import { canonicalBytes, fromUtf8 } from "./encoding.ts";
import { type Envelope, EnvelopeSchema, open, payloadTypes, seal } from "./envelope.ts";
import { ok, refuse, type Result } from "./errors.ts";
import { isKeyId, type KeyId, type RealmId, type Signer, type Verifier } from "./identity.ts";
import { limits } from "./limits.ts";

/** Roles in rising order. `owner` is the owner key itself and is never granted. */
export const roles = ["viewer", "operator", "admin", "owner"] as const;
/** One of {@link roles}. */
export type Role = (typeof roles)[number];
/** Whether `role` includes the rights of `needed`. */
export const roleCovers = (role: Role, needed: Role): boolean => roles.indexOf(role) >= roles.indexOf(needed);

/** Text of a key id. */
export const KeyIdSchema = v.pipe(v.string(), v.check(isKeyId, "a key id (z6Mk…)"));
/** Milliseconds since 1970. */
export const TimeSchema = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(8.64e15));
/** A name for people: one line, no control characters. */
export const LabelSchema = v.pipe(
  v.string(),
  v.maxLength(128),
  v.regex(/^\P{Cc}*$/u, "one line"),
);

/** Schema of a grant. */
export const GrantSchema = v.strictObject({
  v: v.literal(1),
  realm: KeyIdSchema,
  key: KeyIdSchema,
  role: v.picklist(["viewer", "operator", "admin"]),
  from: TimeSchema,
  until: TimeSchema,
  name: v.optional(LabelSchema),
});
/** The word of an issuer that `key` has `role` in `realm` from `from` until `until`. */
export interface Grant {
  /** Version of this form. */
  v: 1;
  /** Realm in which it holds. */
  realm: RealmId;
  /** Who receives the role. */
  key: KeyId;
  /** What the key may do. */
  role: Exclude<Role, "owner">;
  /** Valid from, milliseconds since 1970. */
  from: number;
  /** Valid until, milliseconds since 1970, exclusive. */
  until: number;
  /** Name for people. */
  name?: string | undefined;
}

/** A chain of grants, from the owner's towards the signer's. */
export const GrantChainSchema = v.pipe(v.array(EnvelopeSchema), v.maxLength(limits.grantChain));

/** Signs a grant. */
export const sealGrant = (grant: Grant, issuer: Signer): Envelope =>
  seal(payloadTypes.grant, canonicalBytes(grant), issuer);

/** Parses JSON bytes by a schema; anything else is refused with `code`. */
export function decodeJson<S extends v.GenericSchema>(
  bytes: Uint8Array,
  schema: S,
  what: string,
): Result<v.InferOutput<S>> {
  let value: unknown;
  try {
    value = JSON.parse(fromUtf8(bytes));
  } catch {
    return refuse("bad_request", `${what} is not JSON in UTF-8`);
  }
  const parsed = v.safeParse(schema, value, { abortEarly: true });
  if (parsed.success) return ok(parsed.output);
  const issue = parsed.issues[0];
  const path = v.getDotPath(issue);
  return refuse("bad_request", `${what} is malformed${path ? ` at ${path}` : ""}: ${issue.message}`);
}

/** When a key was revoked (milliseconds since 1970), or `undefined`. */
export type RevokedAt = (key: KeyId) => number | undefined;

/**
 * The role that `signer` holds in `realm` at time `at`: `owner` for the owner key, else what its chain of grants
 * says. Refusals: `not_authorised`, `wrong_realm`, `grant_expired`, `grant_revoked`, `bad_signature`.
 */
export function roleOf(
  signer: KeyId,
  chain: readonly Envelope[],
  at: number,
  realm: RealmId,
  verifier: Verifier,
  revokedAt: RevokedAt,
): Result<Role> {
  if (signer === realm) return ok("owner");
  if (chain.length === 0) {
    return refuse(
      "not_authorised",
      `key ${signer} has no grant in this realm; ask an admin for 'realm key grant ${signer}'`,
    );
  }
  if (chain.length > limits.grantChain) return refuse("not_authorised", "the grant chain is too long");
  let issuer: KeyId = realm;
  let issuerRole: Role = "owner";
  for (const envelope of chain) {
    if (envelope.keyid !== issuer) {
      return refuse("not_authorised", "the grant chain does not lead to the realm's owner");
    }
    const opened = open(envelope, payloadTypes.grant, verifier);
    if (!opened.ok) return opened;
    const decoded = decodeJson(opened.value, GrantSchema, "the grant");
    if (!decoded.ok) return decoded;
    const grant = decoded.value;
    if (grant.realm !== realm) return refuse("wrong_realm", "the grant is for another realm");
    if (!roleCovers(issuerRole, "admin")) {
      return refuse("not_authorised", `key ${issuer} may not grant roles`);
    }
    if (!roleCovers(issuerRole, grant.role)) {
      return refuse("not_authorised", "the grant exceeds its issuer's role");
    }
    if (at < grant.from) return refuse("grant_expired", `the grant of key ${grant.key} is not valid yet`);
    if (at >= grant.until) {
      return refuse(
        "grant_expired",
        `the grant of key ${grant.key} expired at ${new Date(grant.until).toISOString()}`,
      );
    }
    const revoked = revokedAt(grant.key);
    if (revoked !== undefined && at >= revoked) {
      return refuse("grant_revoked", `key ${grant.key} was revoked at ${new Date(revoked).toISOString()}`);
    }
    issuer = grant.key;
    issuerRole = grant.role;
  }
  if (issuer !== signer) {
    return refuse("not_authorised", `the grant chain ends at another key than ${signer}`);
  }
  return ok(issuerRole);
}
