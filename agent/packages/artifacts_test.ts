import assert from "node:assert/strict";
import type { BlobSource, Disk } from "../ports.ts";
import { RealmError } from "../protocol/errors.ts";
import { openArtifacts } from "./artifacts.ts";
import { createFaultyDisk } from "../../tests/faulty_disk.ts";
import { seeded } from "../../tests/content.ts";
import { inTemporaryDirectory, realWorld, writeFiles } from "./package_fixture_test.ts";
import { type PackageReader, readPackage } from "./reader.ts";

const world = realWorld();

/** The blobs of a package, with a count of reads; `tamper` may change what is read. */
async function blobsOf(
  reader: PackageReader,
  tamper?: (digest: string, bytes: Uint8Array) => Uint8Array,
): Promise<BlobSource & { reads: number }> {
  const content = new Map<string, Uint8Array>([[reader.digest, reader.manifestBytes]]);
  for (const f of reader.manifest.files) {
    content.set(f.sha256, await new Response(reader.read(f.path) as BodyInit).bytes());
  }
  const blobs: BlobSource & { reads: number } = {
    reads: 0,
    has: (d) => Promise.resolve(content.has(d)),
    size: (d) => Promise.resolve(content.get(d)?.length),
    read(d) {
      blobs.reads++;
      const bytes = content.get(d);
      if (!bytes) throw new RealmError("not_found", `blob ${d} is not here`);
      return new Response((tamper?.(d, bytes) ?? bytes) as BodyInit).body!;
    },
  };
  return blobs;
}

async function setup(body: (reader: PackageReader, root: string) => Promise<void>): Promise<void> {
  await inTemporaryDirectory(async (root) => {
    await writeFiles(`${root}/app`);
    await body(await readPackage(world, `${root}/app`), `${root}/artifacts/packages`);
  });
}

Deno.test("materialise() makes the tree whose digest it was asked for, once", () =>
  setup(async (reader, root) => {
    const blobs = await blobsOf(reader);
    const artifacts = openArtifacts(world, blobs, root);
    assert.equal(await artifacts.get(reader.digest), undefined);
    const [a, b] = await Promise.all([
      artifacts.materialise(reader.digest),
      artifacts.materialise(reader.digest),
    ]);
    assert.equal(a.directory, `${root}/${reader.digest}`);
    assert.equal(a, b);
    assert.equal(blobs.reads, reader.manifest.files.length + 1, "one extraction for two callers");
    await artifacts.materialise(reader.digest);
    assert.equal(blobs.reads, reader.manifest.files.length + 1, "nothing read again");
    assert.equal(await artifacts.check(reader.digest), undefined);
    assert.deepEqual(await artifacts.list(), [reader.digest]);
    const again = await readPackage(world, a.directory);
    assert.equal(again.digest, reader.digest);
  }));

Deno.test("materialise() keeps nothing when a blob is missing or has other content", () =>
  setup(async (reader, root) => {
    const target = reader.manifest.files.find((f) => f.path === "static/index.html")!.sha256;
    const tampered = await blobsOf(reader, (d, b) => d === target ? b.map((x) => x ^ 1) : b);
    const artifacts = openArtifacts(world, tampered, root);
    await assert.rejects(artifacts.materialise(reader.digest), /"static\/index.html" has the digest/);
    assert.deepEqual(await world.disk.list(root), []);
    const other = await blobsOf(reader, (d, b) => d === reader.digest ? b.subarray(1) : b);
    await assert.rejects(openArtifacts(world, other, root).materialise(reader.digest), {
      code: "bad_digest",
    });
    await assert.rejects(artifacts.materialise("0".repeat(64)), { code: "not_found" });
    await assert.rejects(artifacts.materialise("../x"), { code: "bad_request" });
    assert.deepEqual(await world.disk.list(root), []);
  }));

