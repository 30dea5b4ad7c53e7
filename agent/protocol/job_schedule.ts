/**
 * When recurring jobs run. Croner reads the expression and finds the times of a clock on the wall; which instant such a
 * time is in a time zone is said here: one that occurs twice is its first occurrence, one that is skipped is the instant
 * right after the gap. (Croner by itself runs the times of a repeated hour twice where the expression has a wildcard,
 * and passes over skipped times in some forms.)
 */
import { Cron } from "croner";
import * as v from "valibot";
import { type Digest, digestOf } from "./identity.ts";
import { utf8 } from "./encoding.ts";
import { jobLimits } from "./job_limits.ts";
import { runIdsOf } from "./job_ids.ts";

/** What happens when the runs before have not ended. */
export type Overlap = "skip" | "queue" | "replace";

/** When a recurring job runs. */
export interface ScheduleTiming {
  /** Five fields, or six with seconds in front. */
  cron: string;
  /** Of the IANA database. */
  timezone: string;
  /** What happens when the runs before have not ended. */
  overlap: Overlap;
  /** What happens with a time at which nobody could decide: nothing, or one run for all that were missed. */
  missed: "skip" | "once";
  /** Starts are spread over this time, ms. */
  jitter_ms: number;
}
/** See {@link ScheduleTiming}. */
export const ScheduleTimingSchema = v.strictObject({
  cron: v.pipe(v.string(), v.maxLength(256)),
  timezone: v.pipe(v.string(), v.maxLength(64)),
  overlap: v.picklist(["skip", "queue", "replace"]),
  missed: v.picklist(["skip", "once"]),
  jitter_ms: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(86_400_000)),
});

/** The times of a schedule. All instants in ms since 1970. */
export interface Timetable {
  /** The first time after an instant; `undefined` when none is to come. */
  next(after: number): number | undefined;
  /** The last time that is after one instant and not after the other. */
  latest(after: number, until: number): number | undefined;
}

const SECOND = 1_000, DAY = 86_400_000;

/** The clock on the wall of a time zone at an instant, as if it showed UTC. */
type Wall = (at: number) => number;

/** Throws a `RangeError` for a time zone that there is not. */
function wallOf(timezone: string): Wall {
  if (/^(UTC|Etc\/UTC|GMT)$/i.test(timezone)) return (at) => at;
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: timezone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  return (at) => {
    const is: Record<string, number> = {};
    for (const { type, value } of format.formatToParts(at)) is[type] = Number(value);
    const whole = Math.floor(at / SECOND) * SECOND;
    return Date.UTC(is.year, is.month - 1, is.day, is.hour, is.minute, is.second) + (at - whole);
  };
}

/** The instant at which the wall shows this. */
function instantOf(wall: Wall, shown: number): number {
  // A day before and a day after stands on either side of any change of the clocks.
  const before = wall(shown - DAY) - (shown - DAY), after = wall(shown + DAY) - (shown + DAY);
  for (const offset of [Math.max(before, after), Math.min(before, after)]) {
    if (wall(shown - offset) === shown) return shown - offset;
  }
  // It is skipped: the first instant after the gap.
  let low = shown - after, high = shown - before;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (wall(middle) - middle === before) low = middle;
    else high = middle;
  }
  return high;
}

/** Throws an `Error` that says what is wrong with expression or time zone. */
export function timetableOf({ cron, timezone }: Pick<ScheduleTiming, "cron" | "timezone">): Timetable {
  let wall: Wall;
  try {
    wall = wallOf(timezone);
  } catch {
    throw new RangeError(`there is no time zone "${timezone}"`);
  }
  let pattern: Cron;
  try {
    // Without the time zone: the times of the clock on the wall.
    pattern = new Cron(cron, { utcOffset: 0, paused: true, mode: "5-or-6-parts" });
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    throw new RangeError(said.replace(/^CronPattern: /, ""));
  }
  const next = (after: number): number | undefined => {
    for (let shown = wall(after);;) {
      const found = pattern.nextRun(new Date(shown));
      if (!found) return undefined;
      shown = found.getTime();
      const at = instantOf(wall, shown);
      // In an hour that occurs twice all its times are over after the first occurrence.
      if (at > after) return at;
    }
  };
  const latest = (after: number, until: number): number | undefined => {
    // Backwards by growing steps, so that a long pause costs no walk through all its times.
    for (let back = 60 * SECOND;; back *= 60) {
      const from = Math.max(after, until - back);
      let found: number | undefined;
      for (let at = next(from); at !== undefined && at <= until; at = next(at)) found = at;
      if (found !== undefined || from === after) return found;
    }
  };
  return { next, latest };
}

/** Times looked at to find the shortest one between two. */
const SAMPLE = 200;

/** The shortest time between two times in a row after an instant, ms; `Infinity` when there is at most one. */
export function shortestGap(table: Timetable, after: number): number {
  let shortest = Infinity, last = table.next(after);
  for (let i = 0; i < SAMPLE && last !== undefined; i++) {
    const at = table.next(last);
    if (at !== undefined) shortest = Math.min(shortest, at - last);
    last = at;
  }
  return shortest;
}

/** From where a schedule is tried when it is checked: any instant does, the same one gives the same answer everywhere. */
const CHECKED_FROM = Date.UTC(2026, 0, 1);

/** What is wrong with a schedule; `undefined` when it can be kept. */
export function timingProblem(
  timing: Pick<ScheduleTiming, "cron" | "timezone" | "jitter_ms">,
): { readonly key: "cron" | "timezone" | "jitter_seconds"; readonly message: string } | undefined {
  let table: Timetable;
  try {
    table = timetableOf(timing);
  } catch (error) {
    const { message } = error as Error;
    return { key: message.startsWith("there is no time zone") ? "timezone" : "cron", message };
  }
  if (table.next(CHECKED_FROM) === undefined) return { key: "cron", message: "it never comes to that time" };
  const gap = shortestGap(table, CHECKED_FROM);
  if (gap < jobLimits.tickGapMs) {
    return {
      key: "cron",
      message: `it would run every ${gap / 1_000} s, at most every ${
        jobLimits.tickGapMs / 1_000
      } s is possible`,
    };
  }
  if (timing.jitter_ms >= gap) {
    return {
      key: "jitter_seconds",
      message: `${timing.jitter_ms / 1_000} s are not less than the ${gap / 1_000} s between two runs`,
    };
  }
}

/** Name of a time of a schedule: whoever decides about it, its runs have the same ids. */
export const tickIdOf = (schedule: Digest, at: number): Digest => digestOf(utf8(`tick ${schedule} ${at}`));

/** The ids of a tick's runs, in the order of its schedule. */
export const tickRunIdsOf = (tick: Digest, runs: readonly { readonly job: string }[]): readonly string[] =>
  runIdsOf(`r${tick.slice(0, 11)}`, runs);

/** Whether an id is that of a run of some tick. */
export const isTickRun = (id: string): boolean => /-r[0-9a-f]{11}(-\d{1,3})?$/.test(id);

/** How much later than its time a tick starts, ms: the same at every node. */
export const jitterOf = (tick: Digest, jitterMs: number): number =>
  jitterMs === 0 ? 0 : parseInt(tick.slice(0, 12), 16) % (jitterMs + 1);
