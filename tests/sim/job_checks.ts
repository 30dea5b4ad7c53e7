/** What must be true of the runs of a simulated realm. */
import { isEnd } from "../../agent/protocol/mod.ts";
import { jobLimits } from "../../agent/protocol/job_limits.ts";
import type { World } from "./world.ts";

/**
 * Safety at any moment: no decision has two attempts under way or more than it may, and no node executes more than it
 * takes. Once the network was quiet for a while (`settled`): no two attempts of a run execute on one side of it. Until
 * then two controllers that do not know of each other may have decided both: at least once, and fenced.
 */
export function checkRuns(world: World, settled: boolean): string | undefined {
  const seen = new Map<string, string>();
  for (const node of world.alive()) {
    const side = world.side.get(node.id) ?? 0;
    for (const { order } of node.attempts.values()) {
      const what = `${order.run} on side ${side}`;
      const other = seen.get(what);
      if (other && settled) return `${what} executes on ${other} and ${node.name}`;
      seen.set(what, node.name);
    }
    // Attempts whose time is over may still be ending.
    if (node.attempts.size > 2 * 4 * jobLimits.attemptsPerCore) {
      return `${node.name} executes ${node.attempts.size} attempts`;
    }
    for (const run of node.core!.jobs.runs.values()) {
      const attempts = run.decision?.value.attempts ?? [];
      if (attempts.length > run.spec.retry.max + 1) {
        return `${run.id} has ${attempts.length} attempts, ${run.spec.retry.max} retries are allowed`;
      }
      if (attempts.slice(0, -1).some((a) => !a.end)) return `${run.id} has two attempts under way`;
    }
  }
  return undefined;
}

/** Liveness: why not every run has ended, or ended otherwise than its attempt; `undefined` when all is well. */
export function unfinishedRuns(world: World): string | undefined {
  const nodes = world.alive();
  for (const node of nodes) {
    if (node.attempts.size > 0) {
      return `${node.name} still executes ${[...node.attempts.keys()][0]}`;
    }
    for (const run of node.core!.jobs.runs.values()) {
      const decision = run.decision?.value;
      if (!decision || !isEnd(decision.state)) {
        return `${node.name} sees ${run.id} as ${decision?.state ?? "undecided"} ${decision?.reason ?? ""}`;
      }
      if (decision.state === "succeeded") {
        const last = decision.attempts.at(-1)!;
        if (world.ended.get(last.id) !== "succeeded") {
          return `${run.id} counts as succeeded, its attempt ended as ${world.ended.get(last.id)}`;
        }
      }
    }
  }
  return undefined;
}
