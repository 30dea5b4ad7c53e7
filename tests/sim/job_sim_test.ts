import assert from "node:assert/strict";
import { controllerOf, runPhase } from "../../agent/core/mod.ts";
import type { JobRunSpec } from "../../agent/protocol/mod.ts";
import { programOf, programs, specOf } from "./attempts.ts";
import { unfinishedRuns } from "./job_checks.ts";
import { runJobHistory } from "./job_history.ts";
import { gather } from "./scenarios.ts";
import { type SimNode, World } from "./world.ts";

/** Seeds of the regular run; `REALM_SIM_SEEDS` for more. */
const SEEDS = Number(Deno.env.get("REALM_SIM_SEEDS") ?? 50);

Deno.test(`${SEEDS} histories of jobs on 7 nodes with kills and partitions: every run ends, none executes twice on one side`, () => {
  const ends: Record<string, number> = {};
  let runs = 0, worst = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const outcome = runJobHistory(seed, 7);
    assert.equal(outcome.failure ?? "", "");
    runs += outcome.runs;
    worst = Math.max(worst, outcome.healedMs!);
    for (const [state, n] of Object.entries(outcome.ends)) ends[state] = (ends[state] ?? 0) + n;
  }
  console.log(
    `${runs} runs: ${JSON.stringify(ends)}; all ended ${worst} virtual ms after the trouble at the latest`,
  );
  for (const state of ["succeeded", "failed", "cancelled", "timed_out", "lost"]) {
    assert.ok(ends[state] > 0, `no run ended as ${state}: the histories test too little`);
  }
});

Deno.test("the same seed gives the same history of jobs", () => {
  assert.deepEqual(runJobHistory(5, 5), runJobHistory(5, 5));
});

const submit = (world: World, via: SimNode, ...runs: JobRunSpec[]): string => {
  const reply = world.submit(via, world.command("job.submit", { runs }));
  assert.ok(reply.ok, reply.ok ? "" : reply.message);
  return reply.value.id;
};
const runs = (node: SimNode) => [...node.core!.jobs.runs.values()];
const states = (node: SimNode) =>
  runs(node).map((r) => `${r.spec.job} ${runPhase(node.core!.jobs, r)}`).sort();
const allEnded = (world: World) => () => unfinishedRuns(world) === undefined;

Deno.test("a run of a node that dies is tried again elsewhere when its job says so, and is lost when it does not", () => {
  for (const [max, expected] of [[1, "job succeeded"], [0, "job lost"]] as const) {
    const world = new World(11);
    const nodes = gather(world, 5);
    submit(world, nodes[1], specOf("job", { retry: { max, on: ["node_lost"], backoff_ms: 100 } }));
    // Not before all know that it executes there: an offer that nobody heard an answer to is given to another node.
    const executing = () => nodes.every((n) => states(n)[0] === "job running");
    assert.notEqual(world.until(executing, 5_000), undefined);
    const victim = nodes.find((n) => n.attempts.size > 0)!;
    world.crash(victim);
    const rest = nodes.filter((n) => n !== victim);
    assert.notEqual(world.until(() => rest.every((n) => states(n)[0] === expected), 20_000), undefined);
    world.start(victim);
    assert.notEqual(world.until(() => states(victim)[0] === expected, 10_000), undefined, states(victim)[0]);
  }
});

Deno.test("a node that restarts at once says that its attempt is lost", () => {
  const world = new World(12);
  const nodes = gather(world, 3);
  submit(world, nodes[0], specOf("job", { program: programOf(programs.endless) }));
  assert.notEqual(world.until(() => nodes.some((n) => n.attempts.size > 0), 5_000), undefined);
  world.run(500);
  const node = nodes.find((n) => n.attempts.size > 0)!;
  world.crash(node);
  world.start(node);
  assert.notEqual(world.until(() => nodes.every((n) => states(n)[0] === "job lost"), 5_000), undefined);
});

