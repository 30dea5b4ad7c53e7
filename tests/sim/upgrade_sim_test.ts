import assert from "node:assert/strict";
import { currentRollout, lastWord, standingUpgrade } from "../../agent/core/mod.ts";
import type { UpgradeNodeState } from "../../agent/protocol/mod.ts";
import { gather } from "./scenarios.ts";
import { type BadRelease, upgradeTo } from "./upgrades.ts";
import { runUpgradeHistory } from "./upgrade_history.ts";
import { type SimNode, World } from "./world.ts";

/** Seeds of the regular run; `REALM_SIM_SEEDS` for more. */
const SEEDS = Number(Deno.env.get("REALM_SIM_SEEDS") ?? 20);
const VERSION = "1.0.0", OLD = "0.0.0";

const start = (world: World, via: SimNode, body: ReturnType<typeof upgradeTo>): string => {
  const reply = world.submit(via, world.command("upgrade.start", body));
  assert.ok(reply.ok, reply.ok ? "" : reply.message);
  return reply.value.id;
};
const decision = (node: SimNode) => {
  const upgrades = node.core?.upgrades;
  const rollout = upgrades && currentRollout(upgrades);
  return rollout && standingUpgrade(upgrades, rollout.id, () => true)?.value;
};
const stateOf = (by: SimNode, node: SimNode): UpgradeNodeState | undefined =>
  by.core?.upgrades.statuses.get(node.id)?.state;
const versions = (nodes: readonly SimNode[]) => nodes.map((n) => n.version).join(" ");
const changing = (nodes: readonly SimNode[]) =>
  nodes.filter((n) => n.installation.fetching !== undefined || n.installation.trial !== undefined);

Deno.test("a good release: canary first, then batches, never more at once, and an app with two replicas always has one", () => {
  const world = new World(31);
  const nodes = gather(world, 12);
  world.deploy(nodes[1], "web", { replicas: 2 });
  world.run(5_000);
  const canary = nodes[4];
  start(world, nodes[2], upgradeTo(world, VERSION, [canary], { batch: 3 }));
  let most = 0, least = Infinity, proved = false;
  const done = () => {
    most = Math.max(most, changing(nodes).length);
    const serving = nodes.filter((n) => [...n.running.values()].some((r) => r.state === "healthy"));
    least = Math.min(least, serving.length);
    proved ||= canary.installation.ended?.state === "done";
    if (!proved) assert.deepEqual(changing(nodes).filter((n) => n !== canary), []);
    return nodes.every((n) => n.core && decision(n)?.phase === "done");
  };
  const ms = world.until(done, 240_000);
  assert.notEqual(ms, undefined, versions(nodes));
  assert.equal(versions(nodes), Array(12).fill(VERSION).join(" "));
  assert.ok(most > 1 && most <= 3, `${most} nodes changed at once`);
  assert.ok(least >= 1, "no replica was healthy for a moment");
  console.log(`12 nodes in ${ms} virtual ms, ${most} at once at most`);
});

Deno.test("an app with one replica: its replacement is healthy elsewhere before its node restarts, each time, and it never waits for what cannot go", () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const world = new World(130 + seed), nodes = gather(world, 6);
    world.pace = { prepareMs: [20, 400], startMs: [80, 600], endMs: [1, 20] };
    world.deploy(nodes[1], "web", { replicas: 1 });
    world.deploy(nodes[1], "db", { replicas: 1, volumes: ["data"] });
    // There is one node for it: it cannot go elsewhere.
    world.submit(nodes[0], world.command("node.tag", { node: nodes[5].id, tags: ["only"] }));
    world.run(1_000);
    world.deploy(nodes[1], "bound", { replicas: 1, tags: ["only"] });
    world.run(5_000);
    const body = upgradeTo(world, VERSION, [nodes[4]], { batch: 2, drain_ms: 60_000, probation_ms: 2_000 });
    start(world, nodes[2], body);
    const serve = (app: string) =>
      nodes.some((n) => [...n.running.values()].some((r) => r.order.app === app && r.state === "healthy"));
    const longest = new Map<SimNode, number>(), since = new Map<SimNode, number>();
    const done = () => {
      assert.ok(serve("web"), `seed ${seed}: no replica is healthy`);
      for (const n of nodes) {
        if (stateOf(n, n) !== "draining") since.delete(n);
        else {
          since.set(n, since.get(n) ?? world.now);
          longest.set(n, Math.max(longest.get(n) ?? 0, world.now - since.get(n)!));
        }
      }
      return nodes.every((n) => n.core && decision(n)?.phase === "done");
    };
    assert.notEqual(world.until(done, 240_000), undefined, `seed ${seed}: ${versions(nodes)}`);
    for (const [node, ms] of longest) assert.ok(ms < 5_000, `${node.name} drained for ${ms} ms`);
    assert.ok(serve("bound") && serve("db"));
  }
});

