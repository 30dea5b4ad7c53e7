/** All attempts on this node: makes what executes equal to what was ordered, and mends what a crash left. */
import type { AttemptOrder } from "../../core/mod.ts";
import type { Log } from "../../ports.ts";
import { RealmError } from "../../protocol/mod.ts";
import { Attempt } from "./attempt.ts";
import type { Adoption } from "./attempt_memo.ts";
import { attemptDirectory, type AttemptWorld } from "./attempt_world.ts";
import { JobLog } from "./job_log.ts";

/** See the module's text. */
export class Attempts {
  readonly #world: AttemptWorld;
  readonly #log: Log;
  readonly #attempts = new Map<string, Attempt>();
  #adoptions: ReadonlyMap<string, Adoption> = new Map();
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
   * Attempts that a process before this one left behind: those that `orders` still want and whose program goes on are
   * taken over when they are reconciled. All others have ended: their programs are ended, their logs stored and told,
   * their directories go. Call once, before {@link reconcile}.
   */
  async recover(adoptions: ReadonlyMap<string, Adoption>, orders: readonly AttemptOrder[]): Promise<void> {
    const { disk, dataDir } = this.#world;
    const wanted = new Set(orders.map((o) => o.attempt));
    const there = await disk.list(`${dataDir}/jobs`);
    const isThere = async ({ memo }: Adoption) =>
      there.includes(memo.run) && (await disk.list(`${dataDir}/jobs/${memo.run}`)).includes(memo.attempt);
    const kept = new Map<string, Adoption>();
    for (const [id, adoption] of adoptions) {
      if (wanted.has(id) && await isThere(adoption)) kept.set(id, adoption);
      else await adoption.survivor.end();
    }
    this.#adoptions = kept;
    for (const run of there) {
      let empty = true;
      for (const attempt of await disk.list(`${dataDir}/jobs/${run}`)) {
        if (kept.has(attempt)) {
          empty = false;
          continue;
        }
        try {
          await this.#bury(run, attempt);
        } catch (error) {
          this.#log.warn("what an attempt left could not be stored", { run, attempt, error: String(error) });
        }
        await disk.remove(attemptDirectory(dataDir, run, attempt));
      }
      if (empty) await disk.remove(`${dataDir}/jobs/${run}`);
    }
    await disk.remove(`${dataDir}/work/jobs`);
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
        this.#attempts.set(
          order.attempt,
          attempt = new Attempt(order, this.#world, this.#adoptions.get(order.attempt)),
        );
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

  /** Whether nothing runs here that a restart would end. */
  get canBeLeft(): boolean {
    return this.list().every((a) => a.canBeLeft);
  }

  /**
   * Ends everything, as the node goes down: what runs here is lost, and said to be. `leave`: but for what can go on, until
   * the next process takes it over. Returns what was left.
   */
  async stopAll(leave: boolean): Promise<ReadonlySet<string>> {
    this.#stopped = true;
    const left = new Set<string>();
    const ended = this.list().flatMap((attempt) => {
      if (leave && attempt.canBeLeft) {
        attempt.leave();
        left.add(attempt.order.attempt);
        return [];
      }
      attempt.stop("lost", "the node was stopped");
      return [attempt.reported];
    });
    await Promise.allSettled(ended);
    return left;
  }
}
