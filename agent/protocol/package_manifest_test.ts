import assert from "node:assert/strict";
import { utf8 } from "./encoding.ts";
import { digestOf } from "./identity.ts";
import { packageDigest, parsePackageManifest } from "./package_manifest.ts";
import { showProblem } from "./toml.ts";

const A = "a".repeat(64);
const files = (...paths: string[]) =>
  paths.map((p) => `[[files]]\npath = ${JSON.stringify(p)}\nsize = 1\nsha256 = "${A}"\n`).join("");
const COMPONENT = '[component]\nname = "app"\nversion = "1"\n';
const problems = (text: string, inventory: "required" | "absent" = "required") => {
  const result = parsePackageManifest(text, { inventory });
  return result.ok ? [] : result.problems.map(showProblem);
};

Deno.test("the specification's example manifest is read in full", () => {
  const result = parsePackageManifest(`
[component]
name = "my-web-app"
version = "1.4.0"
wasm = "component.wasm"
sha256 = "${A}"
memory_mb = 64
max_concurrency = 64
timeout_seconds = 30
[env]
LOG = "info"
[http]
route = ["my-web-app", "shop.example.com/api/"]
static = "/www"
health = "/healthz"
not_found = "404.html"
cache = [{ path = "/assets/*", max_age_seconds = 31536000, immutable = true }]
[network]
outbound = ["api.example.com:443", "[::1]:*"]
[[mounts]]
kind = "static"
guest = "/www"
source = "static/"
[[mounts]]
kind = "config"
guest = "/etc/app"
source = "config"
[[mounts]]
kind = "work"
guest = "/tmp"
[[mounts]]
kind = "state"
guest = "/data"
volume = "app-data"
seed = "seed-data/"
snapshot = { every = "1h", keep = 24, copies = 2 }
${files("component.wasm", "config/a.toml", "seed-data/x", "static/404.html", "static/index.html")}`);
  assert.ok(result.ok, result.ok ? "" : result.message);
  const m = result.value;
  assert.deepEqual(m.component, {
    wasm: "component.wasm",
    sha256: A,
    memoryMb: 64,
    maxConcurrency: 64,
    timeoutMs: 30_000,
    instance: "per_request",
    args: [],
  });
  assert.deepEqual(m.http?.routes, [
    { host: "my-web-app", kind: "label", path: "" },
    { host: "shop.example.com", kind: "name", path: "/api" },
  ]);
  assert.equal(m.http?.static?.notFound, "static/404.html");
  assert.equal(m.http?.static?.source, "static");
  assert.deepEqual(m.outbound, ["api.example.com:443", "[::1]:*"]);
  assert.deepEqual(m.mounts[2], { kind: "work", guest: "/tmp", quotaBytes: 100 * 1024 * 1024 });
  assert.deepEqual(m.mounts[3], {
    kind: "state",
    guest: "/data",
    volume: "app-data",
    seed: "seed-data",
    snapshot: { everyMs: 3_600_000, keep: 24, copies: 2 },
  });
  assert.equal(m.files.length, 5);
});

Deno.test("an app's route defaults to its name; a package without [http] has none", () => {
  const base = `${COMPONENT}wasm = "c.wasm"\n`;
  const web = parsePackageManifest(base + "[http]\n" + files("c.wasm"));
  assert.deepEqual(web.ok && web.value.http?.routes, [{ host: "app", kind: "label", path: "" }]);
  const job = parsePackageManifest(base + files("c.wasm"));
  assert.ok(job.ok && job.value.http === undefined);
});

