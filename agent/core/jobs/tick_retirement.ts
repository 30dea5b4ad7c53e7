/**
 * The end of ticks and schedules: schedules make runs for ever, so that the realm remembers the newest of each. Which go
 * is a function of the records and the hour, so that every node comes to the same.
 */
import type { Digest } from "../../protocol/identity.ts";
import { jobLimits } from "../../protocol/job_limits.ts";
import { isTickRun } from "../../protocol/job_schedule.ts";
import type { RealmRecord, RecordBody } from "../../protocol/record.ts";
import type { Jobs } from "./runs.ts";
import { lineFrom, type Schedule, stands, type TickState, tickVerdict } from "./schedules.ts";

const HOUR = 3_600_000;
const hourStart = (at: number): number => Math.floor(at / HOUR) * HOUR;

/** The next time at which ticks end: whole hours, so that all nodes do so at once. */
export const nextTickRetirement = (jobs: Jobs, now: number): number =>
  jobs.schedules.ticks.size === 0 ? Infinity : hourStart(now) + HOUR;

/** Ticks that were decided before this time may end. */
export const ticksEndBefore = (now: number): number => hourStart(now) - HOUR;

/** Whether a record is about a tick or one of its runs. */
export const saysOfTick = ({ kind, key }: RealmRecord): boolean =>
  kind === "tick" || ((kind === "run" || kind === "attempts") && isTickRun(key));

/** How many ticks of each schedule are remembered. */
const keptOf = ({ schedules }: Jobs): number =>
  Math.max(
    jobLimits.ticksKeptLeast,
    Math.min(jobLimits.ticksKept, Math.floor(jobLimits.allTicksKept / Math.max(1, schedules.all.size))),
  );

/** Whether a record is of a tick that has ended here, and comes from a node that has not come so far. */
export function isPastTick(jobs: Jobs, record: RealmRecord, now: number): boolean {
  if (record.kind !== "tick" || record.body === null || record.at >= ticksEndBefore(now)) return false;
  const { schedule: id, at } = record.body as RecordBody<"tick">;
  const schedule = jobs.schedules.all.get(id);
  if (!schedule || schedule.ticks.has(record.key.slice("tick/".length))) return false;
  let newer = 0;
  for (const known of schedule.ticks.values()) if (known.at > at) newer++;
  return newer >= keptOf(jobs);
}

/**
 * Ticks that are remembered no longer: those of whose runs nothing is to be kept, and of each schedule those beyond the
 * newest. Never the newest of a schedule that stands: it says until when was decided.
 */
export function ticksToForget(
  jobs: Jobs,
  now: number,
  isForgettable: (tick: Digest, decidedAt: number) => boolean,
): readonly TickState[] {
  const kept = keptOf(jobs), before = ticksEndBefore(now);
  const gone: TickState[] = [];
  for (const schedule of jobs.schedules.all.values()) {
    const least = stands(jobs.schedules, schedule) ? 1 : 0;
    [...schedule.ticks.values()].sort((a, b) => b.at - a.at).forEach((tick, i) => {
      const { at } = tickVerdict(tick);
      const open = (jobs.submissions.get(tick.id) ?? []).some((id) => jobs.open.has(id));
      if (i < least || at >= before || open) return;
      if (i >= kept || isForgettable(tick.id, at)) gone.push(tick);
    });
  }
  return gone;
}

/**
 * Schedules that do not stand, are older than `before` and have no ticks any more. Of a line the oldest goes first: as
 * long as one is known, so is what replaced or ended it.
 */
export function schedulesToForget({ schedules }: Jobs, before: number): readonly Digest[] {
  const gone: Digest[] = [];
  const isGone = (s: Schedule) => s.at < before && s.ticks.size === 0 && !stands(schedules, s);
  for (const [first] of schedules.lines.values()) {
    for (const schedule of lineFrom(schedules, schedules.all.get(first)!).toReversed()) {
      if (!isGone(schedule)) break;
      gone.push(schedule.id);
    }
  }
  return gone;
}
