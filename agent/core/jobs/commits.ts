/**
 * What the branches and tags stand for that runs take. All runs of a submission, and all their attempts, take the same
 * commit: the first one that needs it finds it out, and what it says is a record.
 */
import type { GitInput } from "../../protocol/job_spec.ts";
import { activeAttempt, attemptStatus, type Jobs, type RunState } from "./runs.ts";

/** Commits that an attempt of a run found its inputs by git to stand for, by mount; the first word counts. */
export function commitsOf(run: RunState): Readonly<Record<string, string>> {
  const attempts = run.decision?.value.attempts ?? [];
  return Object.assign({}, ...attempts.toReversed().map((a) => attemptStatus(run, a)?.commits ?? {}));
}

const isAlike = (a: GitInput, b: GitInput): boolean => a.url === b.url && a.ref === b.ref;
const gitInputs = ({ spec }: RunState): readonly GitInput[] => spec.inputs.filter((i) => i.from === "git");

/** What a repository's branch or tag was found to stand for by this run or another one of its submission. */
export function commitOf(jobs: Jobs, run: RunState, input: GitInput): string | undefined {
  const own = commitsOf(run)[input.mount];
  if (own !== undefined) return own;
  for (const id of jobs.submissions.get(run.submission) ?? []) {
    const other = jobs.runs.get(id)!;
    for (const theirs of gitInputs(other)) {
      const found = isAlike(theirs, input) ? commitsOf(other)[theirs.mount] : undefined;
      if (found !== undefined) return found;
    }
  }
}

/** Inputs of which nobody knows yet what they stand for. */
const unknownInputs = (jobs: Jobs, run: RunState): readonly GitInput[] =>
  gitInputs(run).filter((i) => i.commit === undefined && commitOf(jobs, run, i) === undefined);

/** Names of what a run would have to find out; the same of two runs: one of them finds it out for both. */
export const unknownCommits = (jobs: Jobs, run: RunState): readonly string[] =>
  unknownInputs(jobs, run).map(({ url, ref }) => JSON.stringify([run.submission, url, ref ?? null]));

/** Another run of the submission that finds out at this moment what this one needs to know, too. */
export function finderFor(
  jobs: Jobs,
  run: RunState,
): { readonly run: RunState; readonly input: GitInput } | undefined {
  for (const input of unknownInputs(jobs, run)) {
    for (const id of jobs.submissions.get(run.submission) ?? []) {
      const other = jobs.runs.get(id)!;
      const takes = gitInputs(other).some((i) => i.commit === undefined && isAlike(i, input));
      if (other === run || !takes) continue;
      const attempt = activeAttempt(other);
      const said = attempt && (attemptStatus(other, attempt)?.state ?? "preparing");
      if (said === "preparing" || jobs.offers.has(id)) return { run: other, input };
    }
  }
}
