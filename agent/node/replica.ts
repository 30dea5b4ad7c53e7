/**
 * One replica on this node, from order to end: fetch and verify the package, prepare mounts, start, watch health,
 * restart with back-off, stop. Every state is reported; every wait has an end.
 */
import type { AppManifest, ReplicaState, ReplicaStatus } from "../protocol/mod.ts";
import { RealmError } from "../protocol/mod.ts";
import type { RunOrder } from "../core/mod.ts";
import type { LogChunk } from "../ports.ts";
import type { RunHandle, RunSpec, RuntimeMount } from "../runtimes/mod.ts";

/** Starts that may fail in a row before a replica that was never healthy is given up. */
const START_ATTEMPTS = 3;
/** Restart back-off: doubles from the first to the last, in milliseconds. */
const BACKOFF_MS = { first: 500, last: 30_000 } as const;
/** A run this long counts as good: the back-off starts anew. */
const STABLE_MS = 60_000;
/** Health probes: at start quickly, then at leisure. */
const HEALTH = {
  startMs: 100,
  startDeadlineMs: 30_000,
  intervalMs: 5_000,
  timeoutMs: 3_000,
  failures: 3,
} as const;
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

/** What a replica needs from its node. */
export interface ReplicaWorld {
  ensurePackage(
    order: RunOrder,
    onProgress: (done: number, total: number, verifying: boolean) => void,
    signal: AbortSignal,
  ): Promise<ReadyPackage>;
  prepareMounts(manifest: AppManifest, order: RunOrder, dir: string): Promise<readonly RuntimeMount[]>;
  clearWork(order: RunOrder): Promise<void>;
  startRun(spec: RunSpec, onLog: (chunk: LogChunk) => void, signal: AbortSignal): Promise<RunHandle>;
  readonly cacheDir: string;
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
  #handle: RunHandle | undefined;
  #package: ReadyPackage | undefined;
  /** Package here, verified: a successor that waits for volumes is prepared this far. */
  readonly prepared: Promise<void>;
  #markPrepared!: () => void;
  #wakeBackoff: (() => void) | undefined;
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
  get package(): ReadyPackage | undefined {
    return this.#package;
  }
  get handle(): RunHandle | undefined {
    return this.#handle;
  }

  /**
   * Ends it: no new requests; those in flight, streams and upgraded connections get `graceMs` to finish; then it is gone
   * and its work mounts are cleared.
   */
  async stop(graceMs: number): Promise<void> {
    const until = performance.now() + graceMs;
    if (!this.#abort.signal.aborted) {
      if (this.#state !== "failed") this.#report("stopping");
      this.#abort.abort();
      this.#wakeBackoff?.();
    }
    if (!await this.#world.drained(this.order, graceMs)) {
      this.#world.note(
        this.order,
        `stopped with requests in flight: they did not end within ${graceMs / 1000} s`,
      );
    }
    await this.#handle?.stop(Math.max(0, until - performance.now()));
    await this.#done;
    await this.#world.clearWork(this.order);
    this.#report("stopped");
  }

