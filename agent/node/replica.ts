/**
 * One replica on this node, from order to end: fetch and verify the package, prepare mounts, start, watch health,
 * restart with back-off, stop. Every state is reported; every wait has an end.
 */
import type { AppManifest, ReplicaState, ReplicaStatus } from "../protocol/mod.ts";
import { RealmError } from "../protocol/mod.ts";
import type { RunOrder } from "../core/mod.ts";
import type { LogChunk } from "../ports.ts";
import type { ConnectTarget } from "../gateway/mod.ts";
import type { RunHandle } from "../runtimes/mod.ts";
import { pause } from "./pause.ts";

/** Starts that may fail in a row before a replica that was never healthy is given up. */
const START_ATTEMPTS = 3;
/** Lives in a row that are shorter than `STABLE_MS` before a replica is said to be in a crash loop. */
const CRASH_LOOP = 5;
/** A life this long counts as good: the back-off starts anew. */
const STABLE_MS = 60_000;
/** Time between two health checks of a replica that is not healthy yet. */
const START_CHECK_MS = 100;
/**
 * States on the way are told this late, and not at all when the next one comes first: a record costs each node of the realm
 * milliseconds, and most packages are fetched, verified and started faster than a person looks.
 */
const PASSING = { states: ["fetching", "verifying", "starting"] as readonly ReplicaState[], ms: 150 };

/** A package that is ready to run. */
export interface ReadyPackage {
  readonly dir: string;
  readonly manifest: AppManifest;
}

/** What runs for a replica. */
export interface ReplicaHandle extends Pick<RunHandle, "exit" | "stop" | "stats"> {
  /** It goes on when this process ends, for the next one to take it over; absent where it cannot. */
  readonly leave?: () => void;
  /** Answers requests itself. */
  readonly serve?: RunHandle["serve"];
  /** Takes requests at a port of this machine. */
  readonly connect?: ConnectTarget;
  /** One health check: what is wrong, if anything is. */
  probe(signal: AbortSignal): Promise<string | undefined>;
}

/** What a replica runs, ready to be started. */
export interface Workload {
  /** The files that the gateway serves, and where they are from. */
  readonly package?: ReadyPackage;
  /** Starts it once; absent where there are only files. */
  readonly start?: (onLog: (chunk: LogChunk) => void, signal: AbortSignal) => Promise<ReplicaHandle>;
  readonly health: {
    /** Time between two checks of a healthy replica, ms. */
    readonly intervalMs: number;
    /** Checks in a row that fail before it is unhealthy. */
    readonly failures: number;
    /** Time to become healthy, ms. */
    readonly startMs: number;
  };
  /** Wait before it is started again, ms; doubled with each start, up to the last. */
  readonly backoffMs: { readonly first: number; readonly last: number };
  /** When it is not started again: `on-failure`, after it exited with code 0; `never`, after any end. Default always. */
  readonly restart?: "on-failure" | "never";
  /** Time that it has to end after its last request, ms; default what is left of the time for those. */
  readonly graceMs?: number;
}

/** What is told while a replica is prepared. */
export interface PrepareNews {
  progress(done: number, total: number, verifying: boolean): void;
  /** What its inputs by git stand for, by mount. */
  commits(commits: Readonly<Record<string, string>>): void;
}

/** How one life of a process ended. */
interface LifeEnd {
  readonly why: string;
  /** By itself, with code 0. */
  readonly well?: boolean;
}

/** What a replica needs from its node. */
export interface ReplicaWorld {
  /** Brings everything here that the replica needs. */
  prepare(order: RunOrder, news: PrepareNews, signal: AbortSignal): Promise<Workload>;
  clearWork(order: RunOrder): Promise<void>;
  /** Gives it no new request; resolves when those in flight have ended, or after `withinMs`. */
  drained(order: RunOrder, withinMs: number): Promise<boolean>;
  /** Resolves when no older replica on this node uses the same volumes any more. */
  volumesFree(order: RunOrder): Promise<void>;
  report(status: ReplicaStatus): void;
  log(order: RunOrder, chunk: LogChunk): void;
  note(order: RunOrder, text: string): void;
  lastLines(order: RunOrder): string;
  /** What can be called changed: routes must follow. */
  changed(): void;
}

