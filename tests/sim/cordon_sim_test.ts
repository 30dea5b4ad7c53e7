/** Nodes are cordoned, drained and opened again, side by side, while an app is to run on all of them. */
import assert from "node:assert/strict";
import { ordersFor, schedulingOf } from "../../agent/core/mod.ts";
import { disagreement, unfulfilled } from "./checks.ts";
import { gather } from "./scenarios.ts";
import { type SimNode, World } from "./world.ts";

/** Longest that a node waited for the app's replica after it was opened, and that one stayed after a drain began. */
interface Waits {
  readonly openedMs: number;
  readonly drainedMs: number;
}

function rounds(seed: number, slowMs: number): Waits {
  const world = new World(seed);
  const nodes = gather(world, 7);
  world.deploy(nodes[0], "web", { replicas: "all" });
  const here = (node: SimNode) => ordersFor(node.core!).some((o) => o.app === "web");
  assert.notEqual(world.until(() => nodes.every(here), 10_000), undefined, "deployed");
  world.weather = { loss: 0, duplicate: 0, minDelayMs: 1, maxDelayMs: slowMs };
  let openedMs = 0, drainedMs = 0;
  /** One node's life: each step begins a random moment after the one before has come true. */
  const live = (node: SimNode, times: number): void => {
    const order = (kind: "node.cordon" | "node.uncordon" | "node.drain") =>
      world.submit(nodes[0], world.command(kind, { node: node.id }));
    const soon = (then: () => void) => world.at(world.now + world.random() * 3_000, then);
    const when = (done: () => boolean, took: (ms: number) => void, then: () => void) => {
      const start = world.now;
      const look = (): void => {
        took(world.now - start);
        if (done()) then();
        else world.at(world.now + 20, look);
      };
      look();
    };
    soon(() => {
      order("node.cordon");
      // Where messages are slow, a decision that brought it a moment ago may still lose to another controller's.
      const ran = here(node) && slowMs <= 5;
      soon(() => {
        if (ran) assert.ok(here(node), `seed ${seed}: what runs on a cordoned node stays`);
        order("node.uncordon");
        when(() => here(node), (ms) => openedMs = Math.max(openedMs, ms), () =>
          soon(() => {
            order("node.drain");
            when(() => !here(node), (ms) => drainedMs = Math.max(drainedMs, ms), () =>
              soon(() => {
                order("node.uncordon");
                if (times > 1) live(node, times - 1);
              }));
          }));
      });
    });
  };
  for (const node of nodes.slice(3)) live(node, 5);
  world.run(120_000);
  const open = () =>
    nodes.every((n) => schedulingOf(n.core!, n.id) === "open" && here(n)) &&
    disagreement(world) === undefined;
  assert.notEqual(world.until(open, 30_000), undefined, `seed ${seed}: every node is open and runs it`);
  return { openedMs, drainedMs };
}

for (const [slowMs, mostMs] of [[5, 1_500], [400, 4_000]]) {
  Deno.test(`an app on all nodes follows cordons and drains, messages take up to ${slowMs} ms`, () => {
    let openedMs = 0, drainedMs = 0;
    for (let seed = 1; seed <= 5; seed++) {
      const waits = rounds(seed, slowMs);
      openedMs = Math.max(openedMs, waits.openedMs);
      drainedMs = Math.max(drainedMs, waits.drainedMs);
    }
    console.log(`no more than ${openedMs} ms from opened to running, ${drainedMs} ms from drain to gone`);
    assert.ok(openedMs <= mostMs && drainedMs <= mostMs);
  });
}

Deno.test("a drained node's only replica of an app ends when its replacement elsewhere is healthy", () => {
  for (let seed = 1; seed <= 10; seed++) {
    const world = new World(850 + seed), nodes = gather(world, 4);
    world.deploy(nodes[0], "web", { replicas: 1 });
    const well = () => unfulfilled(world, "web") === undefined;
    assert.notEqual(world.until(well, 10_000), undefined);
    const [{ node }] = nodes[0].core!.apps.get("web")!.decision!.value.replicas;
    world.submit(nodes[0], world.command("node.drain", { node }));
    const moved = () => {
      assert.ok(
        nodes.some((n) => [...n.running.values()].some((r) => r.state === "healthy")),
        `seed ${seed}`,
      );
      return well() && world.nodes.get(node)!.running.size === 0;
    };
    assert.notEqual(world.until(moved, 20_000), undefined);
  }
});
