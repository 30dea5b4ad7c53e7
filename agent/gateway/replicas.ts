/** Choice among the replicas of a route, and what the gateway has learned about them by using them. */
import type { NodeId } from "../protocol/identity.ts";
import { gatewayLimits } from "../protocol/limits.ts";
import type { ReplicaTarget } from "./routes.ts";

/** Replicas whose nodes are this much farther than the nearest share its load. */
const NEAR_FACTOR = 1.5, NEAR_MS = 5;
/** A node whose round trip is not known counts as this far. */
const UNKNOWN_RTT_MS = 1_000;

interface Known {
  inFlight: number;
  /** Failures in a row. */
  failures: number;
  /** Passed over until then (monotonic). */
  asideUntil: number;
  readonly waiters: Set<() => void>;
}

/** Counts and health of replicas by id. */
export class ReplicaBook {
  readonly #known = new Map<string, Known>();
  readonly #now: () => number;
  #turn = 0;

  /** Takes a monotonic clock. */
  constructor(now: () => number) {
    this.#now = now;
  }

  #of(id: string): Known {
    let known = this.#known.get(id);
    if (!known) this.#known.set(id, known = { inFlight: 0, failures: 0, asideUntil: 0, waiters: new Set() });
    return known;
  }

  /** Requests in work at a replica, through this gateway. */
  inFlight(id: string): number {
    return this.#known.get(id)?.inFlight ?? 0;
  }

  /** A request starts at the replica. */
  enter(id: string): void {
    this.#of(id).inFlight++;
  }

  /** It ended. */
  leave(id: string): void {
    const known = this.#of(id);
    if (--known.inFlight > 0) return;
    for (const wake of [...known.waiters]) wake();
  }

  /** Resolves when no request is in work at the replica, or when the signal aborts. */
  idle(id: string, signal?: AbortSignal): Promise<void> {
    if (this.inFlight(id) === 0 || signal?.aborted) return Promise.resolve();
    const known = this.#of(id);
    return new Promise((resolve) => {
      const wake = () => {
        known.waiters.delete(wake);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      known.waiters.add(wake);
      signal?.addEventListener("abort", wake);
    });
  }

  /** The replica could not take or finish a request: it is passed over for a moment. */
  failed(id: string): void {
    const known = this.#of(id);
    const pause = Math.min(gatewayLimits.setAsideMs * 2 ** known.failures, gatewayLimits.setAsideMaxMs);
    known.failures++;
    known.asideUntil = this.#now() + pause;
  }

  /** The replica answered. */
  succeeded(id: string): void {
    const known = this.#known.get(id);
    if (known && known.failures > 0) [known.failures, known.asideUntil] = [0, 0];
  }

  /** Forgets replicas that are in no table and have no request in work. */
  keep(ids: ReadonlySet<string>): void {
    for (const [id, known] of this.#known) if (known.inFlight === 0 && !ids.has(id)) this.#known.delete(id);
  }

  /**
   * The replica to try next: ready, not in `tried`, not on a lost node; those that failed lately only when there is
   * nothing else. Local first, else the nearest; among those equally near the one with the fewest requests in work.
   */
  choose(
    replicas: readonly ReplicaTarget[],
    tried: ReadonlySet<string>,
    lost: ReadonlySet<NodeId>,
    upgrade: boolean,
  ): ReplicaTarget | undefined {
    const usable = replicas.filter((r) =>
      r.ready && !tried.has(r.id) && !lost.has(r.node) &&
      (!upgrade || r.upgrade === true || r.local?.connect !== undefined)
    );
    if (usable.length < 2) return usable[0];
    const now = this.#now();
    const well = usable.filter((r) => (this.#known.get(r.id)?.asideUntil ?? 0) <= now);
    const pool = well.length > 0 ? well : usable;
    const distance = (r: ReplicaTarget) => r.local ? -1 : r.rttMs ?? UNKNOWN_RTT_MS;
    const nearest = Math.min(...pool.map(distance));
    const limit = nearest < 0 ? nearest : nearest * NEAR_FACTOR + NEAR_MS;
    const near = pool.filter((r) => distance(r) <= limit);
    const turn = this.#turn++ % near.length;
    let best = near[turn];
    for (let i = 1; i < near.length; i++) {
      const other = near[(turn + i) % near.length];
      if (this.inFlight(other.id) < this.inFlight(best.id)) best = other;
    }
    return best;
  }
}
