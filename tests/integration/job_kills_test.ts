/**
 * Random kills over a workload of mixed jobs: agents, whole nodes, launchers and the jobs' own processes. `REALM_JOB_KILLS`
 * of them, 1000 by hand. Every run ends, nothing is left behind, and what succeeded has its whole log and right artifacts.
 */
import assert from "node:assert/strict";
import type { RunView } from "../../mod.ts";
import { Cluster, type ClusterNode, eventually, freePort } from "../cluster.ts";
import { buildWasmFixtures } from "../fixtures/build.ts";
import { provideSystemPackages } from "../provide.ts";

const KILLS = Number(Deno.env.get("REALM_JOB_KILLS") ?? 20);
/** Runs that are open at any time. */
const OPEN = 6;
const LINES = 40;
const ready = Deno.build.os === "linux" && await provideSystemPackages("wasi", () => {});
const wasm = ready ? (await buildWasmFixtures()).commandModule : "";
/** In the environment of every process of a job of this test. */
const MARK = crypto.randomUUID();

const count = `i=0; while [ $i -lt ${LINES} ]; do echo "line $i"; i=$((i+1)); sleep 0.02; done; ` +
  `setsid sleep 300 & echo made > made; wait %1 2>/dev/null & exit 0`;
const retry = '[retry]\nmax = 10\non = ["node_lost", "failure", "timeout"]\nbackoff_seconds = 0.1\n';
const native = (name: string, run: string, more = "") =>
  `[job]\nname = "${name}"\ntype = "one-shot"\n[env]\nMARK = "${MARK}"\n[runtime]\ntype = "native"\n` +
  `[execution]\nworking_dir = "/w"\n${more}[[step]]\nname = "it"\nrun = ${JSON.stringify(run)}\n`;
const manifests: Record<string, string> = {
  count: native("count", count, `${retry}[data]\noutputs = [{ path = "/w/made", name = "made" }]\n`),
  fails: native("fails", "echo once; exit 7"),
  long: native("long", "echo waiting; sleep 1000", "timeout_minutes = 0.02\n"),
  shout: `[job]\nname = "shout"\ntype = "one-shot"\n[runtime]\ntype = "wasm"\nwasm = "command.wasm"\n` +
    `[execution]\ncommand = ["copy", "/in/in.txt", "/out.txt"]\n${retry}[data]\n` +
    `inputs = [{ path = "in", mount = "/in" }]\noutputs = [{ path = "/out.txt", name = "made" }]\n`,
};
const artifacts: Record<string, string> = { count: "made\n", shout: "HELLO\n" };

/** Processes by their parents. */
function processes(): Map<number, number> {
  const parents = new Map<number, number>();
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^[0-9]+$/.test(name)) continue;
    try {
      const text = Deno.readTextFileSync(`/proc/${name}/stat`);
      parents.set(Number(name), Number(text.slice(text.lastIndexOf(")") + 2).split(" ")[1]));
    } catch { /* it has just ended */ }
  }
  return parents;
}
function below(root: number): number[] {
  const parents = processes();
  const isBelow = (pid: number): boolean => {
    const parent = parents.get(pid);
    return parent !== undefined && parent > 1 && (parent === root || isBelow(parent));
  };
  return [...parents.keys()].filter(isBelow);
}
function marked(): number[] {
  return [...processes().keys()].filter((pid) => {
    try {
      return Deno.readTextFileSync(`/proc/${pid}/environ`).includes(`MARK=${MARK}`);
    } catch {
      return false;
    }
  });
}
const kill = (pid: number) => {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch { /* it has just ended */ }
};
const isThere = (path: string) => Deno.stat(path).then(() => true, () => false);

