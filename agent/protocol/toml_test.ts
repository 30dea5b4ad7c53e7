import assert from "node:assert/strict";
import * as v from "valibot";
import { limits } from "./limits.ts";
import { parseToml, showProblem, type TomlResult } from "./toml.ts";
import { keyPositions } from "./toml_positions.ts";

const Schema = v.strictObject({
  node: v.optional(v.strictObject({
    memory_mb: v.number("a whole number of MiB"),
    tags: v.optional(v.array(v.string("text in quotes"))),
    outbound: v.optional(v.string()),
  })),
  mounts: v.optional(v.array(v.variant("kind", [
    v.strictObject({ kind: v.literal("work"), guest: v.string() }),
    v.strictObject({ kind: v.literal("state"), guest: v.string(), volume: v.string() }),
  ]))),
  network: v.optional(v.strictObject({ allow: v.optional(v.array(v.string())) })),
});
const problemsOf = (result: TomlResult<unknown>): readonly string[] =>
  result.ok ? [] : result.problems.map(showProblem);
const problems = (text: string) => problemsOf(parseToml(text, Schema, { file: "realm.toml" }));

Deno.test("parseToml() gives the value of a text that fits the schema", () => {
  const result = parseToml('[node]\nmemory_mb = 64\ntags = ["a"]\n', Schema, { file: "realm.toml" });
  assert.ok(result.ok);
  assert.equal(result.value.node?.memory_mb, 64);
  assert.deepEqual(result.value.node?.tags, ["a"]);
});

const cases: readonly (readonly [name: string, text: string, expected: readonly string[]])[] = [
  [
    "an unknown key names the nearest valid key, and its absence is not reported twice",
    "[node]\nmemory_bm = 64\n",
    [
      "realm.toml:2: `node.memory_bm`: unknown key; did you mean `memory_mb`?",
    ],
  ],
  ["a key spelt with hyphens is recognised", "[node]\nmemory-mb = 64\n", [
    "realm.toml:2: `node.memory-mb`: unknown key; did you mean `memory_mb`?",
  ]],
  ["an unknown table names the nearest table", "\n[netwrok]\n", [
    "realm.toml:2: `netwrok`: unknown key; did you mean `network`?",
  ]],
  ["a key of another table is sent home", "[node]\nmemory_mb = 1\nallow = []\n", [
    "realm.toml:3: `node.allow`: unknown key; it belongs in [network]",
  ]],
  ["a key like no other lists what is valid", "[network]\nzzzzzz = 1\n", [
    "realm.toml:2: `network.zzzzzz`: unknown key; valid here: `allow`",
  ]],
  ["a wrong type says what was expected and what was found", '[node]\nmemory_mb = "64"\n', [
    'realm.toml:2: `node.memory_mb`: expected a whole number of MiB, got "64"',
  ]],
  ["a missing key stands at its table", "# first\n\n[node]\ntags = []\n", [
    "realm.toml:3: `node.memory_mb`: missing, expected a whole number of MiB",
  ]],
  ["an element of a list is placed by its own line", "[node]\nmemory_mb = 1\ntags = [\n  'a',\n  2,\n]\n", [
    "realm.toml:5: `node.tags[1]`: expected text in quotes, got 2",
  ]],
  [
    "the kind of a table chooses its keys",
    "[[mounts]]\nkind = 'work'\nguest = '/a'\n[[mounts]]\nkind = 'work'\nguest = '/b'\nvolume = 'x'\n",
    [
      "realm.toml:7: `mounts[1].volume`: unknown key; nothing may stand here",
    ],
  ],
  ["a wrong kind lists the kinds", "[[mounts]]\nkind = 'stat'\nguest = '/a'\n", [
    'realm.toml:2: `mounts[0].kind`: expected one of "work", "state", got "stat"',
  ]],
  ["a missing kind lists the kinds", "[[mounts]]\nguest = '/a'\n", [
    'realm.toml:1: `mounts[0].kind`: missing, expected one of "work", "state"',
  ]],
  ["all problems are listed, by line", "[node]\nmemory_mb = true\ntags = 1\n[network]\nalow = []\n", [
    "realm.toml:2: `node.memory_mb`: expected a whole number of MiB, got true",
    "realm.toml:3: `node.tags`: expected a list, got 1",
    "realm.toml:5: `network.alow`: unknown key; did you mean `allow`?",
  ]],
  ["a list is no table", "network = []\n", [
    "realm.toml:1: `network`: expected a table, got a list",
  ]],
  ["a list of tables is no table", "[[network]]\nallow = []\n", [
    "realm.toml:1: `network`: expected a table, got a list",
  ]],
  ["a date is no table", "node = 1979-05-27\n", [
    "realm.toml:1: `node`: expected a table, got a date",
  ]],
  ["a date is no text", "[network]\nallow = [1979-05-27]\n", [
    "realm.toml:2: `network.allow[0]`: expected text in quotes, got a date",
  ]],
  ["a syntax error has line and reason", "[node]\nmemory_mb = = 1\n", [
    "realm.toml:2: is not valid TOML: invalid value",
  ]],
  ["a key defined twice is refused", "[node]\nmemory_mb = 1\nmemory_mb = 2\n", [
    "realm.toml:3: is not valid TOML: trying to redefine an already defined table or value",
  ]],
  ["special names of JavaScript objects are refused", "[node]\nmemory_mb = 1\n__proto__ = 1\n", [
    "realm.toml:3: is not valid TOML: document contains an unsafe property",
  ]],
];
for (const [name, text, expected] of cases) {
  Deno.test(`TOML problems: ${name}`, () => assert.deepEqual(problems(text), expected));
}

