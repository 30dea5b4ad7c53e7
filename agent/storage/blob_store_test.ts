import assert from "node:assert/strict";
import { bytesOf, eventually, noise, sha256, silentLog, streamOf } from "../../tests/content.ts";
import { createFaultyDisk } from "../../tests/faulty_disk.ts";
import { createDisk } from "../platform/disk.ts";
import { createHasher } from "../platform/hash.ts";
import { limits } from "../protocol/limits.ts";
import type { Disk } from "../ports.ts";
import { type BlobStoreOptions, openBlobStore } from "./mod.ts";

const GB = 2 ** 30;
const MB = 1 << 20;

async function storeOn(disk: Disk, options: Partial<BlobStoreOptions> = {}) {
  return await openBlobStore({
    disk,
    hasher: createHasher(),
    directory: "/blobs",
    now: () => 1_000,
    log: silentLog,
    quotaBytes: () => GB,
    ...options,
  });
}

for (const [what, size] of [["empty", 0], ["small", 1000], ["1 MiB", MB], ["large", 9 * MB + 17]] as const) {
  Deno.test(`the store gives ${what} content back, whole and in ranges, also after a restart`, async () => {
    const disk = createFaultyDisk(), content = noise(size);
    {
      await using store = await storeOn(disk);
      assert.deepEqual(await store.write(streamOf(content, 10_007)), { digest: sha256(content), size });
    }
    await using store = await storeOn(disk);
    const digest = sha256(content);
    assert.equal(await store.has(digest), true);
    assert.equal(await store.size(digest), size);
    assert.deepEqual(await bytesOf(store.read(digest)), content);
    for (const [start, end] of [[0, 10], [size >> 1, (size >> 1) + MB], [size - 5, size + 5], [5, 5]]) {
      const want = content.subarray(Math.max(0, start), Math.max(0, Math.min(end, size)));
      assert.deepEqual(await bytesOf(store.read(digest, { start, end })), want);
    }
    assert.equal((await store.list())[0].chunks > 0, size > limits.blobInlineBytes);
    assert.equal((await store.usage()).blobs, 1);
  });
}

Deno.test("similar large contents share their chunks", async () => {
  const disk = createFaultyDisk();
  await using store = await storeOn(disk);
  const a = noise(12 * MB), b = new Uint8Array(a.length + 100);
  b.set(a.subarray(0, 6 * MB));
  b.set(a.subarray(6 * MB), 6 * MB + 100);
  await store.write(streamOf(a));
  const before = (await store.usage()).usedBytes;
  await store.write(streamOf(b));
  const added = (await store.usage()).usedBytes - before;
  assert.ok(added < 5 * MB, `${added} bytes added`);
});

Deno.test("content other than expected leaves nothing", async () => {
  for (const size of [1000, 5 * MB]) {
    const disk = createFaultyDisk();
    await using store = await storeOn(disk);
    await assert.rejects(store.write(streamOf(noise(size)), { expected: "0".repeat(64) }), {
      code: "bad_digest",
    });
    assert.deepEqual(disk.files(), []);
    assert.deepEqual(await store.usage(), {
      usedBytes: 0,
      quotaBytes: GB,
      blobs: 0,
      chunks: 0,
      partials: 0,
      uploads: 0,
    });
  }
});

Deno.test("an aborted or failing source leaves nothing", async () => {
  const disk = createFaultyDisk();
  await using store = await storeOn(disk);
  const abort = new AbortController();
  let pulls = 0, cancelled = false;
  const endless = new ReadableStream<Uint8Array>({
    pull(c) {
      if (++pulls === 40) abort.abort(new Error("enough"));
      c.enqueue(noise(65_536, pulls));
    },
    cancel: () => void (cancelled = true),
  }, { highWaterMark: 0 });
  await assert.rejects(store.write(endless, { signal: abort.signal }), /enough/);
  assert.equal(cancelled, true);
  const failing = new ReadableStream<Uint8Array>({ pull: (c) => c.error(new Error("source broke")) });
  await assert.rejects(store.write(failing), /source broke/);
  assert.deepEqual(disk.files(), []);
});

