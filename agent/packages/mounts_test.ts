import assert from "node:assert/strict";
import { faultyDisk } from "./faulty_disk_test.ts";
import { clearWork, listVolumes, prepareMounts, recoverVolumes, removeVolume } from "./mounts.ts";
import { inTemporaryDirectory, realWorld, writeFiles } from "./package_fixture_test.ts";
import { type PackageReader, readPackage } from "./reader.ts";

const world = realWorld();

interface Setup {
  readonly reader: PackageReader;
  readonly dataDir: string;
  readonly packageDir: string;
  readonly place: { dataDir: string; app: string; replica: string; packageDir: string };
}
async function setup(body: (s: Setup) => Promise<void>): Promise<void> {
  await inTemporaryDirectory(async (root) => {
    const packageDir = `${root}/app`, dataDir = `${root}/data`;
    await writeFiles(packageDir);
    const reader = await readPackage(world, packageDir);
    await body({ reader, dataDir, packageDir, place: { dataDir, app: "demo", replica: "r1", packageDir } });
  });
}
const read = (path: string) => Deno.readTextFile(path);

Deno.test("prepareMounts() gives each kind its directory, rights and quota", () =>
  setup(async ({ reader, place, dataDir, packageDir }) => {
    const mounts = await prepareMounts(world, reader.manifest, place);
    assert.deepEqual(mounts, [
      { kind: "static", guest: "/www", host: `${packageDir}/static`, readOnly: true },
      { kind: "config", guest: "/etc/app", host: `${packageDir}/config`, readOnly: true },
      {
        kind: "work",
        guest: "/tmp",
        host: `${dataDir}/work/components/demo/r1/0`,
        readOnly: false,
        quotaBytes: 2 * 1024 * 1024,
      },
      {
        kind: "state",
        guest: "/data",
        host: `${dataDir}/state/components/demo/app-data`,
        readOnly: false,
        volume: "app-data",
        created: true,
      },
    ]);
    assert.equal(await read(`${mounts[3].host}/db/first.txt`), "seed");
    assert.equal(await read(`${mounts[3].host}/second.txt`), "");
  }));

Deno.test("a work mount is empty at each start, a state volume keeps its data and is seeded only once", () =>
  setup(async ({ reader, place, dataDir }) => {
    const mounts = await prepareMounts(world, reader.manifest, place);
    await Deno.writeTextFile(`${mounts[2].host}/scratch`, "x");
    await Deno.writeTextFile(`${mounts[3].host}/db/first.txt`, "changed by the app");
    await Deno.remove(`${mounts[3].host}/second.txt`);
    const other = await prepareMounts(world, reader.manifest, { ...place, replica: "r2" });
    assert.equal(await read(`${mounts[2].host}/scratch`), "x", "another replica's start leaves it alone");
    assert.notEqual(other[2].host, mounts[2].host);
    const again = await prepareMounts(world, reader.manifest, place);
    assert.deepEqual(await world.disk.list(again[2].host), []);
    assert.equal(await read(`${again[3].host}/db/first.txt`), "changed by the app");
    assert.equal(await world.disk.stat(`${again[3].host}/second.txt`), undefined, "not seeded again");
    assert.equal(again[3].created, false);
    await clearWork(world, dataDir, "demo", "r1");
    assert.deepEqual(await world.disk.list(`${dataDir}/work/components/demo`), ["r2"]);
    await clearWork(world, dataDir, "demo");
    assert.deepEqual(
      await listVolumes(world, dataDir, "demo"),
      ["app-data"],
      "state is never cleared with work",
    );
  }));

Deno.test("an empty volume that exists counts as seeded", () =>
  setup(async ({ reader, place, dataDir }) => {
    await Deno.mkdir(`${dataDir}/state/components/demo/app-data`, { recursive: true });
    const mounts = await prepareMounts(world, reader.manifest, place);
    assert.deepEqual(await world.disk.list(mounts[3].host), []);
  }));

Deno.test("a power cut at any point of seeding leaves the volume whole or absent", () =>
  setup(async ({ reader, place, dataDir }) => {
    const all = faultyDisk(world.disk, Infinity);
    await prepareMounts({ ...world, disk: all.disk }, reader.manifest, {
      ...place,
      dataDir: `${dataDir}/count`,
    });
    let absent = 0;
    for (let step = 0; step < all.steps(); step++) {
      const here = { ...place, dataDir: `${dataDir}/${step}` };
      const faulty = faultyDisk(world.disk, step);
      await prepareMounts({ ...world, disk: faulty.disk }, reader.manifest, here).catch(() => {});
      await recoverVolumes(world, here.dataDir);
      const volumes = await listVolumes(world, here.dataDir, "demo");
      const root = `${here.dataDir}/state/components/demo`;
      assert.deepEqual(await world.disk.list(root), volumes, `step ${step}: nothing else stays`);
      if (volumes.length === 0) absent++;
      else assert.equal(await read(`${root}/app-data/db/first.txt`), "seed", `step ${step}`);
      const after = await prepareMounts(world, reader.manifest, here);
      assert.equal(await read(`${after[3].host}/db/first.txt`), "seed", `step ${step}: it starts afterwards`);
      assert.equal(await read(`${after[3].host}/second.txt`), "", `step ${step}`);
    }
    assert.ok(absent > 5, "cuts did hit the seeding");
  }));

Deno.test("a seed file that differs from the inventory makes no volume", () =>
  setup(async ({ reader, place, dataDir, packageDir }) => {
    await Deno.writeTextFile(`${packageDir}/seed-data/db/first.txt`, "sEEd");
    await assert.rejects(
      prepareMounts(world, reader.manifest, place),
      /"seed-data\/db\/first.txt" has the digest/,
    );
    assert.deepEqual(await world.disk.list(`${dataDir}/state/components/demo`), []);
  }));

Deno.test("removeVolume() removes one volume, and only that", () =>
  setup(async ({ reader, place, dataDir }) => {
    await prepareMounts(world, reader.manifest, place);
    await Deno.mkdir(`${dataDir}/state/components/demo/other`);
    await removeVolume(world, dataDir, "demo", "app-data");
    await removeVolume(world, dataDir, "demo", "app-data");
    assert.deepEqual(await listVolumes(world, dataDir, "demo"), ["other"]);
    assert.equal(
      (await prepareMounts(world, reader.manifest, place))[3].created,
      true,
      "new again: seeded again",
    );
  }));

Deno.test("names that lead elsewhere and planted links are refused", () =>
  setup(async ({ reader, place, dataDir }) => {
    for (const bad of ["..", ".", "", "a/b", "a\\b", ".hidden", "nul", "x\0"]) {
      await assert.rejects(prepareMounts(world, reader.manifest, { ...place, replica: bad }), {
        code: "bad_request",
      });
      await assert.rejects(removeVolume(world, dataDir, bad, "v"), { code: "bad_request" });
      await assert.rejects(removeVolume(world, dataDir, "demo", bad), { code: "bad_request" });
    }
    await Deno.mkdir(`${dataDir}/state/components/demo`, { recursive: true });
    await Deno.symlink("/", `${dataDir}/state/components/demo/app-data`);
    await assert.rejects(prepareMounts(world, reader.manifest, place), /should be a directory and is not/);
  }));
