/** Schedules in a simulated realm: making them, reading them, and what must be true of their runs. */
import {
  controllerOf,
  runPhase,
  type Schedule,
  scheduleKey,
  standingSchedules,
  type TickState,
  tickVerdict,
} from "../../agent/core/mod.ts";
import type { JobRunSpec, ScheduleWish } from "../../agent/protocol/mod.ts";
import { specOf } from "./attempts.ts";
import type { SimNode, World } from "./world.ts";

/** Hands in a schedule; its id. */
export function schedule(
  world: World,
  via: SimNode,
  name: string,
  timing: Partial<ScheduleWish["timing"]> = {},
  spec: Partial<JobRunSpec> = {},
): string {
  const wish: ScheduleWish = {
    name,
    timing: { cron: "* * * * *", timezone: "UTC", overlap: "skip", missed: "once", jitter_ms: 0, ...timing },
    runs: [specOf(name, { retry: { max: 2, on: ["node_lost"], backoff_ms: 100 }, ...spec })],
  };
  const reply = world.submit(via, world.command("job.schedule", wish));
  if (!reply.ok) throw new Error(reply.message);
  return reply.value.id;
}

/** The schedule of a name as a node knows it. */
export const scheduleOn = (node: SimNode, name: string): Schedule | undefined =>
  standingSchedules(node.core!.jobs.schedules).find((s) => s.name === name);

/** The node that decides about it, as one node sees it. */
export function controllerOn(world: World, node: SimNode, name: string): SimNode {
  const found = scheduleOn(node, name)!;
  return world.nodes.get(controllerOf(node.core!, scheduleKey(found))!)!;
}

/** All ticks that a node knows, the oldest first. */
export const ticksOn = (node: SimNode): readonly TickState[] =>
  [...node.core!.jobs.schedules.ticks.values()].sort((a, b) => a.at - b.at);

/** One line per tick: time since the start of the day, and what became of it. */
export const ticksText = (node: SimNode): readonly string[] =>
  ticksOn(node).map((tick) => {
    const { state } = tickVerdict(tick);
    const { jobs } = node.core!;
    const phases = (jobs.submissions.get(tick.id) ?? []).map((id) => runPhase(jobs, jobs.runs.get(id)!));
    return `${new Date(tick.at).toISOString().slice(11, 19)} ${
      state === "skipped" ? state : phases.join(" ")
    }`;
  });

/** How often the runs of ticks succeeded where they executed, by run. */
export function successes(world: World): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const [run, attempts] of world.began) {
    counts.set(run, attempts.filter((a) => world.ended.get(a) === "succeeded").length);
  }
  return counts;
}
