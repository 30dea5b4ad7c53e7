/**
 * Native programs outlive their agent: killed, replaced or stopped for an upgrade, the next one takes them over with every
 * line of their logs, their deadlines and their ends; and ends those that nobody wants any more.
 */
import assert from "node:assert/strict";
import { Cluster, type ClusterNode, eventually } from "../cluster.ts";
import { endOf, linuxTest, sleepersOf, submitNative } from "../native_jobs.ts";
import { makeExecutable, refreshAll } from "../upgrade_bed.ts";

const step = (name: string, run: string) => `[[step]]\nname = "${name}"\nrun = ${JSON.stringify(run)}\n`;

/** Writes numbered lines for a while: `mark` is in the command line of a process of it. */
const count = (lines: number, mark: string) =>
  `sleep ${mark} & i=0; while [ $i -lt ${lines} ]; do echo "line $i"; i=$((i+1)); sleep 0.02; done`;
const newMark = () => `41.${Math.floor(Math.random() * 1e9)}`;

/** The program's lines; their numbers must have no gap. */
async function linesOf(cluster: Cluster, node: ClusterNode, run: string): Promise<string[]> {
  const lines: string[] = [];
  let last = 0;
  for await (const entry of cluster.client(node).runLogs(run)) {
    assert.equal(entry.gap, undefined, entry.text);
    assert.equal(entry.seq, ++last);
    if (entry.stream !== "system") lines.push(entry.text);
  }
  return lines;
}

const numbered = (lines: number) => Array.from({ length: lines }, (_, i) => `line ${i}`);

/** Waits until a run has written some lines. */
const writes = (cluster: Cluster, node: ClusterNode, run: string) =>
  eventually(`${run} writes`, async () => {
    for await (const entry of cluster.client(node).runLogs(run, { follow: true })) {
      if (entry.text === "line 5") return true;
    }
  }, 40_000);

/** Neither directories of runs nor what wardens note of them. */
const nothingKept = (node: ClusterNode) =>
  eventually("nothing of the runs is left", () => {
    const wardens = `${node.dataDir}/native/wardens`;
    const left = [...Deno.readDirSync(wardens)].flatMap(({ name }) =>
      [...Deno.readDirSync(`${wardens}/${name}`)].map((e) => e.name)
    ).filter((name) => name !== "warden.json" && name !== "socket");
    left.push(...[...Deno.readDirSync(`${node.dataDir}/jobs`)].map((e) => e.name));
    if (left.length > 0) throw new Error(left.join());
    return true;
  });

linuxTest(
  "a job goes on when its agent is killed: same processes, no line lost or doubled, secrets hidden, the artifact right",
  async () => {
    // Others would judge how long its restart takes on a busy machine.
    await using cluster = await Cluster.start({ nodes: 1 });
    const [node] = cluster.nodes;
    await cluster.realm("policy", "set", "allow_native_execution=true");
    await Deno.writeTextFile(`${cluster.root}/value`, "hush-hush-value");
    await cluster.realm("secret", "set", "token", "--file", `${cluster.root}/value`);
    const mark = newMark();
    const run = await submitNative(
      cluster,
      "counts",
      `[secrets]\nTOKEN = { name = "token", as = "file" }\n[execution]\nworking_dir = "/w"\n` +
        `${step("first", "echo made > made; echo begun")}${step("counts", count(400, mark))}` +
        `${step("last", 'cat "$TOKEN" >> made; cat "$TOKEN"; echo; wc -c < made')}` +
        `[data]\noutputs = [{ path = "/w/made", name = "made" }]\n`,
    );
    await writes(cluster, node, run);
    const before = sleepersOf(mark);
    assert.equal(before.length, 1);
    for (let kills = 0; kills < 2; kills++) {
      await cluster.killAgent(node);
      assert.deepEqual(sleepersOf(mark), before, "it was started anew");
      assert.equal((await cluster.client(node).run(run)).state, "running");
    }
    const view = await endOf(cluster, node, run);
    assert.equal(view.state, "succeeded", `${view.reason}`);
    assert.equal(view.attempts.length, 1);
    assert.deepEqual(await linesOf(cluster, node, run), ["begun", ...numbered(400), "***", "20"]);
    await cluster.realm("job", "artifacts", run, "made", "-o", `${cluster.root}/made`);
    assert.equal(await Deno.readTextFile(`${cluster.root}/made`), "made\nhush-hush-value");
    assert.ok(view.attempts[0].report!.wall_ms > 8_000, "the time before the restart counts");
    await eventually("its processes are gone", () => sleepersOf(mark).length === 0);
    await nothingKept(node);
  },
);

