/** Which ends of runs somebody is told of: a pure question over what is known of the job's runs. */
import { isEnd, type RunDecision } from "../../protocol/job_record.ts";
import type { Jobs, RunState } from "./runs.ts";

/** An end that is to be told. */
export interface Notice {
  /** Where to. */
  readonly webhook: string;
  /** `recovered`: it succeeded and the run of the job before it did not. */
  readonly on: "failure" | "recovered" | "success";
  readonly run: string;
  readonly job: string;
  readonly state: RunDecision["state"];
  readonly reason: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly submittedAt: number;
  readonly endedAt: number;
}

/** How the job's run before this one ended, by the same submitter and for the same combination of a matrix. */
function endBefore(jobs: Jobs, run: RunState): RunDecision["state"] | undefined {
  const alike = JSON.stringify(run.spec.matrix);
  let newest: RunDecision | undefined;
  for (const other of jobs.runs.values()) {
    const decision = other.decision?.value;
    if (other === run || !decision || !isEnd(decision.state) || decision.state === "cancelled") continue;
    if (other.spec.job !== run.spec.job || other.by !== run.by || other.at > run.at) continue;
    if (JSON.stringify(other.spec.matrix) !== alike) continue;
    if (!newest || decision.since > newest.since) newest = decision;
  }
  return newest?.state;
}

/** What is to be told of a decision that ends a run; `undefined`: nothing. A run that was cancelled is nobody's news. */
export function noticeOf(jobs: Jobs, run: RunState, decided: RunDecision): Notice | undefined {
  const { notify, job, labels } = run.spec;
  if (!notify || !isEnd(decided.state) || decided.state === "cancelled") return undefined;
  const before = endBefore(jobs, run);
  const recovered = decided.state === "succeeded" && before !== undefined && before !== "succeeded";
  const kinds = decided.state !== "succeeded"
    ? ["failure"] as const
    : recovered
    ? ["recovered", "success"] as const
    : ["success"] as const;
  const on = kinds.find((kind) => notify.on.includes(kind));
  if (on === undefined) return undefined;
  return {
    webhook: notify.webhook,
    on,
    run: run.id,
    job,
    state: decided.state,
    reason: decided.reason,
    labels,
    submittedAt: run.at,
    endedAt: decided.since,
  };
}
