/**
 * Content that jobs need: programs and inputs in several copies while they may still be executed (the node that took the
 * upload may die), logs and artifacts for as long as the run is known.
 */
import type { Digest, NodeId } from "../../protocol/identity.ts";
import { isEnd } from "../../protocol/job_record.ts";
import type { JobRunSpec } from "../../protocol/job_spec.ts";
import { cacheEnd } from "./caches.ts";
import type { Jobs, RunState } from "./runs.ts";
import { standingSchedules } from "./schedules.ts";

function addInputs(spec: JobRunSpec, to: Set<Digest>): void {
  if (spec.program) to.add(spec.program.digest);
  if (spec.stdin) to.add(spec.stdin.digest);
  for (const input of spec.inputs) if (input.from === "blob") to.add(input.digest);
}

/** Content of which the realm keeps several copies at this time. */
export function keptByJobs(jobs: Jobs, now: number): ReadonlySet<Digest> {
  const kept = new Set<Digest>();
  for (const id of jobs.open) addInputs(jobs.runs.get(id)!.spec, kept);
  for (const schedule of standingSchedules(jobs.schedules)) {
    for (const spec of schedule.runs) addInputs(spec, kept);
  }
  for (const run of jobs.runs.values()) {
    const logUntil = logKeptUntil(run);
    for (const { log, artifacts } of saidOf(run)) {
      if (log && now < logUntil) kept.add(log.digest);
      for (const { digest, until } of artifacts) if (now < until) kept.add(digest);
    }
  }
  return kept;
}

/** Everything that jobs refer to at this time, and build caches of this node: none of it may be collected where it is. */
export function usedByJobs(jobs: Jobs, now: number, self: NodeId): ReadonlySet<Digest> {
  const used = new Set(keptByJobs(jobs, now));
  for (const { digest, at } of jobs.caches.get(self) ?? []) if (now < cacheEnd(at)) used.add(digest);
  for (const run of jobs.runs.values()) if (now < keptUntil(run)) addInputs(run.spec, used);
  return used;
}

/** All that nodes say of a run's attempts. */
const saidOf = (run: RunState) => [...run.statuses.values()].flatMap((said) => [...said.values()]);

function logKeptUntil(run: RunState): number {
  const decision = run.decision?.value;
  return decision && isEnd(decision.state) ? decision.since + run.spec.log.retention_ms : Infinity;
}

/** Until when a run is kept: its log and all its artifacts; without end while it has not ended. */
const keptUntil = (run: RunState): number =>
  Math.max(logKeptUntil(run), ...saidOf(run).flatMap(({ artifacts }) => artifacts.map((a) => a.until)));

/** Whether all runs of a submission have ended and nothing of them is to be kept beyond `time`. */
export const isForgettable = (jobs: Jobs, submission: Digest, time: number): boolean =>
  (jobs.submissions.get(submission) ?? []).every((id) => keptUntil(jobs.runs.get(id)!) <= time);
