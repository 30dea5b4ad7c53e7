import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { unpackTar } from "modern-tar";
import { FILES, inTemporaryDirectory, MANIFEST, realWorld, writeFiles } from "./package_fixture_test.ts";
import { createPackage } from "./create.ts";
import { inspectPackage, verifyPackage } from "./verify.ts";
import { packageBlobs, readPackage } from "./reader.ts";
import { createTestKeys } from "./keys_test.ts";

const world = realWorld();
const { signer, verifier, keyId } = createTestKeys();
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const text = async (stream: ReadableStream<Uint8Array>) => await new Response(stream as BodyInit).text();

async function made(body: (dir: string, file: string, root: string) => Promise<void>): Promise<void> {
  await inTemporaryDirectory(async (root) => {
    await writeFiles(`${root}/app`);
    await body(`${root}/app`, `${root}/app.realm`, root);
  });
}

Deno.test("createPackage() gives the same bytes for the same content, whatever order, times and modes it has", () =>
  made(async (dir, file, root) => {
    await createPackage(world, dir, file);
    const again = Object.fromEntries(Object.entries(FILES).reverse());
    await writeFiles(`${root}/again`, again);
    await Deno.chmod(`${root}/again/component.wasm`, 0o700);
    await Deno.utime(`${root}/again/component.wasm`, 1, 1);
    await Deno.writeTextFile(
      `${root}/again/manifest.toml`,
      "\ufeff" + MANIFEST.replaceAll("\n", "\r\n") + "\n\n",
    );
    await createPackage(world, `${root}/again/`, `${root}/again.realm`);
    assert.deepEqual(await Deno.readFile(`${root}/again.realm`), await Deno.readFile(file));
  }));

Deno.test("the bytes of a package are pinned: no change of code or library may alter what a valid package is", () =>
  made(async (dir, file) => {
    const created = await createPackage(world, dir, file);
    assert.equal(created.digest, "86689d1d2496233921085758d83be478394ae679b67fbd8482120d3589c9945f");
    assert.equal(
      sha256(await Deno.readFile(file)),
      "3f5bc2552fac3b4777c0da785a3f446381a798139f8e3b5542a320d05a00e1e1",
    );
  }));

Deno.test("a package file is a tar that other tools read, manifest first, content unchanged", () =>
  made(async (dir, file) => {
    await createPackage(world, dir, file, { signer });
    const entries = await unpackTar(await Deno.readFile(file), { strict: true });
    assert.deepEqual(entries.slice(0, 2).map((e) => e.header.name), ["manifest.toml", "signature.json"]);
    const expected = Object.keys(FILES).filter((p) => p !== "manifest.toml").sort();
    assert.deepEqual(entries.slice(2).map((e) => e.header.name), expected);
    for (const entry of entries.slice(2)) {
      assert.deepEqual(entry.data, new Uint8Array(await Deno.readFile(`${dir}/${entry.header.name}`)));
    }
    assert.ok(entries.every((e) => e.header.type === "file" && e.header.mtime?.getTime() === 0));
  }));

Deno.test("the manifest keeps the author's text and gains digest and inventory; its digest is the package's", () =>
  made(async (dir, file) => {
    const created = await createPackage(world, dir, file);
    const reader = await readPackage(world, file);
    const manifest = new TextDecoder().decode(reader.manifestBytes);
    assert.ok(manifest.startsWith("# The author's own comment stays.\n"));
    assert.match(
      manifest,
      /wasm = "component.wasm" {3}# built by make\nsha256 = "[0-9a-f]{64}" # written by/,
    );
    assert.equal(reader.digest, sha256(reader.manifestBytes));
    assert.equal(created.digest, reader.digest);
    assert.equal(reader.manifest.component?.sha256, sha256(FILES["component.wasm"] as Uint8Array));
  }));

Deno.test("making a package again from an extracted package gives the same digest", () =>
  made(async (dir, file, root) => {
    const created = await createPackage(world, dir, file, { signer });
    const out = `${root}/extracted`;
    for (const entry of await unpackTar(await Deno.readFile(file))) {
      await writeFiles(out, { [entry.header.name]: entry.data! });
    }
    const again = await createPackage(world, out, `${root}/again.realm`);
    assert.equal(again.digest, created.digest);
    assert.deepEqual(await Deno.readFile(`${root}/again.realm`), await Deno.readFile(file), "signature kept");
    await Deno.writeTextFile(`${out}/static/index.html`, "<h1>2</h1>");
    const changed = await createPackage(world, out, `${root}/changed.realm`);
    assert.notEqual(changed.digest, created.digest);
    assert.equal(changed.signed, false, "a signature of the old content does not travel with the new");
    assert.ok((await verifyPackage(world, `${root}/changed.realm`, verifier)).ok);
  }));

