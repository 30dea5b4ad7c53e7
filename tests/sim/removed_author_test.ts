import assert from "node:assert/strict";
import { canonicalJson, type Decision, type RealmRecord, sealRecord } from "../../agent/protocol/mod.ts";
import { disagreement, unfulfilled } from "./checks.ts";
import { gather } from "./scenarios.ts";
import { type SimNode, World } from "./world.ts";

/** A hostile member: its own core is silent, and what it says is made here. */
class Hostile {
  #seq: number;
  constructor(readonly world: World, readonly node: SimNode) {
    world.crash(node);
    this.#seq = world.now * 1_000;
  }
  decision(value: Decision, at = this.world.now): RealmRecord {
    const [prev, seq] = [this.#seq, ++this.#seq];
    const header = { author: this.node.id, seq, prev, key: `decision/${value.app}`, at, body: value };
    return sealRecord(header, this.node.signer);
  }
  /** Hands records on, each to a part of the others, in any order, by way of `from`. */
  tell(records: readonly RealmRecord[], from = this.node): void {
    const { world } = this;
    for (const other of world.alive()) {
      for (const { wire } of records) {
        if (world.random() < 0.4) continue;
        world.at(world.now + world.random() * 300, () =>
          world.event(other, {
            t: "message",
            from: from.id,
            message: { t: "records", records: [wire] },
          }));
      }
    }
  }
}

/** What a hostile node may want of an app: nothing runs, or elsewhere, and the wish counts as failed. */
function evilDecisions(of: Decision, evil: SimNode, epoch: number, now: number): Decision[] {
  const rejected = [{ revision: of.revision, reason: "because", at: now }];
  return [
    { ...of, epoch, step: 2 ** 52, phase: "failed", replicas: [], rejected },
    {
      ...of,
      epoch,
      step: 1,
      phase: "removed",
      replicas: [],
      volumes: [{ slot: 0, node: evil.id }],
      rejected,
    },
    { ...of, epoch, step: 2 ** 51, phase: "steady", over: [evil.id], rejected, replicas: [] },
  ];
}

for (
  const [what, epochOf] of [["2^50", () => 2 ** 50], ["the present time", (now: number) => now]] as const
) {
  Deno.test(`a hostile member that decides with an epoch of ${what} blocks nothing once it is removed`, () => {
    for (let seed = 1; seed <= 20; seed++) {
      const world = new World(seed);
      const nodes = gather(world, 6);
      world.deploy(nodes[0], "web", { replicas: 3 });
      world.deploy(nodes[0], "db", { volumes: ["data"] });
      const well = () =>
        disagreement(world) === undefined && ["web", "db"].every((a) => unfulfilled(world, a) === undefined);
      assert.notEqual(world.until(well, 10_000), undefined);
      const home = nodes.find((n) => n.volumes.size > 0)!;
      const evil = nodes.slice(1).find((n) => n !== home)!;
      const others = nodes.filter((n) => n !== evil);
      const standing = (n: SimNode, app: string) => n.core!.apps.get(app)!.decision!;
      const before = ["web", "db"].map((app) => standing(nodes[0], app).value);
      const hostile = new Hostile(world, evil);
      const records = before.flatMap((d) => evilDecisions(d, evil, epochOf(world.now), world.now))
        .map((d) => hostile.decision(d));
      hostile.tell(records);
      world.run(1_000);
      const removal = world.command("node.remove", { node: evil.id });
      // Some hear of the decision before the removal, some after; those dated later count nowhere.
      const backdated = before.flatMap((d) => evilDecisions(d, evil, epochOf(world.now), world.now))
        .map((d) => hostile.decision(d, world.now));
      const late = before.flatMap((d) => evilDecisions(d, evil, epochOf(world.now), world.now))
        .map((d) => hostile.decision(d, world.now + 200));
      hostile.tell(late);
      assert.ok(world.submit(world.pick(others), removal).ok);
      world.run(world.random() * 200);
      const friend = world.pick(others);
      for (let i = 0; i < 4; i++) {
        hostile.tell([...backdated, ...late], friend);
        world.run(1_000);
      }
      const healed = world.until(well, 60_000);
      assert.notEqual(
        healed,
        undefined,
        `seed ${seed}: ${disagreement(world) ?? unfulfilled(world, "web") ?? unfulfilled(world, "db")}`,
      );
      for (const app of ["web", "db"]) {
        const decisions = new Set(others.map((n) => canonicalJson(standing(n, app))));
        assert.equal(decisions.size, 1, `seed ${seed}: ${app} is decided differently`);
        assert.notEqual(standing(nodes[0], app).author, evil.id, `seed ${seed}: ${app}`);
        assert.equal(standing(nodes[0], app).value.phase, "steady");
      }
      assert.deepEqual(
        others.filter((n) => n.volumes.size > 0).map((n) => n.name),
        [home.name],
        "data moved",
      );
      world.deploy(nodes[0], "web", { replicas: 2, pkg: "b" });
      assert.notEqual(world.until(well, 20_000), undefined, `seed ${seed}: ${unfulfilled(world, "web")}`);
    }
  });
}

Deno.test("the work of a controller that was removed for its age goes on: nothing restarts, volumes stay", () => {
  for (let seed = 1; seed <= 10; seed++) {
    const world = new World(seed);
    const nodes = gather(world, 5);
    world.deploy(nodes[0], "web", { replicas: 3 });
    world.deploy(nodes[0], "db", { volumes: ["data"] });
    const well = () =>
      disagreement(world) === undefined && ["web", "db"].every((a) => unfulfilled(world, a) === undefined);
    assert.notEqual(world.until(well, 10_000), undefined);
    const old = world.nodes.get(nodes[0].core!.apps.get("db")!.decision!.author)!;
    if (old.volumes.size > 0) continue;
    const others = nodes.filter((n) => n !== old);
    const running = others.flatMap((n) => [...n.running.keys()]);
    assert.ok(world.submit(others[0], world.command("node.remove", { node: old.id })).ok);
    world.crash(old);
    assert.notEqual(world.until(well, 10_000), undefined);
    const now = new Set(others.flatMap((n) => [...n.running.keys()]));
    assert.deepEqual(running.filter((id) => !now.has(id)), [], `seed ${seed}`);
  }
});

Deno.test("volumes that only a removed node spoke of stay where they lie, and go when the app goes with them", () => {
  const world = new World(3);
  const nodes = gather(world, 5);
  world.deploy(nodes[0], "db", { volumes: ["data"] });
  const well = () => disagreement(world) === undefined && unfulfilled(world, "db") === undefined;
  assert.notEqual(world.until(well, 10_000), undefined);
  const standing = nodes[0].core!.apps.get("db")!.decision!;
  const evil = world.nodes.get(standing.author)!;
  const home = nodes.find((n) => n.volumes.size > 0)!;
  assert.notEqual(home, evil, "another seed is needed");
  const others = nodes.filter((n) => n !== evil);
  const hostile = new Hostile(world, evil);
  // It alone decided so far, and now says that it has the volume itself.
  const volumes = [{ slot: 0, node: evil.id }];
  const lie = { ...standing.value, step: standing.value.step + 1, replicas: [], volumes };
  const record = hostile.decision({ ...lie, phase: "failed" });
  for (const other of others) {
    world.event(other, { t: "message", from: evil.id, message: { t: "records", records: [record.wire] } });
  }
  assert.ok(world.submit(others[0], world.command("node.remove", { node: evil.id })).ok);
  assert.notEqual(world.until(well, 30_000), undefined, `${unfulfilled(world, "db")}`);
  assert.deepEqual(others.filter((n) => n.volumes.size > 0).map((n) => n.name), [home.name], "data moved");
  const held = () => others.flatMap((n) => [...n.core!.apps.get("db")?.held.keys() ?? []]);
  assert.deepEqual([...new Set(held())], [home.id]);
  world.submit(others[0], world.command("app.remove", { app: "db", volumes: true }));
  assert.notEqual(
    world.until(() => disagreement(world) === undefined && held().length === 0, 30_000),
    undefined,
  );
});
