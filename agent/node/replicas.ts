/**
 * All replicas on this node: carries out what `core/own_replicas.ts` says is to begin and to end, and tells it what has
 * ended.
 */
import {
  createOwnReplicas,
  holdersOfVolumes,
  orderReplicas,
  replicaEnded,
  type ReplicaStep,
  type RunOrder,
} from "../core/mod.ts";
import { gatewayLimits } from "../protocol/mod.ts";
import { Replica, type ReplicaWorld } from "./replica.ts";

/** See the module's text. */
export class Replicas {
  readonly #own = createOwnReplicas();
  /** Those that run and those that still end. */
  readonly #alive = new Map<string, Replica>();
  /** When each of those that still end will have. */
  readonly #ends = new Map<string, Promise<void>>();
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
    return [...this.#alive.values()];
  }
  get(id: string): Replica | undefined {
    return this.#alive.get(id);
  }

  /** Level-triggered: the whole list each time. */
  reconcile(orders: readonly RunOrder[]): void {
    this.#carryOut(orderReplicas(this.#own, orders));
  }

  #carryOut(steps: readonly ReplicaStep[]): void {
    for (const step of steps) {
      const id = step.order.replica;
      if (step.t === "begin") this.#alive.set(id, new Replica(step.order, this.#world));
      else this.#end(this.#alive.get(id)!, step.successor);
    }
  }

  #end(replica: Replica, successor?: string): void {
    const id = replica.order.replica;
    const graceMs = successor !== undefined
      ? gatewayLimits.handOverMs
      : this.#isRemoved(replica.order.app)
      ? gatewayLimits.stopMs
      : drainMsOf(replica);
    const after = successor === undefined ? Promise.resolve() : this.#alive.get(successor)!.prepared;
    const ended = after.then(() => replica.stop(graceMs)).catch(() => {}).finally(() => {
      this.#alive.delete(id);
      this.#ends.delete(id);
      this.#gone(id);
      this.#carryOut(replicaEnded(this.#own, id));
    });
    this.#ends.set(id, ended);
  }

  async #volumesFree(order: RunOrder): Promise<void> {
    for (let holders = holdersOfVolumes(this.#own, order); holders.length > 0;) {
      await Promise.all(holders.map((id) => this.#ends.get(id)));
      holders = holdersOfVolumes(this.#own, order);
    }
  }

  /**
   * Ends everything on this node, as it goes down; statuses of others' interest were sent before. `leave`: but for what
   * can go on until the next process takes it over.
   */
  async stopAll(graceMs: number, leave: boolean): Promise<void> {
    this.#own.orders = [];
    await Promise.allSettled(
      [...this.#alive].map(([id, replica]) =>
        this.#ends.get(id) ?? (leave ? replica.leave(graceMs) : replica.stop(graceMs))
      ),
    );
  }
}

/** As long as a request of this app may take, within bounds. */
const drainMsOf = (replica: Replica): number =>
  Math.min(
    gatewayLimits.drainMaxMs,
    Math.max(gatewayLimits.drainMs, replica.workload?.package?.manifest.component?.timeoutMs ?? 0),
  );