/** Control groups that a node wrote down, to be looked for at the end. */
function noteGroups(node: ClusterNode, groups: Set<string>): void {
  try {
    for (const { name } of Deno.readDirSync(`${node.dataDir}/native`)) {
      const text = Deno.readTextFileSync(`${node.dataDir}/native/${name}`);
      for (const [path] of text.matchAll(/\/sys\/fs\/cgroup[^"]*/g)) groups.add(path);
    }
  } catch { /* none yet, or just gone */ }
}

Deno.test({
  name:
    `${KILLS} random kills over mixed jobs: every run ends, nothing is left, no line and no artifact is lost`,
  ignore: !ready,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    // Nodes that are all down at once find each other where they were.
    const ports = Array.from({ length: 3 }, freePort);
    await using cluster = await Cluster.start({
      nodes: ports.length,
      flags: (i) => ["--listen", `127.0.0.1:${ports[i]}`],
    });
    const pick = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)];
    await cluster.realm("policy", "set", "allow_native_execution=true");
    await Deno.copyFile(wasm, `${cluster.root}/command.wasm`);
    await Deno.mkdir(`${cluster.root}/in`);
    await Deno.writeTextFile(`${cluster.root}/in/in.txt`, "hello\n");
    for (const [name, text] of Object.entries(manifests)) {
      await Deno.writeTextFile(`${cluster.root}/${name}.toml`, text);
    }
    const submitted: string[] = [];
    const groups = new Set<string>();
    const [home] = cluster.nodes;
    const open = async () => (await cluster.client(home).runs({ limit: 100 })).filter((r) => !r.ended_at);
    const counts: Record<string, number> = {};
    for (let killed = 0; killed < KILLS;) {
      const now = (await eventually("the runs are told", open, 60_000)).length;
      for (let more = now; more < OPEN; more++) {
        const path = `${cluster.root}/${pick(Object.keys(manifests))}.toml`;
        submitted.push(
          ...await eventually("a job is submitted", async () => {
            const ran = await cluster.run(["job", "submit", path, "--detach", "--json"], home);
            if (ran.code !== 0) throw new Error(ran.stderr);
            return JSON.parse(ran.stdout).runs as string[];
          }, 60_000),
        );
      }
      for (const node of cluster.nodes) noteGroups(node, groups);
      // Several at once, so that also all nodes may be down together.
      const whole = [...cluster.nodes], back: Promise<void>[] = [];
      for (let strikes = 1 + Math.floor(Math.random() * 3); strikes > 0; strikes--, killed++) {
        const kind = pick(["process", "process", "process", "agent", "node"]);
        const [node] = kind === "process" ? [] : whole.splice(Math.floor(Math.random() * whole.length), 1);
        counts[kind] = (counts[kind] ?? 0) + 1;
        if (!node) {
          const all = cluster.nodes.flatMap((n) => below(n.pid));
          if (all.length > 0) kill(pick(all));
        } else if (kind === "agent") back.push(cluster.killAgent(node));
        else back.push(cluster.kill(node).then(() => cluster.restart(node)));
      }
      await Promise.all(back);
    }
    const runs = await eventually("every run has an end", async () => {
      const all = await cluster.client(home).runs({ limit: submitted.length });
      const views = all.filter((v) => submitted.includes(v.id) && v.ended_at !== undefined);
      return views.length === submitted.length && views;
    }, 180_000).catch(async (error) => {
      // What is known of those that have none, so that a rare failure explains itself.
      for (const id of submitted) {
        const views = await Promise.all(cluster.nodes.map((n) => cluster.client(n).run(id).catch(String)));
        if (views.every((v) => typeof v !== "string" && v.ended_at !== undefined)) continue;
        console.error(
          id,
          JSON.stringify(views),
          JSON.stringify(await cluster.client(home).why(id).catch(String)),
        );
      }
      for (const node of cluster.nodes) console.error(`--- ${node.name}\n${node.output.slice(-4_000)}`);
      throw error;
    });
    const ends: Record<string, number> = {};
    for (const run of runs) ends[run.state] = (ends[run.state] ?? 0) + 1;
    console.log(`kills ${JSON.stringify(counts)}, ${runs.length} runs ${JSON.stringify(ends)}`);
    for (const run of runs.filter((r) => r.state === "succeeded")) await checkWhole(cluster, run);
    assert.ok((ends.succeeded ?? 0) > 0);

    await eventually("no process of a job is left", () => marked().length === 0, 30_000);
    for (const node of cluster.nodes) {
      await eventually(`${node.name} has no directory of a run`, () => {
        const left = [...Deno.readDirSync(`${node.dataDir}/jobs`)].flatMap((d) =>
          [...Deno.readDirSync(`${node.dataDir}/jobs/${d.name}`)].map((e) => `${d.name}/${e.name}`)
        );
        if (left.length > 0) throw new Error(left.join(" "));
        return true;
      }, 30_000);
    }
    const mounts = await Deno.readTextFile("/proc/self/mountinfo");
    assert.ok(!mounts.includes(cluster.root), "a mount is left");
    for (const node of cluster.nodes) await cluster.stop(node);
    const kept = [];
    for (const group of groups) if (await isThere(group)) kept.push(group);
    assert.deepEqual(kept, [], "control groups are left");
    console.log(`${groups.size} control groups seen, none left`);
  },
});

/** Every line once and in order, the artifact as it was made; asked of a random node. */
async function checkWhole(cluster: Cluster, run: RunView): Promise<void> {
  const node = cluster.nodes[Math.floor(Math.random() * cluster.nodes.length)];
  // One that was killed last may just be taking in what it missed; it must come to know all of it.
  await eventually(
    `${node.name} knows the end of ${run.id}`,
    async () => (await cluster.client(node).run(run.id)).ended_at,
    30_000,
  );
  const attempt = run.attempts.at(-1)!.number;
  const lines: string[] = [];
  let last = 0;
  for await (const entry of cluster.client(node).runLogs(run.id)) {
    if (entry.attempt !== attempt) continue;
    assert.equal(entry.gap, undefined, `${run.id}: ${entry.text}`);
    assert.equal(entry.seq, ++last, run.id);
    if (entry.stream !== "system") lines.push(entry.text);
  }
  if (run.job === "count") {
    assert.deepEqual(lines, Array.from({ length: LINES }, (_, i) => `line ${i}`), run.id);
  }
  const wanted = artifacts[run.job];
  if (wanted === undefined) return;
  const path = `${cluster.root}/${run.id}.out`;
  const got = await cluster.run(["job", "artifacts", run.id, "made", "-o", path], node);
  assert.equal(got.code, 0, `${run.id}: ${got.stderr}`);
  assert.equal(await Deno.readTextFile(path), wanted, run.id);
}