Deno.test("materialise() refuses before copying when the device has no room", () =>
  setup(async (reader, root) => {
    const disk: Disk = { ...world.disk, space: () => Promise.resolve({ total: 1, free: 1 }) };
    const artifacts = openArtifacts({ ...world, disk }, await blobsOf(reader), root);
    await assert.rejects(artifacts.materialise(reader.digest), { code: "no_space" });
    assert.deepEqual(await world.disk.list(root), []);
  }));

Deno.test("an abort of one caller does not fail another that waits for the same package", () =>
  setup(async (reader, root) => {
    const artifacts = openArtifacts(world, await blobsOf(reader), root);
    const abort = new AbortController();
    const first = artifacts.materialise(reader.digest, abort.signal);
    const second = artifacts.materialise(reader.digest);
    abort.abort();
    await assert.rejects(first, { name: "AbortError" });
    assert.equal((await second).digest, reader.digest);
  }));

Deno.test("a power cut at any point of an extraction leaves the package complete or absent", () =>
  setup(async (reader) => {
    const blobs = await blobsOf(reader), root = "/data/artifacts/packages";
    const all = createFaultyDisk();
    await openArtifacts({ ...world, disk: all }, blobs, root).materialise(reader.digest);
    let absent = 0, present = 0;
    for (let cut = 0; cut < 2 * all.changes; cut++) {
      const before = createFaultyDisk();
      before.failAt(cut >> 1, "power");
      await openArtifacts({ ...world, disk: before }, blobs, root).materialise(reader.digest).catch(() => {});
      const disk = before.afterPowerCut(seeded(cut));
      const after = openArtifacts({ ...world, disk }, blobs, root);
      const report = await after.recover();
      assert.deepEqual(report.damaged, [], `cut ${cut}`);
      if (report.ready.length === 0) absent++;
      else {
        present++;
        assert.equal(await after.check(reader.digest), undefined, `cut ${cut}`);
      }
      assert.deepEqual(await disk.list(root), report.ready, `cut ${cut}: nothing else stays`);
      await after.materialise(reader.digest);
      assert.equal(await after.check(reader.digest), undefined, `cut ${cut}: it can be made afterwards`);
    }
    assert.ok(absent > 20 && present > 0, `cuts hit the extraction (${absent}) and its end (${present})`);
  }));

Deno.test("recover() removes damaged trees, and they can be made again", () =>
  setup(async (reader, root) => {
    const blobs = await blobsOf(reader);
    const damages: readonly [RegExp, (d: string) => Promise<unknown>][] = [
      [/"static\/index.html" is missing/, (d) => Deno.remove(`${d}/static/index.html`)],
      [/"static\/big.bin" has 3 bytes/, (d) => Deno.truncate(`${d}/static/big.bin`, 3)],
      [/"static\/new" does not belong/, (d) => Deno.writeTextFile(`${d}/static/new`, "")],
      [/"manifest.toml" has another digest/, (d) =>
        Deno.writeTextFile(`${d}/manifest.toml`, "x", { append: true })],
    ];
    for (const [expected, damage] of damages) {
      const made = await openArtifacts(world, blobs, root).materialise(reader.digest);
      await damage(made.directory);
      const artifacts = openArtifacts(world, blobs, root);
      const report = await artifacts.recover();
      assert.match(report.damaged[0].reason, expected);
      assert.deepEqual(await artifacts.list(), []);
      await artifacts.materialise(reader.digest);
      assert.equal(await artifacts.check(reader.digest), undefined);
    }
  }));

Deno.test("check() finds a changed byte, remove() leaves nothing", () =>
  setup(async (reader, root) => {
    const artifacts = openArtifacts(world, await blobsOf(reader), root);
    const { directory } = await artifacts.materialise(reader.digest);
    await Deno.writeTextFile(`${directory}/static/index.html`, "<h1>2</h1>");
    assert.match((await artifacts.check(reader.digest))!, /"static\/index.html" has the digest/);
    await artifacts.remove(reader.digest);
    await artifacts.remove(reader.digest);
    assert.deepEqual(await world.disk.list(root), []);
    assert.equal(await artifacts.get(reader.digest), undefined);
  }));