Deno.test("two writers of the same content at once both succeed and one copy stays", async () => {
  for (const size of [1000, 6 * MB]) {
    const disk = createFaultyDisk(), content = noise(size);
    await using store = await storeOn(disk);
    const wrote = await Promise.all([1, 2, 3].map(() => store.write(streamOf(content))));
    assert.deepEqual(new Set(wrote.map((w) => w.digest)).size, 1);
    assert.deepEqual(await bytesOf(store.read(sha256(content))), content);
    const used = disk.files().length;
    await store.remove(sha256(content));
    assert.equal((await store.usage()).usedBytes, 0);
    assert.deepEqual(disk.files(), [], `${used} files before`);
  }
});

Deno.test("a blob being read keeps its content until the reader ends, and is hidden meanwhile", async () => {
  for (const size of [1000, 6 * MB]) {
    const disk = createFaultyDisk(), content = noise(size), digest = sha256(content);
    await using store = await storeOn(disk);
    await store.write(streamOf(content));
    const reading = store.read(digest);
    assert.equal(await store.remove(digest), true);
    assert.equal(await store.has(digest), false);
    assert.deepEqual(await store.list(), []);
    assert.deepEqual(await bytesOf(reading), content);
    await eventually(() => disk.files().length === 0, "the content goes after its reader");
    await assert.rejects(bytesOf(store.read(digest)), { code: "not_found" });
  }
});

Deno.test("removing a blob keeps the chunks that another shares, and a write revives a blob that waits to go", async () => {
  const disk = createFaultyDisk();
  await using store = await storeOn(disk);
  const a = noise(6 * MB), b = new Uint8Array(7 * MB);
  b.set(a);
  b.set(noise(MB, 9), 6 * MB);
  for (const content of [a, b]) await store.write(streamOf(content));
  await store.remove(sha256(a));
  assert.deepEqual(await bytesOf(store.read(sha256(b))), b);
  const reading = store.read(sha256(b));
  await store.remove(sha256(b));
  await store.write(streamOf(b));
  await reading.cancel();
  assert.deepEqual(await bytesOf(store.read(sha256(b))), b);
});

Deno.test("writers, readers and removals at once never lose a blob that was written last", async () => {
  const disk = createFaultyDisk();
  await using store = await storeOn(disk);
  const base = noise(5 * MB, 5);
  const variants = Array.from({ length: 4 }, (_, i) => {
    const v = base.slice();
    v.fill(i, 0, 200_000);
    return v;
  });
  await Promise.all(variants.map(async (content) => {
    const digest = sha256(content);
    for (let round = 0; round < 6; round++) {
      await store.write(streamOf(content));
      assert.deepEqual(await bytesOf(store.read(digest)), content);
      await store.remove(digest);
    }
    await store.write(streamOf(content));
  }));
  for (const content of variants) assert.deepEqual(await bytesOf(store.read(sha256(content))), content);
  await store.collect({ remove: variants.map(sha256) });
  assert.equal((await store.usage()).usedBytes, 0);
});

Deno.test("the quota is never exceeded, and making room helps", async () => {
  const disk = createFaultyDisk();
  let most = 0;
  const inner = await storeOn(disk, { quotaBytes: () => 4 * MB });
  await inner.write(streamOf(noise(MB, 1)));
  await assert.rejects(inner.write(streamOf(noise(8 * MB, 2))), { code: "no_space" });
  most = (await inner.usage()).usedBytes;
  assert.equal(most, MB);
  assert.equal(await inner.has(sha256(noise(MB, 1))), true);
  await inner[Symbol.asyncDispose]();
  await using store = await storeOn(disk, {
    quotaBytes: () => 4 * MB,
    makeRoom: async () => void await store.remove(sha256(noise(MB, 1))),
  });
  await store.write(streamOf(noise(3 * MB + 500_000, 3)));
  assert.equal(await store.has(sha256(noise(MB, 1))), false);
});

Deno.test("a full device and I/O errors fail the write with their code and leave the store working", async () => {
  for (const code of ["no_space", "disk"] as const) {
    for (let n = 0; n < 40; n += 3) {
      const disk = createFaultyDisk();
      await using store = await storeOn(disk);
      await store.usage();
      disk.failAt(disk.changes + n, code);
      const first = await store.write(streamOf(noise(3 * MB))).catch((error) => error);
      if (first instanceof Error) assert.equal((first as { code?: string }).code, code);
      disk.failAt(-1, code);
      const again = await store.write(streamOf(noise(3 * MB)));
      assert.deepEqual(await bytesOf(store.read(again.digest)), noise(3 * MB));
      await store.remove(again.digest);
      assert.equal((await store.usage()).usedBytes, 0);
    }
  }
});

