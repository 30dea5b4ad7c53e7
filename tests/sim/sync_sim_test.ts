/** What it costs that all nodes hold the same: at rest, and while something changes all the time. */
import assert from "node:assert/strict";
import { storeDigest } from "../../agent/core/mod.ts";
import { disagreement } from "./checks.ts";
import { gather } from "./scenarios.ts";
import { calm, World } from "./world.ts";

const NODES = 50;

/** A realm of {@link NODES} that agrees, with its counters at zero. */
function agreeing(seed: number): World {
  const world = new World(seed);
  gather(world, NODES);
  world.until(() => disagreement(world) === undefined, 30_000);
  world.run(10_000);
  world.asked.all = world.asked.far = 0;
  return world;
}

Deno.test("at rest nodes ask their neighbours for what is missing, and seldom one to whom they must connect", () => {
  const world = agreeing(1), minutes = 4;
  world.run(minutes * 60_000);
  const far = world.asked.far / NODES / minutes;
  console.log(
    `${(world.asked.all / NODES / minutes).toFixed(1)} questions a minute and node, ${
      far.toFixed(2)
    } to others`,
  );
  assert.ok(world.asked.all / NODES / minutes >= 5, "they ask all the same");
  assert.ok(far > 0, "no part of the realm is left to itself");
  assert.ok(far <= 0.6, `${far}`);
});

Deno.test("while something changes all the time each node asks twice a second at most, and all agree soon after", () => {
  const world = agreeing(1), seconds = 20;
  // What others know already is still on its way.
  world.weather = { ...calm, minDelayMs: 50, maxDelayMs: 400 };
  for (let i = 0; i < 20 * seconds; i++) {
    const node = world.pick(world.alive());
    world.submit(node, world.command("node.tag", { node: node.id, tags: [`t${i}`] }));
    world.run(50);
  }
  const asked = world.asked.all / NODES / seconds;
  const same = () => new Set(world.alive().map((n) => storeDigest(n.core!.store))).size === 1;
  const took = world.until(same, 10_000);
  console.log(`${asked.toFixed(2)} questions a second and node; all agree ${took} ms after the last change`);
  assert.ok(asked <= 2, `${asked}`);
  assert.ok(took !== undefined && took <= 2_000, `${took}`);
});
