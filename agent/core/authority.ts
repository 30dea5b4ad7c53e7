/** Who may command: grants and revocations as replicated, judged the same on every node whatever the order of arrival. */
import type { Command, SignedCommand } from "../protocol/command.ts";
import type { Envelope } from "../protocol/envelope.ts";
import { decodeJson, GrantSchema } from "../protocol/grant.ts";
import { fromBase64Url } from "../protocol/encoding.ts";
import type { Digest, KeyId } from "../protocol/identity.ts";

/** A `key.revoke` with the keys whose revocation voids it: its signer's and those that granted to it. */
export interface Revoke {
  readonly command: Extract<Command, { kind: "key.revoke" }>;
  readonly chain: readonly KeyId[];
}

/** The keys that a verified command hangs on, the owner's aside. */
export function chainOf(signed: SignedCommand): readonly KeyId[] {
  const keys = signed.grants.flatMap((envelope) => {
    const grant = decodeJson(fromBase64Url(envelope.payload), GrantSchema, "the grant");
    return grant.ok ? [grant.value.key] : [];
  });
  return [signed.envelope.keyid, ...keys];
}

/** Revocations and grants known to the realm. */
export interface Authority {
  /** All `key.revoke` commands that would hold if nothing were revoked, by id. */
  readonly revokes: Map<Digest, Revoke>;
  /** Effective revocations: key → time. */
  readonly revoked: Map<KeyId, number>;
  /** Grants that were made known, by command id. */
  readonly grants: Map<Digest, { readonly envelope: Envelope; readonly at: number }>;
}

/** No grants, no revocations. */
export const createAuthority = (): Authority => ({
  revokes: new Map(),
  revoked: new Map(),
  grants: new Map(),
});

/**
 * Recomputes the effective revocations: in order of (time, id) each counts unless a key that it hangs on was revoked
 * before it. A function of the set, so that all nodes agree whatever came first.
 * Returns whether anything changed.
 */
export function settleRevocations(authority: Authority): boolean {
  const before = JSON.stringify([...authority.revoked].sort());
  authority.revoked.clear();
  const sorted = [...authority.revokes.values()].sort((a, b) =>
    a.command.at - b.command.at || (a.command.id < b.command.id ? -1 : 1)
  );
  for (const { command, chain } of sorted) {
    const revokedAt = (key: KeyId) => authority.revoked.get(key) ?? Infinity;
    if (chain.some((key) => command.at >= revokedAt(key))) continue;
    const known = authority.revoked.get(command.body.key);
    if (known === undefined || command.at < known) authority.revoked.set(command.body.key, command.at);
  }
  return before !== JSON.stringify([...authority.revoked].sort());
}
