/**
 * What records prove: admissions and commands as they are replicated, opened and checked; and which records count for
 * nothing because of when they came.
 */
import { type Command, openCommand, type SignedCommand } from "../protocol/command.ts";
import { decodeJson, GrantSchema, type RevokedAt } from "../protocol/grant.ts";
import { fromBase64Url } from "../protocol/encoding.ts";
import { ok, refuse, type Result } from "../protocol/errors.ts";
import { type Admission, openAdmission } from "../protocol/invite.ts";
import { limits } from "../protocol/limits.ts";
import type { Verifier } from "../protocol/identity.ts";
import type { RealmRecord } from "../protocol/record.ts";
import { withdraw } from "./record_store.ts";
import type { Core } from "./state.ts";

/** What is stored must not depend on which revocations came first; what counts is derived from the whole set. */
export const nobodyRevoked: RevokedAt = () => undefined;

/** Revocations that are in force. */
const revokedIn = (core: Core): RevokedAt =>
  core.authority.revoked.size === 0 ? nobodyRevoked : (key) => core.authority.revoked.get(key);

/**
 * What a record proves while no key is revoked: asked when it is taken in, and again by each projection of it, but
 * computed once. Records never change; who holds none of a record holds nothing of it here.
 */
function oncePerRecord<T>(prove: (core: Core, record: RealmRecord, revokedAt: RevokedAt) => Result<T>) {
  const proofs = new WeakMap<RealmRecord, { realm: string; verifier: Verifier; proof: Result<T> }>();
  return (core: Core, record: RealmRecord, revokedAt = revokedIn(core)): Result<T> => {
    const { realm, verifier } = core.config;
    if (revokedAt !== nobodyRevoked) return prove(core, record, revokedAt);
    const known = proofs.get(record);
    if (known?.realm === realm && known.verifier === verifier) return known.proof;
    const proof = prove(core, record, revokedAt);
    proofs.set(record, { realm, verifier, proof });
    return proof;
  };
}

/** A self-authored membership is the founder's: its invite has no bootstrap address and one use. */
export const admissionOf = oncePerRecord((core, record, revokedAt) => {
  const admission = record.body as Admission;
  const opened = openAdmission(admission, core.config.realm, core.config.verifier, revokedAt);
  if (!opened.ok) return opened;
  if (record.key !== `member/${opened.value.node}`) {
    return refuse("invite_invalid", "the admission is of another node");
  }
  if (Math.abs(record.at - opened.value.at) > limits.commandSkewMs) {
    return refuse("invite_expired", "the admission is too old");
  }
  const own = record.author === opened.value.node;
  if (own && !(opened.value.uses === 1 && bootstrapIsEmpty(admission))) {
    return refuse("invite_invalid", "a node cannot admit itself by an invite to join others");
  }
  return ok({ ...opened.value, founder: own });
});

function bootstrapIsEmpty(admission: Admission): boolean {
  try {
    return JSON.parse(new TextDecoder().decode(fromBase64Url(admission.invite.envelope.payload))).bootstrap
      .length === 0;
  } catch {
    return false;
  }
}

/** A command as it is replicated; `undefined` for one of a later version. */
interface ReplicatedCommand {
  readonly command: Command | undefined;
  readonly id: string;
  readonly at: number;
}

/** Verifies a replicated command: everything that {@link openCommand} checks, and that it was fresh when accepted. */
export const openReplicated = oncePerRecord((core, record, revokedAt): Result<ReplicatedCommand> => {
  const opened = openCommand(
    record.body as SignedCommand,
    core.config.realm,
    core.config.verifier,
    revokedAt,
  );
  if (!opened.ok) return opened;
  const { known } = opened.value;
  const id = known ? opened.value.command.id : opened.value.id;
  const at = known ? opened.value.command.at : opened.value.at;
  if (record.key !== `command/${id}`) {
    return refuse("bad_request", "a command record has another id than its command");
  }
  if (Math.abs(record.at - at) > limits.commandSkewMs) {
    return refuse("stale_command", "the command was not fresh when accepted");
  }
  return ok({ command: known ? opened.value.command : undefined, id, at });
});

/** Dated after its author's end; the command that ended it may have been handed in at that very node. */
export function isLate(core: Core, record: RealmRecord, removedAt: number | undefined): boolean {
  if (removedAt === undefined || record.at <= removedAt) return false;
  if (record.kind !== "command" || record.body === null) return true;
  const opened = openReplicated(core, record, nobodyRevoked);
  const command = opened.ok ? opened.value.command : undefined;
  return !(command?.kind === "node.remove" && command.body.node === record.author);
}

/**
 * What a node dated after the end of its membership is refused by those who know of the end; those to whom it came
 * first drop it, so that all hold the same.
 */
export function dropLate(core: Core): RealmRecord[] {
  const dropped: RealmRecord[] = [];
  for (const id of core.members.removed.keys()) {
    const removedAt = core.members.admitted.get(id)?.removedAt;
    const log = removedAt === undefined ? undefined : core.store.authors.get(id);
    if (!log) continue;
    const late = [...log.live.values()].filter((record) => isLate(core, record, removedAt));
    withdraw(core.store, id, late);
    dropped.push(...late);
  }
  return dropped;
}

/** The newest stay: strangers' records, which anybody can make, must not keep out those of members to come. */
export function keepOrphan(core: Core, record: RealmRecord): void {
  core.orphans.push(record);
  let bytes = core.orphans.reduce((n, r) => n + r.wire.p.length, 0);
  while (core.orphans.length > limits.orphans || bytes > limits.orphanBytes) {
    bytes -= core.orphans.shift()!.wire.p.length;
  }
}

/** Grants that were made known, decoded; for `realm key show`. */
export function knownGrants(core: Core) {
  return [...core.authority.grants].flatMap(([id, { envelope }]) => {
    const grant = decodeJson(fromBase64Url(envelope.payload), GrantSchema, "the grant");
    return grant.ok
      ? [{
        id,
        grant: grant.value,
        issuer: envelope.keyid,
        revokedAt: core.authority.revoked.get(grant.value.key),
      }]
      : [];
  });
}