for (
  const bad of ["crashes", "crashes_later", "hangs", "cannot_join"] as const satisfies readonly BadRelease[]
) {
  Deno.test(`a release that ${bad.replace("_", " ")} takes the canary alone, which returns; the rollout stops and says why`, () => {
    const world = new World(32);
    const nodes = gather(world, 7);
    const canary = nodes[3];
    world.badReleases.set(VERSION, bad);
    start(world, nodes[0], upgradeTo(world, VERSION, [canary]));
    const stopped = () => nodes.every((n) => n.core && decision(n)?.phase === "stopped");
    const ms = world.until(stopped, 60_000);
    assert.notEqual(ms, undefined);
    assert.deepEqual([...world.ran.get(VERSION)!], [canary.name]);
    world.run(120_000);
    assert.equal(versions(nodes), Array(7).fill(OLD).join(" "));
    assert.deepEqual([...world.ran.get(VERSION)!], [canary.name]);
    assert.match(
      decision(nodes[5])!.reason!,
      new RegExp(`^${canary.name} keeps version 0.0.0: ${bad}`),
    );
    // Nobody takes a file that somebody put into quarantine, until somebody says so.
    const id = currentRollout(nodes[0].core!.upgrades)!.id;
    assert.ok(world.submit(nodes[1], world.command("upgrade.resume", { upgrade: id, retry: false })).ok);
    world.run(60_000);
    assert.deepEqual([...world.ran.get(VERSION)!], [canary.name]);
    assert.equal(decision(nodes[2])!.phase, "done");
  });
}

Deno.test("after a mended cause, resume with retry goes on in spite of the quarantine", () => {
  const world = new World(33);
  const nodes = gather(world, 5);
  world.badReleases.set(VERSION, "cannot_join");
  const id = start(world, nodes[0], upgradeTo(world, VERSION, [nodes[1]]));
  assert.notEqual(world.until(() => decision(nodes[4])?.phase === "stopped", 60_000), undefined);
  world.badReleases.clear();
  world.run(1_000);
  assert.ok(world.submit(nodes[2], world.command("upgrade.resume", { upgrade: id, retry: true })).ok);
  assert.notEqual(
    world.until(() => nodes.every((n) => n.version === VERSION && !n.installation.trial), 120_000),
    undefined,
  );
});

Deno.test("the controller's death does not hold a rollout up, and no node changes twice", () => {
  const world = new World(34);
  const nodes = gather(world, 9);
  start(world, nodes[0], upgradeTo(world, VERSION, [nodes[1]], { batch: 1 }));
  const seen = new Set<string>();
  for (let round = 0; round < 3; round++) {
    const author = () => {
      const { upgrades } = nodes.find((n) => n.core)!.core!;
      const rollout = currentRollout(upgrades);
      return rollout && standingUpgrade(upgrades, rollout.id, () => true)?.author;
    };
    // What nobody else heard of, nobody else can go on with.
    const known = () => nodes.every((n) => !n.core || decision(n) !== undefined);
    assert.notEqual(world.until(known, 5_000), undefined);
    const victim = nodes.find((n) => n.id === author())!;
    seen.add(victim.name);
    world.crash(victim);
    world.run(25_000);
    seen.add(world.nodes.get(author()!)!.name);
    if (!victim.core) world.start(victim);
  }
  assert.ok(seen.size > 1, "the rollout never changed hands");
  const done = () => nodes.every((n) => n.core && n.version === VERSION && stateOf(nodes[2], n) === "done");
  assert.notEqual(world.until(done, 400_000), undefined, versions(nodes));
});

