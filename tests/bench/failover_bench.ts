/**
 * kill -9 of a node under constant load of safe requests to a two-replica app through another gateway: of a replica's
 * node, and of the controller when that runs a replica. By hand: `deno task bench failover`.
 */
import { Cluster, eventually } from "../cluster.ts";
import { startLoad } from "../integration/load.ts";
import { buildExample } from "./example.ts";
import { atMost, type Figure, note, pause } from "./figures.ts";

const APP = "hello-site";
/** Load runs this long before the kill. */
const BEFORE_MS = 1_000;

async function failover(site: string, victim: "a replica's node" | "the controller"): Promise<Figure[]> {
  await using cluster = await Cluster.start({ nodes: 4 });
  const first = cluster.nodes[0];
  await cluster.realm("deploy", site, "--replicas", "2");
  const nodes = await cluster.client(first).nodes();
  const nameOf = (id: string | undefined) => nodes.find((n) => n.id === id)?.name;
  const app = await cluster.client(first).app(APP);
  const controller = nameOf(app.controller)!;
  const hosts = app.replicas.map((r) => r.node_name);
  if (victim === "the controller" && !hosts.includes(controller)) {
    // The controller's death alone replaces nothing: a replica moves to it by cordoning every other host.
    for (const name of hosts.slice(0, 1)) await cluster.realm("node", "drain", name);
    for (const n of cluster.nodes) {
      if (n.name !== controller && n.name !== hosts[1]) await cluster.realm("node", "cordon", n.name);
    }
    await eventually("a replica runs on the controller", async () => {
      const now = await cluster.client(first).app(APP);
      return now.phase === "steady" && now.healthy === 2 &&
        now.replicas.some((r) => r.node_name === controller);
    }, 30_000);
    for (const n of cluster.nodes) {
      if (n.name !== controller && n.name !== hosts[1]) await cluster.realm("node", "uncordon", n.name);
    }
  }
  const before = await cluster.client(first).app(APP);
  const running = before.replicas.map((r) => r.node_name);
  const still = nameOf(before.controller)!;
  const doomed = victim === "the controller" ? still : running.find((n) => n !== still) ?? running[0];
  const node = cluster.nodes.find((n) => n.name === doomed)!;
  const gateway = cluster.nodes.find((n) => n !== node && !running.includes(n.name)) ??
    cluster.nodes.find((n) => n !== node)!;
  const stop = startLoad(gateway.gateway, APP);
  await pause(BEFORE_MS);
  const killed = performance.now();
  await cluster.kill(node);
  await eventually("two replicas are healthy without it", async () => {
    const view = await cluster.client(gateway).app(APP);
    return view.phase === "steady" && view.replicas.length === 2 &&
      view.replicas.every((r) => r.state === "healthy" && r.node_name !== doomed);
  }, 30_000);
  const took = performance.now() - killed;
  const load = await stop();
  const ran = running.includes(doomed);
  return [
    atMost(
      `kill -9 of ${victim} under load: failed requests`,
      load.failures.length,
      0,
      "requests",
      `of ${load.requests}, slowest ${Math.round(load.slowestMs)} ms`,
    ),
    ran
      ? atMost(`kill -9 of ${victim}: replacement healthy`, took / 1_000, 8, "s")
      : note(`kill -9 of ${victim}`, "it ran no replica; nothing to replace"),
  ];
}

/** Measures and prints. */
export async function benchFailover(): Promise<Figure[]> {
  const site = await buildExample(APP, "1.0.0");
  return [...await failover(site, "a replica's node"), ...await failover(site, "the controller")];
}

if (import.meta.main) {
  const figures = await benchFailover();
  Deno.exit(figures.every((f) => f.holds !== false) ? 0 : 1);
}
