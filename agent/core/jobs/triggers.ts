/**
 * Schedules that run on changes of a repository: what nodes saw at the ends of its branches, and which of that is a
 * change. Pure. A change's runs have ids that follow from schedule, branch and commit: who sees it, and how often, is the
 * same; what was seen outlives the node that saw it, so that the next controller goes on from there.
 */
import type { Digest, NodeId } from "../../protocol/identity.ts";
import { jobLimits } from "../../protocol/job_limits.ts";
import type { BranchEnd, Sight, Tick } from "../../protocol/job_record.ts";
import { type Change, changeIdOf } from "../../protocol/job_trigger.ts";
import type { Jobs } from "./runs.ts";
import { lineFrom, type Schedule, type Schedules, tickVerdict } from "./schedules.ts";
import { runsBefore } from "./ticks.ts";

/** What a look at a repository found. */
export interface Seen {
  /** Ends of the branches that count. */
  readonly ends: readonly (Change & {
    /** Whether something changed in the paths that count, against what was known. */
    readonly counts: boolean;
  })[];
  /** Or why it could not look. */
  readonly problem?: string;
}

/** A push that a forge told. */
export interface Push extends Change {
  /** Where the branch ended before. */
  readonly before?: string;
  /** The repository goes by another name there: it is only a reason to look. */
  readonly elsewhere?: true;
}

/** Takes in what a node saw. */
export function noteSight(schedules: Schedules, value: Sight, author: NodeId, at: number): void {
  const said = schedules.sights.get(value.schedule) ?? new Map();
  schedules.sights.set(value.schedule, said.set(author, { value, at }));
}

/** Forgets what a node saw. */
export function forgetSight({ sights }: Schedules, schedule: Digest, author: NodeId): void {
  const said = sights.get(schedule);
  said?.delete(author);
  if (said?.size === 0) sights.delete(schedule);
}

/** What happened before is not looked into: while it rested, nobody watched. */
const watchedSince = ({ pauses }: Schedules, { id }: Schedule): number => pauses.get(id)?.at ?? 0;

/** What members saw of a schedule's repository, the newest first. */
export function sightsOf(schedules: Schedules, schedule: Schedule): readonly { value: Sight; at: number }[] {
  const since = watchedSince(schedules, schedule);
  return [...schedules.sights.get(schedule.id) ?? []].filter(([, { at }]) => at >= since)
    .sort(([a, x], [b, y]) => y.at - x.at || (a < b ? -1 : 1)).map(([, said]) => said);
}

/** The schedule whose place another one took, if it watched the same. */
function before(schedules: Schedules, schedule: Schedule): Schedule | undefined {
  const line = lineFrom(schedules, schedule);
  const previous = line[line.indexOf(schedule) + 1];
  const ended = previous && (schedules.ends.get(previous.id)?.at ?? Infinity) < schedule.at;
  return !ended && previous?.trigger?.url === schedule.trigger?.url ? previous : undefined;
}

/** What the newest sight says; when nobody looked yet, that of the schedule before it. */
function lastSight(schedules: Schedules, schedule: Schedule): Sight | undefined {
  const [own] = sightsOf(schedules, schedule);
  if (own || schedules.pauses.has(schedule.id)) return own?.value;
  const previous = before(schedules, schedule);
  const seen = previous && sightsOf(schedules, previous)[0]?.value;
  // What it ran stays with it; one that could never look knew nothing.
  return seen && { ...seen, schedule: schedule.id, ends: seen.ends.map((end) => ({ ...end, as: "known" })) };
}

/** Ends of branches as they are known last: by looking, or from a push that was told; by name. */
export function knownEnds(schedules: Schedules, schedule: Schedule): ReadonlyMap<string, BranchEnd> {
  const since = watchedSince(schedules, schedule);
  const ends = new Map<string, BranchEnd>();
  const take = (end: BranchEnd) => {
    const other = ends.get(end.branch);
    if (!other || end.at > other.at) ends.set(end.branch, end);
  };
  for (const end of lastSight(schedules, schedule)?.ends ?? []) take(end);
  for (const tick of schedule.ticks.values()) {
    if (!tick.change || tick.at < since) continue;
    take({ ...tick.change, at: tick.at, as: tickVerdict(tick).state });
  }
  return ends;
}

