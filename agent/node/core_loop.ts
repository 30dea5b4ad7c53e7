/** Runs the core on real time: one event after the other, effects carried out in order, a timer for its next wake. */
import type { Clock, Log } from "../ports.ts";
import { nodeEnding } from "../protocol/mod.ts";
import {
  type AuditEntry,
  type Core,
  type Effect,
  type Event,
  type Reply,
  step,
  type Topic,
  wakeAt,
} from "../core/mod.ts";

/** Where effects go. `persist` is synchronous: nothing is sent before it is on disk. */
export interface EffectSinks {
  persist(effect: Extract<Effect, { t: "persist" }>): void;
  forget(effect: Extract<Effect, { t: "forget" }>): void;
  send(effect: Extract<Effect, { t: "send" }>): void;
  publish(effect: Extract<Effect, { t: "publish" }>): void;
  connect(effect: Extract<Effect, { t: "connect" }>): void;
  run(effect: Extract<Effect, { t: "run" }>): void;
  prefetch(effect: Extract<Effect, { t: "prefetch" }>): void;
  attempts(effect: Extract<Effect, { t: "attempts" }>): void;
  upgrade(effect: Extract<Effect, { t: "upgrade" }>): void;
  prefetchBlobs(effect: Extract<Effect, { t: "prefetch_blobs" }>): void;
  seal(effect: Extract<Effect, { t: "seal" }>): void;
  look(effect: Extract<Effect, { t: "look" }>): void;
  statuses(effect: Extract<Effect, { t: "statuses" }>): void;
  notify(effect: Extract<Effect, { t: "notify" }>): void;
  audit(entry: AuditEntry): void;
  misbehaved(effect: Extract<Effect, { t: "misbehaved" }>): void;
  changed(topics: ReadonlySet<Topic>): void;
}

/** Longest sleep: a wake that was computed too late is mended soon. */
const MAX_SLEEP_MS = 1_000;

/** See the module's text. */
export class CoreLoop implements Disposable {
  readonly core: Core;
  readonly #sinks: EffectSinks;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #onCrash: (error: unknown) => void;
  #queue: Event[] = [];
  #busy = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;
  #ref = 0;
  readonly #replies = new Map<number, Reply>();

  constructor(core: Core, sinks: EffectSinks, clock: Clock, log: Log, onCrash: (error: unknown) => void) {
    this.core = core;
    this.#sinks = sinks;
    this.#clock = clock;
    this.#log = log;
    this.#onCrash = onCrash;
  }

  /** Feeds an event. Events caused by effects come after the present one. */
  feed(event: Event): void {
    if (this.#stopped) return;
    this.#queue.push(event);
    if (this.#busy) return;
    this.#busy = true;
    try {
      for (let next = this.#queue.shift(); next; next = this.#queue.shift()) {
        for (const effect of step(this.core, next, this.#clock.now())) this.#perform(effect);
      }
    } catch (error) {
      // A broken invariant: better to start again from the records than to go on with a wrong state.
      this.#stopped = true;
      this.#log.error("the core failed", { error: String(error instanceof Error ? error.stack : error) });
      this.#onCrash(error);
      return;
    } finally {
      this.#busy = false;
    }
    this.#arm();
  }

  /** Feeds an event that is answered at once. Throws `unavailable` when the node ends. */
  ask(make: (ref: number) => Event): Reply {
    if (this.#stopped) throw nodeEnding();
    const ref = ++this.#ref;
    this.feed(make(ref));
    const reply = this.#replies.get(ref);
    this.#replies.delete(ref);
    // It failed at just this event.
    if (!reply && this.#stopped) throw nodeEnding();
    if (!reply) throw new Error("the core gave no answer");
    return reply;
  }

  #perform(effect: Effect): void {
    switch (effect.t) {
      case "persist":
        return this.#sinks.persist(effect);
      case "forget":
        return this.#sinks.forget(effect);
      case "send":
        return this.#sinks.send(effect);
      case "publish":
        return this.#sinks.publish(effect);
      case "connect":
        return this.#sinks.connect(effect);
      case "run":
        return this.#sinks.run(effect);
      case "prefetch":
        return this.#sinks.prefetch(effect);
      case "attempts":
        return this.#sinks.attempts(effect);
      case "upgrade":
        return this.#sinks.upgrade(effect);
      case "prefetch_blobs":
        return this.#sinks.prefetchBlobs(effect);
      case "seal":
        return this.#sinks.seal(effect);
      case "look":
        return this.#sinks.look(effect);
      case "statuses":
        return this.#sinks.statuses(effect);
      case "notify":
        return this.#sinks.notify(effect);
      case "audit":
        return this.#sinks.audit(effect.entry);
      case "misbehaved":
        return this.#sinks.misbehaved(effect);
      case "changed":
        return this.#sinks.changed(effect.topics);
      case "reply":
        this.#replies.set(effect.ref, effect.reply);
    }
  }

  #arm(): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    const now = this.#clock.now();
    const wait = Math.min(MAX_SLEEP_MS, Math.max(1, wakeAt(this.core, now) - now));
    this.#timer = setTimeout(() => this.feed({ t: "tick" }), wait);
  }

  [Symbol.dispose](): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }
}
