import assert from "node:assert/strict";
import { seeded } from "../../tests/content.ts";
import { createFaultyDisk, type FaultyDisk } from "../../tests/faulty_disk.ts";
import { type AppCommand, createApp, settleApp } from "../core/mod.ts";
import { listVolumes, recoverVolumes } from "../packages/mod.ts";
import { createHasher } from "../platform/mod.ts";
import { VolumeRemovals } from "./volumes.ts";

const SELF = "me", APP = "shop", DATA = "/data", VOLUMES = ["orders", "stock"];

/** A node whose disk has two volumes of an app; its process starts anew with each {@link start}. */
class Node {
  readonly app = createApp(APP);
  readonly errors: string[] = [];
  readonly #meta = new Map<string, string>();
  running = false;
  disk: FaultyDisk = createFaultyDisk();
  removals: VolumeRemovals = this.start();

  start(): VolumeRemovals {
    return this.removals = new VolumeRemovals({
      core: { apps: new Map([[APP, this.app]]), config: { self: SELF } },
      database: {
        meta: (name) => this.#meta.get(name),
        setMeta: (name, value) => void this.#meta.set(name, value),
      },
      world: this.world,
      dataDir: DATA,
      log: { error: (_, fields) => this.errors.push(String(fields?.error)) },
      runs: () => this.running,
    });
  }

  get world() {
    return { disk: this.disk, hasher: createHasher() };
  }

  async write(): Promise<void> {
    for (const volume of VOLUMES) {
      const directory = `${DATA}/state/components/${APP}/${volume}`;
      await this.disk.makeDirectory(directory);
      await this.disk.writeAtomic(`${directory}/rows`, new Uint8Array(10));
    }
  }

  volumes(): Promise<readonly string[]> {
    return listVolumes(this.world, DATA, APP);
  }

  /** A wish of the owner, told to the node. */
  wish(id: string, at: number, kind: "app.deploy" | "app.remove", volumes = true): void {
    const spec = { volumes: VOLUMES };
    const body = kind === "app.remove" ? { app: APP, volumes } : { app: APP, spec, replicas: 1, tags: [] };
    this.app.commands.set(id, { id, at, by: "owner", kind, body } as unknown as AppCommand);
    settleApp(this.app);
    this.removals.changed();
  }

  /** What the node says of its volumes: opened last by this deploy. */
  open(revision: string): void {
    this.app.held.set(SELF, [{ slot: 0, revision }]);
  }

  /** All that goes on in this memory disk has gone on as far as it can. */
  turn(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve));
  }

  /** Everything that was begun has ended. */
  rest(): Promise<void> {
    return this.removals.settle(APP);
  }
}

/** A node that ran the app of one deploy and has its data. */
async function withData(): Promise<Node> {
  const node = new Node();
  node.wish("one", 1, "app.deploy");
  node.open("one");
  await node.write();
  return node;
}

Deno.test("volumes stay when their app is removed, and go when that is wished, after the last replica", async () => {
  const node = await withData();
  node.wish("gone", 2, "app.remove", false);
  await node.rest();
  assert.deepEqual(await node.volumes(), VOLUMES);
  node.wish("two", 3, "app.deploy");
  node.running = true;
  node.wish("all", 4, "app.remove");
  await node.turn();
  assert.deepEqual(await node.volumes(), VOLUMES, "something runs still");
  node.running = false;
  node.removals.changed();
  await node.rest();
  assert.deepEqual(await node.volumes(), []);
});

Deno.test("a node that is killed at any step of removing volumes ends it at its next start", async () => {
  for (let step = 1;; step++) {
    const node = await withData();
    node.disk.failAt(node.disk.changes + step, "power");
    node.wish("all", 2, "app.remove");
    const ended = await node.rest().then(() => true, () => false);
    if (ended) {
      assert.ok(step > VOLUMES.length, `${step} steps`);
      break;
    }
    node.disk = node.disk.afterPowerCut(seeded(step));
    await recoverVolumes(node.world, DATA);
    node.start().changed();
    await node.rest();
    assert.deepEqual(await node.volumes(), [], `killed at change ${step}`);
  }
});

Deno.test("what could not be removed is told, and tried again", async () => {
  const node = await withData();
  node.disk.failAt(node.disk.changes + 1, "disk");
  node.wish("all", 2, "app.remove");
  await node.rest().catch(() => {});
  await Promise.resolve();
  assert.equal(node.errors.length, 1);
  node.removals.changed();
  await node.rest();
  assert.deepEqual(await node.volumes(), []);
});

Deno.test("a node that hears at once of the removal and of the next deploy opens no old data, and then keeps the new", async () => {
  const node = await withData();
  node.app.commands.set(
    "all",
    { id: "all", at: 2, kind: "app.remove", body: { app: APP, volumes: true } } as AppCommand,
  );
  node.running = true;
  node.wish("two", 3, "app.deploy");
  await node.turn();
  assert.deepEqual(await node.volumes(), VOLUMES, "its old replica may use them still");
  // The new replica says that it starts, and the node is killed before it has opened anything.
  node.open("two");
  node.start().changed();
  await node.removals.settle(APP);
  assert.deepEqual(await node.volumes(), []);
  await node.write();
  node.running = false;
  node.start().changed();
  await node.rest();
  assert.deepEqual(await node.volumes(), VOLUMES);
});

Deno.test("a wish that comes late, older than the deploy that uses the volumes, takes nothing from it", async () => {
  const node = await withData();
  node.wish("two", 5, "app.deploy");
  node.open("two");
  node.wish("all", 3, "app.remove");
  await node.rest();
  node.start().changed();
  await node.rest();
  assert.deepEqual(await node.volumes(), VOLUMES);
});
