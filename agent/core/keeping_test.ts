import assert from "node:assert/strict";
import { gather } from "../../tests/sim/scenarios.ts";
import { World } from "../../tests/sim/world.ts";
import { keepingOf } from "./mod.ts";

const digest = "ab".repeat(32);

Deno.test("as many live nodes keep a pinned blob as it has copies, and the next in line steps in for a dead one", () => {
  const world = new World(11);
  const nodes = gather(world, 6);
  assert.ok(world.submit(nodes[0], world.command("blob.pin", { digest, copies: 2, tags: [], size: 1 })).ok);
  world.run(2_000);
  const keepers = () => world.alive().filter((n) => keepingOf(n.core!, world.now).blobs.includes(digest));
  const before = keepers();
  assert.equal(before.length, 2);
  world.crash(before[0]);
  assert.notEqual(world.until(() => keepers().length === 2, 10_000), undefined);
  world.start(before[0]);
  assert.notEqual(
    world.until(() => keepers().length === 2 && keepers().includes(before[0]), 10_000),
    undefined,
  );
  assert.ok(world.submit(nodes[1], world.command("blob.unpin", { digest })).ok);
  assert.notEqual(world.until(() => keepers().length === 0, 10_000), undefined);
});

Deno.test("a pin with a tag is kept by nodes that have it, and a package in use by three", () => {
  const world = new World(12);
  const nodes = gather(world, 7);
  assert.ok(
    world.submit(nodes[0], world.command("blob.pin", { digest, copies: 5, tags: ["edge"], size: 1 })).ok,
  );
  world.deploy(nodes[0], "web", { pkg: "c" });
  world.run(5_000);
  const keepers = nodes.filter((n) => keepingOf(n.core!, world.now).blobs.length > 0);
  assert.deepEqual(
    keepers.map((n) => n.name).sort(),
    nodes.filter((n) => n.tags.includes("edge")).map((n) => n.name).sort(),
  );
  assert.equal(
    nodes.filter((n) => keepingOf(n.core!, world.now).packages.includes("c".repeat(64))).length,
    3,
  );
});