Deno.test("on the side of a partition without the canary nothing changes; a bad release stays at the canary, a good one goes on when it heals", () => {
  for (const bad of [true, false]) {
    const world = new World(35);
    const nodes = gather(world, 8);
    const here = nodes.slice(0, 4), there = nodes.slice(4);
    if (bad) world.badReleases.set(VERSION, "crashes_later");
    start(world, nodes[0], upgradeTo(world, VERSION, [nodes[2]]));
    world.run(100);
    world.partition([here.map((n) => n.id), there.map((n) => n.id)]);
    world.run(100_000);
    assert.equal(versions(there), Array(4).fill(OLD).join(" "));
    if (bad) assert.deepEqual([...world.ran.get(VERSION)!], [nodes[2].name]);
    world.heal();
    const id = currentRollout(nodes[0].core!.upgrades)!.id;
    // The far side waited for its canary in vain and said so; a person lets it go on.
    world.run(30_000);
    if (bad) {
      assert.equal(versions(nodes), Array(8).fill(OLD).join(" "));
      continue;
    }
    if (decision(nodes[0])!.phase === "stopped") {
      assert.ok(world.submit(nodes[0], world.command("upgrade.resume", { upgrade: id, retry: false })).ok);
    }
    assert.notEqual(
      world.until(() => nodes.every((n) => n.version === VERSION), 300_000),
      undefined,
      versions(nodes),
    );
  }
});

Deno.test("a canary that goes away while it downloads goes on when it returns; one that stays away stops the rollout", () => {
  for (const awayMs of [5_000, 100_000]) {
    const world = new World(39);
    const nodes = gather(world, 5);
    const canary = nodes[2];
    start(world, nodes[0], upgradeTo(world, VERSION, [canary]));
    assert.notEqual(world.until(() => stateOf(nodes[0], canary) === "downloading", 5_000), undefined);
    world.crash(canary);
    world.run(awayMs);
    if (awayMs > 60_000) {
      assert.equal(decision(nodes[0])!.phase, "stopped");
      assert.match(decision(nodes[0])!.reason!, /^no canary of linux\/amd64 can be reached \(n2\)/);
      continue;
    }
    world.start(canary);
    const done = () => nodes.every((n) => n.core && decision(n)?.phase === "done");
    assert.notEqual(world.until(done, 200_000), undefined, versions(nodes));
  }
});

Deno.test("a node that is off gets the release when it returns and holds nobody up", () => {
  const world = new World(36);
  const nodes = gather(world, 6);
  const off = nodes[5];
  world.crash(off);
  world.run(10_000);
  start(world, nodes[0], upgradeTo(world, VERSION, [nodes[1]]));
  const rest = nodes.filter((n) => n !== off);
  assert.notEqual(
    world.until(() => rest.every((n) => n.version === VERSION && n.core && !n.installation.trial), 200_000),
    undefined,
  );
  assert.equal(decision(nodes[0])!.phase, "running");
  world.run(3_600_000);
  world.start(off);
  assert.notEqual(
    world.until(() => off.version === VERSION && decision(nodes[0])!.phase === "done", 60_000),
    undefined,
  );
});

