/** Secrets on real nodes: given to jobs, hidden in logs, and nowhere to be found; members that come and go. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { digestOf, type RunView, utf8 } from "../../mod.ts";
import { Cluster, type ClusterNode, eventually, type Ran, realmCommand } from "../cluster.ts";
import { nativeJob } from "../job_manifests.ts";
import { buildWasmFixtures } from "../fixtures/build.ts";
import { provideSystemPackages } from "../provide.ts";

const ready = await provideSystemPackages("wasi", () => {});
const wasm = ready ? (await buildWasmFixtures()).commandModule : "";
const test = (name: string, ignore: boolean, fn: () => Promise<void>) =>
  Deno.test({ name, fn, ignore, sanitizeOps: false, sanitizeResources: false });
const noNative = Deno.build.os !== "linux";

/** A value that nothing else looks like. */
const fresh = () => `s3cret-${crypto.randomUUID()}/+'"&`;

/** `realm …` with a value on stdin. */
async function withStdin(cluster: Cluster, value: string, ...args: string[]): Promise<Ran> {
  const { command, args: all } = realmCommand(args);
  const child = new Deno.Command(command, {
    args: all,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    env: { REALM_DATA_DIR: cluster.nodes[0].dataDir, NO_COLOR: "1" },
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(utf8(value)).catch(() => {});
  await writer.close().catch(() => {});
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}
async function setSecret(cluster: Cluster, name: string, value: string, ...more: string[]): Promise<void> {
  const ran = await withStdin(cluster, value, "secret", "set", name, ...more);
  assert.equal(ran.code, 0, ran.stderr);
  assert.ok(!(ran.stdout + ran.stderr).includes(value.trim()));
}
async function submit(cluster: Cluster, name: string, body: string, runtime = "native"): Promise<string> {
  const path = `${cluster.root}/${name}.toml`;
  const what = runtime === "native" ? `type = "native"` : `type = "wasm"\nwasm = "command.wasm"`;
  await Deno.writeTextFile(path, `[job]\nname = "${name}"\ntype = "one-shot"\n[runtime]\n${what}\n${body}`);
  return JSON.parse(await cluster.realm("job", "submit", path, "--detach", "--json")).runs[0];
}
const step = (run: string) => `[[step]]\nname = "it"\nrun = ${JSON.stringify(run)}\n`;
const ended = (cluster: Cluster, run: string): Promise<RunView> =>
  eventually(`${run} ends`, async () => {
    const view = await cluster.client(cluster.nodes[0]).run(run);
    return view.ended_at !== undefined && view;
  }, 60_000);
async function outputOf(cluster: Cluster, node: ClusterNode, run: string): Promise<string> {
  let text = "";
  for await (const entry of cluster.client(node).runLogs(run)) text += `${entry.text}\n`;
  return text;
}
async function artifact(cluster: Cluster, run: RunView, name: string): Promise<string> {
  const { digest } = run.artifacts.find((a) => a.name === name)!;
  return await new Response(await cluster.client(cluster.nodes[0]).readBlob(digest)).text();
}

/** Files and directories' names below a directory in which one of the texts stands, and command lines of processes. */
async function findIn(root: string, texts: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  const wanted = texts.map((t) => Buffer.from(t));
  const walk = async (directory: string): Promise<void> => {
    for await (const { name, isDirectory, isFile } of Deno.readDir(directory)) {
      const path = `${directory}/${name}`;
      if (isDirectory) await walk(path).catch(() => {});
      if (!isFile) continue;
      // Files come and go while nodes work.
      const content = Buffer.from(await Deno.readFile(path).catch(() => new Uint8Array()));
      if (wanted.some((w) => content.includes(w))) found.push(path);
    }
  };
  await walk(root);
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const line = Buffer.from(await Deno.readFile(`/proc/${name}/cmdline`).catch(() => new Uint8Array()));
    if (wanted.some((w) => line.includes(w))) found.push(`/proc/${name}/cmdline`);
  }
  return found;
}
/** The forms that are looked for: as it is, and as base64 wherever it stands. */
const formsOf = (value: string): string[] => [
  value,
  Buffer.from(value).toString("base64").slice(0, -4),
  Buffer.from(`a${value}`).toString("base64").slice(4, -4),
  Buffer.from(`ab${value}`).toString("base64").slice(4, -4),
];

test(
  "native jobs get secrets as variables and files; no log, record, audit, file or command line has them",
  noNative,
  async () => {
    await using cluster = await Cluster.start({ nodes: 3 });
    const other = cluster.nodes[1];
    await cluster.realm("policy", "set", "allow_native_execution=true");
    const [token, key] = [fresh(), `-----BEGIN KEY-----\n${crypto.randomUUID()}\n${crypto.randomUUID()}\n`];
    await setSecret(cluster, "deploy-token", token + "\n");
    await Deno.writeTextFile(`${cluster.root}/key`, key);
    await cluster.realm("secret", "set", "ssh-key", "--file", `${cluster.root}/key`);
    await Deno.remove(`${cluster.root}/key`);
    const run = await submit(
      cluster,
      "deploy",
      step(`printf %s "$TOKEN" | sha256sum > out.txt; sha256sum < "$KEY" >> out.txt
      echo "plain $TOKEN"; printf %s "user:$TOKEN" | base64 -w 0; echo
      cat "$KEY"; cat "$KEY" >&2; printf %s "$TOKEN" | od -An -tx1 | tr -d ' \\n'; echo
      printf %s "$TOKEN" | head -c 20; sleep 0.3; printf %s "$TOKEN" | tail -c +21; echo
      echo begun; while test ! -e "$REALM_ROOT/go"; do sleep 0.05; i=$((\${i:-0}+1)); test $i -gt 60 && break; done
      ls -l "$KEY" | cut -c1-10; touch "$KEY.x" 2>/dev/null && echo written; exit 7`) +
        `[secrets]
TOKEN = { name = "deploy-token" }
KEY = { name = "ssh-key", as = "file" }
[data]
outputs = [{ path = "/out.txt", name = "out", if = "always" }]
`,
    );
    await eventually(
      "the program waits",
      async () => (await outputOf(cluster, other, run)).includes("begun"),
    );
    const forms = [...formsOf(token), ...key.trim().split("\n").slice(1).flatMap(formsOf)];
    assert.deepEqual(await findIn(cluster.root, forms), [], "while it runs");
    const view = await ended(cluster, run);
    assert.equal(view.state, "failed");
    const hashes = (await artifact(cluster, view, "out")).split("\n").map((l) => l.slice(0, 64));
    assert.deepEqual(hashes.slice(0, 2), [digestOf(utf8(token)), digestOf(utf8(key))]);
    const log = await outputOf(cluster, other, run);
    assert.match(log, /plain \*\*\*\n/);
    assert.match(log, /-r--------/);
    assert.ok(!log.includes("written"), log);
    for (const form of forms) assert.ok(!log.includes(form), log);
    assert.ok(!log.includes(Buffer.from(token).toString("hex")), log);
    assert.ok(!log.includes(token.slice(0, 20)), log);
    // Everything that can be asked of any node.
    const told: string[] = [log];
    for (const n of cluster.nodes) {
      const client = cluster.client(n);
      told.push(
        n.output,
        JSON.stringify(await client.audit({})),
        JSON.stringify(await client.pastEvents(1_000)),
      );
      told.push(JSON.stringify([await client.secrets(), await client.run(run), await client.runSpec(run)]));
      told.push(
        JSON.stringify([await client.diagnose(n.name), await client.why(run)]),
        await client.exposition(),
      );
    }
    for (const form of forms) assert.ok(!told.some((t) => t.includes(form)));
    assert.deepEqual(await findIn(cluster.root, forms), [], "after its end");
    const uses =
      (await Promise.all(cluster.nodes.map((n) => cluster.client(n).audit({ action: "secret.use" }))))
        .flat();
    assert.deepEqual(uses.map((u) => `${u.target} ${u.result}`).sort(), [
      "deploy-token accepted",
      "ssh-key accepted",
    ]);
    assert.ok(uses.every((u) => u.actor.startsWith("z6Mk") && u.detail?.includes(run)));
    for (const place of ["/dev/shm", "/run"]) {
      for (const { name } of [...Deno.readDirSync(place)].filter((e) => e.name.startsWith("realm-"))) {
        assert.deepEqual(await findIn(`${place}/${name}`, forms), []);
      }
    }
    await Promise.all(cluster.nodes.map((n) => cluster.stop(n)));
  },
);

test("wasm jobs get secrets too, and what they keep is theirs to keep", !ready, async () => {
  await using cluster = await Cluster.start({ nodes: 1 });
  await Deno.copyFile(wasm, `${cluster.root}/command.wasm`);
  const value = fresh();
  await setSecret(cluster, "who", value);
  const secrets = `[secrets]\nWHO = { name = "who" }\n`;
  const run = await submit(cluster, "greet", `[execution]\ncommand = ["hello"]\n${secrets}`, "wasm");
  assert.equal((await ended(cluster, run)).state, "succeeded");
  assert.match(await outputOf(cluster, cluster.nodes[0], run), /hello \*\*\*\n/);
  const copy = await submit(
    cluster,
    "copy",
    `[execution]\ncommand = ["copy", "/.secrets/WHO", "/out.txt"]
[secrets]\nWHO = { name = "who", as = "file" }
[data]\noutputs = [{ path = "/out.txt", name = "out" }, { path = "/", name = "all" }]\n`,
    "wasm",
  );
  const view = await ended(cluster, copy);
  assert.equal(view.state, "succeeded", view.reason ?? "");
  assert.equal(await artifact(cluster, view, "out"), value.toUpperCase());
  assert.ok(!(await artifact(cluster, view, "all")).includes(".secrets"));
  // Not even the next program of the same process finds them.
  const late = await submit(
    cluster,
    "late",
    `[execution]\ncommand = ["copy", "/.secrets/WHO", "/out.txt"]\n`,
    "wasm",
  );
  assert.equal((await ended(cluster, late)).state, "failed");
  await eventually("its file is gone", async () => (await findIn(cluster.root, formsOf(value))).length === 0);
});

test(
  "a secret is for some jobs and nodes only: anything else is refused or waits, with what would change that",
  noNative,
  async () => {
    await using cluster = await Cluster.start({ nodes: 2 });
    await cluster.realm("policy", "set", "allow_native_execution=true");
    const value = fresh();
    const untagged = await withStdin(cluster, value, "secret", "set", "token", "--tag", "deploy");
    assert.equal(untagged.code, 1);
    assert.match(untagged.stderr, /no member has the tags deploy.*realm node tag/);
    await cluster.realm("node", "tag", "n1", "deploy");
    await setSecret(cluster, "token", value, "--tag", "deploy", "--job", "deploy-*");
    const use = `[secrets]\nTOKEN = { name = "token" }\n`;
    await Deno.writeTextFile(
      `${cluster.root}/other.toml`,
      nativeJob("other", "true", use),
    );
    const refused = await cluster.run(["job", "submit", `${cluster.root}/other.toml`]);
    assert.equal(refused.code, 3);
    assert.match(
      refused.stderr,
      /the secret token is for the jobs deploy-\*, not for other; .*secret scope token/,
    );
    const run = await submit(cluster, "deploy-it", step('test -n "$TOKEN" && echo got') + use);
    const view = await ended(cluster, run);
    assert.equal(view.state, "succeeded", view.reason ?? "");
    assert.equal(view.attempts[0].node_name, "n1");
    // Its node is taken away: it waits, and why names the other node's lack.
    await cluster.realm("node", "cordon", "n1");
    const waits = await submit(cluster, "deploy-again", step("true") + use);
    const why = await eventually("the reason is known", async () => {
      const told = await cluster.client(cluster.nodes[0]).why(waits);
      return told.nodes.length === 2 && told;
    });
    assert.ok(
      why.nodes.some((n) => n.reasons.join().includes("the secret token is for nodes with the tags deploy")),
    );
    await cluster.realm("node", "tag", "n0", "deploy");
    assert.equal((await ended(cluster, waits)).state, "succeeded");
    const missing = await cluster.run(["secret", "show", "nothing"]);
    assert.equal(missing.code, 4);
  },
);

test(
  "who joins gets what is for all; who is removed is named, until the value is another",
  false,
  async () => {
    await using cluster = await Cluster.start({ nodes: 2 });
    const [node] = cluster.nodes;
    await setSecret(cluster, "token", fresh());
    const joined = await cluster.join(await cluster.invite(), "n2", 2);
    await eventually("n2 is given it", async () => {
      const { holders } = await cluster.client(joined).secret("token");
      return holders.map((h) => h.name).join() === "n0,n1,n2";
    });
    const removed = await cluster.run(["node", "remove", "n2", "--yes"]);
    assert.match(
      removed.stderr,
      /It knows the secret token: give each another value, as by 'realm secret set token'/,
    );
    const { exposed } = await eventually("it is told", async () => {
      const view = await cluster.client(node).secret("token");
      return view.exposed.length === 1 && view;
    });
    assert.deepEqual(exposed.map((e) => [e.name, e.why]), [["n2", "removed"]]);
    const { problems } = await cluster.client(node).realm();
    assert.ok(problems.some((p) => p.what === "secret token" && p.fix === "realm secret set token"));
    await setSecret(cluster, "token", fresh());
    assert.deepEqual((await cluster.client(node).secret("token")).exposed, []);
    await cluster.realm("secret", "remove", "token", "--yes");
    assert.match(await cluster.realm("secret", "list"), /There is no secret yet/);
  },
);

test("wrong values and names are refused in one sentence that repeats nothing of them", false, async () => {
  await using cluster = await Cluster.start({ nodes: 1 });
  const value = fresh();
  for (
    const [input, args, message] of [
      ["", ["token"], /the value is empty/],
      ["abc\n", ["token"], /fewer than 4 bytes/],
      [value.repeat(400), ["token"], /at most 16384 are possible/],
      [value, ["a/b"], /a secret's name has letters/],
      [value, ["token", value], /takes no further argument/],
      [value, ["token", "--job", "a b"], /a name, in which \*/],
      [value, ["token", "--file", "/no/such/file"], /does not exist/],
    ] as const
  ) {
    const ran = await withStdin(cluster, input, "secret", "set", ...args);
    assert.notEqual(ran.code, 0);
    assert.match(ran.stderr, message);
    assert.ok(!ran.stderr.includes(value), ran.stderr);
  }
  assert.deepEqual(await cluster.client(cluster.nodes[0]).secrets(), []);
});
