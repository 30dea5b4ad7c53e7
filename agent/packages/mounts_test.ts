import assert from "node:assert/strict";
import { createFaultyDisk } from "../../tests/faulty_disk.ts";
import { seeded } from "../../tests/content.ts";
import type { Disk } from "../ports.ts";
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

Deno.test("replicas that start at once share one seeding", () =>
  setup(async ({ reader, place, dataDir }) => {
    const starts = Array.from({ length: 6 }, (_, i) =>
      prepareMounts(world, reader.manifest, { ...place, replica: `r${i}` }));
    const created = (await Promise.all(starts)).map((mounts) =>
      mounts[3].created
    );
    assert.equal(created.filter(Boolean).length, 1);
    assert.deepEqual(await world.disk.list(`${dataDir}/state/components/demo`), ["app-data"]);
  }));

Deno.test("an empty volume that exists counts as seeded", () =>
  setup(async ({ reader, place, dataDir }) => {
    await Deno.mkdir(`${dataDir}/state/components/demo/app-data`, { recursive: true });
    const mounts = await prepareMounts(world, reader.manifest, place);
    assert.deepEqual(await world.disk.list(mounts[3].host), []);
  }));

Deno.test("a power cut at any point of seeding leaves the volume whole or absent", () =>
  setup(async ({ reader }) => {
    const root = "/data/state/components/demo",
      place = { dataDir: "/data", app: "demo", replica: "r1", packageDir: "/p" };
    const start = (disk: Disk) => prepareMounts({ ...world, disk }, reader.manifest, place);
    const prepared = async () => {
      const disk = createFaultyDisk();
      for (const { path } of reader.manifest.files) {
        await disk.makeDirectory(`/p/${path}`.replace(/\/[^/]*$/, ""));
        await disk.writeAtomic(`/p/${path}`, await new Response(reader.read(path) as BodyInit).bytes());
      }
      return disk;
    };
    const whole = async (disk: Disk, step: string) => {
      const first = await disk.readFile(`${root}/app-data/db/first.txt`);
      assert.equal(new TextDecoder().decode(first), "seed", step);
      assert.deepEqual(await disk.list(`${root}/app-data`), ["db", "second.txt"], step);
    };
    const all = await prepared(), first = all.changes;
    await start(all);
    let absent = 0, present = 0;
    for (let cut = 0; cut < 8 * (all.changes - first); cut++) {
      const before = await prepared();
      before.failAt(first + (cut >> 3), "power");
      await start(before).catch(() => {});
      const disk = before.afterPowerCut(seeded(cut));
      await recoverVolumes({ ...world, disk }, "/data");
      const volumes = await listVolumes({ ...world, disk }, "/data", "demo");
      assert.deepEqual(await disk.list(root), volumes, `cut ${cut}: nothing else stays`);
      if (volumes.length === 0) absent++;
      else {
        present++;
        await whole(disk, `cut ${cut}`);
      }
      await start(disk);
      await whole(disk, `cut ${cut}: it starts afterwards`);
    }
    assert.ok(absent > 20 && present > 0, `cuts hit the seeding (${absent}) and its end (${present})`);
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
