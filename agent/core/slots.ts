/** Slots of an app: each holds one replica, two while it is replaced. */
import type { NodeId } from "../protocol/identity.ts";
import type { DecidedReplica, Decision } from "../protocol/record.ts";
import type { DesiredApp } from "./apps.ts";
import { type Candidate, matchesTags } from "./placement.ts";

const lives = (n: Candidate): boolean => (n.state === "alive" || n.state === "suspect") && !n.draining;

/** What `all` needs to know of what stands. */
export interface Standing {
  /** From {@link seatsOf}. */
  readonly seats: ReadonlyMap<NodeId, number>;
  /** Whether a cordoned node keeps what it runs: it takes nothing new, and what runs there stays. */
  readonly keeps: (node: NodeId) => boolean;
}

/** Slots that a wish has: one per matching node for `all`; else as many as asked. */
export function slotsOf(
  desired: DesiredApp,
  nodes: readonly Candidate[],
  { seats, keeps }: Standing,
): readonly number[] {
  if (desired.replicas !== "all") return Array.from({ length: desired.replicas }, (_, i) => i);
  const eligible = nodes.filter((n) =>
    lives(n) && (!n.cordoned || keeps(n.id)) && matchesTags(n.tags, desired.tags)
  );
  // A node keeps its slot, also while it drains or is away; new nodes take the lowest free numbers.
  const taken = new Set(seats.values());
  let next = 0;
  return eligible.map(({ id }) => {
    const seat = seats.get(id);
    if (seat !== undefined) return seat;
    while (taken.has(next)) next++;
    return next++;
  }).sort((a, b) => a - b);
}

/**
 * The one slot of each node under `all`. A node may hold replicas on several, as the app had a fixed number of them
 * before: it keeps the slot whose volumes it holds, else one that serves, else the lowest. Of two nodes in one slot one
 * keeps it, by the same order. A node whose replica has ended keeps the slot of its volumes.
 */
export function seatsOf(
  replicas: readonly DecidedReplica[],
  volumes: Decision["volumes"],
  isHealthy: (replica: DecidedReplica) => boolean,
): Map<NodeId, number> {
  const seats = new Map<NodeId, number>();
  const taken = new Set<number>();
  const seat = ({ node, slot }: { readonly node: NodeId; readonly slot: number }) => {
    if (seats.has(node) || taken.has(slot)) return;
    seats.set(node, slot);
    taken.add(slot);
  };
  const bySlot = (a: { readonly slot: number }, b: { readonly slot: number }) => a.slot - b.slot;
  const runs = (node: NodeId, slot: number) => replicas.some((r) => r.node === node && r.slot === slot);
  [...volumes].sort((a, b) => Number(runs(b.node, b.slot)) - Number(runs(a.node, a.slot)) || bySlot(a, b))
    .forEach(seat);
  [...replicas].sort((a, b) => Number(isHealthy(b)) - Number(isHealthy(a)) || bySlot(a, b)).forEach(seat);
  return seats;
}
