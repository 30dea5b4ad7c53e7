import assert from "node:assert/strict";
import type { RunDecision, RunEnd } from "../../protocol/job_record.ts";
import type { JobRunSpec } from "../../protocol/job_spec.ts";
import { noticeOf } from "./notices.ts";
import { createJobs, type Jobs, type RunState } from "./runs.ts";

type On = "failure" | "recovered" | "success";
function add(jobs: Jobs, id: string, at: number, on: readonly On[], state?: RunEnd, by = "me"): RunState {
  const spec = { job: "build", matrix: {}, labels: {}, notify: { on: [...on], webhook: "https://x/" } };
  const decision = state && { value: { state, since: at + 1, reason: "" } as RunDecision, author: "n" };
  const run = {
    id,
    submission: id,
    command: id,
    spec: spec as unknown as JobRunSpec,
    at,
    by,
    statuses: new Map(),
    ...(decision ? { decision } : {}),
  } as RunState;
  jobs.runs.set(id, run);
  return run;
}

for (
  const [before, state, on, told] of [
    [undefined, "failed", ["failure"], "failure"],
    [undefined, "timed_out", ["failure"], "failure"],
    [undefined, "cancelled", ["failure", "success"], undefined],
    [undefined, "succeeded", ["failure", "recovered"], undefined],
    [undefined, "succeeded", ["success"], "success"],
    ["failed", "succeeded", ["recovered"], "recovered"],
    ["lost", "succeeded", ["recovered", "success"], "recovered"],
    ["failed", "succeeded", ["success"], "success"],
    ["succeeded", "succeeded", ["recovered"], undefined],
    ["cancelled", "succeeded", ["recovered"], undefined],
    ["succeeded", "failed", ["recovered"], undefined],
  ] as const
) {
  Deno.test(`after ${before ?? "nothing"} a run that ${state} is told as ${told ?? "nothing"} of ${on.join(", ")}`, () => {
    const jobs = createJobs();
    if (before) add(jobs, "one", 1, on, before);
    // Of another submitter, and from later: not before it.
    add(jobs, "other", 5, on, "failed", "you");
    add(jobs, "later", 50, on, "failed");
    const run = add(jobs, "two", 10, on);
    const notice = noticeOf(jobs, run, { state, reason: "why", since: 11 } as RunDecision);
    assert.equal(notice?.on, told);
  });
}