Deno.test("readPackage() reads the file and the directory form alike", () =>
  made(async (dir, file) => {
    await createPackage(world, dir, file);
    const [a, b] = [await readPackage(world, file), await readPackage(world, dir)];
    assert.equal(a.digest, b.digest);
    assert.deepEqual(a.manifest, b.manifest);
    for (const { path, sha256: digest } of a.manifest.files) {
      for (const reader of [a, b]) {
        const bytes = await new Response(reader.read(path) as BodyInit).bytes();
        assert.equal(sha256(bytes), digest, path);
      }
    }
    assert.equal(await text(a.read("static/index.html")), "<h1>1</h1>");
    assert.throws(() => a.read("static/absent"), { code: "not_found" });
  }));

Deno.test("packageBlobs() names every content once, by its digest, the manifest last", () =>
  made(async (dir, file) => {
    await writeFiles(dir, { "static/same.html": FILES["static/index.html"] });
    await createPackage(world, dir, file);
    const reader = await readPackage(world, file), blobs = packageBlobs(reader);
    assert.equal(blobs.length, reader.manifest.files.length, "one content twice, and the manifest");
    assert.equal(blobs.at(-1)!.digest, reader.digest);
    for (const blob of blobs) {
      const bytes = await new Response(blob.open() as BodyInit).bytes();
      assert.deepEqual([sha256(bytes), bytes.length], [blob.digest, blob.size], blob.path);
    }
  }));

Deno.test("inspect lists files, sizes, what nothing uses, and what was left out", () =>
  made(async (dir, file) => {
    await writeFiles(dir, { "README.md": "hello", ".DS_Store": "x", ".git/config": "x" });
    const created = await createPackage(world, dir, file);
    assert.deepEqual(created.leftOut, [".DS_Store", ".git"]);
    const listing = await inspectPackage(world, file);
    assert.deepEqual(listing.unused, ["README.md"]);
    assert.equal(listing.name, "demo");
    assert.equal(listing.files.length, Object.keys(FILES).length);
    assert.equal(listing.bytes, listing.files.reduce((n, f) => n + f.size, 0));
    assert.equal(listing.signedBy, undefined);
  }));

Deno.test("verify accepts a signed package and names its key", () =>
  made(async (dir, file) => {
    await createPackage(world, dir, file, { signer });
    const verified = await verifyPackage(world, file, verifier);
    assert.deepEqual([verified.ok, verified.signature, verified.signedBy], [true, "valid", keyId]);
    await createPackage(world, dir, file);
    assert.equal((await verifyPackage(world, file, verifier)).signature, "none");
  }));

