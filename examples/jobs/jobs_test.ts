/** The examples of jobs, each run for real on this machine where it has the tools. */
import assert from "node:assert/strict";
import { parseRealmManifest } from "../../mod.ts";
import { Cluster, eventually, fetchApp, type Ran, realmCommand } from "../../tests/cluster.ts";

const here = new URL(".", import.meta.url).pathname;

/** Whether a program is where sandboxed programs find it. */
async function has(program: string): Promise<boolean> {
  for (const directory of ["/usr/bin", "/usr/local/bin"]) {
    const path = await Deno.realPath(`${directory}/${program}`).catch(() => "");
    if (path.startsWith("/usr/")) return true;
  }
  return false;
}

async function run(example: string, ...args: string[]): Promise<Ran> {
  const { command, args: all } = realmCommand(["job", "run", `${here}${example}/job.toml`, ...args]);
  const { code, stdout, stderr } = await new Deno.Command(command, { args: all, stdin: "null" }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

const test = (example: string, needs: readonly boolean[], body: () => Promise<void>) =>
  Deno.test({
    name: `the example ${example} does what it says`,
    ignore: Deno.build.os !== "linux" || needs.includes(false),
    sanitizeOps: false,
    sanitizeResources: false,
    fn: body,
  });

test("c-project", [await has("make"), await has("cc")], async () => {
  const out = await Deno.makeTempDir();
  try {
    const ran = await run("c-project", "--out", out);
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stdout, /all tests passed/);
    await new Deno.Command("tar", { args: ["xf", "words.tar"], cwd: out }).output();
    const words = new Deno.Command(`${out}/words`, { stdin: "piped", stdout: "piped" }).spawn();
    const writer = words.stdin.getWriter();
    await writer.write(new TextEncoder().encode("it runs here too"));
    await writer.close();
    assert.equal(new TextDecoder().decode((await words.output()).stdout), "4\n");
  } finally {
    await Deno.remove(out, { recursive: true });
  }
});

test("rust-matrix", [await has("cargo")], async () => {
  const ran = await run("rust-matrix");
  assert.equal(ran.code, 0, ran.stderr);
  assert.equal(ran.stdout.match(/test result: .*ok.* 1 passed/g)?.length, 2, ran.stdout);
  assert.match(ran.stderr, /rust-matrix profile=release succeeded/);
});

test("deno-test", [], async () => {
  const beside = `${here}deno-test/deno`;
  await Deno.copyFile(Deno.execPath(), beside);
  try {
    const ran = await run("deno-test");
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stdout, /2 passed \| 0 failed/);
  } finally {
    await Deno.remove(beside);
  }
});

test("nightly", [], async () => {
  const ran = await run("nightly");
  assert.equal(ran.code, 0, ran.stderr);
  assert.match(ran.stdout, /kernel +Linux/);
});

test("pipeline", [], async () => {
  const ran = await run("pipeline");
  assert.equal(ran.code, 0, ran.stderr);
  assert.match(ran.stdout, /^6\n[0-9a-f]{64} {2}book.md.gz\n$/);
  assert.deepEqual(
    [...ran.stderr.matchAll(/^(\w+) succeeded/gm)].map((m) => m[1]),
    ["check", "test", "build", "package"],
  );
});

Deno.test("the example realm-ci is a manifest; what it runs is this very test suite", async () => {
  const file = `${here}realm-ci/job.toml`;
  const manifest = parseRealmManifest(await Deno.readTextFile(file), { file });
  assert.ok(manifest.ok, manifest.ok ? "" : manifest.message);
  assert.deepEqual(manifest.value.jobs.map((j) => j.job.name), ["check", "test"]);
});

test("service", [await has("perl")], async () => {
  await using cluster = await Cluster.start({ nodes: 1 });
  await cluster.realm("policy", "set", "allow_native_execution=true");
  await cluster.realm("job", "submit", `${here}service/job.toml`, "--timeout", "60s");
  const seen = new Set<string>();
  await eventually("both replicas answer", async () => {
    const answer = await fetchApp(cluster.nodes[0].gateway, "greeter");
    const text = await answer.text();
    if (answer.status === 200) seen.add(text);
    return seen.size === 2;
  });
  for (const text of seen) assert.match(text, /^hello from \S+\n$/);
});
