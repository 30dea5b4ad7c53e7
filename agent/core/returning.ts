/**
 * A node that was away for longer than ended things are remembered must not bring them back: before it hands anything
 * on it gets a copy of what the others hold, and of its own old records keeps what is in there. Who may command and
 * who was removed it keeps in any case: that never ends.
 */
import type { NodeId } from "../protocol/identity.ts";
import { limits } from "../protocol/limits.ts";
import type { Message } from "../protocol/message.ts";
import type { RealmRecord } from "../protocol/record.ts";
import { beginCatchingUp, toldBy } from "./catching_up.ts";
import { isMember } from "./members.ts";
import { closeGaps, createRecordStore, drop, insert, recordOf, type RecordStore } from "./record_store.ts";
import { retireBefore } from "./retirement.ts";
import type { Core } from "./state.ts";

/** See the module's text. */
export interface Returning {
  readonly since: number;
  /** What those that were here hold. */
  readonly copy: RecordStore;
  /** Members that were away as well. */
  readonly others: Set<NodeId>;
}

/** Notes how long this node was away. */
export function arrive(core: Core, inTouchAt: number | undefined, now: number): void {
  core.retireAt = now + limits.retireDelayMs;
  beginCatchingUp(core, now);
  if (inTouchAt === undefined) {
    core.acceptOldUntil = now + limits.firstSyncMs;
    core.decidesFrom = now + limits.ignorantMs;
  } else if (now - inTouchAt > limits.tombstoneMs) {
    core.returning = { since: now, copy: createRecordStore(), others: new Set() };
  }
}

/** Whether this node holds what the realm holds, as far as it can know: then it was in touch at this time. */
export const isInTouch = (core: Core, now: number): boolean =>
  core.returning === undefined && now >= core.acceptOldUntil;

/** Whether this node knows enough of the realm to decide for others. */
export const mayDecide = (core: Core, now: number): boolean =>
  now >= core.decidesFrom || core.members.admitted.size <= 1;

/** A member told this node all that it had. */
export function wasTold(core: Core, by: NodeId): void {
  core.decidesFrom = 0;
  toldBy(core, by);
}

/** Takes a part of the copy; returns whether it is whole. */
export function takeCopy(
  { copy }: Returning,
  records: readonly RealmRecord[],
  message: Extract<Message, { t: "have" }>,
): boolean {
  for (const record of records) insert(copy, record);
  closeGaps(copy, message.upTo);
  return !message.more && copy.authors.size > 0;
}

/** What is never forgotten, whoever holds it. */
function lasts(core: Core, record: RealmRecord): boolean {
  if (record.kind === "member") return true;
  if (record.kind !== "command") return false;
  const kind = core.commands.get(record.key.slice("command/".length))?.command?.kind;
  return kind === undefined || kind === "node.remove" || kind === "key.revoke" || kind === "invite.revoke";
}

/** Drops old records that are not in the copy; every projection is to be derived anew. */
export function dropEnded(core: Core, { copy }: Returning, now: number): RealmRecord[] {
  const before = retireBefore(now);
  const dropped: RealmRecord[] = [];
  for (const [author, log] of core.store.authors) {
    const gone = [...log.live.values()].filter((r) =>
      r.at < before && !lasts(core, r) && recordOf(copy, author, r.key) === undefined
    );
    drop(core.store, author, gone);
    dropped.push(...gone);
  }
  core.returning = undefined;
  core.retireAt = now + limits.retireDelayMs;
  return dropped;
}

/** Whether nobody can give a returning node a copy: it is alone in its realm, or the others were away as well. */
export function isOnItsOwn(core: Core, { others, copy, since }: Returning, now: number): boolean {
  const { members, config } = core;
  if ([...members.admitted.keys()].every((id) => id === config.self || !isMember(members, id))) return true;
  return others.size > 0 && copy.authors.size === 0 && now - since > limits.returnMs;
}

/** Everybody was away: what there is goes on, and nothing ends before all had a day to hear of it. */
export function goOn(core: Core, now: number): void {
  core.returning = undefined;
  core.acceptOldUntil = core.retireAt = now + 24 * 3_600_000;
}