linuxTest("a job that ends while its node is off is told with its true end and all of its log", async () => {
  await using cluster = await Cluster.start({ nodes: 1 });
  const [node] = cluster.nodes;
  await cluster.realm("policy", "set", "allow_native_execution=true");
  const mark = newMark();
  const run = await submitNative(cluster, "fails", step("counts", `${count(40, mark)}; exit 7`));
  await writes(cluster, node, run);
  await cluster.kill(node);
  await eventually("it ends", () => sleepersOf(mark).length === 0, 30_000);
  await cluster.restart(node);
  const view = await endOf(cluster, node, run);
  assert.equal(view.state, "failed");
  assert.equal(view.reason, "exited with code 7");
  assert.deepEqual(await linesOf(cluster, node, run), numbered(40));
  await nothingKept(node);
});

linuxTest(
  "a job that was taken over is cancelled, and another one keeps to its time, as if nothing had been",
  async () => {
    await using cluster = await Cluster.start({ nodes: 1 });
    const [node] = cluster.nodes;
    await cluster.realm("policy", "set", "allow_native_execution=true");
    const marks = [newMark(), newMark()];
    const cancelled = await submitNative(cluster, "cancelled", step("counts", count(100_000, marks[0])));
    const late = await submitNative(
      cluster,
      "late",
      `${step("counts", count(100_000, marks[1]))}[execution]\ntimeout_minutes = 0.15\n`,
    );
    await writes(cluster, node, cancelled);
    await writes(cluster, node, late);
    await cluster.kill(node);
    await cluster.restart(node);
    await cluster.realm("job", "cancel", cancelled);
    assert.equal((await endOf(cluster, node, cancelled)).state, "cancelled");
    const view = await endOf(cluster, node, late);
    assert.equal(view.state, "timed_out");
    assert.ok(
      Math.abs(view.attempts[0].report!.wall_ms - 9_000) < 5_000,
      `${view.attempts[0].report!.wall_ms}`,
    );
    await eventually("no process is left", () => marks.flatMap(sleepersOf).length === 0);
    await nothingKept(node);
  },
);

linuxTest(
  "a job goes on when the others found its node dead before it was back: one attempt, nothing doubled",
  async () => {
    await using cluster = await Cluster.start({ nodes: 3 });
    await cluster.realm("policy", "set", "allow_native_execution=true");
    const mark = newMark(), retry = '[retry]\nmax = 3\non = ["node_lost"]\nbackoff_seconds = 0.1\n';
    const run = await submitNative(cluster, "stays", `${step("counts", count(1_500, mark))}${retry}`);
    await writes(cluster, cluster.nodes[0], run);
    const at = (await cluster.client(cluster.nodes[0]).run(run)).attempts[0].node_name;
    const node = cluster.nodes.find((n) => n.name === at)!;
    const others = cluster.nodes.filter((n) => n !== node);
    const before = sleepersOf(mark);
    await cluster.kill(node);
    for (const other of others) {
      await eventually(`${other.name} finds ${at} dead`, async () => {
        return (await cluster.view(node, other)).state === "unreachable";
      }, 30_000);
      const { reasons } = await cluster.client(other).why(run);
      assert.match(reasons[0], new RegExp(`^waits [0-9]+ s more for ${at}, which is away`));
    }
    await cluster.restart(node);
    await eventually("the others see it again", async () => {
      return (await cluster.view(node, others[0])).state === "alive";
    }, 30_000);
    assert.deepEqual(sleepersOf(mark), before, "it was started anew");
    await wholeRun(cluster, others[0], run, 1_500);
  },
);

