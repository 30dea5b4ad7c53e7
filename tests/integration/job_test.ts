/** Jobs on real nodes: from the manifest to artifacts and logs, and what kills leave of them. */
import assert from "node:assert/strict";
import { Cluster, type ClusterNode, eventually } from "../cluster.ts";
import { buildWasmFixtures } from "../fixtures/build.ts";
import { provideSystemPackages } from "../provide.ts";
import type { RunLogView, RunView } from "../../mod.ts";

const ready = await provideSystemPackages("wasi", () => {});
const wasm = ready ? (await buildWasmFixtures()).commandModule : "";
const test = (name: string, fn: () => Promise<void>) =>
  Deno.test({ name, fn, ignore: !ready, sanitizeOps: false, sanitizeResources: false });

/** A manifest beside the program, in the cluster's directory; its path. */
async function manifest(cluster: Cluster, name: string, text: string): Promise<string> {
  await Deno.copyFile(wasm, `${cluster.root}/command.wasm`);
  const path = `${cluster.root}/${name}.toml`;
  await Deno.writeTextFile(path, text);
  return path;
}
const job = (name: string, command: readonly string[], more = "", top = "") =>
  `[job]
name = "${name}"
type = "one-shot"
${top}[runtime]
type = "wasm"
wasm = "command.wasm"
[execution]
command = ${JSON.stringify(command)}
${more}`;

async function logOf(
  cluster: Cluster,
  node: ClusterNode,
  run: string,
  follow = false,
): Promise<RunLogView[]> {
  const entries: RunLogView[] = [];
  for await (const entry of cluster.client(node).runLogs(run, { follow })) entries.push(entry);
  return entries;
}
/** Entries of one attempt are numbered from 1 without a gap. */
function assertWhole(entries: readonly RunLogView[], attempt: number): void {
  const own = entries.filter((e) => e.attempt === attempt);
  assert.deepEqual(own.map((e) => e.seq), own.map((_, i) => i + 1));
  assert.ok(own.every((e) => e.gap === undefined));
}
const submit = async (cluster: Cluster, path: string): Promise<string[]> =>
  (JSON.parse(await cluster.realm("job", "submit", path, "--detach", "--json")) as { runs: string[] }).runs;
const running = (cluster: Cluster, node: ClusterNode, run: string) =>
  eventually(`${run} runs`, async () => {
    const view = await cluster.client(node).run(run);
    return view.state === "running" && view;
  });
const ended = (cluster: Cluster, node: ClusterNode, run: string, ms = 40_000): Promise<RunView> =>
  eventually(`${run} ends`, async () => {
    const view = await cluster.client(node).run(run);
    return view.ended_at !== undefined && view;
  }, ms);