Deno.test("damaged small content is set aside, reported and gone", async () => {
  const disk = createFaultyDisk(), content = noise(1000), digest = sha256(content), damaged: string[] = [];
  await using store = await storeOn(disk, { onDamaged: (d) => void damaged.push(d) });
  await store.write(streamOf(content));
  disk.rot(`/blobs/${digest.slice(0, 2)}/${digest}`);
  await assert.rejects(bytesOf(store.read(digest)), { code: "bad_digest" });
  assert.deepEqual(damaged, [digest]);
  assert.equal(await store.has(digest), false);
  assert.match(disk.files().join(), /\/damaged\//);
  await store.write(streamOf(content));
  assert.deepEqual(await bytesOf(store.read(digest)), content);
});

Deno.test("a damaged chunk takes every blob that lists it out of service; writing one again repairs it", async () => {
  const disk = createFaultyDisk(), damaged: string[] = [];
  await using store = await storeOn(disk, { onDamaged: (d) => void damaged.push(d) });
  const a = noise(6 * MB), b = new Uint8Array(7 * MB);
  b.set(a);
  for (const content of [a, b]) await store.write(streamOf(content));
  for await (const [first] of store.chunksOf(sha256(a))) {
    disk.rot(`/blobs/chunks/${first.sha256.slice(0, 2)}/${first.sha256}`);
  }
  await assert.rejects(bytesOf(store.read(sha256(a))), { code: "bad_digest" });
  await eventually(async () => !await store.has(sha256(b)), "the sharing blob is out of service");
  assert.deepEqual(damaged.sort(), [sha256(a), sha256(b)].sort());
  assert.equal((await store.usage()).partials, 2);
  await store.write(streamOf(a));
  assert.deepEqual(await bytesOf(store.read(sha256(a))), a);
});

Deno.test("a start removes unfinished files and orphaned chunks, and ignores what is not the store's", async () => {
  const disk = createFaultyDisk(), content = noise(3 * MB);
  {
    await using store = await storeOn(disk);
    await store.write(streamOf(content));
  }
  const orphan = noise(300_000, 4), name = sha256(orphan);
  await disk.makeDirectory(`/blobs/chunks/${name.slice(0, 2)}`);
  await disk.makeDirectory("/blobs/aa");
  await disk.writeAtomic(`/blobs/chunks/${name.slice(0, 2)}/${name}`, orphan);
  await disk.writeAtomic("/blobs/incoming/left", noise(10));
  await disk.writeAtomic("/blobs/aa/README", noise(10));
  await disk.writeAtomic(`/blobs/aa/${"a".repeat(64)}.manifest`, noise(10));
  await using store = await storeOn(disk);
  await eventually(() => !disk.files().some((f) => f.includes(name) || f.includes("incoming")), "orphans go");
  assert.deepEqual((await store.list()).map((b) => b.digest), [sha256(content)]);
  assert.deepEqual(await bytesOf(store.read(sha256(content))), content);
});

Deno.test("100,000 blobs: the store opens at once, reads before it is listed, and is listed within seconds", async () => {
  const directory = await Deno.makeTempDir(), digests: string[] = [];
  try {
    for (let i = 0; i < 100_000; i++) {
      const content = new TextEncoder().encode(`blob ${i}`), digest = sha256(content);
      if (i < 256 * 8) Deno.mkdirSync(`${directory}/${digest.slice(0, 2)}`, { recursive: true });
      Deno.writeFileSync(`${directory}/${digest.slice(0, 2)}/${digest}`, content);
      if (i % 10_000 === 0) digests.push(digest);
    }
    const start = performance.now();
    await using store = await storeOn(createDisk(), { directory });
    for (const digest of digests) assert.equal((await bytesOf(store.read(digest))).length > 5, true);
    const readable = performance.now() - start;
    assert.equal((await store.usage()).blobs, 100_000);
    const listed = performance.now() - start;
    console.log(
      `100,000 blobs: first reads after ${readable.toFixed(0)} ms, listed after ${listed.toFixed(0)} ms`,
    );
    assert.ok(readable < 1000 && listed < 20_000);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
