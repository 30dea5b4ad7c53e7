/**
 * The mesh: how fast three processes form a realm, what an idle agent costs, and what fifty agents on one machine do:
 * form, agree on a deploy, notice a death. Real processes by the real command line. By hand: `deno task bench mesh`, or
 * `deno run -A tests/bench/mesh_bench.ts three|many` for one half.
 */
import { Cluster, type ClusterNode, eventually } from "../cluster.ts";
import { buildExample } from "./example.ts";
import { atMost, type Figure, median, note, pause, type Usage, usage } from "./figures.ts";

const IDLE_MS = 20_000;
const FORM_ROUNDS = 3;
const MANY = 50;
/** Nodes that start at the same time: more would only wait for a processor. */
const STARTING = 2;

const cpuPercent = (before: Usage, after: Usage, ms: number): number =>
  100 * (after.cpuMs - before.cpuMs) / ms;

async function measureIdle(nodes: readonly ClusterNode[]): Promise<{ cpu: number[]; rss: number[] }> {
  const before = await Promise.all(nodes.map((n) => usage(n.pid)));
  const started = performance.now();
  await pause(IDLE_MS);
  const ms = performance.now() - started;
  const after = await Promise.all(nodes.map((n) => usage(n.pid)));
  return { cpu: after.map((u, i) => cpuPercent(before[i], u, ms)), rss: after.map((u) => u.rssMb) };
}

/** Three nodes: forming by invite, idleness. */
async function three(): Promise<Figure[]> {
  const formed: number[] = [];
  let idle: Awaited<ReturnType<typeof measureIdle>> | undefined;
  let supervisor = 0;
  for (let round = 0; round < FORM_ROUNDS; round++) {
    await using cluster = await Cluster.start({ nodes: 3 });
    formed.push(cluster.formedMs);
    if (round < FORM_ROUNDS - 1) continue;
    // Start-up settles: code is compiled, the first heap is collected.
    await pause(5_000);
    idle = await measureIdle(cluster.nodes);
    supervisor = (await usage(cluster.nodes[0].process!.pid)).rssMb;
  }
  return [
    atMost(
      "three processes form a realm by invite (invite → all see all)",
      median(formed) / 1_000,
      3,
      "s",
      `${FORM_ROUNDS} rounds: ${formed.map(Math.round).join(", ")} ms`,
    ),
    atMost(
      "idle agent of three: memory",
      Math.max(...idle!.rss),
      100,
      "MB RSS",
      `supervisor ${supervisor.toFixed(0)} MB`,
    ),
    atMost(`idle agent of three: processor over ${IDLE_MS / 1_000} s`, median(idle!.cpu), 0.5, "%"),
  ];
}

/** Waits until every node of `by` sees `count` alive. */
async function allAlive(cluster: Cluster, by: readonly ClusterNode[], count: number): Promise<void> {
  for (const node of by) {
    await eventually(`${node.name} sees ${count} alive`, async () => {
      const nodes = await cluster.client(node).nodes();
      return nodes.filter((n) => n.state === "alive" && n.info).length === count;
    }, 120_000);
  }
}

/** Fifty nodes on one machine. */
async function many(site: string): Promise<Figure[]> {
  const started = performance.now();
  await using cluster = await Cluster.start({ nodes: 1, startMs: 120_000 });
  const token = await cluster.invite(MANY - 1);
  let next = 1;
  await Promise.all(Array.from({ length: STARTING }, async () => {
    while (next < MANY) {
      const index = next++;
      await cluster.join(token, `n${index}`, index);
    }
  }));
  const up = performance.now() - started;
  await allAlive(cluster, cluster.nodes, MANY);
  const formed = performance.now() - started;
  const figures = [
    note(`${MANY} agents, ${STARTING} starting at a time: all up`, `${(up / 1_000).toFixed(1)} s`),
    note(`${MANY} agents: each sees all ${MANY} alive`, `${(formed / 1_000).toFixed(1)} s`),
  ];
  await pause(5_000);
  const idle = await measureIdle(cluster.nodes);
  figures.push(
    atMost(
      `idle agent of ${MANY}: memory, median`,
      median(idle.rss),
      100,
      "MB RSS",
      `most ${Math.max(...idle.rss).toFixed(0)} MB`,
    ),
    note(
      `idle agent of ${MANY}: processor, median`,
      `${median(idle.cpu).toFixed(2)} %`,
      `most ${Math.max(...idle.cpu).toFixed(2)} %`,
    ),
  );

  const deployed = performance.now();
  await cluster.realm("deploy", site, "--replicas", "5");
  const healthy = performance.now() - deployed;
  const wanted = (await cluster.client(cluster.nodes[0]).app("hello-site")).revision;
  for (const node of cluster.nodes) {
    await eventually(`${node.name} agrees on the deploy`, async () => {
      const app = await cluster.client(node).app("hello-site");
      return app.revision === wanted && app.phase === "steady" && app.healthy === 5;
    }, 30_000);
  }
  figures.push(
    note(`${MANY} agents: five replicas of a static site healthy`, `${(healthy / 1_000).toFixed(1)} s`),
    note(
      `${MANY} agents: every node says so`,
      `${((performance.now() - deployed) / 1_000).toFixed(1)} s`,
      "asked one after the other",
    ),
  );

  const victim = cluster.nodes.at(-1)!;
  const rest = cluster.nodes.filter((n) => n !== victim);
  const killed = performance.now();
  await cluster.kill(victim);
  for (const node of rest) {
    await eventually(
      `${node.name} notices`,
      async () => (await cluster.view(victim, node)).state === "unreachable",
      30_000,
    );
  }
  figures.push(
    atMost(
      `${MANY} agents: kill -9 of one is known to all others`,
      (performance.now() - killed) / 1_000,
      8,
      "s",
    ),
  );
  const views = await Promise.all(rest.slice(0, 5).map((n) => cluster.client(n).nodes()));
  const wrong = views.flat().filter((n) => n.state !== "alive" && n.name !== victim.name);
  figures.push(atMost(`${MANY} agents: nodes wrongly called unreachable`, wrong.length, 0, "nodes"));
  return figures;
}

/** Measures and prints. */
export async function benchMesh(): Promise<Figure[]> {
  const site = await buildExample("hello-site", "1.0.0");
  const part = Deno.args[0];
  return [...part === "many" ? [] : await three(), ...part === "three" ? [] : await many(site)];
}

if (import.meta.main) {
  const figures = await benchMesh();
  Deno.exit(figures.every((f) => f.holds !== false) ? 0 : 1);
}
