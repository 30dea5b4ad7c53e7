import assert from "node:assert/strict";
import { decideApp, factsFor, keepingOf, reservedMb } from "../../agent/core/mod.ts";
import type { DeployWish, JobRunSpec } from "../../agent/protocol/mod.ts";
import { specOf } from "./attempts.ts";
import { disagreement, unfulfilled } from "./checks.ts";
import { push, REPOSITORY } from "./repositories.ts";
import { gather } from "./scenarios.ts";
import { calm, storm, World } from "./world.ts";

const SEEDS = Number(Deno.env.get("REALM_SIM_SEEDS") ?? 12);

/** A service as `realm job submit` deploys it; `mark` makes versions of it. */
function service(
  mark: string,
  replicas: number,
  run: Partial<JobRunSpec> = {},
  app = "api",
): DeployWish {
  return {
    app,
    spec: {
      package: mark.repeat(64),
      version: mark,
      kind: "service",
      memory_mb: 64,
      routes: [app],
      volumes: [],
      bytes: 1,
      service: {
        run: specOf("api", run),
        ports: [{ name: "http", port: 8080 }],
        health: { interval_ms: 500, timeout_ms: 500, failures: 3, start_ms: 5_000 },
        restart: { backoff_ms: 100, max_backoff_ms: 1_000 },
        stop: { signal: "SIGTERM", grace_ms: 1_000 },
      },
    },
    replicas,
    tags: [],
    strategy: "rolling",
  };
}

Deno.test(`${SEEDS} histories of kills and partitions: a service is kept at its replicas, and replaced by its next version`, () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const world = new World(400 + seed);
    const nodes = gather(world, 6);
    world.submit(nodes[0], world.command("app.deploy", service("1", 3)));
    world.run(3_000);
    world.weather = storm;
    for (const end = world.now + 40_000; world.now < end;) {
      world.run(500 + world.random() * 2_000);
      const up = world.alive(), dice = world.random();
      if (dice < 0.25 && up.length > 3) world.crash(world.pick(up));
      else if (dice < 0.5) {
        const down = nodes.filter((n) => !n.core);
        if (down.length > 0) world.start(world.pick(down));
      } else if (dice < 0.6) {
        const half = new Set(up.filter(() => world.random() < 0.4).map((n) => n.id));
        world.partition([[...half], nodes.map((n) => n.id).filter((id) => !half.has(id))]);
      } else if (dice < 0.8) world.heal();
      else if (dice < 0.85) world.submit(world.pick(up), world.command("app.deploy", service("2", 3)));
    }
    world.weather = calm;
    world.heal();
    // Half of the machines stay dead: the others have it all.
    const alive = world.alive().length >= 3 ? world.alive() : nodes.slice(0, 3);
    for (const node of alive) if (!node.core) world.start(node);
    const well = () => disagreement(world) === undefined && unfulfilled(world, "api") === undefined;
    assert.notEqual(
      world.until(well, 120_000),
      undefined,
      `seed ${seed}: ${unfulfilled(world, "api") ?? disagreement(world)}`,
    );
    const decision = world.alive()[0].core!.apps.get("api")!.decision!.value;
    assert.equal(decision.replicas.length, 3, `seed ${seed}`);
  }
});

Deno.test("a service runs where its platform, nodes and policy let it, and says of the others why not", () => {
  const world = new World(450);
  const nodes = gather(world, 4);
  const only = [nodes[1].id, nodes[2].id];
  world.submit(nodes[0], world.command("app.deploy", service("1", 2, { node_ids: only })));
  assert.notEqual(world.until(() => unfulfilled(world, "api") === undefined, 30_000), undefined);
  const { replicas } = nodes[3].core!.apps.get("api")!.decision!.value;
  assert.deepEqual(replicas.map((r) => r.node).sort(), only.sort());
  // Its program is kept in several copies, as a package is.
  const keeping = nodes.filter((n) => keepingOf(n.core!, world.now).blobs.includes("0".repeat(64)));
  assert.equal(keeping.length, 3);
  const native: Partial<JobRunSpec> = {
    runtime: "native",
    program: undefined,
    platform: "darwin/arm64",
    native: {
      steps: [{ argv: ["/bin/x"], go_on: false }],
      pids: 1,
      network: "none",
      read: [],
      minimum: "floor",
    },
  };
  world.submit(nodes[0], world.command("app.deploy", service("3", 1, native, "mac")));
  world.run(3_000);
  const core = nodes[0].core!;
  const { wants: [want] } = decideApp(factsFor(core, core.apps.get("mac")!, world.now));
  assert.equal(want.placement.ranked.length, 0);
  for (const { reasons } of want.placement.verdicts) {
    assert.match(
      reasons.join("; "),
      /no native runtime.*is linux\/amd64, not darwin\/arm64; .*allow_native_execution = false/,
    );
  }
});