  #report(state: ReplicaState, reason?: string, progress?: { done: number; total: number }): void {
    if (state !== this.#state) this.#since = Date.now();
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
    this.#package = await this.#world.ensurePackage(this.order, (done, total, verifying) => {
      const now = Date.now();
      if (!verifying && now - lastProgress < 500) return;
      lastProgress = now;
      if (!signal.aborted) this.#report(verifying ? "verifying" : "fetching", undefined, { done, total });
    }, signal);
    this.#markPrepared();
    if (this.order.revision.spec.volumes.length > 0) await this.#world.volumesFree(this.order);
    if (signal.aborted) return;
    const { manifest, dir } = this.#package;
    if (!manifest.component) {
      this.#report("healthy");
      await aborted(signal);
      return;
    }
    let wasHealthy = false, failures = 0, backoff: number = BACKOFF_MS.first;
    while (!signal.aborted) {
      const startedAt = Date.now();
      const why = await this.#runOnce(manifest, manifest.component, dir, () => {
        wasHealthy = true;
        failures = 0;
      });
      if (signal.aborted) return;
      if (Date.now() - startedAt > STABLE_MS) backoff = BACKOFF_MS.first;
      failures++;
      if (!wasHealthy && failures >= START_ATTEMPTS) {
        this.#world.note(this.order, `gave up after ${failures} starts: ${why}`);
        this.#report("failed", why);
        await aborted(signal);
        return;
      }
      this.#restarts++;
      const crashLoop = failures >= 5 ? " (crash loop)" : "";
      this.#world.note(this.order, `restarts in ${backoff} ms${crashLoop}: ${why}`);
      this.#report("unhealthy", why + crashLoop);
      await this.#pause(backoff);
      backoff = Math.min(BACKOFF_MS.last, backoff * 2);
    }
  }

  /** One life of the process; resolves with why it ended. */
  async #runOnce(
    manifest: AppManifest,
    component: NonNullable<AppManifest["component"]>,
    dir: string,
    onHealthy: () => void,
  ): Promise<string> {
    const { order } = this;
    const { signal } = this.#abort;
    if (this.#state !== "unhealthy") this.#report("starting");
    let handle: RunHandle;
    try {
      const mounts = await this.#world.prepareMounts(manifest, order, dir);
      handle = await this.#world.startRun(
        {
          id: order.replica,
          mode: "http",
          wasm: `${dir}/${component.wasm}`,
          digest: component.sha256,
          cacheDir: this.#world.cacheDir,
          args: component.args,
          env: {
            ...manifest.env,
            REALM_APP: order.app,
            REALM_REPLICA: order.replica,
            REALM_VERSION: manifest.version,
          },
          mounts,
          memoryMb: component.memoryMb,
          maxConcurrency: component.maxConcurrency,
          timeoutMs: component.timeoutMs,
          instance: component.instance,
          outbound: manifest.outbound,
        },
        (chunk) => this.#world.log(order, chunk),
        signal,
      );
    } catch (error) {
      return describe(error);
    }
    this.#handle = handle;
    if (signal.aborted) {
      await handle.stop(0);
      this.#handle = undefined;
      return "stopped";
    }
    const watch = new AbortController();
    const unhealthy = this.#watchHealth(
      handle,
      manifest.http?.health,
      onHealthy,
      AbortSignal.any([watch.signal, signal]),
    );
    const ended = handle.exit.then((report) => report.message || report.reason);
    const why = await Promise.race([ended, unhealthy]);
    watch.abort();
    if (signal.aborted) return why; // stop() ends the handle, with its grace
    this.#handle = undefined;
    this.#world.changed();
    await handle.stop(0);
    return why;
  }

  /** Probes until the replica is unhealthy for good; resolves with the reason (never, while all is well). */
  async #watchHealth(
    handle: RunHandle,
    path: string | undefined,
    onHealthy: () => void,
    signal: AbortSignal,
  ): Promise<string> {
    const deadline = Date.now() + HEALTH.startDeadlineMs;
    let healthy = false, failures = 0, last = "";
    while (!signal.aborted) {
      const result = path === undefined ? undefined : await probe(handle, path, signal);
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
          return `not healthy within ${HEALTH.startDeadlineMs / 1000} s: ${last}`;
        }
        if (healthy && failures >= HEALTH.failures) {
          return `${failures} health checks failed in a row: ${last}`;
        }
      }
      await pause(healthy ? HEALTH.intervalMs : HEALTH.startMs, signal);
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

async function probe(handle: RunHandle, path: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(HEALTH.timeoutMs)]);
    const response = await handle.fetch(new Request(`http://health.invalid${path}`, { signal: limit }));
    await response.body?.cancel();
    return response.status < 400 ? undefined : `${path} answered ${response.status}`;
  } catch (error) {
    return `${path}: ${describe(error)}`;
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
  });
}

const aborted = (signal: AbortSignal): Promise<void> =>
  signal.aborted
    ? Promise.resolve()
    : new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));

const describe = (error: unknown): string =>
  error instanceof RealmError || error instanceof Error ? error.message : String(error);
