import assert from "node:assert/strict";
import { brisk, calm, sluggish, storm } from "./chance.ts";
import { timing } from "../../agent/protocol/limits.ts";
import { checkSafety, disagreement, unfulfilled } from "./checks.ts";
import { gather } from "./scenarios.ts";
import { stall } from "./stalls.ts";
import { type SimNode, World } from "./world.ts";

/** Seeds of the regular run; `REALM_SIM_SEEDS` for more. */
const SEEDS = Number(Deno.env.get("REALM_SIM_SEEDS") ?? 12);

/** Sides that take over the same apps from each other, so that decisions lose to others while replicas end. */
function trouble(world: World, nodes: readonly SimNode[]): void {
  const dice = world.random(), up = nodes.filter((n) => world.now >= n.stalledUntil);
  if (up.length === 0) return;
  if (dice < 0.25) {
    const half = new Set(nodes.filter(() => world.random() < 0.5).map((n) => n.id));
    world.partition([[...half], nodes.map((n) => n.id).filter((id) => !half.has(id))]);
  } else if (dice < 0.45) world.heal();
  else if (dice < 0.55) stall(world, world.pick(up), 2_000 + world.random() * 6_000);
  else if (dice < 0.85) {
    const app = world.pick(["web", "db"]);
    const volumes = app === "db" ? ["data"] : [];
    world.deploy(world.pick(up), app, { pkg: world.pick(["a", "b", "c"]), replicas: 3, volumes });
  } else world.submit(world.pick(up), world.command("node.drain", { node: world.pick(nodes).id }));
  if (dice > 0.9) {
    for (const { id: node } of nodes) world.submit(world.pick(up), world.command("node.uncordon", { node }));
  }
}

Deno.test(`${SEEDS} histories of orders that change while replicas begin and end: each lives where it was ordered, one writes`, () => {
  let again = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const world = new World(700 + seed);
    const nodes = gather(world, 6);
    world.deploy(nodes[0], "web", { replicas: 3 });
    world.deploy(nodes[0], "db", { replicas: 3, volumes: ["data"] });
    world.run(5_000);
    world.weather = storm;
    world.pace = sluggish;
    for (const end = world.now + 120_000; world.now < end;) {
      trouble(world, nodes);
      for (let i = 0; i < 10; i++) {
        world.run(100 + world.random() * 300);
        assert.deepEqual(checkSafety(world), [], `seed ${seed}`);
      }
    }
    world.weather = calm;
    world.pace = brisk;
    world.heal();
    // The last stall is over, and what follows is later than any command before.
    world.run(8_000);
    for (const { id: node } of nodes) world.submit(nodes[0], world.command("node.uncordon", { node }));
    const well = () =>
      [disagreement(world), unfulfilled(world, "web"), unfulfilled(world, "db")].find((x) => x !== undefined);
    assert.notEqual(world.until(() => well() === undefined, 120_000), undefined, `seed ${seed}: ${well()}`);
    again += world.wantedAgain;
  }
  console.log(`${again} replicas were wanted again while they were ending`);
  assert.ok(again > 0, "the histories never got to where this matters");
});

Deno.test("a node that starts again runs nothing before it has said so: what it then says of replicas stays", () => {
  const world = new World(1), nodes = gather(world, 3), [, node] = nodes;
  world.deploy(nodes[0], "web", { replicas: "all" });
  const well = () => unfulfilled(world, "web") === undefined;
  assert.notEqual(world.until(well, 10_000), undefined);
  world.crash(node);
  world.start(node);
  for (; node.core!.info === undefined; world.run(5)) assert.equal(node.running.size, 0);
  assert.notEqual(world.until(() => node.running.size === 1 && well(), 10_000), undefined);
});

Deno.test("a node that is back before it is missed keeps its replicas however old they are: their time to start counts anew", () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const world = new World(900 + seed), nodes = gather(world, 5);
    world.deploy(nodes[0], "web", { replicas: 1 });
    const well = () => unfulfilled(world, "web") === undefined;
    assert.notEqual(world.until(well, 10_000), undefined);
    const replicas = () => nodes[0].core!.apps.get("web")!.decision!.value.replicas;
    const [replica] = replicas();
    world.run(timing.startDeadlineMs + 1_000);
    world.pace = { prepareMs: [3_000, 4_000], startMs: [3_000, 4_000], endMs: [1, 20] };
    const node = world.nodes.get(replica.node)!;
    world.crash(node);
    world.start(node);
    const anew = () => node.running.get(replica.id)?.state === "healthy" && well();
    assert.notEqual(world.until(anew, 15_000), undefined, `seed ${seed}: ${JSON.stringify(replicas())}`);
    assert.deepEqual(replicas(), [replica], `seed ${seed}`);
  }
});

Deno.test("a replica that has ended and is wanted again is said to begin anew, in the same breath", () => {
  const world = new World(1), nodes = gather(world, 3);
  world.deploy(nodes[0], "web", { replicas: 1 });
  assert.notEqual(world.until(() => unfulfilled(world, "web") === undefined, 10_000), undefined);
  const [{ id, node }] = nodes[0].core!.apps.get("web")!.decision!.value.replicas;
  const core = () => world.nodes.get(node)!.core!.apps.get("web")!.statuses.get(node)!;
  world.event(world.nodes.get(node)!, { t: "gone", replica: id });
  assert.deepEqual([core().get(id)?.state, core().get(id)?.since], ["accepted", world.now]);
  world.submit(nodes[0], world.command("app.remove", { app: "web", volumes: false }));
  assert.notEqual(world.until(() => core().size === 0, 10_000), undefined);
});
