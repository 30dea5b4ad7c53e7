/** How the runs of commits go, as their forges are told: pure, from what is known of runs. */
import { forgeLimits } from "../../protocol/forge_limits.ts";
import type { Digest } from "../../protocol/identity.ts";
import { isEnd } from "../../protocol/job_record.ts";
import type { Trigger } from "../../protocol/job_trigger.ts";
import { newestOf } from "./reruns.ts";
import type { Jobs, RunState } from "./runs.ts";
import type { Schedule, TickState } from "./schedules.ts";

/** How the runs of one job for one commit go, together. */
export type JobOutcome = "pending" | "success" | "failure" | "cancelled";

/** What a forge is to know of a job for a commit. */
export interface CommitStatus {
  readonly schedule: Digest;
  readonly trigger: Pick<Trigger, "url"> & { readonly status: NonNullable<Trigger["status"]> };
  readonly job: string;
  readonly branch: string;
  readonly commit: string;
  readonly state: JobOutcome;
  /** In words, short. */
  readonly text: string;
}

/** How some runs of one job go, together; since when; and the one that says most. */
export function outcomeOf(
  runs: readonly RunState[],
): { readonly state: JobOutcome; readonly since: number; readonly run: RunState } {
  const states = runs.map((run) => ({ run, decision: run.decision?.value }));
  const open = states.find(({ decision }) => !decision || !isEnd(decision.state));
  if (open) return { state: "pending", since: open.run.at, run: open.run };
  const since = Math.max(...states.map(({ decision }) => decision!.since));
  const failed = states.find(({ decision }) => !["succeeded", "cancelled"].includes(decision!.state));
  const cancelled = states.find(({ decision }) => decision!.state === "cancelled");
  const state = failed ? "failure" : cancelled ? "cancelled" : "success";
  return { state, since, run: (failed ?? cancelled ?? states[0]).run };
}

/** The runs of a tick by job; in the place of each the newest that repeats it. */
export function runsByJob(jobs: Jobs, tick: TickState): ReadonlyMap<string, readonly RunState[]> {
  const by = new Map<string, RunState[]>();
  for (const id of jobs.submissions.get(tick.id) ?? []) {
    const run = newestOf(jobs, jobs.runs.get(id)!);
    by.set(run.spec.job, [...by.get(run.spec.job) ?? [], run]);
  }
  return by;
}

function textOf(state: JobOutcome, run: RunState, since: number): string {
  if (state === "pending") return "runs";
  const reason = run.decision?.value.reason.split("\n")[0];
  const seconds = Math.max(0, Math.round((since - run.at) / 1_000));
  const text = state === "success" ? `succeeded in ${seconds} s` : reason || state;
  return text.slice(0, forgeLimits.statusChars);
}

/** What the forge is to know of a schedule's commits: of those that run, and of those that ended since. */
export function commitStatuses(jobs: Jobs, schedule: Schedule, since: number): readonly CommitStatus[] {
  const { id, trigger } = schedule;
  if (!trigger?.status) return [];
  const { url, status } = trigger;
  return [...schedule.ticks.values()].sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1)).flatMap((tick) =>
    [...runsByJob(jobs, tick)].flatMap(([job, runs]): readonly CommitStatus[] => {
      const outcome = outcomeOf(runs);
      if (outcome.state !== "pending" && outcome.since < since) return [];
      const { state } = outcome;
      const text = textOf(state, outcome.run, outcome.since);
      return [{ schedule: id, trigger: { url, status }, job, ...tick.change!, state, text }];
    })
  );
}
