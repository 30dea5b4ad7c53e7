/**
 * Which replicas of a node begin and which end now: what runs there made equal to what was ordered, step by step. A
 * replica lives until the node says that it has ended; one that is wanted again before that begins anew then. A stateful
 * replica's successor on the same volumes is prepared while the old one still serves, and starts only after that has
 * ended: one writer at a time. `node/replicas.ts` carries the steps out, the simulation does so on a virtual clock.
 */
import type { RunOrder } from "./events.ts";

/** What was ordered of a node, and what became of it so far; see the module's text. */
export interface OwnReplicas {
  orders: readonly RunOrder[];
  /** Began and not told to end. */
  readonly running: Map<string, RunOrder>;
  /** Told to end; not gone yet. */
  readonly ending: Map<string, RunOrder>;
}

/** What a node does next, in this order. */
export type ReplicaStep =
  | { readonly t: "begin"; readonly order: RunOrder }
  /** With a successor it goes on until that is prepared, and has little time then: somebody waits. */
  | { readonly t: "end"; readonly order: RunOrder; readonly successor?: string };

/** Nothing runs, nothing is wanted. */
export const createOwnReplicas = (): OwnReplicas => ({ orders: [], running: new Map(), ending: new Map() });

/** Takes in the whole list of what is to run. Level-triggered: the same list again changes nothing. */
export function orderReplicas(own: OwnReplicas, orders: readonly RunOrder[]): readonly ReplicaStep[] {
  own.orders = orders;
  const wanted = new Set(orders.map((o) => o.replica));
  const begin = orders.filter((o) => !own.running.has(o.replica) && !own.ending.has(o.replica));
  const end = [...own.running.values()].filter((o) => !wanted.has(o.replica));
  for (const order of begin) own.running.set(order.replica, order);
  for (const order of end) {
    own.running.delete(order.replica);
    own.ending.set(order.replica, order);
  }
  return [
    ...begin.map((order) => ({ t: "begin" as const, order })),
    ...end.map((order) => {
      const successor = begin.find((b) => sharesVolumes(b, order));
      return { t: "end" as const, order, ...(successor ? { successor: successor.replica } : {}) };
    }),
  ];
}

/** A replica has ended. It may be wanted again, as when the decision that ended it lost to the one before. */
export function replicaEnded(own: OwnReplicas, replica: string): readonly ReplicaStep[] {
  own.ending.delete(replica);
  return own.orders.some((o) => o.replica === replica) ? orderReplicas(own, own.orders) : [];
}

/** Replicas that still end and hold volumes that `order` needs: it must not start before they are gone. */
export const holdersOfVolumes = (own: OwnReplicas, order: RunOrder): readonly string[] =>
  [...own.ending.values()].filter((o) => o.replica !== order.replica && sharesVolumes(o, order))
    .map((o) => o.replica);

const sharesVolumes = (a: RunOrder, b: RunOrder): boolean =>
  a.app === b.app && a.revision.spec.volumes.some((v) => b.revision.spec.volumes.includes(v));