Deno.test("what becomes of apps after the last batch stops nothing: an upgrade that is done stays so, one that waits for nodes goes on", () => {
  for (const waits of [false, true]) {
    const world = new World(39);
    const nodes = gather(world, 4);
    const off = nodes[3];
    world.deploy(nodes[0], "web", { replicas: 1 });
    if (waits) world.crash(off);
    world.run(10_000);
    start(world, nodes[0], upgradeTo(world, VERSION, [nodes[1]]));
    const rest = nodes.filter((n) => !waits || n !== off);
    const phase = waits ? "running" : "done";
    assert.notEqual(
      world.until(() =>
        rest.every((n) => n.version === VERSION && n.core && !n.installation.trial) &&
        decision(nodes[0])!.phase === phase, 300_000),
      undefined,
    );
    world.run(1_800_000);
    // A deploy that is under way, and one that never gets well.
    world.badPackages.add("d".repeat(64));
    world.deploy(nodes[0], "sick", { pkg: "d" });
    world.deploy(nodes[0], "web", { replicas: 1, pkg: "b" });
    world.run(600_000);
    assert.equal(decision(nodes[0])!.phase, phase, String(decision(nodes[0])!.reason));
    if (!waits) continue;
    world.start(off);
    assert.notEqual(
      world.until(() => off.version === VERSION && decision(nodes[0])!.phase === "done", 300_000),
      undefined,
      String(decision(nodes[0])!.reason),
    );
  }
});

Deno.test("abort stops a rollout where it is, resume goes on, and a later release takes the place of an aborted one", () => {
  const world = new World(37);
  const nodes = gather(world, 8);
  const id = start(world, nodes[0], upgradeTo(world, VERSION, [nodes[1]], { batch: 1 }));
  const upgraded = () =>
    nodes.filter((n) => n.version === VERSION && n.installation.ended?.state === "done").length;
  assert.notEqual(world.until(() => upgraded() === 2, 200_000), undefined);
  assert.ok(world.submit(nodes[3], world.command("upgrade.abort", { upgrade: id })).ok);
  assert.equal(lastWord(nodes[3].core!.upgrades, id)?.kind, "abort");
  world.run(60_000);
  const stands = upgraded();
  assert.ok(stands <= 3, `${stands} nodes changed`);
  world.run(120_000);
  assert.equal(upgraded(), stands);
  const again = world.submit(nodes[3], world.command("upgrade.abort", { upgrade: id }));
  assert.equal(again.ok ? "" : again.code, "conflict");
  assert.ok(world.submit(nodes[3], world.command("upgrade.resume", { upgrade: id, retry: false })).ok);
  assert.notEqual(world.until(() => upgraded() === stands + 1, 60_000), undefined);
  start(world, nodes[2], upgradeTo(world, "2.0.0", [nodes[6]], { batch: 4 }));
  assert.notEqual(
    world.until(() => nodes.every((n) => n.version === "2.0.0" && !n.installation.trial), 400_000),
    undefined,
    versions(nodes),
  );
});

Deno.test("an app that a batch leaves without replicas stops the rollout; one that was not well before does not", () => {
  const world = new World(38);
  const nodes = gather(world, 5);
  world.badPackages.add("d".repeat(64));
  world.deploy(nodes[0], "sick", { pkg: "d" });
  world.deploy(nodes[0], "web", { replicas: 2 });
  world.run(5_000);
  start(world, nodes[0], upgradeTo(world, VERSION, [nodes[1]]));
  world.run(1_000);
  world.badPackages.add("a".repeat(64));
  world.deploy(nodes[0], "web", { replicas: 2, pkg: "a" });
  for (const n of nodes) for (const r of n.running.values()) if (r.order.app === "web") r.state = "failed";
  assert.notEqual(
    world.until(() => nodes.every((n) => n.core && decision(n)?.phase === "stopped"), 240_000),
    undefined,
    versions(nodes),
  );
  assert.match(decision(nodes[2])!.reason!, /not all replicas of web are healthy/);
});

Deno.test(`${SEEDS} histories of upgrades on 7 nodes with kills, partitions, aborts: one good version on every node, a bad one at the canary alone`, () => {
  let bad = 0, worst = 0, returned = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const outcome = runUpgradeHistory(seed, 7);
    assert.equal(outcome.failure ?? "", "");
    bad += outcome.bad ? 1 : 0;
    returned += outcome.returned;
    worst = Math.max(worst, outcome.healedMs);
  }
  console.log(
    `${bad} of ${SEEDS} releases were bad; ${returned} returns; healed after ${worst} virtual ms at most`,
  );
  assert.ok(bad > 0 && bad < SEEDS && returned > 0, "the histories test too little");
});