Deno.test("the death of the controller loses no run: the next one goes on with a higher epoch", () => {
  const world = new World(13);
  const nodes = gather(world, 5);
  const id = submit(
    world,
    nodes[0],
    specOf("a"),
    specOf("b", { needs: ["a"] }),
    specOf("c", { needs: ["b"] }),
  );
  const controller = nodes.find((n) => n.id === controllerOf(n.core!, `job/${id}`))!;
  assert.notEqual(world.until(() => nodes.some((n) => n.attempts.size > 0), 5_000), undefined);
  const before = runs(nodes.find((n) => n !== controller)!)[0].decision?.value.epoch ?? 1;
  world.crash(controller);
  const rest = nodes.filter((n) => n !== controller);
  const done = () => rest.every((n) => runs(n).every((r) => (r.decision?.value.state ?? "open") !== "open"));
  assert.notEqual(world.until(done, 30_000), undefined, states(rest[0]).join());
  const epochs = runs(rest[0]).map((r) => r.decision!.value.epoch);
  assert.ok(Math.max(...epochs) >= before, epochs.join());
});

Deno.test("a cancelled run ends wherever it is: waiting, executing, between two attempts", () => {
  const world = new World(14);
  const nodes = gather(world, 3);
  const never = specOf("never", { tags: ["nowhere"] });
  const endless = specOf("endless", { program: programOf(programs.endless) });
  const again = specOf("again", {
    program: programOf(programs.bad),
    retry: { max: 5, on: ["failure"], backoff_ms: 60_000 },
  });
  submit(world, nodes[0], never, endless, again);
  world.run(5_000);
  assert.deepEqual(states(nodes[1]), ["again pending", "endless running", "never pending"]);
  for (const run of runs(nodes[2])) {
    assert.ok(world.submit(nodes[2], world.command("job.cancel", { run: run.id })).ok);
  }
  assert.notEqual(world.until(allEnded(world), 10_000), undefined);
  assert.deepEqual(states(nodes[1]), ["again cancelled", "endless cancelled", "never cancelled"]);
  const refused = world.submit(nodes[0], world.command("job.cancel", { run: runs(nodes[0])[0].id }));
  assert.equal(refused.ok ? "" : refused.code, "conflict");
});

Deno.test("what needs a job that failed is cancelled and says so; what needs one that succeeded runs after it", () => {
  const world = new World(15);
  const nodes = gather(world, 3);
  submit(
    world,
    nodes[0],
    specOf("good"),
    specOf("after", { needs: ["good"] }),
    specOf("bad", { program: programOf(programs.bad) }),
    specOf("never", { needs: ["bad", "good"] }),
    specOf("deep", { needs: ["never"] }),
  );
  assert.notEqual(world.until(allEnded(world), 30_000), undefined);
  assert.deepEqual(states(nodes[1]), [
    "after succeeded",
    "bad failed",
    "deep cancelled",
    "good succeeded",
    "never cancelled",
  ]);
  const never = runs(nodes[1]).find((r) => r.spec.job === "never")!;
  assert.match(never.decision!.value.reason, /needs bad, which ended as failed/);
});

Deno.test("retries follow `on`, `max` and the growing wait", () => {
  const world = new World(16);
  const nodes = gather(world, 3);
  const retry = { max: 3, on: ["exit:75"], backoff_ms: 1_000 };
  submit(
    world,
    nodes[0],
    specOf("busy", { program: programOf(programs.busy), retry }),
    specOf("bad", { program: programOf(programs.bad), retry }),
  );
  assert.notEqual(world.until(allEnded(world), 60_000), undefined);
  const attempts = (job: string) => runs(nodes[0]).find((r) => r.spec.job === job)!.decision!.value.attempts;
  assert.equal(attempts("bad").length, 1);
  const busy = attempts("busy");
  assert.equal(busy.length, 4);
  const waits = busy.slice(1).map((a, i) => a.at - busy[i].end!.at);
  assert.ok(waits.every((w, i) => w >= 1_000 * 2 ** i && w < 1_000 * 2 ** i + 500), waits.join());
});

