import assert from "node:assert/strict";
import { allRecords } from "../../agent/core/mod.ts";
import { disagreement } from "./checks.ts";
import { unfinishedRuns } from "./job_checks.ts";
import { push, watch } from "./repositories.ts";
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
const kinds = (node: SimNode) =>
  [...allRecords(node.core!.store)].map((r) => r.kind)
    .filter((k) => ["tick", "sight", "run", "attempts"].includes(k ?? ""));

Deno.test("a branch that rests for months runs not again when its run is forgotten; what a trigger left goes when it has ended", () => {
  const world = new World(90);
  const nodes = gather(world, 3);
  push(world, "main");
  const id = watch(world, nodes[0]);
  world.run(15_000);
  for (const branch of ["one", "two", "three"]) {
    push(world, branch);
    world.run(12_000);
  }
  assert.notEqual(world.until(() => !unfinishedRuns(world), 30_000), undefined);
  assert.equal(world.began.size, 3);
  days(world, 40);
  // Of the three the newest is remembered: it says until when was decided.
  for (const node of nodes) assert.equal(node.core!.jobs.schedules.all.get(id)!.ticks.size, 1, node.name);
  assert.equal(world.began.size, 3);
  push(world, "main");
  world.run(15_000);
  assert.equal(world.began.size, 4);
  assert.ok(world.submit(nodes[1], world.command("job.unschedule", { schedule: id })).ok);
  days(world, 75);
  for (const node of nodes) {
    assert.deepEqual(kinds(node), [], node.name);
    assert.equal(node.core!.jobs.schedules.all.size, 0);
    assert.equal(node.core!.jobs.schedules.sights.size, 0);
    assert.equal(node.core!.jobs.schedules.looks.size, 0);
  }
  assert.equal(disagreement(world), undefined);
});
