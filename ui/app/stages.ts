/** The order of a pipeline's runs. */
import type { RunView } from "../../mod.ts";

/** What is looked at of a run. */
type Needing = Pick<RunView, "job" | "needs">;

/** The stage of each job: one after the last of what it needs. Needs that are not there, or go in a ring, count 0. */
export function stagesOf<R extends Needing>(runs: readonly R[]): readonly (readonly R[])[] {
  const needs = new Map(runs.map((r) => [r.job, r.needs]));
  const known = new Map<string, number>();
  const stage = (job: string, above: ReadonlySet<string>): number => {
    const found = known.get(job);
    if (found !== undefined || above.has(job) || !needs.has(job)) return found ?? 0;
    const deeper = new Set([...above, job]);
    const at = Math.max(-1, ...needs.get(job)!.filter((n) => needs.has(n)).map((n) => stage(n, deeper))) + 1;
    known.set(job, at);
    return at;
  };
  const stages: R[][] = [];
  for (const r of runs) (stages[stage(r.job, new Set())] ??= []).push(r);
  return stages.filter((s) => s !== undefined);
}
