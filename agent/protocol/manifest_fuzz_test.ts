import assert from "node:assert/strict";
import fc from "fast-check";
import { fuzz, processorMs } from "../../tests/fuzz.ts";
import { limits } from "./limits.ts";
import { parsePackageManifest } from "./package_manifest.ts";
import { findCollision, pathProblem } from "./package_path.ts";
import { parseRealmManifest, RealmManifestSchema } from "./realm_manifest.ts";
import { checkData } from "./schema_problems.ts";
import { PackageManifestSchema } from "./package_schema.ts";
import { showProblem, type TomlResult } from "./toml.ts";
import { keyPositions } from "./toml_positions.ts";

const DIGEST = "0".repeat(64);
const GOOD = `[component]
name = "app"
version = "1"
wasm = "c.wasm"
[env]
A = "b"
[http]
route = ["app", "x.example/y"]
static = "/www"
cache = [{ path = "/*", max_age_seconds = 1 }]
[network]
outbound = ["a.b:1"]
[[mounts]]
kind = "static"
guest = "/www"
source = "s"
[[mounts]]
kind = "state"
guest = "/d"
volume = "v"
snapshot = { every = "1h" }
[[files]]
path = "c.wasm"
size = 1
sha256 = "${DIGEST}"
[[files]]
path = "s/x"
size = 1
sha256 = "${DIGEST}"
`;

/** A result is a value, or a bounded list of problems that each stand on a line of the text. */
function sound(text: string, result: TomlResult<unknown>): void {
  if (result.ok) return;
  const lines = text.split("\n").length;
  assert.ok(result.problems.length > 0 && result.problems.length <= limits.tomlProblems);
  for (const p of result.problems) {
    assert.ok(p.line >= 1 && p.line <= lines, showProblem(p));
    assert.ok(p.column >= 1);
    assert.ok(showProblem(p).length < 4_000);
  }
}

Deno.test("fuzz: arbitrary text is a manifest or a list of problems", async () => {
  const pieces = fc.oneof(
    fc.string({ unit: "binary", maxLength: 40 }),
    fc.constantFrom(
      "[",
      "]",
      "[[",
      "]]",
      "{",
      "}",
      "=",
      ".",
      ",",
      "\n",
      "#",
      '"',
      "'",
      '"""',
      "'''",
      "\\",
      "_",
      "-",
    ),
    fc.constantFrom(
      "component",
      "mounts",
      "files",
      "name",
      "kind",
      "__proto__",
      "constructor",
      "a",
      "toString",
    ),
    fc.constantFrom("1", "1979-05-27", "inf", "true", "0x1f", "1e9", '"x"', "[]", "{}"),
  );
  await fuzz(fc.array(pieces, { maxLength: 40 }), (parts) => {
    const text = parts.join("");
    sound(text, parsePackageManifest(text));
    sound(text, parseRealmManifest(text, { file: "realm.toml" }));
    keyPositions(text).find(["component", "name"]);
  });
});

/** What large texts are made of, each to cost as much as it can. */
const heavy: readonly (readonly [name: string, unit: (i: number) => string, head?: string, tail?: string])[] =
  [
    ["unknown keys", (i) => `key_${i} = 1\n`],
    ["unknown keys near valid ones", (i) => `nam${i} = 1\n`, "[component]\n"],
    ["files with wrong values", () => '[[files]]\npath = 1\nsize = ""\nsha256 = ""\n'],
    ["files with unknown keys", () => "[[files]]\npaht = 1\n"],
    ["one deep dotted key", () => "a.", "", "a = 1"],
    ["one deep table header", () => "a.", "[", "a]"],
    ["a long list", () => "1,", "a = [", "]"],
    ["one long line", () => "x", 'a = "', '"'],
    ["many quotes", () => '"""', "a = "],
    ["blank lines", () => "\n"],
    ["environment names", (i) => `"${i} " = ""\n`, "[env]\n"],
    ["environment names below one another", () => "A.", "[env]\n", "A = 1"],
    ["mounts over one another", () => '[[mounts]]\nkind = "work"\nguest = "/a"\n'],
    [
      "paths with many parts",
      (i) => `[[files]]\npath = "${"a/".repeat(60)}${i}"\nsize = 1\nsha256 = "${DIGEST}"\n`,
    ],
    ["guest paths", () => "/a", '[[mounts]]\nkind = "work"\nguest = "', '"'],
    ["routes", () => "/a", '[http]\nroute = "', '"'],
  ];
