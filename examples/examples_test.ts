import assert from "node:assert/strict";
import { join } from "node:path";
import { createVerifier } from "../agent/platform/crypto.ts";
import { createDisk } from "../agent/platform/disk.ts";
import { createHasher } from "../agent/platform/hash.ts";
import { createPackage, verifyPackage } from "../agent/packages/mod.ts";
import { canRun, systemPackages } from "../tests/system_packages.ts";
import { EXAMPLES } from "./build_all.ts";
import { cachedFile, contentKey, filesBelow, folderOf, packageTree } from "./lib/assemble.ts";
import { CLANG_PACKAGES } from "./lib/toolchain.ts";
import { build as helloSite } from "./hello-site/build.ts";

const quiet = { say: () => {} };

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "realm-examples-" });
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

for (const [name, build] of Object.entries(EXAMPLES)) {
  Deno.test(`example ${name} builds into a package that verifies, in the version asked for`, async () => {
    if (name === "guestbook" && !canRun("wasi")) return;
    await inFolder(async (folder) => {
      const built = await build({ ...quiet, version: "3.2.1", out: join(folder, "app.realm") });
      const world = { disk: createDisk(), hasher: createHasher() };
      const made = await createPackage(world, built.directory, join(folder, `${name}.realm`));
      assert.equal(made.manifest.name, name);
      assert.equal(made.manifest.version, "3.2.1");
      assert.deepEqual(made.unused, []);
      const verified = await verifyPackage(world, made.path, createVerifier());
      assert.deepEqual(verified.problems, []);
    });
  });
}

Deno.test("a component holds nothing of the machine that made it", async () => {
  await inFolder(async (folder) => {
    const repository = join(folderOf(import.meta.url), "..");
    for (const [name, build] of Object.entries(EXAMPLES)) {
      if (name === "hello-site" || name === "guestbook" && !canRun("wasi")) continue;
      const { directory } = await build({ ...quiet, out: join(folder, name) });
      const component = new TextDecoder("latin1").decode(
        await Deno.readFile(join(directory, "component.wasm")),
      );
      for (const trace of ["PATH=", "HOME=", "PWD=", repository]) {
        assert.ok(!component.includes(trace), `${name} contains ${trace}`);
      }
    }
  });
});

Deno.test("every file of the static site carries its version, and no other", async () => {
  await inFolder(async (folder) => {
    const one = await helloSite({ ...quiet, version: "1.0.0", out: join(folder, "one") });
    const two = await helloSite({ ...quiet, version: "2.0.0", out: join(folder, "two") });
    for (const [built, own, other] of [[one, "1.0.0", "2.0.0"], [two, "2.0.0", "1.0.0"]] as const) {
      for (const file of await filesBelow(built.directory)) {
        const text = await Deno.readTextFile(join(built.directory, file));
        assert.ok(text.includes(own), `${file} does not carry ${own}`);
        assert.ok(!text.includes(other), `${file} carries ${other}`);
      }
    }
  });
});

Deno.test("the pages of the examples ask for nothing outside of themselves, and what they name exists", async () => {
  for (const name of ["hello-site", "js-api"]) {
    const hashed = name === "hello-site"
      ? [{ path: "static/assets/site.css", mark: "site_css" }, {
        path: "static/assets/site.js",
        mark: "site_js",
      }]
      : [];
    const example = join(folderOf(import.meta.url), name);
    const tree = await packageTree({ name, example, version: "1.0.0", hashed });
    for (const [path, bytes] of tree) {
      const text = new TextDecoder().decode(bytes).replaceAll("http://www.w3.org/2000/svg", "");
      assert.doesNotMatch(text, /https?:\/\/|url\(['"]?\/\//, path);
      if (!path.endsWith(".html")) continue;
      for (const [, target] of text.matchAll(/(?:href|src)="([^"]+)"/g)) {
        const file = target === "/" ? "index.html" : target.slice(1);
        if (/^(qr\.svg|api\/)/.test(file)) continue; // answered by the component
        assert.ok(tree.has(`static/${file}`), `${path} names ${target}, which does not exist`);
      }
    }
  }
});

Deno.test("a build is not repeated for the same sources, and is for other ones", async () => {
  await inFolder(async (folder) => {
    const out = join(folder, "app.realm");
    assert.equal((await helloSite({ ...quiet, out })).cached, false);
    assert.equal((await helloSite({ ...quiet, out })).cached, true);
    await Deno.writeTextFile(join(out, "static", "index.html"), "changed by hand");
    assert.equal((await helloSite({ ...quiet, out })).cached, false);
    await Deno.writeTextFile(join(out, "stray.txt"), "");
    assert.equal((await helloSite({ ...quiet, out })).cached, false);
    assert.equal((await helloSite({ ...quiet, version: "1.0.1", out })).cached, false);
  });
});

Deno.test("cachedFile() makes a file once per key and leaves none behind when making fails", async () => {
  await inFolder(async (folder) => {
    const source = join(folder, "source.c");
    let made = 0;
    const make = (out: string) => (made++, Deno.writeTextFile(out, String(made)));
    await Deno.writeTextFile(source, "a");
    const first = await contentKey([source]);
    assert.deepEqual((await cachedFile(folder, "out", first, make)).cached, false);
    assert.deepEqual((await cachedFile(folder, "out", first, make)).cached, true);
    await Deno.writeTextFile(source, "b");
    const second = await contentKey([source]);
    assert.notEqual(first, second);
    const torn = async (out: string) => {
      await Deno.writeTextFile(out, "half");
      throw new Error("no compiler");
    };
    await assert.rejects(cachedFile(folder, "out", second, torn), /no compiler/);
    assert.deepEqual(await filesBelow(join(folder, "dist", ".build")), ["out", "out.key"]);
    const { path, cached } = await cachedFile(folder, "out", second, make);
    assert.equal(cached, false);
    assert.equal(await Deno.readTextFile(path), "2");
  });
});

Deno.test("a version that is none, and a mark that nobody fills, are refused by name", async () => {
  await assert.rejects(helloSite({ ...quiet, version: "two" }), /"two" is not a version/);
  await inFolder(async (folder) => {
    await Deno.mkdir(join(folder, "app.realm"));
    await Deno.writeTextFile(join(folder, "app.realm", "a.html"), "{{ nothing_known }}");
    await assert.rejects(
      packageTree({ name: "x", example: folder, version: "1.0.0" }),
      /a\.html: unknown mark \{\{nothing_known\}\}/,
    );
  });
});

Deno.test("the examples need the same Debian packages that the test command installs", () => {
  assert.deepEqual([...CLANG_PACKAGES], [...systemPackages.wasi.packages]);
});
