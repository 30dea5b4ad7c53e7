/** What must be true of a simulated realm: safety at any moment, agreement once it had time to heal. */
import { aliveNodes, nodeState, ordersFor, storeDigest } from "../../agent/core/mod.ts";
import type { SimNode, World } from "./world.ts";

/** Safety: no node ever applied a command that nobody with the right to it handed in; quotas hold; a volume has one writer. */
export function checkSafety(world: World): string[] {
  const wrong: string[] = [];
  for (const node of world.alive()) {
    const core = node.core!;
    for (const id of core.commands.keys()) {
      if (!world.accepted.has(id)) {
        wrong.push(`${node.name} applied a command that was never accepted: ${id}`);
      }
    }
    const decided = [...node.running.values()].filter((f) => f.state !== "stopping" && f.state !== "ended");
    const used = decided.reduce((mb, f) => mb + f.order.revision.spec.memory_mb, 0);
    if (used > node.memoryMb) wrong.push(`${node.name} runs ${used} MiB on ${node.memoryMb} MiB`);
    // Before a node has told its start nothing is ordered of it.
    for (const { replica } of core.info ? ordersFor(core) : []) {
      if (!node.running.has(replica)) {
        wrong.push(`${replica} was ordered of ${node.name} and does not live there`);
      }
    }
    const writers = new Map<string, string>();
    for (const { order, opened } of node.running.values()) {
      for (const volume of opened ? order.revision.spec.volumes : []) {
        const name = `${order.app}/${volume}`;
        const other = writers.get(name);
        if (other) wrong.push(`${other} and ${order.replica} write to ${name} on ${node.name} at once`);
        writers.set(name, order.replica);
      }
    }
  }
  return wrong;
}

/** Agreement: all nodes hold the same records and see each other alive. */
export function disagreement(world: World, nodes: readonly SimNode[] = world.alive()): string | undefined {
  const digests = new Set(nodes.map((n) => storeDigest(n.core!.store)));
  if (digests.size > 1) return `${digests.size} different states of the records`;
  for (const n of nodes) {
    const missing = nodes.filter((o) => nodeState(n.core!, o.id) !== "alive" && o !== n);
    if (missing.length > 0) {
      return `${n.name} sees ${missing[0].name} as ${nodeState(n.core!, missing[0].id)}`;
    }
    const ghosts = aliveNodes(n.core!).filter((id) => !world.nodes.get(id)?.core);
    if (ghosts.length > 0) return `${n.name} takes the dead ${world.nodes.get(ghosts[0])?.name} for alive`;
  }
  return undefined;
}

/** Why an app is not as wished everywhere; `undefined` when all its replicas run, are healthy and known as such. */
export function unfulfilled(world: World, app: string): string | undefined {
  const nodes = world.alive();
  const state = nodes[0].core!.apps.get(app);
  const decision = state?.decision?.value;
  if (!state?.desired) {
    const still = nodes.filter((n) => [...n.running.values()].some((f) => f.order.app === app));
    return still.length > 0 ? `${still[0].name} still runs ${app}` : undefined;
  }
  if (!decision) return `${app} has no decision`;
  if (decision.phase !== "steady" && decision.phase !== "rolled_back") return `${app} is ${decision.phase}`;
  if (state.desired.replicas === "all") {
    const without = nodes.find((n) => decision.replicas.filter((r) => r.node === n.id).length !== 1);
    if (without) return `${app} has not exactly one replica on ${without.name}`;
  }
  for (const replica of decision.replicas) {
    if (replica.ended) continue;
    const running = world.nodes.get(replica.node)?.running.get(replica.id);
    if (running?.state !== "healthy") {
      return `${replica.id} is ${running?.state ?? "not running"} on ${world.nodes.get(replica.node)?.name}`;
    }
  }
  const extra = nodes.flatMap((n) => [...n.running.values()]).filter((f) =>
    f.order.app === app && !decision.replicas.some((r) => r.id === f.order.replica)
  );
  return extra.length > 0 ? `${extra[0].order.replica} runs although it is not decided` : undefined;
}
