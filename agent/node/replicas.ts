/**
 * All replicas on this node: makes what runs equal to what was ordered. A stateful replica's successor on the same
 * volumes is prepared while the old one still serves, and starts only after that has ended: one writer at a time.
 */
import type { RunOrder } from "../core/mod.ts";
import { gatewayLimits } from "../protocol/mod.ts";
import { Replica, type ReplicaWorld } from "./replica.ts";

/** See the module's text. */
export class Replicas {
  readonly #running = new Map<string, Replica>();
  readonly #stopping = new Map<string, { readonly replica: Replica; readonly ended: Promise<void> }>();
  #orders: readonly RunOrder[] = [];
  readonly #world: ReplicaWorld;
  readonly #isRemoved: (app: string) => boolean;
  readonly #gone: (replica: string) => void;

  /** `isRemoved`: whether an app is gone as such. `gone`: told of each replica that has ended. */
  constructor(
    world: Omit<ReplicaWorld, "volumesFree">,
    isRemoved: (app: string) => boolean,
    gone: (replica: string) => void,
  ) {
    this.#world = { ...world, volumesFree: (order) => this.#volumesFree(order) };
    this.#isRemoved = isRemoved;
    this.#gone = gone;
  }

  /** Those ordered and those still ending. */
  list(): readonly Replica[] {
    return [...this.#running.values(), ...[...this.#stopping.values()].map((s) => s.replica)];
  }
  get(id: string): Replica | undefined {
    return this.#running.get(id) ?? this.#stopping.get(id)?.replica;
  }

  /** Level-triggered: the whole list each time. */
  reconcile(orders: readonly RunOrder[]): void {
    this.#orders = orders;
    const wanted = new Map(orders.map((o) => [o.replica, o]));
    const started = orders.filter((o) => !this.#running.has(o.replica) && !this.#stopping.has(o.replica));
    const ended = [...this.#running.values()].filter((r) => !wanted.has(r.order.replica));
    for (const replica of ended) this.#running.delete(replica.order.replica);
    const fresh = started.map((order) => {
      const replica = new Replica(order, this.#world);
      this.#running.set(order.replica, replica);
      return replica;
    });
    for (const replica of ended) {
      const successor = replica.order.revision.spec.volumes.length === 0
        ? undefined
        : fresh.find((f) => sharesVolumes(f.order, replica.order));
      const graceMs = successor
        ? gatewayLimits.handOverMs
        : this.#isRemoved(replica.order.app)
        ? gatewayLimits.stopMs
        : drainMsOf(replica);
      this.#end(replica, successor?.prepared ?? Promise.resolve(), graceMs);
    }
  }

  #end(replica: Replica, after: Promise<void>, graceMs: number): void {
    const id = replica.order.replica;
    const ended = after.then(() => replica.stop(graceMs)).catch(() => {}).finally(() => {
      this.#stopping.delete(id);
      this.#gone(id);
      // Wanted again while it was ending, as when the decision that ended it lost to the one before: begin anew.
      if (this.#orders.some((o) => o.replica === id)) this.reconcile(this.#orders);
    });
    this.#stopping.set(id, { replica, ended });
  }

  async #volumesFree(order: RunOrder): Promise<void> {
    for (;;) {
      const holders = [...this.#stopping.values()].filter((s) =>
        s.replica.order.replica !== order.replica && sharesVolumes(s.replica.order, order)
      );
      if (holders.length === 0) return;
      await Promise.all(holders.map((h) => h.ended));
    }
  }

  /** Ends everything on this node, as it goes down; statuses of others' interest were sent before. */
  async stopAll(graceMs: number): Promise<void> {
    this.#orders = [];
    await Promise.allSettled([...this.#running.values()].map((r) => r.stop(graceMs)));
    await Promise.allSettled([...this.#stopping.values()].map((s) => s.ended));
  }
}

/** As long as a request of this app may take, within bounds. */
const drainMsOf = (replica: Replica): number =>
  Math.min(
    gatewayLimits.drainMaxMs,
    Math.max(gatewayLimits.drainMs, replica.workload?.package?.manifest.component?.timeoutMs ?? 0),
  );

const sharesVolumes = (a: RunOrder, b: RunOrder): boolean =>
  a.app === b.app && a.revision.spec.volumes.some((v) => b.revision.spec.volumes.includes(v));
