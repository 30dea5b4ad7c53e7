/**
 * Content that jobs need: programs and inputs in several copies while they may still be executed (the node that took the
 * upload may die), logs and artifacts for as long as the run is known.
 */
import type { Digest } from "../../protocol/identity.ts";
import { isEnd } from "../../protocol/job_record.ts";
import type { Jobs, RunState } from "./runs.ts";

function addInputs(run: RunState, to: Set<Digest>): void {
  to.add(run.spec.program.digest);
  if (run.spec.stdin) to.add(run.spec.stdin.digest);
  for (const input of run.spec.inputs) if (input.from === "blob") to.add(input.digest);
}

/** Content of which the realm keeps several copies. */
export function keptByJobs(jobs: Jobs): ReadonlySet<Digest> {
  const kept = new Set<Digest>();
  for (const id of jobs.open) addInputs(jobs.runs.get(id)!, kept);
  for (const run of jobs.runs.values()) {
    for (const statuses of run.statuses.values()) {
      for (const status of statuses.values()) {
        if (status.log) kept.add(status.log.digest);
        for (const artifact of status.artifacts) kept.add(artifact.digest);
      }
    }
  }
  return kept;
}

/** Everything that jobs refer to: none of it may be collected where it is. */
export function usedByJobs(jobs: Jobs): ReadonlySet<Digest> {
  const used = new Set(keptByJobs(jobs));
  for (const run of jobs.runs.values()) addInputs(run, used);
  return used;
}

/** Until when the record of a run is kept; `undefined` while it has not ended. */
export function keptUntil(run: RunState): number | undefined {
  const decision = run.decision?.value;
  if (!decision || !isEnd(decision.state)) return undefined;
  let until = decision.since + run.spec.log.retention_ms;
  for (const statuses of run.statuses.values()) {
    for (const { artifacts } of statuses.values()) {
      for (const a of artifacts) until = Math.max(until, a.until);
    }
  }
  return until;
}
