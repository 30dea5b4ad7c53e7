/** A controller that lost its disk: it does not decide again what it had decided, since it knows nothing of it yet. */
import assert from "node:assert/strict";
import { storeDigest } from "../../agent/core/mod.ts";
import { unfulfilled } from "./checks.ts";
import { gather } from "./scenarios.ts";
import { World } from "./world.ts";

const decisionOf = (world: World, author: string) => world.nodes.get(author)!.core!.apps.get("web")?.decision;

Deno.test("a controller that lost its disk decides nothing before a member told it what there is", () => {
  const world = new World(91);
  const nodes = gather(world, 4);
  world.deploy(nodes[0], "web", { pkg: "a", replicas: 2 });
  assert.notEqual(world.until(() => unfulfilled(world, "web") === undefined, 10_000), undefined);
  const { author } = decisionOf(world, nodes[0].id)!;
  const controller = world.nodes.get(author)!;
  const before = new Set([...decisionOf(world, author)!.value.replicas].map((r) => r.id));
  const other = nodes.find((n) => n !== controller)!;

  // It hears what is new by gossip, and nothing of what there was.
  world.loses = (message) => message.t === "have";
  world.crash(controller, true);
  world.start(controller);
  assert.notEqual(world.until(() => controller.core!.members.admitted.size === 4, 10_000), undefined);
  world.deploy(other, "web", { pkg: "b", replicas: 2 });
  world.run(5_000);
  assert.notEqual(controller.core!.apps.get("web"), undefined, "it knows the app");
  const meanwhile = other.core!.apps.get("web")!.decision!;
  assert.deepEqual(new Set(meanwhile.value.replicas.map((r) => r.id)), before, "what stood stands");

  world.loses = () => false;
  assert.notEqual(world.until(() => unfulfilled(world, "web") === undefined, 15_000), undefined);
  assert.ok(
    decisionOf(world, other.id)!.value.replicas.every((r) => !before.has(r.id)),
    "the new version runs",
  );
  assert.equal(new Set(nodes.map((n) => storeDigest(n.core!.store))).size, 1);
});

Deno.test("one that nobody tells anything decides after a while all the same", () => {
  const world = new World(92);
  const nodes = gather(world, 3);
  world.deploy(nodes[0], "web", { pkg: "a", replicas: 1 });
  assert.notEqual(world.until(() => unfulfilled(world, "web") === undefined, 10_000), undefined);
  const [first, ...others] = nodes;
  for (const node of others) world.crash(node);
  world.run(10_000);
  world.crash(first, true);
  world.start(others[0]);
  world.start(first);
  assert.notEqual(world.until(() => first.core!.members.admitted.size === 3, 10_000), undefined);
  world.crash(others[0]);
  world.deploy(first, "web", { pkg: "b", replicas: 1 });
  assert.notEqual(world.until(() => first.running.size > 0, 60_000), undefined);
});
