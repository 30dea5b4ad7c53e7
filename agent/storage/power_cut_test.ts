import assert from "node:assert/strict";
import { bytesOf, noise, seeded, sha256, silentLog, streamOf } from "../../tests/content.ts";
import { createFaultyDisk, type FaultyDisk } from "../../tests/faulty_disk.ts";
import { createHasher } from "../platform/hash.ts";
import type { BlobStore } from "./mod.ts";
import { openBlobStore } from "./mod.ts";

const MB = 1 << 20;
const SEEDS = 60;

const open = (disk: FaultyDisk): Promise<BlobStore> =>
  openBlobStore({
    disk,
    hasher: createHasher(),
    directory: "/blobs",
    now: () => 1_000,
    log: silentLog,
    quotaBytes: () => 2 ** 30,
  });

const base = noise(3 * MB, 77);
function contentOf(seed: number): Uint8Array {
  if (seed % 2 === 0) return noise(500 + seed, seed);
  const content = base.slice(0, 2 * MB + seed * 1000);
  content[(seed * 7919) % content.length] ^= 0xff;
  return content;
}
const contents = Array.from({ length: 8 }, (_, i) => contentOf(i));
const byDigest = new Map(contents.map((c) => [sha256(c), c]));
const digests = [...byDigest.keys()];

/** Writes and removes at random until the disk fails; reports what is surely stored and surely removed. */
async function work(
  store: BlobStore,
  random: () => number,
  stored: Set<string>,
  removed: Set<string>,
): Promise<void> {
  for (let step = 0; step < 12; step++) {
    const digest = digests[Math.floor(random() * digests.length)];
    if (random() < 0.7) {
      removed.delete(digest);
      await store.write(streamOf(byDigest.get(digest)!));
      stored.add(digest);
    } else {
      stored.delete(digest);
      await store.remove(digest);
      removed.add(digest);
    }
  }
}

Deno.test(`after a power cut at any point, nothing wrong is served and nothing stored is lost (${SEEDS} seeds)`, async () => {
  let cuts = 0, lateStarts = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const random = seeded(seed), stored = new Set<string>(), removed = new Set<string>();
    let disk = createFaultyDisk();
    try {
      // Twice in a row: the second cut may come during recovery from the first.
      for (let life = 0; life < 2; life++) {
        disk.failAt(Math.floor(random() * (life === 0 ? 250 : 60)), "power");
        try {
          const store = await open(disk);
          await work(store, random, stored, removed);
        } catch (error) {
          assert.equal((error as { code?: string }).code, "disk", String(error));
          cuts++;
          if (life === 1) lateStarts++;
        }
        disk = disk.afterPowerCut(random);
      }
      const store = await open(disk);
      await store.usage();
      for (const digest of digests) {
        const has = await store.has(digest);
        if (stored.has(digest)) assert.ok(has, `${digest} was stored and is lost`);
        if (removed.has(digest)) assert.ok(!has, `${digest} was removed and is back`);
        if (has) assert.deepEqual(sha256(await bytesOf(store.read(digest))), digest);
      }
      // It works on, and everything can be removed down to the last byte.
      for (const content of contents) await store.write(streamOf(content));
      await store.collect({ remove: digests, dropPartials: true });
      await store[Symbol.asyncDispose]();
      assert.equal((await store.usage()).chunks, 0);
      const left = disk.files().filter((f) => !f.includes("/damaged/"));
      assert.deepEqual(left, []);
    } catch (error) {
      throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : error}`, { cause: error });
    }
  }
  assert.ok(cuts > SEEDS / 2 && lateStarts > 10, `only ${cuts} cuts, ${lateStarts} in the second life`);
});