Deno.test("runs of a matrix keep to max_parallel, spread over the nodes, and end with the first failure when told to", () => {
  const world = new World(17);
  const nodes = gather(world, 4);
  const entry = (i: number, more: Partial<JobRunSpec> = {}) =>
    specOf("m", { matrix: { i: String(i) }, spread: true, ...more });
  submit(world, nodes[0], ...[0, 1, 2, 3, 4, 5].map((i) => entry(i, { max_parallel: 2 })));
  let most = 0;
  const done = () => {
    most = Math.max(most, nodes.reduce((n, node) => n + node.attempts.size, 0));
    return unfinishedRuns(world) === undefined && runs(nodes[0]).length === 6;
  };
  assert.notEqual(world.until(done, 60_000), undefined);
  assert.equal(most, 2);
  const used = new Set(runs(nodes[0]).map((r) => r.decision!.value.attempts[0].node));
  assert.equal(used.size, 4);

  const other = new World(18);
  const more = gather(other, 4);
  submit(
    other,
    more[0],
    entry(0, { program: programOf(programs.bad), fail_fast: true, max_parallel: 1 }),
    ...[1, 2].map((i) => entry(i, { fail_fast: true, max_parallel: 1 })),
  );
  assert.notEqual(other.until(allEnded(other), 30_000), undefined);
  assert.deepEqual(states(more[0]), ["m cancelled", "m cancelled", "m failed"]);
});

Deno.test("when places are short, priority goes first, then the time of submission; a hundred runs over three nodes all end", () => {
  const world = new World(19);
  const nodes = gather(world, 3);
  const filler = Array.from({ length: 40 }, () => specOf("filler"));
  submit(world, nodes[0], ...filler);
  world.run(100);
  submit(world, nodes[1], ...Array.from({ length: 30 }, () => specOf("low", { priority: 10 })));
  world.run(100);
  submit(world, nodes[2], ...Array.from({ length: 30 }, () => specOf("high", { priority: 90 })));
  assert.notEqual(world.until(allEnded(world), 120_000), undefined);
  const startOf = (job: string) =>
    runs(nodes[0]).filter((r) => r.spec.job === job).map((r) => r.decision!.value.attempts[0].at).sort((
      a,
      b,
    ) => a - b);
  const [low, high] = [startOf("low"), startOf("high")];
  assert.ok(
    high.at(-1)! <= low[2],
    `the last of high priority started ${high.at(-1)! - low[0]} ms after the first low`,
  );
});

Deno.test("a run that no node can take waits and says for each node why", async () => {
  const { explainRun } = await import("../../agent/core/mod.ts");
  const world = new World(20);
  const nodes = gather(world, 3);
  // Something small runs everywhere, so that not all memory is free.
  world.deploy(nodes[0], "web", { replicas: "all" });
  world.run(3_000);
  submit(world, nodes[0], specOf("job", { platform: "darwin/arm64", tags: ["mac"], memory_mb: 4_096 }));
  world.run(2_000);
  const core = nodes[0].core!;
  const { verdict, placement } = explainRun(core, runs(nodes[0])[0], world.now);
  assert.ok(verdict.wants);
  assert.deepEqual(placement.ranked, []);
  for (const { reasons } of placement.verdicts) {
    const all = reasons.join("; ");
    for (const part of [/lacks the tag mac/, /is linux\/amd64, not darwin\/arm64/, /4096 needed/]) {
      assert.match(all, part);
    }
  }
});

const group = (name: string, policy: "queue" | "latest" | "cancel_running" = "queue", limit = 1) => ({
  concurrency: { group: name, limit, policy },
});
/** One after the other, each from another node, so that different nodes would control them. */
function submitOneByOne(
  world: World,
  nodes: readonly SimNode[],
  count: number,
  more: Partial<JobRunSpec>,
): void {
  for (let i = 0; i < count; i++) {
    submit(world, nodes[i % nodes.length], specOf(`g${i}`, more));
    world.run(400);
  }
}

