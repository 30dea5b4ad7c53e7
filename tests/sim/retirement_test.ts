import assert from "node:assert/strict";
import { type Digest, limits, type RealmRecord, sealRecord, toHex } from "../../agent/protocol/mod.ts";
import { allRecords, applyRecord, createCore, retire, storeDigest } from "../../agent/core/mod.ts";
import { disagreement, unfulfilled } from "./checks.ts";
import { gather } from "./scenarios.ts";
import { type SimNode, World } from "./world.ts";

const DAY = 24 * 3_600_000;

/** What is under way ends, most of a day passes in a moment for all (they sleep), then they run on for a while. */
function day(world: World): void {
  world.run(5_000);
  world.now += DAY - 30_000;
  world.run(25_000);
}
function agree(world: World, what: string, apps: readonly string[] = []): void {
  const well = () =>
    disagreement(world) === undefined && apps.every((a) => unfulfilled(world, a) === undefined);
  const took = world.until(well, 60_000);
  assert.notEqual(
    took,
    undefined,
    `${what}: ${disagreement(world) ?? apps.map((a) => unfulfilled(world, a))}`,
  );
}

/** People at work: every kind of wish, most of them superseded some time. */
class Business {
  readonly pins = new Map<Digest, boolean>();
  readonly apps = new Map<string, string>();
  readonly tags = new Map<string, string[]>();
  count = 0;
  constructor(readonly world: World, readonly nodes: readonly SimNode[]) {}

  do(via = this.world.pick(this.world.alive())): void {
    const { world } = this;
    const dice = world.random();
    // Of two commands in one millisecond the ids decide.
    world.run(2);
    this.count++;
    const submit = (reply: { ok: boolean }) => assert.ok(reply.ok, JSON.stringify(reply));
    if (dice < 0.3) {
      const node = world.pick(this.nodes).id, tags = [`t${Math.floor(world.random() * 9)}`];
      submit(world.submit(via, world.command("node.tag", { node, tags })));
      this.tags.set(node, tags);
    } else if (dice < 0.5) {
      const digest = toHex(world.bytesOf(32));
      submit(world.submit(via, world.command("blob.pin", { digest, copies: 1, tags: [], size: 1 })));
      this.pins.set(digest, true);
    } else if (dice < 0.68) {
      const pinned = [...this.pins].filter(([, p]) => p).map(([d]) => d);
      if (pinned.length === 0) return;
      const digest = world.pick(pinned);
      submit(world.submit(via, world.command("blob.unpin", { digest })));
      this.pins.set(digest, false);
    } else if (dice < 0.86) {
      const app = world.pick(["web", "api"]), pkg = world.pick(["a", "b", "c"]);
      submit(world.deploy(via, app, { pkg, replicas: 2 }));
      this.apps.set(app, pkg);
    } else if (dice < 0.93) {
      submit(world.deploy(via, `preview-${this.count}`, { pkg: "a", memoryMb: 1 }));
      this.apps.set(`preview-${this.count}`, "a");
    } else {
      const previews = [...this.apps.keys()].filter((a) =>
        a.startsWith("preview") && via.core!.apps.get(a)?.desired
      );
      if (previews.length === 0) return;
      const app = world.pick(previews);
      submit(world.submit(via, world.command("app.remove", { app, volumes: false })));
      this.apps.delete(app);
    }
  }

  /** What every node must show, however much it has forgotten of how it came to be. */
  check(node: SimNode): void {
    const core = node.core!;
    const pins = [...core.pins].filter(([, { pin }]) => pin).map(([d]) => d).sort();
    assert.deepEqual(pins, [...this.pins].filter(([, p]) => p).map(([d]) => d).sort(), "pins");
    const apps = [...core.apps.values()].filter((a) => a.desired).map((a) =>
      `${a.name} ${a.desired!.revision.spec.package[0]}`
    );
    assert.deepEqual(apps.sort(), [...this.apps].map(([name, pkg]) => `${name} ${pkg}`).sort(), "apps");
    for (const [id, tags] of this.tags) assert.deepEqual(core.tags.get(id)?.tags, tags, "tags");
  }
}
const held = (node: SimNode) => [...node.core!.store.authors.values()].map((log) => log.live.size);
const commandsOf = (node: SimNode) => [...allRecords(node.core!.store)].filter((r) => r.kind === "command");