test("a pipeline takes files, an asset and an artifact, and leaves what it made; everything is told from every node", async () => {
  await using cluster = await Cluster.start({ nodes: 3 });
  await Deno.mkdir(`${cluster.root}/data`);
  await Deno.writeTextFile(`${cluster.root}/data/in.txt`, "hello from a file\n");
  // Outputs of a build that lie around are not taken along.
  await Deno.writeTextFile(`${cluster.root}/data/.gitignore`, ".gitignore\nbuild/\n");
  await Deno.mkdir(`${cluster.root}/data/build`);
  await Deno.writeTextFile(`${cluster.root}/data/build/old`, "old");
  await Deno.writeTextFile(`${cluster.root}/asset.txt`, "hello from an asset\n");
  await cluster.realm("storage", "put", `${cluster.root}/asset.txt`, "--name", "an-asset");
  const entry = (name: string, needs: string[], command: string[], data: string) =>
    `[[jobs]]
job = { name = "${name}", type = "one-shot", needs = ${JSON.stringify(needs)} }
runtime = { type = "wasm", wasm = "command.wasm" }
execution = { command = ${JSON.stringify(command)} }
data = { ${data} }
`;
  const path = await manifest(
    cluster,
    "pipeline",
    entry(
      "make",
      [],
      ["copy", "/data/in.txt", "/out.txt"],
      'inputs = [{ path = "data", mount = "/data" }], outputs = [{ path = "/out.txt", name = "out" }]',
    ) +
      entry(
        "asset",
        [],
        ["copy", "/in/asset.txt", "/out/asset.txt"],
        'inputs = [{ asset = "an-asset", mount = "/in/asset.txt" }, { path = "data", mount = "/out" }], ' +
          'outputs = [{ path = "/out", name = "tree" }]',
      ) +
      entry(
        "use",
        ["make"],
        ["copy", "/got/out.txt", "/again.txt"],
        'inputs = [{ run = "make", output = "out", mount = "/got/out.txt" }], ' +
          'outputs = [{ path = "/again.txt", name = "again", if = "always" }, { path = "/made/", name = "made" }]',
      ),
  );
  const ran = await cluster.run(["submit", path]);
  assert.equal(ran.code, 0, ran.stderr);
  assert.match(ran.stderr, /make-[0-9a-f]{12} succeeded on n[012]/);
  for (const node of cluster.nodes) {
    const runs = await eventually("all nodes know the ends", async () => {
      const views = await cluster.client(node).runs();
      return views.length === 3 && views.every((r) => r.state === "succeeded") && views;
    });
    const use = runs.find((r) => r.job === "use")!;
    const out = `${cluster.root}/${node.name}.out`;
    const got = await cluster.run(["job", "artifacts", use.id, "again", "-o", out], node);
    assert.equal(got.code, 0, got.stderr);
    assert.equal(await Deno.readTextFile(out), "HELLO FROM A FILE\n");
    assertWhole(await logOf(cluster, node, use.id), 1);
  }
  const tree = await cluster.run(["job", "artifacts", "asset", "tree", "-o", `${cluster.root}/tree.tar`]);
  assert.equal(tree.code, 0, tree.stderr);
  const list = await new Deno.Command("tar", { args: ["xf", "tree.tar", "--to-stdout"], cwd: cluster.root })
    .output();
  assert.equal(new TextDecoder().decode(list.stdout), "HELLO FROM AN ASSET\nhello from a file\n");
  const again = await cluster.run(["job", "rerun", "use"]);
  assert.equal(again.code, 0, again.stderr);
  const second = await cluster.run(["submit", path, "--detach", "--json"]);
  assert.deepEqual(JSON.parse(second.stdout).uploaded, { files: 0, bytes: 0 });
});

