/** Slots of an app: each holds one replica, two while it is replaced. */
import type { NodeId } from "../protocol/identity.ts";
import type { DecidedReplica, Decision } from "../protocol/record.ts";
import type { DesiredApp } from "./apps.ts";
import { type Candidate, matchesTags } from "./placement.ts";

const usable = (n: Candidate): boolean =>
  (n.state === "alive" || n.state === "suspect") && !n.cordoned && !n.draining;

/** Slots that a wish has: one per matching node for `all`, which needs its seats; else as many as asked. */
export function slotsOf(
  desired: DesiredApp,
  nodes: readonly Candidate[],
  seats: ReadonlyMap<NodeId, number> = new Map(),
): readonly number[] {
  if (desired.replicas !== "all") return Array.from({ length: desired.replicas }, (_, i) => i);
  const eligible = nodes.filter((n) => usable(n) && matchesTags(n.tags, desired.tags));
  // A node keeps its slot; new nodes take the lowest free numbers.
  const numbers = new Set(eligible.map((n) => seats.get(n.id)).filter((s) => s !== undefined));
  let next = 0;
  for (const n of eligible) {
    if (seats.has(n.id)) continue;
    while (numbers.has(next)) next++;
    numbers.add(next);
  }
  return [...numbers].sort((a, b) => a - b);
}

/**
 * The one slot of each node under `all`. A node may hold replicas on several, as the app had a fixed number of them
 * before: it keeps the slot whose volumes it holds, else one that serves, else the lowest. Of two nodes in one slot one
 * keeps it, by the same order.
 */
export function seatsOf(
  replicas: readonly DecidedReplica[],
  volumes: Decision["volumes"],
  isHealthy: (replica: DecidedReplica) => boolean,
): Map<NodeId, number> {
  const bound = (r: DecidedReplica) => volumes.some((v) => v.slot === r.slot && v.node === r.node);
  const worth = (r: DecidedReplica) => (bound(r) ? 2 : 0) + (isHealthy(r) ? 1 : 0);
  const seats = new Map<NodeId, number>();
  const taken = new Set<number>();
  for (const r of [...replicas].sort((a, b) => worth(b) - worth(a) || a.slot - b.slot)) {
    if (seats.has(r.node) || taken.has(r.slot)) continue;
    seats.set(r.node, r.slot);
    taken.add(r.slot);
  }
  return seats;
}
