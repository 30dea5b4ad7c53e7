/** Who may command: grants and revocations as replicated, judged the same on every node whatever the order of arrival. */
import type { Command } from "../protocol/command.ts";
import type { Envelope } from "../protocol/envelope.ts";
import type { Digest, KeyId } from "../protocol/identity.ts";

/** Revocations and grants known to the realm. */
export interface Authority {
  /** All `key.revoke` commands, by id. */
  readonly revokes: Map<Digest, Extract<Command, { kind: "key.revoke" }>>;
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
 * Recomputes the effective revocations: in order of (time, id) each counts unless its signer was revoked before it.
 * Returns whether anything changed.
 */
export function settleRevocations(authority: Authority): boolean {
  const before = JSON.stringify([...authority.revoked].sort());
  authority.revoked.clear();
  const sorted = [...authority.revokes.values()].sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1));
  for (const command of sorted) {
    const signer = authority.revoked.get(command.by);
    if (signer !== undefined && command.at >= signer) continue;
    const known = authority.revoked.get(command.body.key);
    if (known === undefined || command.at < known) authority.revoked.set(command.body.key, command.at);
  }
  return before !== JSON.stringify([...authority.revoked].sort());
}
