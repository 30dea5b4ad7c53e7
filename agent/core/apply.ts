/** Takes records in: what is not authorised is kept out by every node alike, whatever the order of arrival. */
import { limits } from "../protocol/limits.ts";
import { type ErrorCode, ok, refuse } from "../protocol/errors.ts";
import type { RealmRecord } from "../protocol/record.ts";
import { admissionOf, dropLate, isLate, keepOrphan, nobodyRevoked, openReplicated } from "./evidence.ts";
import { isMember } from "./members.ts";
import { isPastTick, nextTickRetirement, saysOfTick, ticksEndBefore } from "./jobs/tick_retirement.ts";
import { insert, recordOf } from "./record_store.ts";
import { forgetBefore, retireBefore } from "./retirement.ts";
import type { Core } from "./state.ts";

import { project, rebuild, settle, type Topic } from "./projections.ts";
/** What became of a record. */
export interface Applied {
  /** It is new here and was stored. */
  readonly stored: boolean;
  readonly topics: ReadonlySet<Topic>;
  /** Records that waited for it and are stored now. */
  readonly adopted: readonly RealmRecord[];
  /** Records that it made void: they are not held any more. */
  readonly dropped: readonly RealmRecord[];
  /** Why it was refused. */
  readonly refused?: Refused;
}

/** A refused record. */
export interface Refused {
  readonly code: ErrorCode;
  readonly message: string;
  /** No honest member hands such a record on, whatever it knows and whatever its clock shows. */
  readonly forged: boolean;
}

const nothing: Applied = { stored: false, topics: new Set(), adopted: [], dropped: [] };
const refusal = (code: ErrorCode, message: string, forged: boolean): Applied => ({
  ...nothing,
  refused: { code, message, forged },
});
const irrevocable = refuse("not_authorised", "a member cannot take back a command or a membership");
/**
 * Takes in a record whose signature was verified: membership of its author, then what it claims, then store, then
 * projections. A command that nobody entitled signed, and a membership that nobody granted, is not even stored.
 *
 * @param own From this node's disk or by itself: it held it before.
 */
export function applyRecord(core: Core, record: RealmRecord, now: number, own = false): Applied {
  if (record.at > now + limits.futureSkewMs) {
    return refusal("stale_command", "a record is dated in the future; the clock of its node is wrong", false);
  }
  const selfCertifying = record.kind === "member" && record.key === `member/${record.author}`;
  const author = core.members.admitted.get(record.author);
  if (!author && !selfCertifying) {
    keepOrphan(core, record);
    return nothing;
  }
  if (author && isLate(core, record, author.removedAt)) {
    return refusal("not_member", "a record is by a node that was removed", false);
  }
  const proven = record.kind === "command"
    ? record.body === null ? irrevocable : openReplicated(core, record, nobodyRevoked)
    : record.kind === "member"
    ? record.body === null ? irrevocable : admissionOf(core, record, nobodyRevoked)
    : ok(undefined);
  if (!proven.ok) return refusal(proven.code, proven.message, true);
  if (saysOfTick(record)) {
    if (!own && isPastTick(core.jobs, record, now)) return nothing;
    const old = record.at < ticksEndBefore(now);
    core.retireAt = Math.min(
      core.retireAt,
      old ? now + limits.retireDelayMs : nextTickRetirement(core.jobs, now),
    );
  }
  if (record.kind === "command" && record.at < retireBefore(now)) {
    const isNew = !own && !core.returning && now >= core.acceptOldUntil &&
      !core.commands.has(record.key.slice("command/".length)) &&
      recordOf(core.store, record.author, record.key) === undefined;
    if (isNew && record.at < forgetBefore(now)) {
      return refusal("stale_command", "a command is older than ended things are remembered", false);
    }
    core.retireAt = Math.min(core.retireAt, now + limits.retireDelayMs);
  }
  const inserted = insert(core.store, record);
  if (inserted !== "new") return nothing;
  const topics = new Set<Topic>();
  const voided = project(core, record, topics);
  const changed = topics.has("members") ? membersChanged(core, topics, now) : { adopted: [], dropped: [] };
  const applied = { stored: true, topics, ...changed };
  return voided && !voided.ok ? { ...refusal(voided.code, voided.message, false), ...applied } : applied;
}

/** What hangs on who is a member: records that waited, records that came after an end, decisions that stand. */
function membersChanged(
  core: Core,
  topics: Set<Topic>,
  now: number,
): Pick<Applied, "adopted" | "dropped"> {
  const { adopted, dropped } = adopt(core, topics, now);
  const late = dropLate(core);
  if (late.length > 0) { for (const topic of rebuild(core)) topics.add(topic); }
  else for (const app of core.apps.values()) settle(core, app, topics);
  return { adopted, dropped: [...dropped, ...late] };
}

/** Records that came before their author's membership. */
function adopt(core: Core, topics: Set<Topic>, now: number): Pick<Applied, "adopted" | "dropped"> {
  const adopted: RealmRecord[] = [], dropped: RealmRecord[] = [];
  for (const record of core.orphans.splice(0)) {
    const applied = applyRecord(core, record, now);
    for (const topic of applied.topics) topics.add(topic);
    if (applied.stored) adopted.push(record);
    adopted.push(...applied.adopted);
    dropped.push(...applied.dropped);
  }
  return { adopted, dropped };
}

/** Whether a peer may talk to us at all. */
export const admits = (core: Core, id: string): boolean => isMember(core.members, id);
