/** A machine that is too slow for what runs on it: nodes get no processor for seconds, all of them, again and again. */
import assert from "node:assert/strict";
import { nodeState } from "../../agent/core/mod.ts";
import { disagreement } from "./checks.ts";
import { gather } from "./scenarios.ts";
import { overload } from "./stalls.ts";
import { type SimNode, World } from "./world.ts";

/** Living nodes that some node holds for dead. */
const accused = (nodes: readonly SimNode[]): number =>
  nodes.filter((of) => of.core && nodes.some((by) => by.core && nodeState(by.core, of.id) === "unreachable"))
    .length;

for (
  const { mostMs, mean, noticedMs } of [{ mostMs: 2_000, mean: 0, noticedMs: 10_000 }, {
    mostMs: 4_000,
    mean: 0.1,
    noticedMs: 15_000,
  }]
) {
  Deno.test(`nodes of a machine that stalls for up to ${mostMs} ms hold the living for alive and find the dead`, () => {
    let worst = 0, sum = 0, looks = 0;
    const took: number[] = [];
    for (const seed of [1, 2, 3]) {
      const world = new World(seed);
      const nodes = gather(world, 50);
      world.until(() => disagreement(world) === undefined, 30_000);
      overload(world, nodes, mostMs, 120_000);
      for (let second = 0; second < 60; second++) {
        world.run(1_000);
        const now = accused(nodes);
        [worst, sum, looks] = [Math.max(worst, now), sum + now, looks + 1];
      }
      const dead = nodes[seed * 7];
      world.crash(dead);
      const known = () => world.alive().every((n) => nodeState(n.core!, dead.id) === "unreachable");
      took.push(world.until(known, 60_000) ?? Infinity);
    }
    const average = sum / looks;
    console.log(
      `stalls up to ${mostMs} ms: called dead ${average.toFixed(2)} of 50 on average, ${worst} at worst; ` +
        `a dead one known after ${took.join(", ")} ms`,
    );
    assert.ok(average <= mean, `${average}`);
    assert.ok(took.every((ms) => ms <= noticedMs), `${took}`);
  });
}
