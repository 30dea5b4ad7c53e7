import assert from "node:assert/strict";
import { bytesOf, eventually, noise, seeded, sha256, silentLog, streamOf } from "../../tests/content.ts";
import { createFaultyDisk, type FaultyDisk } from "../../tests/faulty_disk.ts";
import { createHasher } from "../platform/hash.ts";
import type { Disk } from "../ports.ts";
import { limits } from "../protocol/limits.ts";
import { type BlobStoreOptions, openBlobStore } from "./mod.ts";

const MB = 1 << 20;
const content = noise(9 * MB + 17, 3), digest = sha256(content);

const storeOn = (disk: Disk, options: Partial<BlobStoreOptions> = {}) =>
  openBlobStore({
    disk,
    hasher: createHasher(),
    directory: "/blobs",
    now: () => 1_000,
    log: silentLog,
    quotaBytes: () => 2 ** 30,
    ...options,
  });

/** The content from `offset` on, cut off after byte `until` by a broken connection. */
function brokenAt(until: number, offset = 0, of = content): ReadableStream<Uint8Array> {
  let at = offset;
  return new ReadableStream({
    pull(c) {
      if (at >= until) return c.error(new Error("connection lost"));
      c.enqueue(of.slice(at, at = Math.min(until, at + 65_536)));
    },
  }, { highWaterMark: 0 });
}
/** The content up to `until`, and then nothing, without an end. */
function silentAt(until: number): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(c) {
      if (at < until) c.enqueue(content.slice(at, at = Math.min(until, at + 65_536)));
      else return new Promise(() => {});
    },
  }, { highWaterMark: 0 });
}
const rest = (offset: number) => streamOf(content.subarray(offset));

Deno.test("an upload goes on where its last whole chunk ended, at any number of breaks and restarts", async () => {
  const disk = createFaultyDisk();
  let store = await storeOn(disk), sent = 0;
  for (const until of [3 * MB, 3 * MB + 5, 6 * MB, 8 * MB + 1]) {
    const { offset, whole, busy } = await store.uploads.state(digest);
    assert.deepEqual([whole, busy], [false, false]);
    assert.ok(sent - offset <= limits.chunkMaxBytes, `${sent} bytes were sent, ${offset} are kept`);
    await assert.rejects(store.uploads.write(digest, offset, brokenAt(until, offset)), /connection lost/);
    sent = until;
    if (until === 6 * MB) {
      await store[Symbol.asyncDispose]();
      store = await storeOn(disk);
    }
  }
  const { offset } = await store.uploads.state(digest);
  assert.ok(offset > 4 * MB);
  assert.deepEqual(await store.uploads.write(digest, offset, rest(offset)), { digest, size: content.length });
  assert.deepEqual(await bytesOf(store.read(digest)), content);
  assert.deepEqual(await store.uploads.state(digest), { offset: 0, whole: true, busy: false });
  // One that is here already is not read again.
  assert.deepEqual(await store.uploads.write(digest, 0, brokenAt(0)), { digest, size: content.length });
  assert.equal((await store.usage()).uploads, 0);
  await store.remove(digest);
  assert.deepEqual([disk.files(), (await store.usage()).usedBytes], [[], 0]);
  await store[Symbol.asyncDispose]();
});

Deno.test("an upload is refused at another place than where it stands, and while another connection sends", async () => {
  let now = 1_000;
  await using store = await storeOn(createFaultyDisk(), { now: () => now });
  await assert.rejects(store.uploads.write(digest, 0, brokenAt(5 * MB)), /connection lost/);
  const { offset } = await store.uploads.state(digest);
  for (const wrong of [0, offset - 1, offset + 1, 20 * MB]) {
    await assert.rejects(store.uploads.write(digest, wrong, rest(0)), {
      code: "conflict",
      detail: { offset },
    });
  }
  await assert.rejects(store.uploads.write(sha256(content.subarray(1)), 7, rest(0)), { code: "conflict" });
  const first = store.uploads.write(digest, offset, silentAt(0));
  const ended = assert.rejects(first, /over another connection/);
  await eventually(async () => (await store.uploads.state(digest)).busy, "the first sends");
  await assert.rejects(store.uploads.write(digest, offset, rest(offset)), { code: "conflict" });
  now += limits.uploadSilenceMs;
  const second = await store.uploads.write(digest, offset, rest(offset));
  await ended;
  assert.equal(second.digest, digest);
});

Deno.test("an upload whose whole is other content is refused and nothing of it stays", async () => {
  const disk = createFaultyDisk();
  await using store = await storeOn(disk);
  const other = "0".repeat(64);
  await assert.rejects(store.uploads.write(other, 0, brokenAt(5 * MB)), /connection lost/);
  const { offset } = await store.uploads.state(other);
  assert.ok(offset > 0);
  await assert.rejects(store.uploads.write(other, offset, rest(offset)), { code: "bad_digest" });
  await assert.rejects(store.uploads.write(other, 0, streamOf(noise(500))), { code: "bad_digest" });
  assert.deepEqual([disk.files(), (await store.usage()).usedBytes], [[], 0]);
});

Deno.test("small content has no state in between: it is stored whole or not at all", async () => {
  const disk = createFaultyDisk(), small = noise(70_000);
  await using store = await storeOn(disk);
  await assert.rejects(store.uploads.write(sha256(small), 0, brokenAt(66_000, 0, small)), /connection lost/);
  assert.deepEqual(disk.files(), []);
  await store.uploads.write(sha256(small), 0, streamOf(small));
  assert.deepEqual(await bytesOf(store.read(sha256(small))), small);
});