/** See the module's text. */
export class Replica {
  readonly order: RunOrder;
  readonly #world: ReplicaWorld;
  readonly #abort = new AbortController();
  readonly #done: Promise<void>;
  #state: ReplicaState = "accepted";
  #since = Date.now();
  #restarts = 0;
  #left = false;
  #handle: ReplicaHandle | undefined;
  #workload: Workload | undefined;
  /** Package here, verified: a successor that waits for volumes is prepared this far. */
  readonly prepared: Promise<void>;
  #markPrepared!: () => void;
  #wakeBackoff: (() => void) | undefined;
  #commits: Readonly<Record<string, string>> | undefined;
  #untold: ReplicaStatus | undefined;
  #tellTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(order: RunOrder, world: ReplicaWorld) {
    this.order = order;
    this.#world = world;
    this.prepared = new Promise((resolve) => this.#markPrepared = resolve);
    this.#done = this.#live().catch((error) => this.#report("failed", describe(error))).finally(() =>
      this.#markPrepared()
    );
  }

  get state(): ReplicaState {
    return this.#state;
  }
  /** What it runs, once that is here. */
  get workload(): Workload | undefined {
    return this.#workload;
  }
  get handle(): ReplicaHandle | undefined {
    return this.#handle;
  }

  /**
   * Ends it: no new requests; those in flight, streams and upgraded connections get `graceMs` to finish; then it is gone
   * and its work mounts are cleared.
   */
  async stop(graceMs: number): Promise<void> {
    const until = performance.now() + graceMs;
    if (!this.#abort.signal.aborted) {
      if (this.#state !== "failed" && this.#state !== "ended") this.#report("stopping");
      this.#abort.abort();
      this.#wakeBackoff?.();
    }
    if (!await this.#world.drained(this.order, graceMs)) {
      this.#world.note(
        this.order,
        `stopped with requests in flight: they did not end within ${graceMs / 1000} s`,
      );
    }
    await this.#handle?.stop(this.#workload?.graceMs ?? Math.max(0, until - performance.now()));
    await this.#done;
    await this.#world.clearWork(this.order);
    this.#report("stopped");
  }

  /** As {@link stop}; but a program that can go on without this process does. */
  async leave(graceMs: number): Promise<void> {
    const { leave } = this.#handle ?? {};
    if (!leave || this.#abort.signal.aborted) return await this.stop(graceMs);
    await this.#world.drained(this.order, graceMs);
    leave();
    this.#left = true;
  }

  /** Its program goes on, for the next process to take it over. */
  get isLeft(): boolean {
    return this.#left;
  }

  #report(state: ReplicaState, reason?: string, progress?: { done: number; total: number }): void {
    if (state !== this.#state || state === "fetching") this.#since = Date.now();
    const before = this.#state;
    this.#state = state;
    const { order } = this;
    this.#tell({
      app: order.app,
      replica: order.replica,
      revision: order.revision.id,
      epoch: order.epoch,
      state,
      restarts: this.#restarts,
      since: this.#since,
      ...(reason === undefined ? {} : { reason: reason.slice(0, 1_900) }),
      ...(progress === undefined ? {} : { progress }),
      ...(this.#commits ? { commits: { ...this.#commits } } : {}),
      ...(state === "failed" ? { log: this.#world.lastLines(order).slice(-3_900) } : {}),
    }, PASSING.states.includes(state));
    if (before !== state) this.#world.changed();
  }

  /** Tells the realm, or notes what is only `passing` to be told soon. */
  #tell(status: ReplicaStatus, passing: boolean): void {
    if (passing) {
      this.#untold = status;
      this.#tellTimer ??= setTimeout(() => this.#untold && this.#tell(this.#untold, false), PASSING.ms);
      return;
    }
    clearTimeout(this.#tellTimer);
    this.#tellTimer = this.#untold = undefined;
    this.#world.report(status);
  }

  async #live(): Promise<void> {
    const { signal } = this.#abort;
    let lastProgress = 0;
    this.#report("fetching");
    const workload = this.#workload = await this.#world.prepare(this.order, {
      progress: (done, total, verifying) => {
        const now = Date.now();
        if (!verifying && now - lastProgress < 500) return;
        lastProgress = now;
        if (!signal.aborted) this.#report(verifying ? "verifying" : "fetching", undefined, { done, total });
      },
      commits: (commits) => {
        this.#commits = commits;
        if (!signal.aborted) this.#report(this.#state);
      },
    }, signal);
    this.#markPrepared();
    if (this.order.revision.spec.volumes.length > 0) await this.#world.volumesFree(this.order);
    if (signal.aborted) return;
    const { start, backoffMs, restart } = workload;
    if (!start) {
      this.#report("healthy");
      await aborted(signal);
      return;
    }
    let wasHealthy = false, shortLives = 0, backoff = backoffMs.first;
    while (!signal.aborted) {
      const startedAt = Date.now();
      const { why, well } = await this.#runOnce(workload, start, () => wasHealthy = true);
      if (signal.aborted) return;
      if (restart && (well || (restart === "never" && wasHealthy))) {
        this.#world.note(
          this.order,
          `has ended and is not started again, as its restart policy says: ${why}`,
        );
        this.#report("ended", well ? undefined : why);
        await aborted(signal);
        return;
      }
      if (Date.now() - startedAt > STABLE_MS) {
        backoff = backoffMs.first;
        shortLives = 0;
      }
      shortLives++;
      if (!wasHealthy && (restart === "never" || shortLives >= START_ATTEMPTS)) {
        const starts = shortLives === 1 ? "one start" : `${shortLives} starts`;
        this.#world.note(this.order, `gave up after ${starts}: ${why}`);
        this.#report("failed", why);
        await aborted(signal);
        return;
      }
      this.#restarts++;
      const crashLoop = shortLives >= CRASH_LOOP ? ` (crash loop: ${shortLives} short lives in a row)` : "";
      this.#world.note(this.order, `restarts in ${backoff} ms${crashLoop}: ${why}`);
      this.#report("unhealthy", why + crashLoop);
      await this.#pause(backoff);
      backoff = Math.min(backoffMs.last, backoff * 2);
    }
  }

  /** One life of the process; resolves with how it ended. */
  async #runOnce(
    workload: Workload,
    start: NonNullable<Workload["start"]>,
    onHealthy: () => void,
  ): Promise<LifeEnd> {
    const { order } = this;
    const { signal } = this.#abort;
    if (this.#state !== "unhealthy") this.#report("starting");
    let handle: ReplicaHandle;
    try {
      handle = await start((chunk) => this.#world.log(order, chunk), signal);
    } catch (error) {
      return { why: describe(error) };
    }
    this.#handle = handle;
    if (signal.aborted) {
      await handle.stop(0);
      this.#handle = undefined;
      return { why: "stopped" };
    }
    const watch = new AbortController();
    const unhealthy = this.#watchHealth(
      handle,
      workload.health,
      onHealthy,
      AbortSignal.any([watch.signal, signal]),
    );
    const ended = handle.exit.then(({ message, reason, code }): LifeEnd => ({
      why: message || reason,
      well: reason === "exited" && code === 0,
    }));
    const end = await Promise.race([ended, unhealthy.then((why): LifeEnd => ({ why }))]);
    watch.abort();
    if (signal.aborted) return end; // stop() ends the handle, with its grace
    this.#handle = undefined;
    this.#world.changed();
    await handle.stop(0);
    return end;
  }

  /** Probes until the replica is unhealthy for good; resolves with the reason (never, while all is well). */
  async #watchHealth(
    handle: ReplicaHandle,
    { intervalMs, failures: allowed, startMs }: Workload["health"],
    onHealthy: () => void,
    signal: AbortSignal,
  ): Promise<string> {
    const deadline = Date.now() + startMs;
    let healthy = false, failures = 0, last = "";
    while (!signal.aborted) {
      const result = await handle.probe(signal);
      if (signal.aborted) break;
      if (result === undefined) {
        failures = 0;
        if (!healthy) {
          healthy = true;
          onHealthy();
          this.#report("healthy");
        }
      } else {
        last = result;
        failures++;
        if (!healthy && Date.now() > deadline) {
          return `not healthy within ${startMs / 1000} s: ${last}`;
        }
        if (healthy && failures >= allowed) {
          return `${failures} health checks failed in a row: ${last}`;
        }
      }
      await pause(healthy ? intervalMs : START_CHECK_MS, signal);
    }
    return await new Promise<string>(() => {});
  }

  async #pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wakeBackoff = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  signal.aborted
    ? Promise.resolve()
    : new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));

/** What went wrong, in one sentence. */
export const describe = (error: unknown): string =>
  error instanceof RealmError || error instanceof Error ? error.message : String(error);