/** What a look makes known; `undefined` when that is known already. */
export function sightAfter(
  schedules: Schedules,
  schedule: Schedule,
  { ends, problem }: Seen,
  now: number,
): Sight | undefined {
  const last = lastSight(schedules, schedule);
  const [own] = sightsOf(schedules, schedule);
  if (problem !== undefined) {
    if (own?.value.problem === problem) return undefined;
    return { schedule: schedule.id, ends: last?.ends ?? [], problem };
  }
  // A problem hid what was there: only a look that succeeded says what was known.
  const first = !last || (last.problem !== undefined && last.ends.length === 0);
  const known = knownEnds(schedules, schedule);
  const looked = new Map(last?.ends.map((end) => [end.branch, end]));
  const found = ends.slice(0, jobLimits.branchesWatched).map(({ branch, commit, counts }): BranchEnd => {
    const end = known.get(branch), before = looked.get(branch);
    // What a push was told of need not be seen at once: a look may have begun before, and forges answer late.
    if (before?.commit === commit) return before;
    if (end?.commit === commit) return end;
    const as = first && !end ? "known" : counts ? "run" : "skipped";
    return { branch, commit, at: now, as };
  }).sort((a, b) => a.branch < b.branch ? -1 : 1);
  const sight: Sight = { schedule: schedule.id, ends: found };
  return own && JSON.stringify(own.value) === JSON.stringify(sight) ? undefined : sight;
}

/**
 * Changes among what was seen about which nobody decided yet. What was seen before `since` is settled; its ticks may be
 * forgotten by now. What one node took for known, because it had not heard of what another one saw before, is a change.
 */
export function undecidedEnds(
  schedules: Schedules,
  schedule: Schedule,
  since: number,
): readonly BranchEnd[] {
  const [newest, ...others] = sightsOf(schedules, schedule);
  const older = others.flatMap(({ value }) => value.ends);
  const moved = ({ branch, commit, at }: BranchEnd) =>
    older.some((o) => o.branch === branch && o.commit !== commit && o.at < at);
  return (newest?.value.ends ?? []).filter((end) =>
    end.at >= since && !schedules.ticks.has(changeIdOf(schedule.id, end)) &&
    (end.as !== "known" || moved(end))
  );
}

/**
 * What a push that a forge told is taken for: a change that can be decided about at once, since it goes on from what is
 * known; nothing new; or a reason to look, as when pushes came in another order, or files count.
 */
export function takePush(
  schedules: Schedules,
  schedule: Schedule,
  { branch, commit, before, elsewhere }: Push,
): "change" | "known" | "look" {
  if (schedules.ticks.has(changeIdOf(schedule.id, { branch, commit }))) return "known";
  if (elsewhere || schedule.trigger!.paths.length > 0 || sightsOf(schedules, schedule).length === 0) {
    return "look";
  }
  return knownEnds(schedules, schedule).get(branch)?.commit === before ? "change" : "look";
}

/** What becomes of a change. */
export function decideChange(
  jobs: Jobs,
  schedule: Schedule,
  { branch, commit, as }: Pick<BranchEnd, "branch" | "commit" | "as">,
  now: number,
): Tick {
  const { schedules } = jobs;
  const decided = (state: Tick["state"], reason: string): Tick => ({
    schedule: schedule.id,
    at: now,
    change: { branch, commit },
    state,
    reason,
  });
  if (as === "skipped") return decided("skipped", "no file that counts changed");
  const waiting = new Set(runsBefore(jobs, schedule, now).map((run) => run.submission)).size;
  if (waiting >= jobLimits.ticksQueued) {
    return decided("skipped", `the runs of ${waiting} earlier changes have not ended`);
  }
  const full = jobs.open.size + schedule.runs.length > jobLimits.openRuns ||
    schedules.runs + schedule.runs.length > jobLimits.scheduledRuns;
  return full ? decided("skipped", "the realm has as many runs as it may") : decided("run", "");
}
