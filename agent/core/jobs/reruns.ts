/** Runs that a person had run again: which run stands in for which. Pure, and the same whatever came first. */
import type { Digest } from "../../protocol/identity.ts";
import { byTime, type Jobs, type RunState } from "./runs.ts";

/** Submissions that repeat runs, by the run that each names. */
export type Reruns = Map<string, Set<Digest>>;

/** Notes that a submission repeats a run, or what was submitted with it. */
export function noteRerun(reruns: Reruns, of: string, submission: Digest): void {
  reruns.set(of, (reruns.get(of) ?? new Set()).add(submission));
}

/** Forgets it. */
export function forgetRerun(reruns: Reruns, of: string, submission: Digest): void {
  const known = reruns.get(of);
  known?.delete(submission);
  if (known?.size === 0) reruns.delete(of);
}

/** Whether a run is the same as another one once more: the same job and combination, of the same commits. */
function repeats(run: RunState, { spec }: RunState): boolean {
  if (run.spec.job !== spec.job || JSON.stringify(run.spec.matrix) !== JSON.stringify(spec.matrix)) {
    return false;
  }
  return spec.inputs.every((input) =>
    input.from !== "git" || input.commit === undefined ||
    run.spec.inputs.some((i) => i.from === "git" && i.url === input.url && i.commit === input.commit)
  );
}

/** The newest of a run and all that were made to repeat it, or those that repeated it. */
export function newestOf(jobs: Jobs, run: RunState): RunState {
  let newest = run;
  const seen = new Set([run.submission]), pending = [run.submission];
  for (let submission = pending.pop(); submission !== undefined; submission = pending.pop()) {
    for (const id of jobs.submissions.get(submission) ?? []) {
      for (const again of jobs.reruns.get(id) ?? []) {
        if (seen.has(again)) continue;
        seen.add(again);
        pending.push(again);
        for (const other of jobs.submissions.get(again) ?? []) {
          const candidate = jobs.runs.get(other)!;
          if (repeats(candidate, run) && byTime(candidate, newest) > 0) newest = candidate;
        }
      }
    }
  }
  return newest;
}
