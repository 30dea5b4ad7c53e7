/**
 * Schedules of jobs that run by themselves, at times or on changes, and what was decided about these. A tick's runs have
 * ids that follow from schedule and time, or change: whoever decides about it, and however often, they are the same runs.
 */
import type { Command } from "../../protocol/command.ts";
import type { Digest, KeyId, NodeId } from "../../protocol/identity.ts";
import type { Sight, Tick } from "../../protocol/job_record.ts";
import {
  jitterOf,
  type Overlap,
  type ScheduleTiming,
  tickIdOf,
  type Timetable,
  timetableOf,
} from "../../protocol/job_schedule.ts";
import type { JobRunSpec } from "../../protocol/job_spec.ts";
import { type Change, changeIdOf, type Trigger } from "../../protocol/job_trigger.ts";

/** One schedule as it was submitted. */
export interface Schedule {
  /** Id of the command that made it. */
  readonly id: Digest;
  readonly name: string;
  readonly by: KeyId;
  readonly at: number;
  /** When it runs; */
  readonly timing?: ScheduleTiming;
  /** or on what change. */
  readonly trigger?: Trigger;
  readonly runs: readonly JobRunSpec[];
  /** Its times; absent when it has none, or this node cannot read them. */
  readonly table?: Timetable;
  /** Why it cannot. */
  readonly problem?: string;
  /** Ticks that are known, by their id. */
  readonly ticks: Map<Digest, TickState>;
  /** The next time after another one, remembered. */
  next?: { readonly after: number; readonly at: number | undefined };
}

/** What is known of one tick. */
export interface TickState {
  readonly id: Digest;
  readonly schedule: Digest;
  /** The time; of a change, when it was first seen. */
  at: number;
  readonly change?: Change;
  /** What members decided, and when. If one of them let it run, it runs. */
  readonly said: Map<NodeId, { readonly value: Tick; readonly at: number }>;
}

/** A wish about a schedule. */
interface Wish {
  readonly id: Digest;
  readonly at: number;
  readonly by: KeyId;
}

/** All that a core knows of schedules. */
export interface Schedules {
  readonly all: Map<Digest, Schedule>;
  /** Schedules that follow each other: one submitter's of one name. */
  readonly lines: Map<string, Set<Digest>>;
  /** The latest wish to let a schedule rest or go on; also of schedules that are not known. */
  readonly pauses: Map<Digest, Wish & { readonly paused: boolean }>;
  /** The earliest wish to end a schedule; also of schedules that are not known. */
  readonly ends: Map<Digest, Wish>;
  /** All ticks by their id, also of schedules that are not known yet. */
  readonly ticks: Map<Digest, TickState>;
  /** What members saw last of the repositories that schedules watch; by schedule. */
  readonly sights: Map<Digest, Map<NodeId, { readonly value: Sight; readonly at: number }>>;
  /** Looks of this node at repositories: when the last one ended, until when one is under way. */
  readonly looks: Map<
    Digest,
    {
      readonly lookedAt: number;
      readonly until?: number; /** It is to look once more. */
      readonly again?: true;
    }
  >;
  /** Runs that ticks made. */
  runs: number;
  /** When this node looked last, and from when on it decides: it may have been away. */
  lookedAt: number;
  decidesFrom: number;
}

/** Nothing known yet. */
export const createSchedules = (): Schedules => ({
  all: new Map(),
  lines: new Map(),
  pauses: new Map(),
  ends: new Map(),
  ticks: new Map(),
  sights: new Map(),
  looks: new Map(),
  runs: 0,
  lookedAt: -Infinity,
  decidesFrom: Infinity,
});

/** Forgets what is derived from records. */
export function clearSchedules(schedules: Schedules): void {
  const { all, lines, pauses, ends, ticks, sights } = schedules;
  for (const map of [all, lines, pauses, ends, ticks, sights]) map.clear();
  schedules.runs = 0;
}

const lineOf = ({ by, name }: Pick<Schedule, "by" | "name">): string => `${by} ${name}`;

/** Takes in a schedule; ticks that came before it have to be settled by the caller. */
export function addSchedule(
  schedules: Schedules,
  command: Extract<Command, { kind: "job.schedule" }>,
): Schedule {
  const { id, at, by, body } = command;
  const { name, timing, trigger, runs } = body;
  let times: Pick<Schedule, "table" | "problem"> = {};
  try {
    if (timing) times = { table: timetableOf(timing) };
  } catch (error) {
    // Another node may know a newer data base of time zones.
    times = { problem: (error as Error).message };
  }
  const when = { ...(timing && { timing }), ...(trigger && { trigger }) };
  const schedule: Schedule = { id, name, by, at, ...when, runs, ...times, ticks: new Map() };
  schedules.all.set(id, schedule);
  const line = lineOf(schedule);
  schedules.lines.set(line, (schedules.lines.get(line) ?? new Set()).add(id));
  return schedule;
}