Deno.test("thousands of commands over months stay within a bound, all nodes agree, and the state is as wished", () => {
  const world = new World(31);
  const nodes = gather(world, 4);
  const business = new Business(world, nodes);
  let most = 0;
  for (let d = 0; d < 100; d++) {
    for (let i = 0; i < 40; i++) business.do();
    day(world);
    most = Math.max(most, ...nodes.flatMap(held));
    if (d % 10 === 9) {
      agree(world, `day ${d}`, ["web", "api"]);
      for (const node of nodes) business.check(node);
    }
  }
  console.log(`${business.count} commands in 100 days, at most ${most} records of one author`);
  // 4 authors: a quarter of two months of last words, and what stands.
  assert.ok(most < 60 * 40 / 4 + business.pins.size && most < business.count / 4, `${most}`);
  const numbers = nodes.map((n) => n.core!.apps.get("web")!.decision!.value.number!);
  assert.ok(numbers[0] > 2 * limits.appHistory && numbers.every((n) => n === numbers[0]), `${numbers}`);
  // Everything ends: only what stands is left.
  for (const [digest, pinned] of business.pins) {
    if (pinned) assert.ok(world.submit(nodes[0], world.command("blob.unpin", { digest })).ok);
    business.pins.set(digest, false);
  }
  for (const app of [...business.apps.keys()].filter((a) => a.startsWith("preview"))) {
    assert.ok(world.submit(nodes[0], world.command("app.remove", { app, volumes: true })).ok);
    business.apps.delete(app);
  }
  for (let d = 0; d < 63; d++) day(world);
  agree(world, "the end", ["web", "api"]);
  for (const node of nodes) {
    business.check(node);
    assert.deepEqual([...node.core!.apps.keys()].sort(), ["api", "web"]);
    assert.equal(node.core!.pins.size, 0);
    assert.ok(
      commandsOf(node).length < 2 * limits.appHistory + 20,
      `${commandsOf(node).length} commands left`,
    );
    assert.equal(node.disk.size, [...allRecords(node.core!.store)].length, "the disk holds what is held");
  }
});

Deno.test("a node that was away for a week gets what it lacks, not everything", () => {
  const world = new World(32);
  const nodes = gather(world, 4);
  const business = new Business(world, nodes);
  for (let d = 0; d < 20; d++) {
    for (let i = 0; i < 40; i++) business.do();
    day(world);
  }
  agree(world, "before", ["web", "api"]);
  const away = nodes[2];
  world.crash(away);
  for (let d = 0; d < 7; d++) {
    for (let i = 0; i < 5; i++) business.do();
    day(world);
  }
  away.synced = 0;
  world.start(away);
  agree(world, "after", ["web", "api"]);
  business.check(away);
  const all = [...allRecords(away.core!.store)].length;
  console.log(`${away.synced} records came by sync, of ${all}`);
  assert.ok(away.synced < all / 3, `${away.synced} of ${all} records`);
});

for (const days of [40, 75]) {
  Deno.test(`a node that was away for ${days} days comes back without bringing back what has ended`, () => {
    const world = new World(33);
    const nodes = gather(world, 4);
    const business = new Business(world, nodes);
    for (let i = 0; i < 100; i++) business.do();
    day(world);
    agree(world, "before", ["web", "api"]);
    const away = nodes[2];
    world.crash(away);
    for (const [digest, pinned] of business.pins) {
      if (pinned) assert.ok(world.submit(nodes[0], world.command("blob.unpin", { digest })).ok);
      business.pins.set(digest, false);
    }
    for (const app of [...business.apps.keys()].filter((a) => a.startsWith("preview"))) {
      assert.ok(world.submit(nodes[0], world.command("app.remove", { app, volumes: true })).ok);
      business.apps.delete(app);
    }
    for (let d = 0; d < days; d++) {
      business.do(nodes[0]);
      day(world);
    }
    world.start(away);
    agree(world, "after", ["web", "api"]);
    world.run(30_000);
    agree(world, "later", ["web", "api"]);
    for (const node of nodes) business.check(node);
  });
}

Deno.test("a whole realm that slept for 75 days goes on with all that it had", () => {
  const world = new World(34);
  const nodes = gather(world, 3);
  const business = new Business(world, nodes);
  for (let i = 0; i < 100; i++) business.do();
  day(world);
  world.run(15 * 60_000);
  agree(world, "before", ["web", "api"]);
  for (const node of nodes) world.crash(node);
  world.now += 75 * DAY;
  for (const node of nodes) world.start(node);
  world.run(90_000);
  agree(world, "after", ["web", "api"]);
  for (const node of nodes) business.check(node);
  for (let d = 0; d < 3; d++) day(world);
  agree(world, "days after", ["web", "api"]);
  for (const node of nodes) business.check(node);
});

