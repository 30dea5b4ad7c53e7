/**
 * The mesh: how fast three processes form a realm, what an idle agent costs, and what fifty agents on one machine do:
 * form, agree on a deploy, notice a death. Real processes by the real command line. By hand: `deno task bench mesh`, or
 * `deno run -A tests/bench/mesh_bench.ts three|many` for one half.
 */
import { Cluster, type ClusterNode, eventually } from "../cluster.ts";
import { buildExample } from "./example.ts";
import { executable } from "./executable.ts";
import { atMost, type Figure, median, note, pause, type Usage, usage } from "./figures.ts";

const IDLE_MS = 20_000;
/** After its start an agent is busy for about half a minute: code is compiled, the heap is collected twice. */
const SETTLE_MS = 60_000;
const FORM_ROUNDS = 3;
const MANY = 50;
/** What joins and idleness cost is measured when the realm has grown to these sizes. */
const SIZES = [25, MANY];
/** Joins one after the other of which the mean is taken. */
const JOINS = 3;
/** After a join the realm is given this long to take it in. */
const TAKEN_IN_MS = 2_000;
/** How long other programs leave the agents no processor, how long after it they may be busy, and how long a look takes. */
const OVERLOAD_MS = 20_000, AT_REST_MS = 180_000, LOOK_MS = 10_000;
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

/** What idle agents of a realm of three cost, `by` the executable or the source. */
async function idle(cluster: Cluster, by: string, judged: boolean): Promise<Figure[]> {
  await pause(SETTLE_MS);
  const { rss, cpu } = await measureIdle(cluster.nodes);
  const supervisor = `supervisor ${(await usage(cluster.nodes[0].process!.pid)).rssMb.toFixed(0)} MB`;
  const [memory, processor] = [
    `idle agent of three, ${by}: memory`,
    `idle agent of three, ${by}: processor over ${IDLE_MS / 1_000} s`,
  ];
  return judged
    ? [
      atMost(memory, Math.max(...rss), 100, "MB RSS", supervisor),
      atMost(processor, median(cpu), 0.5, "%", `load ${Deno.loadavg()[0].toFixed(1)}`),
    ]
    : [
      note(memory, `${Math.max(...rss).toFixed(0)} MB RSS`, supervisor),
      note(processor, `${median(cpu).toFixed(2)} %`, `load ${Deno.loadavg()[0].toFixed(1)}`),
    ];
}