test("ends are told as they are: exit code, missing output, time-out, memory, an asset that is read-only, bad manifests", async () => {
  await using cluster = await Cluster.start({ nodes: 1 });
  await Deno.writeTextFile(`${cluster.root}/a.txt`, "a");
  await cluster.realm("storage", "put", `${cluster.root}/a.txt`, "--name", "a");
  const cases: readonly (readonly [string, string, number, RegExp])[] = [
    ["code", job("code", ["exit"]), 1, /failed on n0.*exited with code 3/],
    [
      "output",
      job("output", ["hello"], '[data]\noutputs = [{ path = "/x", name = "x" }]\n'),
      1,
      /failed.*outputs are missing: x \(\/x was not made\)/,
    ],
    ["late", job("late", ["loop"], "timeout_minutes = 0.02\n"), 124, /timed out.*limit of 1.2 s/],
    [
      "memory",
      job("memory", ["allocate"]).replace('wasm"\n[ex', 'wasm"\nmemory_mb = 16\n[ex'),
      1,
      /failed.*out of memory/,
    ],
    [
      "asset",
      job(
        "asset",
        ["copy", "/in/a.txt", "/in/a.txt"],
        '[data]\ninputs = [{ asset = "a", mount = "/in/a.txt" }]\n',
      ),
      1,
      /\/in\/a.txt: Permission denied/,
    ],
    [
      "none",
      job("none", ["hello"]).replace("command.wasm", "nothing.wasm"),
      4,
      /nothing\.wasm, which the manifest names, does not exist/,
    ],
    [
      "targeted",
      job("targeted", ["hello"], "[targeting]\nprefer_data = true\n"),
      2,
      /targeted\.toml:\d+: `targeting.prefer_data`: is not supported by this version yet/,
    ],
  ];
  for (const [name, text, code, expected] of cases) {
    const ran = await cluster.run(["job", "submit", await manifest(cluster, name, text)]);
    assert.match(ran.stderr, expected, name);
    assert.equal(ran.code, code, name);
  }
  const plan = await cluster.run([
    "apply",
    "--plan",
    await manifest(cluster, "plan", job("plan", ["hello"])),
  ]);
  assert.match(plan.stdout, /run plan[^]*WHERE[^]*256 MiB +50 +n0/);
  const away = job("away", ["hello"], '[targeting]\ntags = ["moon"]\n');
  const nowhere = await cluster.run(["job", "submit", "--plan", await manifest(cluster, "away", away)]);
  assert.match(nowhere.stdout, /no node now[^]*no node can take away now, it would wait:\n {2}n0: .*moon/);
  assert.equal((await cluster.client(cluster.nodes[0]).runs({ job: "plan" })).length, 0);
  const left = [...Deno.readDirSync(`${cluster.nodes[0].dataDir}/jobs`)].map((e) => e.name);
  assert.deepEqual(left, [], "directories of attempts are left");
});

test("a long log is followed live from another node, in order, without gap or repeat; cancel ends it", async () => {
  await using cluster = await Cluster.start({ nodes: 2 });
  const path = await manifest(cluster, "slow", job("slow", ["slow", "100000"]));
  const [run] = await submit(cluster, path);
  const view = await running(cluster, cluster.nodes[0], run);
  const reader = cluster.nodes.find((n) => n.name !== view.attempts[0].node_name)!;
  const got: RunLogView[] = [];
  const cut = new AbortController();
  for await (const entry of cluster.client(reader).runLogs(run, { follow: true }, cut.signal)) {
    got.push(entry);
    if (got.length === 30) break;
  }
  cut.abort();
  const last = got.at(-1)!;
  const more = cluster.client(reader).runLogs(run, { follow: true, after: `${last.attempt}:${last.seq}` });
  for await (const entry of more) {
    got.push(entry);
    if (got.length === 60) await cluster.client(reader).command("job.cancel", { run });
  }
  assertWhole(got, 1);
  assert.deepEqual(
    got.slice(0, 60).map((e) => e.text),
    Array.from({ length: 60 }, (_, i) => `line ${i + 1}`),
  );
  const end = await ended(cluster, reader, run);
  assert.equal(end.state, "cancelled");
  // Everything that was told live is in what is stored.
  assert.deepEqual(await logOf(cluster, cluster.nodes[0], run), got);
});