Deno.test("runs of one concurrency group never run beyond its limit, whichever submissions they are of, also when nodes die", () => {
  for (const limit of [1, 2]) {
    let reached = 0;
    for (let seed = 1; seed <= 10; seed++) {
      const world = new World(300 + seed);
      const nodes = gather(world, 5);
      const retry = { max: 3, on: ["node_lost"], backoff_ms: 100 };
      submitOneByOne(world, nodes, 8, { ...group("deploy", "queue", limit), retry });
      submit(world, nodes[0], ...Array.from({ length: 4 }, (_, i) => specOf(`free${i}`, { retry })));
      let most = 0, killed = false;
      const done = () => {
        const of = nodes.flatMap((n) => [...n.attempts.values()]).filter((a) => a.order.spec.concurrency);
        most = Math.max(most, of.length);
        if (!killed && of.length > 0 && world.random() < 0.05) {
          killed = true;
          world.crash(nodes.find((n) => n.attempts.size > 0)!);
        }
        return unfinishedRuns(world) === undefined;
      };
      assert.notEqual(world.until(done, 120_000), undefined, `seed ${seed}: ${unfinishedRuns(world)}`);
      assert.ok(most <= limit, `seed ${seed}: ${most} at once`);
      reached = Math.max(reached, most);
      const alive = world.alive()[0];
      assert.ok(states(alive).every((s) => s.endsWith("succeeded")), states(alive).join());
    }
    assert.equal(reached, limit);
  }
});

Deno.test("of a group with policy latest only the newest waits; with cancel_running the newest takes the place of what runs", () => {
  const outcome = (policy: "latest" | "cancel_running") => {
    const world = new World(21);
    const nodes = gather(world, 4);
    const program = programOf(programs.endless);
    submitOneByOne(world, nodes, 4, { ...group("deploy", policy), program, timeout_ms: 20_000 });
    assert.notEqual(world.until(allEnded(world), 120_000), undefined, unfinishedRuns(world) ?? "");
    const reasons = runs(nodes[1]).map((r) => r.decision!.value.reason).filter((r) =>
      r.includes("takes its place")
    );
    return [states(nodes[1]), reasons.length] as const;
  };
  assert.deepEqual(outcome("latest"), [["g0 timed_out", "g1 cancelled", "g2 cancelled", "g3 timed_out"], 2]);
  assert.deepEqual(outcome("cancel_running"), [[
    "g0 cancelled",
    "g1 cancelled",
    "g2 cancelled",
    "g3 timed_out",
  ], 3]);
});

Deno.test("a run of a group that waits for others of its pipeline holds nobody up; priority goes first in a group", () => {
  const world = new World(22);
  const nodes = gather(world, 3);
  submit(world, nodes[0], specOf("first", { program: programOf(programs.endless), timeout_ms: 8_000 }), {
    ...specOf("behind", { needs: ["first"], ...group("g") }),
  });
  world.run(500);
  submit(world, nodes[1], specOf("low", { ...group("g"), priority: 10 }));
  submit(world, nodes[1], specOf("other", { ...group("g"), priority: 10 }));
  submit(world, nodes[2], specOf("high", { ...group("g"), priority: 90 }));
  assert.notEqual(world.until(allEnded(world), 60_000), undefined);
  const at = (job: string) => runs(nodes[0]).find((r) => r.spec.job === job)!.decision!.value.attempts[0]?.at;
  assert.deepEqual(states(nodes[0]).map((s) => s.split(" ")[1]), [
    "cancelled",
    "timed_out",
    "succeeded",
    "succeeded",
    "succeeded",
  ]);
  assert.ok(at("high")! < at("other")!);
});