/** Three nodes: forming by invite; idleness of what people run, the executable, and of a run from source beside it. */
async function three(): Promise<Figure[]> {
  const formed: number[] = [];
  const figures: Figure[] = [];
  for (let round = 0; round < FORM_ROUNDS; round++) {
    await using cluster = await Cluster.start({ nodes: 3 });
    formed.push(cluster.formedMs);
    if (round === FORM_ROUNDS - 1) figures.push(...await idle(cluster, "from source", false));
  }
  Deno.env.set("REALM_EXECUTABLE", await executable());
  await using cluster = await Cluster.start({ nodes: 3 });
  figures.push(...await idle(cluster, "executable", true));
  Deno.env.delete("REALM_EXECUTABLE");
  return [
    atMost(
      "three processes form a realm by invite (invite → all see all)",
      median(formed) / 1_000,
      3,
      "s",
      `${FORM_ROUNDS} rounds: ${formed.map(Math.round).join(", ")} ms`,
    ),
    ...figures,
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

/** Lets nodes join, some at a time, until there are `count`. */
async function grow(cluster: Cluster, token: string, count: number): Promise<void> {
  let next = cluster.nodes.length;
  await Promise.all(Array.from({ length: STARTING }, async () => {
    while (next < count) {
      const index = next++;
      await cluster.join(token, `n${index}`, index);
    }
  }));
}

/** What each of the nodes that are there spends on one more, the idleness of that time included. */
async function costOfJoins(cluster: Cluster, token: string): Promise<Figure> {
  const there = [...cluster.nodes];
  const before = await Promise.all(there.map((n) => usage(n.pid)));
  for (let i = 0; i < JOINS; i++) {
    const index = cluster.nodes.length;
    await cluster.join(token, `n${index}`, index);
    await pause(TAKEN_IN_MS);
  }
  const after = await Promise.all(there.map((n) => usage(n.pid)));
  const each = after.map((u, i) => (u.cpuMs - before[i].cpuMs) / JOINS);
  return note(
    `processor that a join costs each of ${there.length} agents, median`,
    `${median(each).toFixed(0)} ms`,
    `most ${Math.max(...each).toFixed(0)} ms, load ${Deno.loadavg()[0].toFixed(1)}`,
  );
}

/** What the agents of a realm cost that nobody asks anything of. */
async function costOfIdleness(cluster: Cluster): Promise<Figure[]> {
  const count = cluster.nodes.length;
  await pause(SETTLE_MS);
  const { cpu, rss } = await measureIdle(cluster.nodes);
  return [
    atMost(
      `idle agent of ${count}: memory, median`,
      median(rss),
      100,
      "MB RSS",
      `most ${Math.max(...rss).toFixed(0)} MB`,
    ),
    note(
      `idle agent of ${count}: processor, median`,
      `${median(cpu).toFixed(2)} %`,
      `most ${Math.max(...cpu).toFixed(2)} %`,
    ),
  ];
}

/** Takes the processors away for a while, and waits until the agents take no more of them than before. */
async function costOfOverload(cluster: Cluster): Promise<Figure> {
  const nodes = cluster.nodes.filter((n) => n.process !== undefined);
  const spent = async () => {
    const before = await Promise.all(nodes.map((n) => usage(n.pid)));
    const started = performance.now();
    await pause(LOOK_MS);
    const ms = performance.now() - started;
    const after = await Promise.all(nodes.map((n) => usage(n.pid)));
    return after.reduce((sum, u, i) => sum + cpuPercent(before[i], u, ms), 0);
  };
  const calm = await spent();
  const others = Array.from(
    { length: navigator.hardwareConcurrency },
    () => new Deno.Command("nice", { args: ["-n", "-15", "sh", "-c", "while :; do :; done"] }).spawn(),
  );
  await pause(OVERLOAD_MS);
  for (const other of others) other.kill("SIGKILL");
  await Promise.all(others.map((other) => other.status));
  const over = performance.now();
  let now = Infinity;
  while (now > 1.5 * calm && performance.now() - over < AT_REST_MS) now = await spent();
  return atMost(
    `${nodes.length} agents at rest again after others took both processors for ${OVERLOAD_MS / 1_000} s`,
    now > 1.5 * calm ? Infinity : (performance.now() - over) / 1_000,
    60,
    "s",
    `${calm.toFixed(0)} % of a processor before, ${now.toFixed(0)} % after`,
  );
}

/** Fifty nodes on one machine, of what people run: the executable. */
async function many(site: string): Promise<Figure[]> {
  const figures: Figure[] = [];
  Deno.env.set("REALM_EXECUTABLE", await executable());
  let formingMs = 0;
  const forming = async (work: () => Promise<unknown>) => {
    const started = performance.now();
    await work();
    formingMs += performance.now() - started;
  };
  await using cluster = await Cluster.start({ nodes: 1, startMs: 120_000 });
  const token = await cluster.invite(MANY - 1);
  for (const size of SIZES) {
    await forming(() => grow(cluster, token, size - JOINS));
    figures.push(await costOfJoins(cluster, token));
    const up = formingMs;
    await forming(() => allAlive(cluster, cluster.nodes, size));
    figures.push(
      note(
        `${size} agents: each sees all ${size} alive`,
        `${(formingMs / 1_000).toFixed(1)} s`,
        `${STARTING} starting at a time; all but ${JOINS * (SIZES.indexOf(size) + 1)} up after ${
          (up / 1_000).toFixed(1)
        } s`,
      ),
    );
    figures.push(...await costOfIdleness(cluster));
  }

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
  figures.push(await costOfOverload(cluster));
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
