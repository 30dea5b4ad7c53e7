import assert from "node:assert/strict";
import { bundle, CHILD, DASHBOARD, LAUNCHER, LICENCES, MAIN, onlyWhenNeeded, stableNames } from "./bundle.ts";

const root = new URL("..", import.meta.url).pathname.replace(/\/$/, "");

/** A copy of everything that the bundle is made of. */
async function copySources(to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  const { success } = await new Deno.Command("cp", {
    args: ["-R", "main.ts", "mod.ts", "deno.json", "deno.lock", "agent", "cli", "ui", to],
    cwd: root,
  }).output();
  assert.ok(success);
}

Deno.test({
  name:
    "bundle() gives the same bytes wherever the sources lie, and names no place of this machine; `require` waits",
  ignore: Deno.build.os === "windows",
  async fn() {
    const dir = await Deno.makeTempDir();
    try {
      await copySources(`${dir}/a/b/c`);
      const here = await bundle(root, "1.2.3");
      const there = await bundle(`${dir}/a/b/c`, "1.2.3");
      assert.deepEqual([...there.keys()], [...here.keys()]);
      for (const [name, text] of here) assert.ok(there.get(name) === text, `${name} differs`);
      for (const name of [MAIN, CHILD, LAUNCHER, LICENCES, DASHBOARD]) assert.ok(here.has(name), name);
      for (const [name, text] of here) {
        for (const place of [root, Deno.env.get("HOME") + "/"]) {
          assert.ok(!text.includes(place), `${name} has ${place}`);
        }
        assert.doesNotMatch(text, /import\{createRequire/, `${name} makes \`require\` at its start`);
        assert.doesNotMatch(text, /(?<![\w$.])(?!import\()[\w$]+\("node:/, `${name} calls \`require\``);
      }
      const other = await bundle(root, "1.2.4");
      assert.notEqual(other.get(MAIN), here.get(MAIN));
      assert.ok(/MIT/.test(here.get(LICENCES)!) && /Apache License/.test(here.get(LICENCES)!));
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
});

Deno.test("onlyWhenNeeded() hides parts that are loaded when needed from what the runtime reads before it starts", () => {
  assert.equal(
    onlyWhenNeeded(
      'import{a}from"./part1.js";await import("./part2.js");import("../x/part-3.js");import("npm:a")',
    ),
    'import{a}from"./part1.js";await import(String("./part2.js"));import(String("../x/part-3.js"));import("npm:a")',
  );
});

Deno.test("onlyWhenNeeded() makes `require` at its first call", () => {
  const made = onlyWhenNeeded(
    'var a=1;import{createRequire as make} from "node:module";var m=make(import.meta.url);export{m as a};',
  );
  assert.match(made, /^var a=1;var m=\(name\)=>\(m\.made\?\?=/);
  assert.ok(!made.includes("import{"), made);
});

Deno.test("stableNames() depends on the order of imports, not on the bundler's hashes", () => {
  const tree = (x: string, y: string) =>
    new Map([
      ["main.js", `import"./chunk-${x}.js";import("./app-${y}.js");"./chunk-NOTTHERE.js"`],
      ["agent/child.js", `import a from'../chunk-${x}.js'`],
      [`chunk-${x}.js`, `import("./app-${y}.js")`],
      [`app-${y}.js`, "1"],
      ["left-ABCDEFGH.js", "2"],
    ]);
  const made = stableNames(tree("AAAAAAAA", "BBBBBBBB"), ["main.js", "agent/child.js"]);
  assert.deepEqual(Object.fromEntries(made), {
    "main.js": `import"./part0.js";import("./part1.js");"./chunk-NOTTHERE.js"`,
    "agent/child.js": "import a from'../part0.js'",
    "part0.js": `import("./part1.js")`,
    "part1.js": "1",
  });
  assert.deepEqual(stableNames(tree("ZZZZZZZZ", "CCCCCCCC"), ["main.js", "agent/child.js"]), made);
});

Deno.test("stableNames() refuses entries that the bundler did not make", () => {
  assert.throws(() => stableNames(new Map(), ["main.js"]), { code: "failed", message: /main\.js/ });
});

Deno.test("onlyWhenNeeded() imports the parts of Node's library that packages call `require` for", () => {
  assert.equal(
    onlyWhenNeeded('var a=q("node:net"),b=$r("node:net").isIP,c=q("node:os"),d=x.get("node:os"),e=q("./x");'),
    'import $node0 from"node:net";import $node1 from"node:os";' +
      'var a=$node0,b=$node0.isIP,c=$node1,d=x.get("node:os"),e=q("./x");',
  );
  assert.equal(onlyWhenNeeded('await import("node:zlib")'), 'await import("node:zlib")');
});