linuxTest("a node that comes back ends a job that was given to another one meanwhile", async () => {
  await using cluster = await Cluster.start({ nodes: 3 });
  await cluster.realm("policy", "set", "allow_native_execution=true");
  const mark = newMark();
  const run = await submitNative(
    cluster,
    "moves",
    `${
      step("counts", count(100_000, mark))
    }[retry]\nmax = 3\non = ["node_lost"]\nbackoff_seconds = 0.1\nlost_after_seconds = 0\n`,
  );
  await writes(cluster, cluster.nodes[0], run);
  const at = (await cluster.client(cluster.nodes[0]).run(run)).attempts[0].node_name;
  const node = cluster.nodes.find((n) => n.name === at)!;
  const other = cluster.nodes.find((n) => n !== node)!;
  const first = sleepersOf(mark);
  await cluster.kill(node);
  await eventually("another node has it", async () => {
    const view = await cluster.client(other).run(run);
    return view.attempts.length === 2 && view.state === "running";
  }, 60_000);
  await eventually("both run", () => sleepersOf(mark).length === 2);
  await cluster.restart(node);
  await eventually("the first one is ended", () => !sleepersOf(mark).includes(first[0]), 40_000);
  const attempt = (await cluster.client(other).run(run)).attempts[0].id;
  await eventually(
    "its directory is gone",
    async () => !await Deno.stat(`${node.dataDir}/jobs/${run}/${attempt}`).catch(() => false),
  );
});

linuxTest("a node that is stopped in order ends its jobs and says so", async () => {
  await using cluster = await Cluster.start({ nodes: 1 });
  const [node] = cluster.nodes;
  await cluster.realm("policy", "set", "allow_native_execution=true");
  const mark = newMark();
  const run = await submitNative(cluster, "ends", step("counts", count(100_000, mark)));
  await writes(cluster, node, run);
  await cluster.stop(node);
  await eventually("its processes are gone", () => sleepersOf(mark).length === 0);
  await cluster.restart(node);
  const view = await endOf(cluster, node, run);
  assert.deepEqual([view.state, view.reason], ["lost", "the node was stopped"]);
});

linuxTest("a service and a job go on through an upgrade of their node", async () => {
  await using cluster = await Cluster.start({ nodes: 1 });
  await cluster.realm("policy", "set", "allow_native_execution=true");
  const marks = [newMark(), newMark()];
  const service = `${cluster.root}/service.toml`;
  await Deno.writeTextFile(
    service,
    `[job]\nname = "echo"\ntype = "service"\n[runtime]\ntype = "native"\n` +
      `[execution]\ncommand = ["sh", "-c", "sleep ${
        marks[0]
      } & exec python3 -m http.server --bind 127.0.0.1 $PORT"]\n` +
      `[service]\nreplicas = 1\nports = [{ name = "http", port = 18999, route = "echo" }]\n`,
  );
  await cluster.realm("job", "submit", service);
  const run = await submitNative(cluster, "counts", step("counts", count(1_000, marks[1])));
  await writes(cluster, cluster.nodes[0], run);
  await eventually("both run", () => marks.every((mark) => sleepersOf(mark).length === 1));
  const before = marks.map(sleepersOf);
  await upgrade(cluster);
  assert.deepEqual(marks.map(sleepersOf), before, "they were started anew");
  const [node] = cluster.nodes;
  await eventually("the service answers", async () => (await cluster.fetch(node, "echo")).ok, 30_000);
  const app = await cluster.client(node).app("echo");
  assert.deepEqual(app.replicas.map((r) => r.state), ["healthy"]);
  await wholeRun(cluster, node, run, 1_000);
});

linuxTest("a job goes on through an upgrade of its realm: the others wait for its node", async () => {
  await using cluster = await Cluster.start({ nodes: 3 });
  await cluster.realm("policy", "set", "allow_native_execution=true");
  const mark = newMark();
  const run = await submitNative(cluster, "counts", step("counts", count(1_500, mark)));
  await writes(cluster, cluster.nodes[0], run);
  const before = sleepersOf(mark);
  await upgrade(cluster);
  assert.deepEqual(sleepersOf(mark), before, "it was started anew");
  await wholeRun(cluster, cluster.nodes[0], run, 1_500);
});

async function upgrade(cluster: Cluster): Promise<void> {
  const file = await makeExecutable(`${cluster.root}/dist`, "9.0.0");
  const done = await cluster.run(["upgrade", file, "--probation", "2s", "--deadline", "40s"]);
  await refreshAll(cluster);
  assert.equal(done.code, 0, done.stderr);
}

async function wholeRun(cluster: Cluster, node: ClusterNode, run: string, lines: number): Promise<void> {
  const view = await endOf(cluster, node, run);
  assert.equal(view.state, "succeeded", `${view.reason}`);
  assert.equal(view.attempts.length, 1);
  assert.deepEqual(await linesOf(cluster, node, run), numbered(lines));
}
