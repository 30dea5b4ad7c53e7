import assert from "node:assert/strict";
import { jsonSchemaOf } from "./json_schema.ts";
import { keyIdOf, nodeIdOf } from "./identity.ts";
import { PackageManifestSchema } from "./package_schema.ts";
import { manifestKeys, parseRealmManifest, RealmManifestSchema } from "./realm_manifest.ts";
import { showProblem } from "./toml.ts";

const KEY = keyIdOf(new Uint8Array(32).fill(3)),
  NODE = nodeIdOf(new Uint8Array(32).fill(4)),
  DIGEST = "a".repeat(64);
const problems = (text: string) => {
  const result = parseRealmManifest(text, { file: "realm.toml" });
  return result.ok ? [] : result.problems.map(showProblem);
};

Deno.test("parseRealmManifest() reads tables that stand once or often, with defaults", () => {
  const result = parseRealmManifest(
    `[[app]]
package = "a.realm"
[[app]]
package = "${DIGEST}"
name = "b"
replicas = "all"
tags = ["production", "!edge"]
[node]
node = "${NODE}"
tags = ["production"]
[[key]]
key = "${KEY}"
role = "operator"
until = 2027-01-31
[pin]
digest = "${DIGEST}"
`,
    { file: "realm.toml" },
  );
  assert.ok(result.ok, result.ok ? "" : result.message);
  assert.deepEqual(result.value, {
    apps: [
      { package: "a.realm", replicas: 1, tags: [], strategy: "rolling" },
      { package: DIGEST, name: "b", replicas: "all", tags: ["production", "!edge"], strategy: "rolling" },
    ],
    nodes: [{ node: NODE, tags: ["production"] }],
    keys: [{ key: KEY, role: "operator", until: Date.UTC(2027, 0, 31) }],
    pins: [{ digest: DIGEST, copies: 2, tags: [] }],
    policies: [],
    secrets: [],
    jobs: [],
  });
});

Deno.test("a key's end may be a date, a time with zone or without, or its text", () => {
  const until = (text: string) => {
    const result = parseRealmManifest(`[key]\nkey = "${KEY}"\nrole = "viewer"\nuntil = ${text}\n`, {
      file: "f",
    });
    const key = result.ok ? result.value.keys[0] : undefined;
    return key && "until" in key ? key.until : undefined;
  };
  const noon = Date.UTC(2027, 0, 31, 12);
  assert.equal(until("2027-01-31T12:00:00Z"), noon);
  assert.equal(until("2027-01-31 12:00:00"), noon);
  assert.equal(until("2027-01-31T14:00:00+02:00"), noon);
  assert.equal(until('"2027-01-31T12:00:00Z"'), noon);
  assert.equal(until("12:00:00"), undefined);
  assert.equal(until('"soon"'), undefined);
});

const refused: readonly (readonly [name: string, text: string, expected: string])[] = [
  [
    "nothing",
    "# empty\n",
    "realm.toml:1: has no table; write [app], [job], [node], [key], [pin], [policy] or [secret]",
  ],
  ["an unknown table", "[ap]\n", "realm.toml:1: `ap`: unknown key; did you mean `app`?"],
  [
    "a table of a later version",
    "[alert]\nrun = 1\n",
    "realm.toml:1: `alert`: is not supported by this version; remove the table",
  ],
  [
    "a misspelt key in one of many",
    '[[app]]\npackage = "a"\n[[app]]\npackage = "b"\nreplica = 2\n',
    "realm.toml:5: `app[1].replica`: unknown key; did you mean `replicas`?",
  ],
  [
    "a wrong value in one of many",
    '[[app]]\npackage = "a"\n[[app]]\npackage = "b"\nreplicas = -1\n',
    'realm.toml:5: `app[1].replicas`: expected a number from 0 to 1000, or "all", got -1',
  ],
  [
    "a missing package",
    "[app]\nreplicas = 2\n",
    "realm.toml:1: `app.package`: missing, expected the path or digest of a package",
  ],
  [
    "one app twice",
    '[[app]]\npackage = "a"\n[[app]]\npackage = "a"\n',
    "realm.toml:4: `app[1].package`: is the second wish for this app; keep one",
  ],
  [
    "a node without a wish",
    `[node]\nnode = "${NODE}"\n`,
    "realm.toml:1: `node`: changes nothing; set `tags`, `cordon` or `drain`",
  ],
  [
    "a node that drains and takes new work",
    `[node]\nnode = "${NODE}"\ndrain = true\ncordon = false\n`,
    "realm.toml:4: `node.cordon`: stands with `drain = true`, which takes no new work; remove one of the two",
  ],
  [
    "something that is no node",
    '[node]\nnode = "x"\ncordon = true\n',
    'realm.toml:2: `node.node`: expected a node id (12D3KooW…), got "x"',
  ],
  [
    "a grant without end",
    `[key]\nkey = "${KEY}"\nrole = "viewer"\n`,
    "realm.toml:1: `key.until`: missing, expected a date such as 2027-01-31 or 2027-01-31T12:00:00Z",
  ],
  [
    "a grant that also revokes",
    `[key]\nkey = "${KEY}"\nrole = "viewer"\nrevoke = true\n`,
    "realm.toml:3: `key.role`: stands with `revoke = true`; remove one of the two",
  ],
  [
    "the role of the owner",
    `[key]\nkey = "${KEY}"\nrole = "owner"\nuntil = 2027-01-31\n`,
    'realm.toml:3: `key.role`: expected "viewer", "operator" or "admin", got "owner"',
  ],
  ["a table that is a number", "app = 1\n", "realm.toml:1: `app`: expected a table, got 1"],
];
for (const [name, text, expected] of refused) {
  Deno.test(`a realm manifest is refused for ${name}`, () => assert.deepEqual(problems(text), [expected]));
}

Deno.test("jsonSchemaOf() describes both manifests, strictly", () => {
  const manifest = jsonSchemaOf(PackageManifestSchema) as {
    properties: Record<string, { required?: string[] }>;
  };
  assert.deepEqual(manifest.properties.component.required, ["name", "version"]);
  const text = JSON.stringify(jsonSchemaOf(RealmManifestSchema));
  assert.match(text, /"additionalProperties":false/);
  assert.match(text, /"strategy"/);
});

Deno.test("manifestKeys() names tables and their keys with what is expected, and no table that is refused", () => {
  const tables = manifestKeys([]).map((k) => k.key);
  for (const name of ["app", "node", "key", "pin", "policy", "secret"]) {
    assert.ok(tables.includes(name), name);
  }
  assert.ok(!tables.includes("alert"));
  const app = Object.fromEntries(manifestKeys(["app"]).map((k) => [k.key, k]));
  assert.deepEqual(app.strategy.values, ['"rolling"', '"all"', '"canary"']);
  assert.match(app.replicas.expects, /a number from 0 to/);
  assert.deepEqual(manifestKeys(["node"]).find((k) => k.key === "cordon")?.values, ["true", "false"]);
  assert.deepEqual(manifestKeys(["nothing"]), []);
});