Deno.test("verify reports a signature over another package", () =>
  made(async (dir, file, root) => {
    await createPackage(world, dir, file, { signer });
    const [, signature] = await unpackTar(await Deno.readFile(file));
    await Deno.writeTextFile(`${dir}/static/index.html`, "<h1>other</h1>");
    await Deno.writeFile(`${dir}/signature.json`, signature.data!);
    const verified = await verifyPackage(world, dir, verifier);
    assert.equal(verified.signature, "invalid");
    assert.match(verified.problems[0], /signs another package/);
    const forged = new TextDecoder().decode(signature.data).replace(/"sig":"..../, '"sig":"AAAA');
    await Deno.writeTextFile(`${dir}/signature.json`, forged);
    assert.equal((await verifyPackage(world, dir, verifier)).signature, "invalid");
    assert.ok(root);
  }));

Deno.test("verify names every file whose content differs, in both forms", () =>
  made(async (dir, file, root) => {
    await createPackage(world, dir, file);
    const bytes = await Deno.readFile(file);
    const at = new TextDecoder("latin1").decode(bytes).indexOf("<h1>1</h1>");
    bytes[at + 4]++;
    await Deno.writeFile(file, bytes);
    const archive = await verifyPackage(world, file, verifier);
    assert.match(archive.problems.join(), /^"static\/index.html" has the digest/);
    const out = `${root}/extracted`;
    for (const entry of await unpackTar(bytes)) await writeFiles(out, { [entry.header.name]: entry.data! });
    const directory = await verifyPackage(world, out, verifier);
    assert.deepEqual(directory.problems, archive.problems);
  }));

type Change = (dir: string) => Promise<unknown>;
const refusals: readonly (readonly [name: string, change: Change, expected: RegExp])[] = [
  [
    "a symbolic link that leaves it",
    (d) => Deno.symlink("../../etc", `${d}/static/out`),
    /"static\/out" is a symbolic link/,
  ],
  [
    "a symbolic link inside it",
    (d) => Deno.symlink("index.html", `${d}/static/in`),
    /"static\/in" is a symbolic link/,
  ],
  ["a linked manifest", async (d) => {
    await Deno.rename(`${d}/manifest.toml`, `${d}/../m`);
    await Deno.symlink("../m", `${d}/manifest.toml`);
  }, /"manifest.toml" is not a regular file/],
  [
    "a case-colliding path",
    (d) => writeFiles(d, { "static/INDEX.html": "" }),
    /"static\/index.html" differs only in case or Unicode form from "static\/INDEX.html"/,
  ],
  ["case-colliding directories", (d) => writeFiles(d, { "Static/x": "" }), /differs only in case/],
  [
    "a path in two Unicode forms",
    (d) => writeFiles(d, { "static/U\u0308bersicht.html": "" }),
    /stands twice \(in two Unicode forms\)/,
  ],
  ["a Windows device", (d) => writeFiles(d, { "static/aux.js": "" }), /"static\/aux.js" is a reserved name/],
  [
    "a name with a backslash",
    (d) => writeFiles(d, { "static/a\\b": "" }),
    /"static\/a\\\\b" has a character/,
  ],
  [
    "a name with a line break",
    (d) => writeFiles(d, { "static/a\nb": "" }),
    /"static\/a\\nb" has a character/,
  ],
  ["a name that ends with a dot", (d) => writeFiles(d, { "static/a.": "" }), /ends with a dot/],
  [
    "another spelling of the manifest",
    (d) => writeFiles(d, { "MANIFEST.TOML": "" }),
    /"MANIFEST.TOML" must be written/,
  ],
  [
    "a path that is too deep",
    (d) => writeFiles(d, { ["static/" + "d/".repeat(70) + "f"]: "" }),
    /deeper than 64/,
  ],
  [
    "a source that does not exist",
    (d) => Deno.remove(`${d}/config`, { recursive: true }),
    /manifest.toml:18: `mounts\[1\].source`: "config" has no files/,
  ],
  [
    "a component that does not exist",
    (d) => Deno.remove(`${d}/component.wasm`),
    /`component.wasm`: "component.wasm" is not in the package/,
  ],
  ["no manifest", (d) => Deno.remove(`${d}/manifest.toml`), /manifest.toml does not exist/],
  [
    "a manifest with its own inventory",
    (d) =>
      Deno.writeTextFile(
        `${d}/manifest.toml`,
        MANIFEST + `\n[[files]]\npath = "x"\nsize = 1\nsha256 = "${"0".repeat(64)}"\n`,
      ),
    /`files`: is written by/,
  ],
];
for (const [name, change, expected] of refusals) {
  Deno.test(`createPackage() refuses ${name} and leaves no file`, () =>
    made(async (dir, file) => {
      await change(dir);
      await assert.rejects(createPackage(world, dir, file), (error: Error) => {
        assert.match(error.message, expected);
        return true;
      });
      assert.equal(await world.disk.stat(file), undefined);
      assert.equal(await world.disk.stat(`${file}.partial`), undefined);
    }));
}

Deno.test("createPackage() refuses to write the package into itself", () =>
  made(async (dir) => {
    await assert.rejects(createPackage(world, dir, `${dir}/x.realm`), /packed into itself/);
  }));

Deno.test("createPackage() refuses a file that changes while it is packed", () =>
  made(async (dir, file) => {
    const onProgress = (step: string, path: string) => {
      if (step === "writing" && path === "component.wasm") {
        Deno.writeTextFileSync(`${dir}/static/index.html`, "<h1>9</h1>");
      }
    };
    await assert.rejects(
      createPackage(world, dir, file, { onProgress }),
      /"static\/index.html" has the digest/,
    );
    assert.equal(await world.disk.stat(file), undefined);
  }));

Deno.test("a directory that disagrees with its inventory is refused, the path named", () =>
  made(async (dir, file, root) => {
    await createPackage(world, dir, file);
    const out = `${root}/extracted`;
    for (const entry of await unpackTar(await Deno.readFile(file))) {
      await writeFiles(out, { [entry.header.name]: entry.data! });
    }
    await Deno.writeTextFile(`${out}/extra.txt`, "");
    await assert.rejects(readPackage(world, out), /"extra.txt" is not in the manifest's inventory/);
    await Deno.rename(`${out}/extra.txt`, `${out}/static/index.html`);
    await assert.rejects(readPackage(world, out), /"static\/index.html" has 0 bytes/);
    await Deno.remove(`${out}/static/index.html`);
    await assert.rejects(readPackage(world, out), /"static\/index.html" is in the inventory and missing/);
  }));