const HEAVY_BYTES = 1024 * 1024;
for (const [name, unit, head = "", tail = ""] of heavy) {
  Deno.test(`a megabyte of ${name} is refused within seconds`, () => {
    const parts = [head];
    for (let i = 0, size = head.length + tail.length;; i++) {
      const next = unit(i);
      size += next.length;
      if (size > HEAVY_BYTES) break;
      parts.push(next);
    }
    const text = parts.join("") + tail;
    const ms = processorMs(() => {
      const result = parsePackageManifest(text);
      assert.equal(result.ok, false);
      sound(text, result);
    });
    assert.ok(ms < 5_000, `${Math.round(ms)} ms`);
  });
}

Deno.test("fuzz: arbitrary bytes are a list of problems", async () => {
  await fuzz(fc.uint8Array({ maxLength: 200 }), (bytes) => {
    assert.equal(parsePackageManifest(bytes).ok, false);
  });
});

Deno.test("fuzz: a good manifest with lines changed, moved and repeated is read or refused", async () => {
  assert.ok(parsePackageManifest(GOOD).ok);
  const lines = GOOD.split("\n");
  const edit = fc.record({
    at: fc.nat(lines.length - 1),
    how: fc.constantFrom("remove", "repeat", "move", "key", "value"),
    to: fc.nat(lines.length - 1),
    text: fc.oneof(
      fc.string({ maxLength: 12 }),
      fc.constantFrom('"x"', "[]", "{}", "-1", "1e999", "true", '"../.."'),
    ),
  });
  await fuzz(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
    const out = [...lines];
    for (const { at, how, to, text } of edits) {
      const line = out[at] ?? "";
      if (how === "remove") out.splice(at, 1);
      else if (how === "repeat") out.splice(to, 0, line);
      else if (how === "move") out.splice(to, 0, ...out.splice(at, 1));
      else if (how === "key") out[at] = line.replace(/^[a-z0-9_]+/, text);
      else out[at] = line.replace(/= .*$/, `= ${text}`);
    }
    const text = out.join("\n");
    sound(text, parsePackageManifest(text));
  });
});

Deno.test("fuzz: arbitrary data never makes the schema check throw, nor pass with unknown keys", async () => {
  const keys = fc.constantFrom(
    "component",
    "http",
    "mounts",
    "kind",
    "guest",
    "name",
    "env",
    "files",
    "zz",
    "cache",
  );
  const values = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.string({ maxLength: 8 }),
      fc.integer(),
      fc.double(),
      fc.boolean(),
      fc.date(),
      fc.constantFrom("static", "state", "/a"),
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(keys, tie("value"), { maxKeys: 4 }),
    ),
  })).value;
  await fuzz(values, (value) => {
    const result = checkData(PackageManifestSchema, value);
    if (!result.ok) assert.ok(result.problems.length > 0);
    const realm = checkData(RealmManifestSchema, value);
    if (!realm.ok) assert.ok(realm.problems.length > 0);
  });
});

Deno.test("fuzz: paths that are accepted stay inside, and collisions are found whatever the order", async () => {
  const path = fc.array(
    fc.oneof(
      fc.string({ unit: "binary", maxLength: 6 }),
      fc.constantFrom("..", ".", "a", "A", "ä", "con", "b"),
    ),
    { minLength: 1, maxLength: 4 },
  ).map((parts) => parts.join("/"));
  await fuzz(fc.array(path, { maxLength: 6 }), (paths) => {
    const accepted = paths.filter((p) => pathProblem(p) === undefined);
    for (const p of accepted) {
      const at = new URL(p.split("/").map(encodeURIComponent).join("/"), "file:///root/").pathname;
      assert.equal(decodeURIComponent(at), `/root/${p}`);
    }
    const there = findCollision(accepted), back = findCollision([...accepted].reverse());
    assert.equal(there === undefined, back === undefined);
  });
});
