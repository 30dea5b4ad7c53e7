/** All attempts on this node: makes what executes equal to what was ordered, and mends what a crash left. */
import type { AttemptOrder } from "../../core/mod.ts";
import type { Log } from "../../ports.ts";
import { RealmError } from "../../protocol/mod.ts";
import { Attempt } from "./attempt.ts";
import { attemptDirectory, type AttemptWorld } from "./attempt_world.ts";
import { JobLog } from "./job_log.ts";

/** See the module's text. */
export class Attempts {
  readonly #world: AttemptWorld;
  readonly #log: Log;
  readonly #attempts = new Map<string, Attempt>();
  readonly #wakes = new Set<() => void>();
  #stopped = false;

  constructor(world: AttemptWorld, log: Log) {
    this.#world = world;
    this.#log = log;
  }

  /** Those ordered and those still ending. */
  list(): readonly Attempt[] {
    return [...this.#attempts.values()];
  }

  /**
   * Attempts that a process before this one left behind have ended with it: their logs are stored and told, their
   * directories go. Call once, before {@link reconcile}.
   */
  async recover(): Promise<void> {
    const { disk, dataDir } = this.#world;
    for (const run of await disk.list(`${dataDir}/jobs`)) {
      for (const attempt of await disk.list(`${dataDir}/jobs/${run}`)) {
        try {
          await this.#bury(run, attempt);
        } catch (error) {
          this.#log.warn("what an attempt left could not be stored", { run, attempt, error: String(error) });
        }
        await disk.remove(attemptDirectory(dataDir, run, attempt));
      }
      await disk.remove(`${dataDir}/jobs/${run}`);
    }
    await disk.remove(`${dataDir}/work/jobs`);
    await disk.remove(`${dataDir}/work/services`);
  }

  async #bury(run: string, attempt: string): Promise<void> {
    const { disk, dataDir, store, report, now } = this.#world;
    const directory = attemptDirectory(dataDir, run, attempt);
    const meta = JSON.parse(new TextDecoder().decode(await disk.readFile(`${directory}/attempt.json`)));
    if (meta.run !== run || meta.attempt !== attempt || typeof meta.epoch !== "number") {
      throw new RealmError("bad_request", "attempt.json is of another attempt");
    }
    const reason = "the node ended while it ran";
    const log = new JobLog(`${directory}/log`, Infinity);
    log.note(reason);
    log.end();
    const { digest, size } = await store.write(log.content());
    report(run, {
      attempt,
      epoch: meta.epoch,
      state: "lost",
      reason,
      since: now(),
      artifacts: [],
      log: { digest, bytes: size, entries: log.entries },
    });
  }

  /** Level-triggered: the whole list each time. */
  reconcile(orders: readonly AttemptOrder[]): void {
    if (this.#stopped) return;
    const wanted = new Map(orders.map((o) => [o.attempt, o]));
    for (const [id, attempt] of this.#attempts) {
      if (!wanted.has(id)) attempt.stop("lost", "another decision took its place");
    }
    for (const order of orders) {
      let attempt = this.#attempts.get(order.attempt);
      if (!attempt) {
        this.#attempts.set(order.attempt, attempt = new Attempt(order, this.#world));
        void attempt.ended.then(() => this.#attempts.delete(order.attempt));
        for (const wake of this.#wakes) wake();
      }
      if (order.cancelled !== undefined) attempt.stop("cancelled", order.cancelled);
    }
  }

  /** The log of an attempt that is on this node; waits up to `ms` for it to begin. */
  async logOf(attempt: string, ms: number, signal: AbortSignal): Promise<JobLog | undefined> {
    const known = this.#attempts.get(attempt)?.log;
    if (known || ms <= 0 || signal.aborted) return known;
    return await new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#wakes.delete(look);
        signal.removeEventListener("abort", done);
        resolve(this.#attempts.get(attempt)?.log);
      };
      const look = () => this.#attempts.has(attempt) && done();
      const timer = setTimeout(done, ms);
      this.#wakes.add(look);
      signal.addEventListener("abort", done);
    });
  }

  /** Ends everything, as the node goes down: what runs here is lost, and said to be. */
  async stopAll(): Promise<void> {
    this.#stopped = true;
    for (const attempt of this.#attempts.values()) attempt.stop("lost", "the node was stopped");
    await Promise.allSettled([...this.#attempts.values()].map((a) => a.reported));
  }
}
