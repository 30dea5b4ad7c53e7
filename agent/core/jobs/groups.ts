/** Concurrency groups: runs of the whole realm that must not run together beyond a limit. Pure. */
import { byPriority } from "./queue.ts";
import { activeAttempt, byTime, type Jobs, type RunState } from "./runs.ts";

const othersOf = (jobs: Jobs, run: RunState): Iterable<string> =>
  jobs.groups.get(run.spec.concurrency?.group ?? "")?.open ?? [];

/** Runs of the group that were submitted later, the oldest first. */
export function newer(jobs: Jobs, run: RunState): readonly RunState[] {
  const found: RunState[] = [];
  for (const id of othersOf(jobs, run)) {
    const other = jobs.runs.get(id)!;
    if (byTime(other, run) > 0) found.push(other);
  }
  return found.sort(byTime);
}

/**
 * Why a run waits for others of its group. `ready`: whether another run could start now but for the group; those that
 * cannot hold nobody up.
 */
export function groupWait(
  jobs: Jobs,
  run: RunState,
  ready: (other: RunState) => boolean,
): string | undefined {
  const { concurrency } = run.spec;
  if (!concurrency) return undefined;
  const { group, limit } = concurrency;
  const busy: RunState[] = [], waiting: RunState[] = [];
  for (const id of othersOf(jobs, run)) {
    const other = jobs.runs.get(id)!;
    if (other === run) continue;
    if (activeAttempt(other) || jobs.offers.has(id)) busy.push(other);
    else if (byPriority(other, run) < 0) waiting.push(other);
    if (busy.length >= limit) {
      return `${busy[0].id} is under way, and the group ${group} allows ${limit} at once`;
    }
  }
  let before = 0;
  for (const other of waiting) {
    if (ready(other) && ++before + busy.length >= limit) {
      return `${other.id} is before it in the group ${group}, which allows ${limit} at once`;
    }
  }
}