for (const others of [0, 1]) {
  Deno.test(`a node that was off for 40 days and meets none of ${others} others goes on: nobody else decides`, () => {
    const world = new World(58 + others);
    const nodes = gather(world, 1 + others), [node] = nodes;
    // Long enough for it to know that it knows what the realm holds.
    world.run(limits.firstSyncMs + 60_000);
    for (const n of nodes) world.crash(n);
    world.now += 40 * DAY;
    world.start(node);
    assert.ok(world.deploy(node, "web", { replicas: 1 }).ok);
    assert.notEqual(world.until(() => node.running.size > 0, 30_000), undefined);
    assert.equal(
      node.core!.returning === undefined,
      others === 0,
      "it waits for those that were here, if there are any",
    );
  });
}

Deno.test("a retired command that a hostile member hands in once more changes nothing", () => {
  for (const age of [20, 45, 90]) {
    const world = new World(35);
    const nodes = gather(world, 3);
    const [good, evil] = nodes;
    const digest = "d".repeat(64);
    const pin = world.command("blob.pin", { digest, copies: 1, tags: [], size: 1 });
    const deploy = world.deploy(good, "gone", { memoryMb: 1 });
    assert.ok(world.submit(good, pin).ok && deploy.ok);
    const again = [...allRecords(good.core!.store)].filter((r) => r.kind === "command").map((r) =>
      sealRecord(
        { author: evil.id, seq: r.at * 1_000, prev: r.at * 1_000 - 1, key: r.key, at: r.at, body: r.body },
        evil.signer,
      )
    );
    world.run(10);
    assert.ok(world.submit(good, world.command("blob.unpin", { digest })).ok);
    assert.ok(world.submit(good, world.command("app.remove", { app: "gone", volumes: true })).ok);
    for (let d = 0; d < age; d++) day(world);
    assert.equal(commandsOf(good).length, age < 30 ? 4 : age < 60 ? 2 : 0, `${age} days`);
    for (const other of nodes) {
      world.event(other, {
        t: "message",
        from: evil.id,
        message: { t: "records", records: again.map((r) => r.wire) },
      });
    }
    const nothing = () =>
      nodes.every((n) =>
        !n.core!.pins.get(digest)?.pin && !n.core!.apps.get("gone")?.desired && n.running.size === 0
      );
    assert.ok(nothing(), `${age} days: at once`);
    world.run(60_000);
    assert.ok(nothing(), `${age} days: later`);
    agree(world, `${age} days`);
    const reply = world.submit(good, pin);
    assert.ok(!reply.ok && (reply.code === "stale_command" || reply.code === "replayed"));
  }
});

Deno.test("a node at its bound of commands says so and loses none", () => {
  const world = new World(36);
  const [node] = gather(world, 1);
  const log = () => node.core!.store.authors.get(node.id)!;
  const digest = "e".repeat(64);
  for (let i = 0; log().live.size < limits.commandsPerAuthor; i++) {
    const tags = [`t${i}`];
    assert.ok(world.submit(node, world.command("blob.pin", { digest, copies: 1, tags, size: 1 })).ok);
  }
  const full = world.submit(node, world.command("blob.unpin", { digest }));
  assert.ok(!full.ok && full.code === "limit_reached");
  for (let d = 0; d < 32; d++) day(world);
  assert.ok(world.submit(node, world.command("blob.unpin", { digest })).ok, "there is room again");
});

Deno.test("what is left does not depend on what came first", () => {
  const world = new World(37);
  const nodes = gather(world, 3);
  const business = new Business(world, nodes);
  for (let i = 0; i < 250; i++) business.do();
  for (let i = 0; i < limits.appHistory; i++) world.deploy(nodes[0], "web", { pkg: "b" });
  agree(world, "business", ["web", "api"]);
  const records = [...allRecords(nodes[0].core!.store)];
  const first = world.now;
  const holding = (order: readonly RealmRecord[], late: boolean) => {
    const { owner: _owner, realm, verifier } = world;
    const core = createCore({ self: nodes[0].id, realm, verifier, signer: nodes[0].signer });
    core.acceptOldUntil = Infinity;
    for (const r of records.filter((r) => r.kind === "member")) applyRecord(core, r, first);
    order.forEach((r, i) => {
      applyRecord(core, r, first + 40 * DAY);
      if (late && i % 97 === 96) retire(core, first + 40 * DAY);
    });
    retire(core, first + 40 * DAY);
    // Anti-entropy brings again what went too early.
    for (const r of order) applyRecord(core, r, first + 40 * DAY);
    retire(core, first + 40 * DAY);
    return storeDigest(core.store);
  };
  const shuffled = () =>
    records.map((r) => [world.random(), r] as const).sort(([a], [b]) => a - b).map(([, r]) => r);
  const expected = holding(records, false);
  for (let i = 0; i < 8; i++) assert.equal(holding(shuffled(), i % 2 === 0), expected);
});
