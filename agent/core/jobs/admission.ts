/** Whether a command about jobs makes sense now. */
import type { Command } from "../../protocol/command.ts";
import { ok, refuse, type Result } from "../../protocol/errors.ts";
import { findCycle } from "../../protocol/job_checks.ts";
import { type Digest, shortId } from "../../protocol/identity.ts";
import { jobLimits } from "../../protocol/job_limits.ts";
import { isEnd } from "../../protocol/job_record.ts";
import { timingProblem } from "../../protocol/job_schedule.ts";
import { type Jobs, tooManyRuns } from "./runs.ts";
import { stands } from "./schedules.ts";

/** What the command is about, or why it is refused. */
export function jobMakesSense(
  jobs: Jobs,
  command: Extract<
    Command,
    { kind: "job.submit" | "job.cancel" | "job.schedule" | "job.pause" | "job.unschedule" }
  >,
): Result<string> {
  if (command.kind === "job.pause" || command.kind === "job.unschedule") {
    return standingSchedule(jobs, command.body.schedule);
  }
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
  if (command.kind === "job.submit") {
    const tooMany = tooManyRuns(jobs, runs.length);
    if (tooMany !== undefined) return refuse("limit_reached", tooMany);
  } else {
    const { name, timing } = command.body;
    const problem = timing && timingProblem(timing);
    if (problem) return refuse("bad_request", `the schedule ${name}: ${problem.message}`);
    if (jobs.schedules.all.size >= jobLimits.schedules) {
      return refuse(
        "limit_reached",
        `the realm has ${jobs.schedules.all.size} schedules; end some that are not needed`,
      );
    }
  }
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

function standingSchedule({ schedules }: Jobs, id: Digest): Result<string> {
  const schedule = schedules.all.get(id);
  return schedule && stands(schedules, schedule)
    ? ok(schedule.name)
    : refuse("not_found", `there is no schedule ${shortId(id)}; see 'realm job schedules'`);
}
