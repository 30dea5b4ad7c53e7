import assert from "node:assert/strict";
import { allRecords, keepingOf, rebuild, runPhase } from "../../agent/core/mod.ts";
import type { JobRunSpec } from "../../agent/protocol/mod.ts";
import { programOf, programs, specOf } from "./attempts.ts";
import { disagreement } from "./checks.ts";
import { unfinishedRuns } from "./job_checks.ts";
import { gather } from "./scenarios.ts";
import { type SimNode, World } from "./world.ts";

const DAY = 24 * 3_600_000;

/** Most of a day passes in a moment for all, then they run on for a while. */
function days(world: World, count: number): void {
  for (let d = 0; d < count; d++) {
    world.run(5_000);
    world.now += DAY - 30_000;
    world.run(25_000);
  }
}
function submit(world: World, via: SimNode, ...runs: JobRunSpec[]): void {
  const reply = world.submit(via, world.command("job.submit", { runs }));
  assert.ok(reply.ok, reply.ok ? "" : reply.message);
  const ended = () => world.alive().every((n) => n.core!.jobs.runs.size > 0) && !unfinishedRuns(world);
  assert.notEqual(world.until(ended, 60_000), undefined, unfinishedRuns(world) ?? "");
}
const kinds = (node: SimNode) =>
  [...allRecords(node.core!.store)].filter((r) => r.kind === "run" || r.kind === "attempts").length;
const jobsOf = (node: SimNode) =>
  [...node.core!.jobs.runs.values()].map((r) => `${r.spec.job} ${runPhase(node.core!.jobs, r)}`).sort();
const output = (name: string, retentionDays: number) => [
  { path: "/o", name, retention_ms: retentionDays * DAY, when: "success" as const },
];

Deno.test("runs are forgotten a month after their submission, those with something to keep when that need not be kept any more", () => {
  const world = new World(41);
  const nodes = gather(world, 3);
  submit(
    world,
    nodes[0],
    specOf("short"),
    specOf("bad", { program: programOf(programs.bad), retry: { max: 2, on: ["failure"], backoff_ms: 100 } }),
  );
  submit(world, nodes[1], specOf("long", { outputs: output("o", 45) }));
  const [before] = [...nodes[0].core!.jobs.runs.values()];
  assert.ok(world.submit(nodes[2], world.command("job.cancel", { run: before.id })).ok === false);
  days(world, 29);
  for (const node of nodes) {
    assert.deepEqual(jobsOf(node), ["bad failed", "long succeeded", "short succeeded"]);
  }
  days(world, 3);
  for (const node of nodes) {
    assert.deepEqual(jobsOf(node), ["long succeeded"], `${node.name}`);
    assert.equal(kinds(node), 2);
    assert.ok(nodes.some((n) => keepingOf(n.core!, world.now).blobs.includes("a".repeat(64))));
  }
  days(world, 15);
  for (const node of nodes) {
    assert.deepEqual(jobsOf(node), []);
    assert.equal(kinds(node), 0);
    assert.equal(node.core!.jobs.early.size, 0);
    assert.equal(node.core!.jobs.submissions.size, 0);
    assert.deepEqual(keepingOf(node.core!, world.now).blobs, []);
  }
  assert.equal(disagreement(world), undefined);
});

Deno.test("what a forgotten run left is not kept longer than was wished, though the run is still known", () => {
  const world = new World(42);
  const nodes = gather(world, 3);
  submit(world, nodes[0], specOf("job", { outputs: output("o", 5) }));
  const kept = () => nodes.filter((n) => keepingOf(n.core!, world.now).blobs.includes("a".repeat(64))).length;
  assert.equal(kept(), 2);
  days(world, 6);
  assert.equal(kept(), 0);
  assert.deepEqual(jobsOf(nodes[2]), ["job succeeded"]);
});

Deno.test("a node that was away while runs ended and were forgotten executes none of them again", () => {
  for (const away of [20, 40]) {
    const world = new World(43);
    const nodes = gather(world, 4);
    days(world, 1);
    const runs = Array.from({ length: 20 }, (_, i) => specOf(`job${i}`));
    const reply = world.submit(nodes[0], world.command("job.submit", { runs }));
    assert.ok(reply.ok);
    world.run(300);
    world.crash(nodes[3]);
    assert.notEqual(world.until(() => !unfinishedRuns(world), 60_000), undefined);
    days(world, away);
    const executed = world.ended.size;
    world.start(nodes[3]);
    world.run(120_000);
    assert.equal(world.ended.size, executed, `${away} days`);
    const records = (node: SimNode) => [...allRecords(node.core!.store)].map((r) => r.hash);
    assert.deepEqual(records(nodes[3]), records(nodes[0]), `${away} days`);
    assert.deepEqual(jobsOf(nodes[3]), jobsOf(nodes[0]), `${away} days`);
  }
});

Deno.test("projections of jobs derived anew are those that grew", () => {
  const world = new World(44);
  const [node] = gather(world, 2);
  submit(world, node, specOf("a"), specOf("b", { needs: ["a"] }));
  days(world, 10);
  submit(world, node, specOf("c", { outputs: output("o", 100) }));
  days(world, 22);
  const text = () =>
    JSON.stringify([...node.core!.jobs.runs].map(([id, r]) => [id, r.decision, [...r.statuses.keys()]]));
  const grown = text();
  assert.deepEqual(jobsOf(node), ["c succeeded"]);
  rebuild(node.core!);
  assert.equal(text(), grown);
  assert.equal(node.core!.jobs.early.size, 0);
});
