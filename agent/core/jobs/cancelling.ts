/** Why a run is to end before it ends by itself: a person's wish, or another run that takes its place. Pure. */
import { newer } from "./groups.ts";
import { byTime, type Cancel, type Jobs, type RunState } from "./runs.ts";
import { lineFrom, overlapOf, tickVerdict } from "./schedules.ts";

/** The earliest reason to end a run; `undefined` when it may go on. */
export function cancelOf(jobs: Jobs, run: RunState): Cancel | undefined {
  const found = [run.cancel, replaced(jobs, run), overtaken(jobs, run)].filter((c) => c !== undefined);
  return found.sort(byTime)[0];
}

/** In words. */
export const cancelText = (cancel: Cancel): string => cancel.why ?? `cancelled by ${cancel.by}`;

/** By a later tick of a schedule whose runs take each other's place. */
function replaced({ schedules }: Jobs, run: RunState): Cancel | undefined {
  const schedule = run.tick && schedules.all.get(run.tick.schedule);
  if (!schedule) return undefined;
  const later: Cancel[] = [];
  for (const other of lineFrom(schedules, schedule)) {
    if (overlapOf(other) !== "replace") continue;
    for (const tick of other.ticks.values()) {
      if (tick.at <= run.tick!.at) continue;
      const { state, at } = tickVerdict(tick);
      const why = `replaced by the run of ${new Date(tick.at).toISOString()}`;
      if (state === "run") later.push({ id: tick.id, at, by: other.by, why });
    }
  }
  return later.sort(byTime)[0];
}

/** By newer runs of its concurrency group. */
function overtaken(jobs: Jobs, run: RunState): Cancel | undefined {
  const { concurrency } = run.spec;
  if (!concurrency || concurrency.policy === "queue") return undefined;
  const by = newer(jobs, run);
  const { group, limit, policy } = concurrency;
  const waits = !run.decision?.value.attempts.some((a) => !a.end);
  // `latest`: one may wait. `cancel_running`: the newest are under way.
  const room = policy === "latest" ? (waits ? 1 : Infinity) : limit;
  const over = by[room - 1];
  return over &&
    {
      id: over.submission,
      at: over.at,
      by: over.by,
      why: `${over.id} takes its place in the group ${group}`,
    };
}
