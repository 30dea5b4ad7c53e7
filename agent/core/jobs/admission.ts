/** Whether a command about jobs makes sense now. */
import type { Command } from "../../protocol/command.ts";
import { ok, refuse, type Result } from "../../protocol/errors.ts";
import { findCycle } from "../../protocol/job_checks.ts";
import { isEnd } from "../../protocol/job_record.ts";
import { type Jobs, tooManyRuns } from "./runs.ts";

/** What the command is about, or why it is refused. */
export function jobMakesSense(
  jobs: Jobs,
  command: Extract<Command, { kind: "job.submit" | "job.cancel" }>,
): Result<string> {
  if (command.kind === "job.cancel") {
    const { run: id } = command.body;
    const run = jobs.runs.get(id);
    if (!run) return refuse("not_found", `there is no run ${id}; see 'realm job list'`);
    const state = run.decision?.value.state;
    return state !== undefined && isEnd(state)
      ? refuse("conflict", `run ${id} has ended already: ${state.replace("_", " ")}`)
      : ok(id);
  }
  const { runs } = command.body;
  const names = [...new Set(runs.map((r) => r.job))];
  const tooMany = tooManyRuns(jobs, runs.length);
  if (tooMany !== undefined) return refuse("limit_reached", tooMany);
  for (const run of runs) {
    const lacking = run.needs.find((n) => !names.includes(n) || n === run.job);
    if (lacking !== undefined) {
      return refuse("bad_request", `${run.job} needs ${lacking}, which is no other job of the submission`);
    }
    for (const input of run.inputs) {
      if (input.from === "job" && !run.needs.includes(input.job)) {
        return refuse("bad_request", `${run.job} takes an artifact of ${input.job} and does not need it`);
      }
    }
  }
  const cycle = findCycle(new Map(runs.map((r) => [r.job, r.needs])));
  if (cycle) return refuse("bad_request", `the needs make a cycle: ${[...cycle, cycle[0]].join(" needs ")}`);
  return ok(names.slice(0, 8).join(" "));
}