Deno.test(`${SEEDS} histories: what ended by itself and is not to be started again stays ended, whatever becomes of its node; the next version runs`, () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const world = new World(500 + seed);
    const nodes = gather(world, 5);
    world.endingPackages.add("e".repeat(64));
    const wish = service("e", 2);
    wish.spec.service!.restart.policy = "on-failure";
    world.submit(nodes[0], world.command("app.deploy", wish));
    const stateAt = (node = world.alive()[0]) => node.core!.apps.get("api")!.decision?.value;
    const allEnded = () =>
      stateAt()?.phase === "steady" && stateAt()!.replicas.length === 2 &&
      stateAt()!.replicas.every((r) => r.ended) && disagreement(world) === undefined;
    assert.notEqual(world.until(allEnded, 60_000), undefined, `seed ${seed}: all ended`);
    const before = stateAt()!.replicas;
    // Nothing runs of it, and nothing is held for it.
    for (const node of world.alive()) {
      assert.deepEqual([...node.running.keys()], [], `seed ${seed}`);
      assert.equal(reservedMb(node.core!).get(node.id) ?? 0, 0, `seed ${seed}`);
    }
    // Its node dies, another is drained and a third removed: that is no reason to start it.
    const [first, second] = before.map((r) => world.nodes.get(r.node)!);
    world.crash(first);
    const by = world.alive().find((n) => n !== second)!;
    world.submit(by, world.command("node.drain", { node: second.id }));
    world.run(20_000);
    world.submit(by, world.command("node.remove", { node: first.id }));
    world.run(60_000);
    assert.deepEqual(stateAt(by)!.replicas, before, `seed ${seed}: it was started again`);
    assert.equal(world.endedReplicas.size, 2, `seed ${seed}`);
    // One more is wished: that one runs, and ends too.
    world.submit(by, world.command("app.scale", { app: "api", replicas: 3 }));
    assert.notEqual(
      world.until(() => stateAt(by)!.replicas.filter((r) => r.ended).length === 3, 60_000),
      undefined,
      `seed ${seed}: the third`,
    );
    world.submit(by, world.command("app.deploy", service("1", 3)));
    const well = () =>
      unfulfilled(world, "api") === undefined && stateAt(by)!.replicas.every((r) => !r.ended);
    assert.notEqual(world.until(well, 60_000), undefined, `seed ${seed}: ${unfulfilled(world, "api")}`);
    assert.ok(stateAt(by)!.replicas.every((r) => r.node !== second.id), `seed ${seed}`);
  }
});

Deno.test(`${SEEDS} histories: all replicas of a deploy take the same commits, whenever and wherever they are made, and so does a return to it`, () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const world = new World(600 + seed);
    const nodes = gather(world, 6);
    const input = { from: "git", url: REPOSITORY, depth: 1, submodules: false, mount: "/src" } as const;
    const wish = (mark: string) => ({ ...service(mark, 5, { inputs: [input] }), strategy: "all" as const });
    // The branch moves all the time.
    let pushed = push(world);
    const moving = () => {
      pushed = push(world);
      world.at(world.now + 200, moving);
    };
    moving();
    world.run(1_000);
    const first = world.command("app.deploy", wish("1"));
    assert.ok(world.submit(nodes[0], first).ok);
    const decision = () => world.alive()[0].core!.apps.get("api")!.decision!.value;
    const taken = () =>
      world.alive().flatMap((n) => [...n.running.values()]).flatMap((f) => f.commits?.["/src"] ?? []);
    const steady = () =>
      unfulfilled(world, "api") === undefined && disagreement(world) === undefined &&
      decision().replicas.length === 5;
    assert.notEqual(world.until(steady, 60_000), undefined, `seed ${seed}: ${unfulfilled(world, "api")}`);
    const [one] = taken();
    assert.deepEqual(taken(), Array(5).fill(one), `seed ${seed}`);
    assert.notEqual(one, pushed);
    // Nodes come and go in bad weather: whatever is made anew takes that commit too.
    world.weather = storm;
    for (let round = 0; round < 6; round++) {
      const up = world.alive();
      if (up.length > 3) world.crash(world.pick(up));
      world.run(5_000);
      for (const node of nodes) if (!node.core && world.random() < 0.5) world.start(node);
    }
    world.weather = calm;
    for (const node of nodes) if (!node.core) world.start(node);
    assert.notEqual(world.until(steady, 120_000), undefined, `seed ${seed}: ${unfulfilled(world, "api")}`);
    assert.deepEqual(taken(), Array(5).fill(one), `seed ${seed}`);
    const [by] = world.alive();
    assert.ok(world.submit(by, world.command("app.deploy", wish("2"))).ok);
    const next = () => steady() && taken().every((c) => c !== one);
    assert.notEqual(world.until(next, 60_000), undefined, `seed ${seed}: ${taken()}`);
    assert.equal(new Set(taken()).size, 1, `seed ${seed}`);
    const [origin] = by.core!.apps.get("api")!.revisions;
    assert.ok(world.submit(by, world.command("app.rollback", { app: "api", revision: origin.id })).ok);
    const back = () => steady() && taken().every((c) => c === one);
    assert.notEqual(world.until(back, 60_000), undefined, `seed ${seed}: ${taken()}`);
  }
});
