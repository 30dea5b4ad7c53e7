/** A node that has just started says that there is no such thing only when it can know. */
import assert from "node:assert/strict";
import { isCatchingUp } from "../../agent/core/mod.ts";
import { limits } from "../../agent/protocol/limits.ts";
import { gather } from "./scenarios.ts";
import { type SimNode, World } from "./world.ts";

const SEEDS = Number(Deno.env.get("REALM_SIM_SEEDS") ?? 10);
const unsure = (world: World, node: SimNode) => isCatchingUp(node.core!, world.now);

/** A realm of which one node was away while an app was deployed, just as it starts again. */
function back(seed: number, size: number, before: (world: World) => void = () => {}) {
  const world = new World(seed);
  const nodes = gather(world, size), node = nodes[1];
  world.run(2_000);
  world.crash(node);
  world.run(10_000);
  const reply = world.deploy(nodes[0], "late");
  assert.ok(reply.ok, reply.ok ? "" : reply.message);
  world.run(5_000);
  before(world);
  world.start(node);
  return { world, node, nodes };
}

Deno.test("a node that was away is unsure until it knows what happened, and then at once no more", () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    for (const size of [2, 3, 12]) {
      const { world, node } = back(2_000 + seed, size);
      assert.ok(unsure(world, node), `seed ${seed}: sure before anybody spoke`);
      const sure = () => {
        const known = node.core!.apps.has("late");
        if (!unsure(world, node)) assert.ok(known, `seed ${seed}, ${size} nodes: sure, and wrong`);
        return !unsure(world, node);
      };
      const took = world.until(sure, limits.unsureMs);
      assert.ok(took !== undefined && took <= 2_000, `seed ${seed}, ${size} nodes: unsure for ${took} ms`);
    }
  }
});

Deno.test("with messages lost it is unsure for longer, never wrong", () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { world, node } = back(2_100 + seed, 4, (w) => w.weather = { ...w.weather, loss: 0.2 });
    const started = world.now;
    world.until(() => {
      if (!unsure(world, node) && world.now - started < limits.unsureMs) {
        assert.ok(node.core!.apps.has("late"), `seed ${seed}: sure, and wrong`);
      }
      return false;
    }, limits.unsureMs);
    assert.ok(!unsure(world, node));
  }
});

Deno.test("a node that nobody speaks to is held up for a bounded time, one that is alone not at all", () => {
  const { world, node } = back(2_200, 3, (w) => w.side.set([...w.nodes.keys()][1], 1));
  const took = world.until(() => !unsure(world, node), 60_000);
  assert.ok(
    took !== undefined && took > limits.unsureMs - 200 && took <= limits.unsureMs + 100,
    `${took} ms`,
  );

  const alone = new World(2_201), first = alone.found();
  assert.ok(!unsure(alone, first));
  alone.run(1_000);
  alone.crash(first);
  alone.start(first);
  assert.ok(!unsure(alone, first));
});

Deno.test("members that were removed are waited for by nobody", () => {
  const world = new World(2_300), nodes = gather(world, 2);
  world.run(2_000);
  world.crash(nodes[1]);
  const reply = world.submit(nodes[0], world.command("node.remove", { node: nodes[1].id }));
  assert.ok(reply.ok, reply.ok ? "" : reply.message);
  world.crash(nodes[0]);
  world.start(nodes[0]);
  assert.ok(!unsure(world, nodes[0]));
});
