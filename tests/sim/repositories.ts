/** Repositories in the simulation, the jobs that watch them, and what must be true of their runs. */
import assert from "node:assert/strict";
import { changeIdOf, countsBranch, type JobRunSpec, type Trigger } from "../../agent/protocol/mod.ts";
import { type LookOrder, standingSchedules, tickVerdict, watcherOf } from "../../agent/core/mod.ts";
import { specOf } from "./attempts.ts";
import { unfinishedRuns } from "./job_checks.ts";
import type { SimNode } from "./machine.ts";
import type { World } from "./world.ts";

/** The repository of all tests. */
export const REPOSITORY = "https://forge.example/team/app";

/** A new commit at the end of a branch. */
export function push(world: World, branch = "main", commit = world.bytesOf(20).toHex()): string {
  const branches = world.repositories.get(REPOSITORY) ?? new Map();
  world.repositories.set(REPOSITORY, branches.set(branch, commit));
  return commit;
}

/** Carries out a look: it takes a while, and sees what is there at its end, or was at its beginning. */
export function lookAt(world: World, node: SimNode, { schedule, trigger }: LookOrder): void {
  const { core } = node;
  const before = world.repositories.get(trigger.url);
  const old = world.random() < 0.5 && before ? new Map(before) : undefined;
  world.at(world.now + 20 + world.random() * 300, () => {
    if (node.core !== core) return;
    const branches = old ?? world.repositories.get(trigger.url);
    const ends = [...branches ?? []].filter(([branch]) => countsBranch(trigger, branch))
      .map(([branch, commit]) => ({ branch, commit, counts: true }));
    const seen = branches ? { ends } : { ends, problem: "there is no such repository" };
    world.event(node, { t: "looked", schedule, seen });
  });
}

/** Hands in a job that watches {@link REPOSITORY}; the id of its schedule. */
export function watch(
  world: World,
  via: SimNode,
  name = "ci",
  trigger: Partial<Trigger> = {},
  spec: Partial<JobRunSpec> = {},
): string {
  const retry = { max: 3, on: ["node_lost"], backoff_ms: 100 };
  const input = { from: "git", url: REPOSITORY, depth: 1, submodules: false, mount: "/src" } as const;
  const reply = world.submit(
    via,
    world.command("job.schedule", {
      name,
      trigger: { url: REPOSITORY, branches: [], paths: [], poll_ms: 10_000, ...trigger },
      runs: [specOf(name, { retry, inputs: [input], ...spec })],
    }),
  );
  if (!reply.ok) throw new Error(reply.message);
  return reply.value.id;
}

/** One line per change that a node knows of, the oldest first: branch, beginning of the commit, states of its runs. */
export function changesText(node: SimNode): readonly string[] {
  const { jobs } = node.core!;
  return standingSchedules(jobs.schedules).flatMap((s) => [...s.ticks.values()])
    .sort((a, b) => a.at - b.at).map((tick) => {
      const runs = (jobs.submissions.get(tick.id) ?? []).map((id) => jobs.runs.get(id)!);
      const states = runs.map((r) => r.decision?.value.state ?? "pending").join(" ");
      const { branch, commit } = tick.change!;
      return `${branch} ${commit.slice(0, 8)} ${tickVerdict(tick).state === "run" ? states : "skipped"}`;
    });
}

/** Why not each of these commits, and nothing else, has exactly one run at every node, pinned to it. */
export function wrongChanges(
  world: World,
  schedule: string,
  commits: readonly (readonly [branch: string, commit: string])[],
): string | undefined {
  const wanted = new Set(commits.map(([branch, commit]) => changeIdOf(schedule, { branch, commit })));
  for (const node of world.alive()) {
    const { jobs } = node.core!;
    const runs = [...jobs.runs.values()].filter((r) => r.tick?.schedule === schedule);
    if (runs.length !== wanted.size) {
      return `${node.name} knows ${runs.length} runs of ${wanted.size} commits: ${
        changesText(node).join(", ")
      }`;
    }
    for (const { id, submission, tick, spec } of runs) {
      if (!wanted.has(submission)) return `${node.name}: ${id} is of no commit that was pushed`;
      const [input] = spec.inputs;
      if (input.from !== "git" || input.commit !== tick?.change?.commit) return `${id} is not of its commit`;
    }
  }
  return undefined;
}

/** Lets all runs end. */
export const settled = (world: World) =>
  assert.notEqual(world.until(() => !unfinishedRuns(world), 60_000), undefined);

/** The node that looks at the repository, as another one sees it. */
export const watcher = (world: World, node: SimNode): SimNode =>
  world.nodes.get(watcherOf(node.core!, standingSchedules(node.core!.jobs.schedules)[0])!)!;