test("kill -9 of the node that runs a job: it is tried again elsewhere, and the log of both attempts is whole", async () => {
  await using cluster = await Cluster.start({ nodes: 3 });
  const retry = '[retry]\nmax = 1\non = ["node_lost"]\nbackoff_seconds = 0.1\n';
  const path = await manifest(cluster, "killed", job("killed", ["slow", "150"], retry));
  const [run] = await submit(cluster, path);
  const view = await running(cluster, cluster.nodes[0], run);
  const victim = cluster.nodes.find((n) => n.name === view.attempts[0].node_name)!;
  const reader = cluster.nodes.find((n) => n !== victim)!;
  await eventually("some lines are there", async () => (await logOf(cluster, reader, run)).length > 5);
  const { program } = await cluster.client(reader).runSpec(run);
  await eventually("another node keeps the program", async () => {
    const { holders } = await cluster.client(reader).blob(program!.digest);
    return holders.some((h) => h !== view.attempts[0].node);
  });
  await cluster.kill(victim);
  const end = await ended(cluster, reader, run);
  assert.equal(end.state, "succeeded", String(end.reason));
  assert.deepEqual(end.attempts.map((a) => a.state), ["lost", "succeeded"]);
  assert.notEqual(end.attempts[1].node_name, victim.name);
  const log = await logOf(cluster, reader, run);
  assertWhole(log, 2);
  const lines = log.filter((e) => e.attempt === 2 && e.stream === "stdout").map((e) => e.text);
  assert.deepEqual(lines, Array.from({ length: 150 }, (_, i) => `line ${i + 1}`));
  await cluster.restart(victim);
  const first = await eventually("the log of the first attempt comes back with its node", async () => {
    const entries = (await logOf(cluster, reader, run)).filter((e) => e.attempt === 1);
    return entries.at(-1)?.text === "the node ended while it ran" && entries;
  });
  assertWhole(first, 1);
  assert.deepEqual([...Deno.readDirSync(`${victim.dataDir}/jobs`)].map((e) => e.name), []);
});

test("kill -9 of the controller while its job runs: the run ends as it should, and its log is whole", async () => {
  await using cluster = await Cluster.start({ nodes: 3 });
  // A run whose controller is not the node that executes it.
  const path = await manifest(cluster, "controlled", job("controlled", ["slow", "250"]));
  let view: RunView | undefined;
  for (let i = 0; i < 12 && !view; i++) {
    const [run] = await submit(cluster, path);
    const seen = await running(cluster, cluster.nodes[0], run);
    if (seen.controller !== seen.attempts[0].node) view = seen;
    else await cluster.realm("job", "cancel", run);
  }
  assert.ok(view, "every run was executed by its controller");
  const nodes = await cluster.client(cluster.nodes[0]).nodes();
  const name = nodes.find((n) => n.id === view.controller)!.name;
  const victim = cluster.nodes.find((n) => n.name === name)!;
  await cluster.kill(victim);
  const reader = cluster.nodes.find((n) => n !== victim)!;
  const end = await ended(cluster, reader, view.id);
  assert.equal(end.state, "succeeded", String(end.reason));
  assert.equal(end.attempts.length, 1);
  const log = await logOf(cluster, reader, view.id);
  assertWhole(log, 1);
  assert.equal(log.filter((e) => e.stream === "stdout").length, 250);
});

test("the log and the artifacts of a run outlive the node that made them", async () => {
  await using cluster = await Cluster.start({ nodes: 3 });
  const more =
    '[data]\ninputs = [{ path = "in.txt", mount = "/in.txt" }]\noutputs = [{ path = "/out.txt", name = "out" }]\n';
  const path = await manifest(cluster, "kept", job("kept", ["copy", "/in.txt", "/out.txt"], more));
  await Deno.writeTextFile(`${cluster.root}/in.txt`, "kept\n");
  const [run] = await submit(cluster, path);
  const end = await ended(cluster, cluster.nodes[0], run);
  assert.equal(end.state, "succeeded", String(end.reason));
  const maker = cluster.nodes.find((n) => n.name === end.attempts[0].node_name)!;
  const reader = cluster.nodes.find((n) => n !== maker)!;
  const id = (await cluster.client(reader).node(maker.name)).id;
  for (const digest of [end.artifacts[0].digest, end.attempts[0].log!.digest]) {
    await eventually("another node keeps it too", async () => {
      const { holders } = await cluster.client(reader).blob(digest);
      return holders.some((h) => h !== id);
    });
  }
  await cluster.kill(maker);
  const out = `${cluster.root}/out`;
  const got = await cluster.run(["job", "artifacts", run, "out", "-o", out, "--connect", reader.api]);
  assert.equal(got.code, 0, got.stderr);
  assert.equal(await Deno.readTextFile(out), "KEPT\n");
  assertWhole(await logOf(cluster, reader, run), 1);
});
