import assert from "node:assert/strict";
import { packTar, type TarEntry } from "modern-tar";
import { createDisk } from "../platform/mod.ts";
import { RealmError } from "../protocol/errors.ts";
import { packTree, unpackTree } from "./tree_tar.ts";

const disk = createDisk();
const bytesOf = async (stream: ReadableStream<Uint8Array>) =>
  new Uint8Array(await new Response(stream).arrayBuffer());

async function withDirectory(body: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await body(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("a tree survives packing and unpacking, whatever the order in which it was made, and links stay out", () =>
  withDirectory(async (dir) => {
    const long = "x".repeat(150);
    const files: readonly (readonly [string, string])[] = [
      ["b/c.txt", "c"],
      ["a.txt", "a".repeat(1_000)],
      [`b/${long}`, ""],
      ["ä/ö", "umlaut"],
    ];
    const make = async (root: string, list: typeof files) => {
      for (const [path, text] of list) {
        await Deno.mkdir(`${root}/${path.replace(/\/?[^/]*$/, "")}`, { recursive: true });
        await Deno.writeTextFile(`${root}/${path}`, text);
      }
      await Deno.mkdir(`${root}/empty`, { recursive: true });
    };
    await make(`${dir}/one`, files);
    await make(`${dir}/two`, files.toReversed());
    await Deno.symlink("/etc/passwd", `${dir}/one/link`);
    const one = await packTree(disk, `${dir}/one`), two = await packTree(disk, `${dir}/two`);
    const packed = await bytesOf(one.stream());
    assert.deepEqual(packed, await bytesOf(two.stream()));
    assert.equal(packed.length, one.size);
    assert.deepEqual([one.files, one.leftOut], [4, ["link"]]);
    await Deno.mkdir(`${dir}/out`);
    await unpackTree(disk, new Blob([packed]).stream(), `${dir}/out`, 1e9);
    for (const [path, text] of files) assert.equal(await Deno.readTextFile(`${dir}/out/${path}`), text);
    assert.ok((await Deno.stat(`${dir}/out/empty`)).isDirectory);
    const list = await new Deno.Command("tar", { args: ["tf", "-"], stdin: "piped", stdout: "piped" })
      .spawn();
    const writer = list.stdin.getWriter();
    await writer.write(packed);
    await writer.close();
    assert.equal(new TextDecoder().decode((await list.output()).stdout).split("\n").length, 8);
  }));

Deno.test("a program stays one, and other modes are not kept", () =>
  withDirectory(async (dir) => {
    await Deno.mkdir(`${dir}/in`);
    for (const [name, mode] of [["run", 0o755], ["run2", 0o700], ["text", 0o644], ["open", 0o666]] as const) {
      await Deno.writeTextFile(`${dir}/in/${name}`, name);
      await Deno.chmod(`${dir}/in/${name}`, mode);
    }
    const packed = await bytesOf((await packTree(disk, `${dir}/in`)).stream());
    await Deno.mkdir(`${dir}/out`);
    await unpackTree(disk, new Blob([packed]).stream(), `${dir}/out`, 1e9);
    const programs = [...Deno.readDirSync(`${dir}/out`)].map((e) => e.name)
      .filter((name) => ((Deno.statSync(`${dir}/out/${name}`).mode ?? 0) & 0o100) !== 0);
    assert.deepEqual(programs.sort(), ["run", "run2"]);
  }));

for (
  const [name, header, code] of [
    ["a path that leaves", { name: "a/../../x", size: 0, type: "file" }, "bad_package"],
    ["an absolute path", { name: "/x", size: 0, type: "file" }, "bad_package"],
    ["a symbolic link", { name: "x", size: 0, type: "symlink", linkname: "/etc" }, "bad_package"],
    ["a hard link", { name: "x", size: 0, type: "link", linkname: "/etc/passwd" }, "bad_package"],
    ["more than allowed", { name: "x", size: 20, type: "file" }, "too_large"],
  ] as const
) {
  Deno.test(`unpackTree() refuses ${name}`, () =>
    withDirectory(async (dir) => {
      const entry = { header, ...(header.size > 0 ? { body: "y".repeat(header.size) } : {}) } as TarEntry;
      const tar = await packTar([entry]);
      await assert.rejects(
        unpackTree(disk, new Blob([tar]).stream(), dir, 10),
        (e) => e instanceof RealmError && e.code === code,
      );
      assert.deepEqual([...Deno.readDirSync(dir)].filter((e) => e.isSymlink), []);
    }));
}