Deno.test("parseToml() lists at most the bound's number of problems and counts the rest", () => {
  const text = "[network]\nallow = [" + "1,".repeat(limits.tomlProblems + 5) + "]\n";
  const result = parseToml(text, Schema, { file: "f" });
  assert.ok(!result.ok);
  assert.equal(result.problems.length, limits.tomlProblems);
  assert.match(result.message, /and 5 more$/);
});

Deno.test("parseToml() refuses what is too large, too deep or not UTF-8", () => {
  const big = parseToml("#".repeat(11), Schema, { file: "f", maxBytes: 10 });
  assert.ok(!big.ok && big.code === "too_large");
  const wide = parseToml("#ééééé", Schema, { file: "f", maxBytes: 10 });
  assert.ok(!wide.ok && wide.code === "too_large", "bytes are counted, not characters");
  const deep = parseToml("a = " + "[".repeat(1000) + "]".repeat(1000), Schema, { file: "f" });
  assert.ok(!deep.ok && /nested/.test(deep.message));
  const binary = parseToml(Uint8Array.of(0xff, 0xfe), Schema, { file: "f" });
  assert.ok(!binary.ok && /not UTF-8/.test(binary.message));
});

Deno.test("parseToml() runs the check only on values that fit, and places its problems", () => {
  const check = (value: { node?: { memory_mb: number } }) =>
    value.node!.memory_mb > 10
      ? [{ path: ["node", "memory_mb"], message: "is too much", hint: "take 10" }]
      : [];
  const result = parseToml("\n[node]\nmemory_mb = 11", Schema, { file: "f", check });
  assert.deepEqual(problemsOf(result), ["f:3: `node.memory_mb`: is too much; take 10"]);
});

const tricky = `# comment with "quotes and [brackets]
top.dotted . key = 1
"quoted key" = '''
[not.a.table]
fake = 1
'''
long = """a \\"""
fake = "x"
""\"" # ends with a quote of its own
['table with "quote'.sub]   # [comment]
"esc\\u0061ped" = [ # in list
  "]", { x = 1, "y.z" = [1, 2, {deep = true}] }, # }
  '\\'
]
date = 1979-05-27T07:32:00Z
[[list]]
a = 1
[list.inner]
b = 2
[[list]]
a = 3
[[list.more]]
c = 4
[[list.more]]
c = 5
[after]
crlf = 1\r
end = "#"`;
const places: readonly (readonly [(string | number)[], number])[] = [
  [["top", "dotted", "key"], 2],
  [["quoted key"], 3],
  [["long"], 7],
  [['table with "quote', "sub"], 10],
  [['table with "quote', "sub", "escaped"], 11],
  [['table with "quote', "sub", "escaped", 1, "x"], 12],
  [['table with "quote', "sub", "escaped", 1, "y.z", 2, "deep"], 12],
  [['table with "quote', "sub", "escaped", 2], 13],
  [['table with "quote', "sub", "date"], 15],
  [["list", 0, "a"], 17],
  [["list", 0, "inner", "b"], 19],
  [["list", 1], 20],
  [["list", 1, "a"], 21],
  [["list", 1, "more", 0, "c"], 23],
  [["list", 1, "more", 1, "c"], 25],
  [["after", "crlf"], 27],
  [["after", "end"], 28],
];
Deno.test("keyPositions() finds keys in every form TOML has", () => {
  const positions = keyPositions(tricky);
  for (const [path, line] of places) {
    const found = positions.find(path);
    assert.deepEqual([found.exact, found.line], [true, line], JSON.stringify(path));
  }
  assert.equal(positions.find(["not", "a", "table"]).exact, false);
  assert.equal(positions.find(["list", 1, "absent"]).line, 20);
  assert.deepEqual(positions.find(['table with "quote', "sub", "escaped", 1, "x"]), {
    line: 12,
    column: 10,
    exact: true,
  });
});

Deno.test("parseToml() refuses a key of too many parts at once, and takes a long value with dots", () => {
  const schema = v.strictObject({ a: v.string() });
  for (const text of [`x = 1\n${"b.".repeat(40)}c = 1`, `x = 1\n[ ${'"b" . '.repeat(40)}c ]`]) {
    const deep = parseToml(text, schema, { file: "f.toml" });
    assert.ok(!deep.ok);
    assert.equal(deep.message, "f.toml:2: a key has more than 32 parts");
  }
  assert.ok(parseToml(`a = "${"b.".repeat(40)}c"`, schema, { file: "f.toml" }).ok);
});