Deno.test("what an idle upload has is kept beside removals, and goes when it is abandoned or room is needed", async () => {
  let now = 1_000;
  const disk = createFaultyDisk(() => now);
  await using store = await storeOn(disk, { now: () => now });
  const twin = content.slice();
  twin[twin.length - 1] ^= 1;
  await store.write(streamOf(twin));
  const begin = () => assert.rejects(store.uploads.write(digest, 0, brokenAt(5 * MB)), /connection lost/);
  await begin();
  const { offset } = await store.uploads.state(digest);
  await store.remove(sha256(twin));
  assert.equal((await store.uploads.state(digest)).offset, offset);
  assert.equal((await store.usage()).uploads, 1);
  assert.equal(await store.uploads.forget((u) => u.lastUse < now), 0);
  now += limits.uploadMs;
  assert.ok(await store.uploads.forget((u) => u.lastUse < now) >= offset);
  assert.deepEqual([disk.files(), (await store.usage()).usedBytes], [[], 0]);
  await begin();
  await store.collect({ remove: [], dropPartials: true });
  assert.deepEqual([disk.files(), (await store.usage()).usedBytes], [[], 0]);
  await begin();
  now += limits.uploadMs;
  await using later = await storeOn(disk, { now: () => now });
  await eventually(async () => (await later.usage()).usedBytes === 0, "a start forgets it");
});

Deno.test("the oldest of too many uploads gives way, and one that came another way is forgotten", async () => {
  let now = 1_000;
  await using store = await storeOn(createFaultyDisk(), { now: () => now });
  for (let i = 0; i <= limits.uploads; i++) {
    now++;
    const name = i.toString(16).padStart(64, "0");
    await assert.rejects(store.uploads.write(name, 0, brokenAt(3 * MB)), /connection lost/);
  }
  assert.equal((await store.usage()).uploads, limits.uploads);
  assert.equal((await store.uploads.state("0".repeat(64))).offset, 0);
  assert.ok((await store.uploads.state("1".padStart(64, "0"))).offset > 0);
  await assert.rejects(store.uploads.write(digest, 0, brokenAt(3 * MB)), /connection lost/);
  await store.write(streamOf(content));
  await eventually(async () => (await store.usage()).uploads === limits.uploads - 1, "it is forgotten");
});

Deno.test("a chunk that was damaged while an upload stood still is sent again, and the ones after it", async () => {
  const disk = createFaultyDisk();
  let store = await storeOn(disk);
  await assert.rejects(store.uploads.write(digest, 0, brokenAt(7 * MB)), /connection lost/);
  const { offset } = await store.uploads.state(digest);
  // After a restart the hash starts anew from what is on disk.
  await store[Symbol.asyncDispose]();
  store = await storeOn(disk);
  const first = await firstChunk(disk);
  disk.rot(`/blobs/chunks/${first.slice(0, 2)}/${first}`);
  await assert.rejects(store.uploads.write(digest, offset, rest(offset)), {
    code: "conflict",
    detail: { offset: 0 },
  });
  const again = await store.uploads.state(digest);
  assert.equal(again.offset, 0);
  await store.uploads.write(digest, 0, rest(0));
  assert.deepEqual(await bytesOf(store.read(digest)), content);
  await store[Symbol.asyncDispose]();
});

/** Digest of the content's first chunk. */
async function firstChunk(disk: FaultyDisk): Promise<string> {
  const list = await disk.readFile(`/blobs/uploads/${digest}`);
  return [...list.subarray(0, 32)].map((b) => b.toString(16).padStart(2, "0")).join("");
}

const CUTS = 24;
Deno.test(`after a power cut at any point of an upload it goes on and ends right (${CUTS} seeds)`, async () => {
  let cuts = 0, kept = 0;
  for (let seed = 1; seed <= CUTS; seed++) {
    const random = seeded(seed);
    let disk = createFaultyDisk();
    for (let life = 0; life < 3; life++) {
      disk.failAt(Math.floor(random() * 70), "power");
      try {
        const store = await storeOn(disk);
        const { offset, whole } = await store.uploads.state(digest);
        if (offset > 0) kept++;
        if (!whole) await store.uploads.write(digest, offset, brokenAt(content.length - 1, offset));
      } catch (error) {
        if ((error as { code?: string }).code === "disk") cuts++;
        else assert.match(String(error), /connection lost/, `seed ${seed}`);
      }
      disk = disk.afterPowerCut(random);
    }
    await using store = await storeOn(disk);
    for (let tries = 0;; tries++) {
      const { offset, whole } = await store.uploads.state(digest);
      if (whole) break;
      assert.ok(tries < 30, `seed ${seed} does not end`);
      await store.uploads.write(digest, offset, rest(offset)).catch((error) => {
        if (error.code !== "conflict") throw error;
      });
    }
    assert.deepEqual(sha256(await bytesOf(store.read(digest))), digest, `seed ${seed}`);
    await store.remove(digest);
    await eventually(() => disk.files().every((f) => f.includes("/damaged/")), `seed ${seed}: all goes`);
  }
  assert.ok(cuts > CUTS / 2 && kept > CUTS / 4, `only ${cuts} cuts, ${kept} went on`);
});
