/** A random history of jobs: people submit and cancel, machines die and come back, the network breaks. */
import type { JobRunSpec } from "../../agent/protocol/mod.ts";
import { programOf, programs, specOf } from "./attempts.ts";
import { disagreement } from "./checks.ts";
import { checkRuns, unfinishedRuns } from "./job_checks.ts";
import { gather } from "./scenarios.ts";
import { calm, storm, World } from "./world.ts";

/** After this long without trouble all nodes of a side agree, also at 10 % loss. */
const SETTLE_MS = 10_000;

/** Outcome of one history of jobs. */
export interface JobOutcome {
  readonly seed: number;
  readonly failure?: string;
  readonly runs: number;
  /** Runs by how they ended. */
  readonly ends: Readonly<Record<string, number>>;
  readonly healedMs?: number;
}

function randomSubmission(world: World): JobRunSpec[] {
  const kind = world.random();
  const retry = {
    max: world.pick([0, 1, 3]),
    on: ["node_lost", "timeout", "failure", "exit:75"],
    backoff_ms: 200,
  };
  const program = programOf(
    world.pick([programs.good, programs.good, programs.good, programs.bad, programs.busy, programs.endless]),
  );
  const one = (name: string, more: Partial<JobRunSpec> = {}) =>
    specOf(name, { program, retry, priority: world.pick([10, 50, 90]), timeout_ms: 5_000, ...more });
  if (kind < 0.5) return [one("single")];
  if (kind < 0.75) {
    return [
      one("lint", {
        program: programOf(programs.good),
        outputs: [{ path: "/o", name: "o", retention_ms: 1e9, when: "success" }],
      }),
      one("test", { needs: ["lint"], inputs: [{ from: "job", job: "lint", output: "o", mount: "/in" }] }),
      one("ship", { needs: ["lint", "test"] }),
    ];
  }
  return Array.from(
    { length: 5 },
    (_, i) =>
      one("matrix", {
        matrix: { i: String(i) },
        max_parallel: 2,
        fail_fast: world.random() < 0.5,
        spread: true,
      }),
  );
}

/** Runs one history and checks it. */
export function runJobHistory(seed: number, count: number, troubleMs = 40_000): JobOutcome {
  const world = new World(seed);
  const nodes = gather(world, count);
  const fail = (failure: string): JobOutcome => ({
    seed,
    failure: `seed ${seed}, ${count} nodes: ${failure}`,
    runs: 0,
    ends: {},
  });
  world.weather = storm;
  const end = world.now + troubleMs;
  while (world.now < end) {
    world.run(100 + world.random() * 1_000);
    const up = world.alive();
    const via = world.pick(up);
    const dice = world.random();
    if (dice < 0.12 && up.length > count / 2) world.crash(world.pick(up), world.random() < 0.1);
    else if (dice < 0.3) {
      const down = [...world.nodes.values()].filter((n) => !n.core);
      if (down.length > 0) world.start(world.pick(down));
    } else if (dice < 0.35) {
      const half = new Set(up.filter(() => world.random() < 0.4).map((n) => n.id));
      world.partition([[...half], [...world.nodes.keys()].filter((id) => !half.has(id))]);
    } else if (dice < 0.5) world.heal();
    else if (dice < 0.85) world.submit(via, world.command("job.submit", { runs: randomSubmission(world) }));
    else if (dice < 0.95) {
      const open = [...via.core!.jobs.open];
      if (open.length > 0) world.submit(via, world.command("job.cancel", { run: world.pick(open) }));
    } else {
      const node = world.pick(up).id;
      world.submit(via, world.command(world.random() < 0.4 ? "node.cordon" : "node.uncordon", { node }));
    }
    const quiet = world.random() < 0.08;
    if (quiet) world.run(SETTLE_MS);
    const wrong = checkRuns(world, quiet);
    if (wrong) return fail(wrong);
  }
  world.weather = calm;
  world.heal();
  world.run(10);
  for (const node of nodes) if (!node.core) world.start(node);
  if (world.until(() => nodes.every((n) => n.core!.members.admitted.size === count), 30_000) === undefined) {
    return fail("a node does not know all members after 30 s");
  }
  for (const node of nodes) world.submit(nodes[0], world.command("node.uncordon", { node: node.id }));
  const start = world.now;
  const well = () => {
    const wrong = checkRuns(world, world.now - start > SETTLE_MS);
    if (wrong) throw new Error(wrong);
    return disagreement(world) === undefined && unfinishedRuns(world) === undefined;
  };
  try {
    if (world.until(well, 180_000) === undefined) {
      return fail(`not every run has ended after 180 s: ${unfinishedRuns(world) ?? disagreement(world)}`);
    }
  } catch (error) {
    return fail((error as Error).message);
  }
  const ends: Record<string, number> = {};
  const { jobs } = nodes[0].core!;
  for (const run of jobs.runs.values()) {
    const state = run.decision!.value.state;
    ends[state] = (ends[state] ?? 0) + 1;
  }
  return { seed, runs: jobs.runs.size, ends, healedMs: world.now - start };
}