/** Takes in a wish to let a schedule rest or go on; the latest counts. */
export function applyPause(schedules: Schedules, command: Extract<Command, { kind: "job.pause" }>): void {
  const { id, at, by, body: { schedule, paused } } = command;
  const known = schedules.pauses.get(schedule);
  if (!known || at > known.at || (at === known.at && id > known.id)) {
    schedules.pauses.set(schedule, { id, at, by, paused });
  }
}

/** Takes in a wish to end a schedule; the earliest counts. */
export function applyUnschedule(
  schedules: Schedules,
  command: Extract<Command, { kind: "job.unschedule" }>,
): void {
  const { id, at, by, body: { schedule } } = command;
  const known = schedules.ends.get(schedule);
  if (!known || at < known.at || (at === known.at && id < known.id)) {
    schedules.ends.set(schedule, { id, at, by });
  }
}

/** Notes what a member decided about a tick; `undefined` when it is none. */
export function noteTick(
  schedules: Schedules,
  id: string,
  value: Tick,
  author: NodeId,
  at: number,
): TickState | undefined {
  const { schedule, change } = value;
  if ((change ? changeIdOf(schedule, change) : tickIdOf(schedule, value.at)) !== id) return undefined;
  let tick = schedules.ticks.get(id);
  if (!tick) {
    tick = { id, schedule, at: value.at, ...(change && { change }), said: new Map() };
    schedules.ticks.set(id, tick);
    schedules.all.get(schedule)?.ticks.set(id, tick);
  }
  tick.at = Math.min(tick.at, value.at);
  tick.said.set(author, { value, at });
  return tick;
}

/** Whether a tick runs, since when, and why it was passed over or runs late. */
export function tickVerdict(
  tick: TickState,
): { readonly state: Tick["state"]; readonly at: number; readonly reason: string } {
  const said = [...tick.said].map(([author, { value, at }]) => ({ author, value, at }));
  const runs = said.filter(({ value }) => value.state === "run");
  const [first] = (runs.length > 0 ? runs : said).sort((a, b) =>
    a.at - b.at || (a.author < b.author ? -1 : 1)
  );
  return { state: first.value.state, at: first.at, reason: first.value.reason };
}

/** All schedules of the line that a schedule belongs to, the newest first. */
export function lineFrom(schedules: Schedules, schedule: Schedule): readonly Schedule[] {
  return [...schedules.lines.get(lineOf(schedule)) ?? []].map((id) => schedules.all.get(id)!)
    .sort((a, b) => b.at - a.at || (a.id < b.id ? 1 : -1));
}

/** Whether a schedule stands: not ended and not replaced. It may rest. */
export const stands = (schedules: Schedules, schedule: Schedule): boolean =>
  !schedules.ends.has(schedule.id) && lineFrom(schedules, schedule)[0] === schedule;

/** Schedules that stand, in a fixed order. */
export const standingSchedules = (schedules: Schedules): readonly Schedule[] =>
  [...schedules.all.values()].filter((s) => stands(schedules, s)).sort((a, b) => a.id < b.id ? -1 : 1);

/** Whether it rests. */
export const isPaused = (schedules: Schedules, schedule: Schedule): boolean =>
  schedules.pauses.get(schedule.id)?.paused === true;

/** Its newest tick. */
export function newestTick(schedule: Schedule): TickState | undefined {
  let newest: TickState | undefined;
  for (const tick of schedule.ticks.values()) if (!newest || tick.at > newest.at) newest = tick;
  return newest;
}

/** What happens when the runs before have not ended; those of changes run beside each other. */
export const overlapOf = ({ timing }: Schedule): Overlap => timing?.overlap ?? "skip";

/** The instant after which its times are still to be decided about. */
export function decidedUntil(schedules: Schedules, schedule: Schedule): number {
  const pause = schedules.pauses.get(schedule.id);
  return Math.max(schedule.at, pause?.at ?? 0, newestTick(schedule)?.at ?? 0);
}

/** Its next time about which nobody decided yet. */
export function nextTick(schedules: Schedules, schedule: Schedule): number | undefined {
  const after = decidedUntil(schedules, schedule);
  if (schedule.next?.after !== after) schedule.next = { after, at: schedule.table?.next(after) };
  return schedule.next.at;
}

/** When a time of a schedule starts its runs. */
export const startOf = (schedule: Schedule, at: number): number =>
  at + jitterOf(tickIdOf(schedule.id, at), schedule.timing?.jitter_ms ?? 0);

/** Forgets a schedule. */
export function forgetSchedule(schedules: Schedules, id: Digest): void {
  const schedule = schedules.all.get(id);
  if (!schedule) return;
  schedules.all.delete(id);
  schedules.looks.delete(id);
  const line = schedules.lines.get(lineOf(schedule));
  line?.delete(id);
  if (line?.size === 0) schedules.lines.delete(lineOf(schedule));
}

/** Forgets what a member decided about a tick. */
export function forgetSaidTick(schedules: Schedules, id: Digest, author: NodeId): void {
  const tick = schedules.ticks.get(id);
  tick?.said.delete(author);
  if (!tick || tick.said.size > 0) return;
  schedules.ticks.delete(id);
  schedules.all.get(tick.schedule)?.ticks.delete(id);
}
