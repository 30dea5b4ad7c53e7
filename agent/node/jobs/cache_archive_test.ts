import assert from "node:assert/strict";
import { packTar, type TarEntry } from "modern-tar";
import { RealmError } from "../../protocol/mod.ts";
import { packCache, unpackCache } from "./cache_archive.ts";

async function withRoots(body: (from: string, to: string, staging: string) => Promise<void>): Promise<void> {
  const root = await Deno.makeTempDir();
  try {
    for (const name of ["from", "to"]) await Deno.mkdir(`${root}/${name}`);
    await body(`${root}/from`, `${root}/to`, `${root}/staging`);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}
const posix = Deno.build.os !== "windows";

Deno.test({
  name: "a cache comes back with times, programs and links, and stays out of what is there already",
  ignore: !posix,
  fn: () =>
    withRoots(async (from, to, staging) => {
      const long = "d/".repeat(60) + "x".repeat(120);
      await Deno.mkdir(`${from}/c/${long}`.replace(/\/[^/]*$/, ""), { recursive: true });
      await Deno.writeTextFile(`${from}/c/${long}`, "deep");
      await Deno.writeTextFile(`${from}/c/tool`, "#!/bin/sh\n", { mode: 0o755 });
      await Deno.symlink("/etc/passwd", `${from}/c/link`);
      await Deno.symlink("y".repeat(150), `${from}/c/long`);
      await Deno.utime(`${from}/c/tool`, 1_000_000, 1_000_000);
      const packed = await packCache(from, ["/c", "/not/there"], 1e9);
      const [one, two] = packed!.tee();
      assert.deepEqual(await unpackCache(one, to, ["/c", "/not/there"], staging, 1e9), ["/c"]);
      assert.equal(await Deno.readTextFile(`${to}/c/${long}`), "deep");
      const tool = await Deno.stat(`${to}/c/tool`);
      assert.deepEqual([tool.mtime!.getTime(), tool.mode! & 0o777], [1_000_000_000, 0o755]);
      assert.equal(await Deno.readLink(`${to}/c/link`), "/etc/passwd");
      assert.equal(await Deno.readLink(`${to}/c/long`), "y".repeat(150));
      await Deno.writeTextFile(`${to}/c/tool`, "mine");
      assert.deepEqual(await unpackCache(two, to, ["/c"], `${staging}2`, 1e9), []);
      assert.equal(await Deno.readTextFile(`${to}/c/tool`), "mine");
      assert.equal(await packCache(from, ["/none"], 1e9), undefined);
      await assert.rejects(packCache(from, ["/c"], 3), (e) =>
        e instanceof RealmError && e.code === "too_large");
    }),
});

Deno.test({
  name: "nothing is kept from, and nothing is put, behind a link that a job made",
  ignore: !posix,
  fn: () =>
    withRoots(async (from, to, staging) => {
      await Deno.mkdir(`${from}/a/c`, { recursive: true });
      await Deno.writeTextFile(`${from}/a/c/x`, "x");
      const packed = await packCache(from, ["/a/c"], 1e9);
      await Deno.mkdir(`${to}/../outside`);
      await Deno.symlink(`${to}/../outside`, `${to}/a`);
      assert.deepEqual(await unpackCache(packed!, to, ["/a/c"], staging, 1e9), []);
      assert.deepEqual([...Deno.readDirSync(`${to}/../outside`)], []);
      assert.equal(await packCache(to, ["/a/c"], 1e9), undefined);
    }),
});

for (
  const [name, entries] of [
    ["leaves its place", [{ header: { name: "c/../../x", size: 0, type: "file" } }]],
    ["is absolute", [{ header: { name: "/c/x", size: 0, type: "file" } }]],
    ["was not asked for", [{ header: { name: "other/x", size: 0, type: "file" } }]],
    ["is a hard link", [{ header: { name: "c/x", size: 0, type: "link", linkname: "/etc/passwd" } }]],
    ["lies behind a link", [
      { header: { name: "c/l", size: 0, type: "symlink", linkname: "/tmp" } },
      { header: { name: "c/l", size: 0, type: "directory" } },
    ]],
    ["is too large", [{ header: { name: "c/x", size: 20, type: "file" }, body: "y".repeat(20) }]],
  ] as const
) {
  Deno.test({
    name: `unpackCache() puts nothing where an entry ${name}`,
    ignore: !posix,
    fn: () =>
      withRoots(async (_from, to, staging) => {
        const tar = await packTar(entries as unknown as TarEntry[]);
        await assert.rejects(unpackCache(new Blob([tar]).stream(), to, ["/c"], staging, 10));
        assert.deepEqual([...Deno.readDirSync(to)], []);
      }),
  });
}
