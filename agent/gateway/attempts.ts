/**
 * Gets one request answered: chooses a replica, tries, tries another when that is safe, and waits for the next table
 * while no replica is ready.
 */
import type { Clock } from "../ports.ts";
import type { NodeId } from "../protocol/identity.ts";
import { RealmError } from "../protocol/errors.ts";
import { gatewayLimits } from "../protocol/limits.ts";
import type { ReplicaTarget, Route } from "./routes.ts";
import type { ReplicaBook } from "./replicas.ts";
import type { AppCounters } from "./metrics.ts";
import { AttemptError } from "./exchange.ts";

/** One request's needs. */
export interface Job<T> {
  readonly counters: AppCounters;
  /** The route in the table of this moment; `undefined` when the app is gone. */
  route(): Route | undefined;
  readonly upgrade: boolean;
  /** Whether it may be sent again although an app may have received it, and its body can be. */
  readonly repeatable: boolean;
  /** Whether its body can still be sent. */
  readonly bodyLeft: () => boolean;
  readonly signal: AbortSignal | undefined;
  /** One attempt; rejects with {@link AttemptError}. */
  attempt(replica: ReplicaTarget, signal: AbortSignal): Promise<T>;
}

/** What came of it, and from which replica; `done` must be called when the answer has been delivered or dropped. */
export interface Outcome<T> {
  readonly value: T;
  readonly replica: ReplicaTarget;
  /** Aborts when the exchange must end: client gone, node lost, gateway closing. */
  readonly signal: AbortSignal;
  done(): void;
}

/** First and longest pause between rounds over replicas that all failed, milliseconds. */
const PAUSE_MS = 25, PAUSE_MAX_MS = 500;

/** Runs requests against replicas. */
export class Attempts {
  readonly #book: ReplicaBook;
  readonly #clock: Clock;
  readonly #byNode = new Map<NodeId, Set<AbortController>>();
  #lost: ReadonlySet<NodeId> = new Set();
  #next = Promise.withResolvers<void>();
  #held = 0;

  /** Takes what is known about replicas. */
  constructor(book: ReplicaBook, clock: Clock) {
    this.#book = book;
    this.#clock = clock;
  }

  /** A new table is in force: wakes those who wait, ends what is under way to lost nodes. */
  changed(lost: ReadonlySet<NodeId>): void {
    this.#lost = lost;
    for (const node of lost) for (const controller of this.#byNode.get(node) ?? []) controller.abort();
    const { resolve } = this.#next;
    this.#next = Promise.withResolvers<void>();
    resolve();
  }

  /** Ends everything that is under way. */
  end(): void {
    for (const set of this.#byNode.values()) for (const controller of [...set]) controller.abort();
  }

  /** Runs one request. Rejects with `RealmError`: `unavailable`, `timed_out`, `failed`, `not_found`, or the app's. */
  async run<T>(job: Job<T>): Promise<Outcome<T>> {
    const started = this.#clock.monotonic();
    const tried = new Set<string>();
    let tries = 0, sent = 0, pause = PAUSE_MS, waited = false, last: AttemptError | undefined;
    for (;;) {
      job.signal?.throwIfAborted();
      const route = job.route();
      if (!route) throw new RealmError("not_found", "The app was removed while the request waited.");
      const changed = this.#next.promise;
      const replica = this.#book.choose(route.replicas, tried, this.#lost, job.upgrade);
      if (!replica) {
        const left = started + (route.holdMs ?? gatewayLimits.holdMs) - this.#clock.monotonic();
        if (left <= 0 || tries >= gatewayLimits.tries) throw last?.error ?? noReplica();
        if (!waited) job.counters.held++;
        waited = true;
        await this.#hold(changed, tried.size > 0 ? Math.min(left, pause) : left, job.signal);
        if (tried.size > 0) pause = Math.min(pause * 2, PAUSE_MAX_MS);
        tried.clear();
        continue;
      }
      if (tries++ > 0) job.counters.retries++;
      try {
        return await this.#once(job, replica);
      } catch (error) {
        if (!(error instanceof AttemptError)) throw error;
        last = error;
        if (error.elsewhere) this.#book.failed(replica.id);
        if (error.sent && !error.broken) sent++;
        const again = error.elsewhere && sent < gatewayLimits.attempts && tries < gatewayLimits.tries &&
          (error.sent ? job.repeatable : job.bodyLeft());
        if (!again) throw error.error;
        tried.add(replica.id);
      }
    }
  }

  async #once<T>(job: Job<T>, replica: ReplicaTarget): Promise<Outcome<T>> {
    const controller = new AbortController();
    const abort = () => controller.abort();
    job.signal?.addEventListener("abort", abort);
    let set = this.#byNode.get(replica.node);
    if (!set) this.#byNode.set(replica.node, set = new Set());
    set.add(controller);
    this.#book.enter(replica.id);
    let over = false;
    const done = () => {
      if (over) return;
      over = true;
      job.signal?.removeEventListener("abort", abort);
      set.delete(controller);
      if (set.size === 0 && this.#byNode.get(replica.node) === set) this.#byNode.delete(replica.node);
      this.#book.leave(replica.id);
    };
    try {
      const value = await job.attempt(replica, controller.signal);
      this.#book.succeeded(replica.id);
      return { value, replica, signal: controller.signal, done };
    } catch (error) {
      done();
      throw error;
    }
  }

  async #hold(changed: Promise<void>, ms: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.#held >= gatewayLimits.held) {
      throw new RealmError(
        "unavailable",
        "Too many requests wait for this app to come back; try again shortly.",
      );
    }
    this.#held++;
    const timer = Promise.withResolvers<void>();
    const id = setTimeout(timer.resolve, ms);
    signal?.addEventListener("abort", () => timer.resolve(), { once: true });
    await Promise.race([changed, timer.promise]);
    clearTimeout(id);
    this.#held--;
  }
}

const noReplica = () =>
  new RealmError("unavailable", "No replica of this app is ready at the moment; try again shortly.");