const WASM = `${COMPONENT}wasm = "c.wasm"\n`;
const refused: readonly (readonly [name: string, text: string, expected: RegExp])[] = [
  [
    "a service table",
    `${WASM}[service]\nimage = "x"\n${files("c.wasm")}`,
    /:5: `service`: .*not supported.*use \[component\]/,
  ],
  [
    "nothing to run",
    COMPONENT + files("x"),
    /`component`: there is nothing to run/,
  ],
  ["no inventory", WASM, /has no inventory.*package create/],
  [
    "a wasm file that is not there",
    WASM + files("d.wasm"),
    /:4: `component.wasm`: "c.wasm" is not in the package; did you mean "d.wasm"/,
  ],
  [
    "a wrong component digest",
    `${WASM}sha256 = "${"b".repeat(64)}"\n${files("c.wasm")}`,
    /:5: `component.sha256`: is not the digest of "c.wasm"/,
  ],
  [
    "an upper-case name",
    '[component]\nname = "App"\nversion = "1"\nwasm = "c.wasm"\n' + files("c.wasm"),
    /:2: `component.name`: expected a name: lower-case/,
  ],
  [
    "a Windows device as name",
    '[component]\nname = "con"\nversion = "1"\nwasm = "c.wasm"\n' + files("c.wasm"),
    /reserved name on Windows/,
  ],
  [
    "too much memory",
    `${WASM}memory_mb = 5000\n${files("c.wasm")}`,
    /:5: `component.memory_mb`: expected a whole number from 1 to 4096 \(MiB\), got 5000/,
  ],
  [
    "a misspelt key",
    `${WASM}memory_bm = 64\n${files("c.wasm")}`,
    /:5: `component.memory_bm`: unknown key; did you mean `memory_mb`\?/,
  ],
  [
    "a source without files",
    `${WASM}[[mounts]]\nkind = "static"\nguest = "/www"\nsource = "static/"\n${files("c.wasm", "statics/x")}`,
    /:8: `mounts\[0\].source`: "static\/" has no files/,
  ],
  [
    "a source that is a file",
    `${WASM}[[mounts]]\nkind = "config"\nguest = "/www"\nsource = "static"\n${files("c.wasm", "static")}`,
    /is a file, not a directory/,
  ],
  [
    "a source outside the package",
    `${WASM}[[mounts]]\nkind = "config"\nguest = "/www"\nsource = "../etc"\n${files("c.wasm")}`,
    /"\.\.\/etc" leaves its place/,
  ],
  [
    "an absolute source",
    `${WASM}[[mounts]]\nkind = "config"\nguest = "/www"\nsource = "/etc"\n${files("c.wasm")}`,
    /"\/etc" is absolute/,
  ],
  [
    "a seed that is not there",
    `${WASM}[[mounts]]\nkind = "state"\nguest = "/d"\nvolume = "v"\nseed = "s"\n${files("c.wasm")}`,
    /`mounts\[0\].seed`: "s" has no files/,
  ],
  [
    "a seed of a work mount",
    `${WASM}[[mounts]]\nkind = "work"\nguest = "/d"\nseed = "s"\n${files("c.wasm")}`,
    /`mounts\[0\].seed`: unknown key/,
  ],
  [
    "a relative guest path",
    `${WASM}[[mounts]]\nkind = "work"\nguest = "tmp"\n${files("c.wasm")}`,
    /:7: `mounts\[0\].guest`: expected an absolute/,
  ],
  [
    "a guest path with ..",
    `${WASM}[[mounts]]\nkind = "work"\nguest = "/a/../b"\n${files("c.wasm")}`,
    /expected an absolute/,
  ],
  [
    "a guest path with a trailing slash",
    `${WASM}[[mounts]]\nkind = "work"\nguest = "/a/"\n${files("c.wasm")}`,
    /expected an absolute/,
  ],
  [
    "two mounts at one guest path",
    `${WASM}[[mounts]]\nkind = "work"\nguest = "/a"\n[[mounts]]\nkind = "work"\nguest = "/a"\n${
      files("c.wasm")
    }`,
    /:10: `mounts\[1\].guest`: "\/a" is already the guest path of mounts\[0\]/,
  ],
  [
    "a mount below another",
    `${WASM}[[mounts]]\nkind = "work"\nguest = "/a"\n[[mounts]]\nkind = "work"\nguest = "/a/b"\n${
      files("c.wasm")
    }`,
    /"\/a\/b" overlaps the guest path "\/a" of mounts\[0\]/,
  ],
  [
    "a mount above another",
    `${WASM}[[mounts]]\nkind = "work"\nguest = "/a/b"\n[[mounts]]\nkind = "work"\nguest = "/"\n${
      files("c.wasm")
    }`,
    /"\/" overlaps/,
  ],
  [
    "one volume twice",
    `${WASM}[[mounts]]\nkind = "state"\nguest = "/a"\nvolume = "v"\n[[mounts]]\nkind = "state"\nguest = "/b"\nvolume = "v"\n${
      files("c.wasm")
    }`,
    /volume "v" is mounted twice/,
  ],
  [
    "a volume named like a path",
    `${WASM}[[mounts]]\nkind = "state"\nguest = "/a"\nvolume = "../v"\n${files("c.wasm")}`,
    /`mounts\[0\].volume`: expected a volume name/,
  ],
  [
    "static that is no static mount",
    `${WASM}[http]\nstatic = "/ww"\n[[mounts]]\nkind = "static"\nguest = "/www"\nsource = "s"\n${
      files("c.wasm", "s/x")
    }`,
    /:6: `http.static`: "\/ww" is not the `guest` of a static mount; did you mean "\/www"/,
  ],
  [
    "a bad route",
    `${WASM}[http]\nroute = "Shop"\n${files("c.wasm")}`,
    /:6: `http.route`: expected a host label or host name/,
  ],
  ["a route with a port", `${WASM}[http]\nroute = "shop:80"\n${files("c.wasm")}`, /without a port/],
  [
    "a route with ..",
    `${WASM}[http]\nroute = ["shop/../x"]\n${files("c.wasm")}`,
    /`http.route\[0\]`: expected a path prefix/,
  ],
  ["a route twice", `${WASM}[http]\nroute = ["shop", "shop/"]\n${files("c.wasm")}`, /stands twice/],
  [
    "a health path that is no path",
    `${WASM}[http]\nhealth = "healthz"\n${files("c.wasm")}`,
    /:6: `http.health`: expected a path/,
  ],
  ["spa without static", `${WASM}[http]\nspa = true\n${files("c.wasm")}`, /`http.spa`: needs `static`/],
  [
    "a missing 404 page",
    `${WASM}[http]\nstatic = "/w"\nnot_found = "4.html"\n[[mounts]]\nkind = "static"\nguest = "/w"\nsource = "s/"\n${
      files("c.wasm", "s/x")
    }`,
    /`http.not_found`: "s\/4.html" is not in the package/,
  ],
  [
    "an outbound host without port",
    `${WASM}[network]\noutbound = ["a.example"]\n${files("c.wasm")}`,
    /:6: `network.outbound\[0\]`: expected "host:port"/,
  ],
  [
    "an outbound port out of range",
    `${WASM}[network]\noutbound = ["a.example:70000"]\n${files("c.wasm")}`,
    /a port from 1 to 65535/,
  ],
  [
    "an outbound wildcard",
    `${WASM}[network]\noutbound = ["*.example:1"]\n${files("c.wasm")}`,
    /expected a host name/,
  ],
  [
    "an environment name",
    `${WASM}[env]\n"A B" = "x"\n${files("c.wasm")}`,
    /:6: `env."A B"`: expected a name/,
  ],
  [
    "an environment value that is no text",
    `${WASM}[env]\nA = 1\n${files("c.wasm")}`,
    /:6: `env.A`: expected text in quotes, got 1/,
  ],
  ["unsorted files", WASM + files("d", "c.wasm"), /"c.wasm" is out of order/],
  ["a file twice", WASM + files("c.wasm", "c.wasm"), /:10: `files\[1\].path`: "c.wasm" stands twice$/],
  [
    "files that differ in case",
    WASM + files("A.txt", "a.txt", "c.wasm"),
    /"a.txt" differs only in case or Unicode form from "A.txt"/,
  ],
  ["directories that differ in case", WASM + files("D/a", "c.wasm", "d/b"), /"d\/b" differs only in case/],
  ["a file that is a directory", WASM + files("c.wasm", "x", "x/y"), /"x\/y" is a file and a directory/],
  ["a path outside", WASM + files("../x", "c.wasm"), /`files\[0\].path`: "\.\.\/x" leaves its place/],
  ["an absolute path", WASM + files("/x", "c.wasm"), /"\/x" is absolute/],
  ["a drive path", WASM + files("C:/x", "c.wasm"), /is absolute/],
  ["a backslash", WASM + files("a\\b", "c.wasm"), /not have on every platform|cannot have on every platform/],
  ["a path not in form C", WASM + files("c.wasm", "e\u0301"), /normal form C/],
  ["a Windows device", WASM + files("c.wasm", "nul.txt"), /reserved name on Windows/],
  ["a trailing dot", WASM + files("c.wasm", "x."), /ends with a dot/],
  ["the manifest in its inventory", WASM + files("c.wasm", "manifest.toml"), /a name of the package's own/],
];
for (const [name, text, expected] of refused) {
  Deno.test(`a manifest is refused for ${name}`, () => {
    const found = problems(text);
    assert.ok(found.some((p) => expected.test(p)), found.join("\n") || "accepted");
  });
}

Deno.test("an author's manifest needs no inventory, and must not have one", () => {
  assert.deepEqual(problems(WASM, "absent"), []);
  assert.match(
    problems(WASM + files("c.wasm"), "absent")[0],
    /`files`: is written by `realm package create`/,
  );
});

Deno.test("a package's digest is the SHA-256 of its manifest's bytes", () => {
  const bytes = utf8(WASM + files("c.wasm"));
  assert.equal(packageDigest(bytes), digestOf(bytes));
});

Deno.test("a manifest with the largest inventory is read in linear time", () => {
  const many = Array.from({ length: 19_999 }, (_, i) => `static/${String(i).padStart(6, "0")}/file.txt`);
  const text = WASM + files("c.wasm", ...many);
  const start = performance.now();
  assert.deepEqual(problems(text), []);
  const elapsed = performance.now() - start;
  assert.ok(elapsed < 5_000, `${Math.round(elapsed)} ms`);
});
