/**
 * What a join costs the meshes of those that are there: new connections and processor time, in one process, so that it
 * does not depend on how many processes share the machine. `deno run -A tests/bench/mesh_join.ts [--nodes N]`; Linux
 * only (reads /proc).
 */
import { neighboursOf } from "../../agent/core/mod.ts";
import { createTestRealm, type TestNode, until } from "../mesh_nodes.ts";
import { note, pause, usage } from "./figures.ts";

const at = Deno.args.indexOf("--nodes");
const NODES = at >= 0 ? Number(Deno.args[at + 1]) : 42;
const JOINS = 8;
/** Gossip finds its peers, and what a join brings is taken in. */
const SETTLE_MS = 3_000, TAKEN_IN_MS = 1_500;
/** A membership, or what a node says of itself twice. */
const MESSAGE_BYTES = 1_400;

const realm = createTestRealm();
const nodes: TestNode[] = [];

/** Tells everybody its neighbours, and waits for the connections. */
async function connect(): Promise<void> {
  const ids = nodes.map((n) => n.id);
  for (const node of nodes) node.mesh.setNeighbours(neighboursOf(node.id, ids));
  const connected = (node: TestNode) => {
    const peers = new Set(node.mesh.peers().map((p) => p.id));
    return neighboursOf(node.id, ids).every((id) => peers.has(id));
  };
  await until(() => nodes.every(connected), "connected", 60_000);
}
const opened = () =>
  nodes.reduce((sum, n) => sum + n.events.filter((e) => e.startsWith("connected")).length, 0) / 2;
const cpuMs = async () => (await usage(Deno.pid)).cpuMs;

for (let key = 1; key <= NODES; key++) nodes.push(await realm.start({ key }));
await connect();
await pause(SETTLE_MS);
const before = await cpuMs();
await pause(SETTLE_MS);
const idle = (await cpuMs() - before) / SETTLE_MS;

let spentMs = 0, connections = 0;
for (let join = 1; join <= JOINS; join++) {
  const joiner = await realm.start({ key: NODES + join });
  nodes.push(joiner);
  const openBefore = opened(), cpuBefore = await cpuMs(), started = performance.now();
  await connect();
  for (const node of [nodes[0], joiner]) {
    node.mesh.publish(crypto.getRandomValues(new Uint8Array(MESSAGE_BYTES)));
  }
  await pause(TAKEN_IN_MS);
  spentMs += await cpuMs() - cpuBefore - idle * (performance.now() - started);
  connections += opened() - openBefore;
}
note(`a join at ${NODES}: new connections in the realm`, (connections / JOINS).toFixed(1));
note(`a join at ${NODES}: processor of each mesh`, `${(spentMs / JOINS / NODES).toFixed(1)} ms`);
Deno.exit(0);
