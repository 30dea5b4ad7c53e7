/** What an attempt tells the realm: its state, its progress, and its log as far as it is stored. */
import type { AttemptOrder } from "../../core/mod.ts";
import {
  type AttemptState,
  type AttemptStatus,
  type CacheUse,
  isEnd,
  jobTiming,
} from "../../protocol/mod.ts";
import type { AttemptWorld } from "./attempt_world.ts";
import type { JobLog } from "./job_log.ts";

/** See the module's text. */
export class AttemptNews {
  /** When its program started. */
  startedAt: number | undefined;
  /** Commits that its repositories stood at, once they are known. */
  commits: Readonly<Record<string, string>> | undefined;
  /** What it had of its build cache, where it asked for one. */
  cache: CacheUse | undefined;
  readonly #order: AttemptOrder;
  readonly #world: AttemptWorld;
  readonly #log: JobLog;
  #state: AttemptState = "preparing";
  #since: number;
  #storedLog: AttemptStatus["log"];
  #untold: ReturnType<typeof setTimeout> | undefined;

  /** Of one attempt. */
  constructor(order: AttemptOrder, world: AttemptWorld, log: JobLog) {
    this.#order = order;
    this.#world = world;
    this.#log = log;
    this.#since = world.now();
  }

  /** What was told last, or is about to be. */
  get state(): AttemptState {
    return this.#state;
  }

  /** Makes its log content. */
  async storeLog(): Promise<NonNullable<AttemptStatus["log"]>> {
    const entries = this.#log.entries;
    const { digest, size } = await this.#world.store.write(this.#log.content());
    return this.#storedLog = { digest, bytes: size, entries };
  }

  /** Makes what there is of a long log known, so that others keep it too. */
  async publishLog(): Promise<void> {
    if (this.#state !== "running" || this.#log.entries === (this.#storedLog?.entries ?? 0)) return;
    await this.storeLog();
    if (this.#state === "running") this.report("running", {});
  }

  /** Tells the realm, a little later and not at all when the next state comes first. */
  tell(state: AttemptState, progress?: { done: number; total: number }): void {
    this.#enter(state);
    clearTimeout(this.#untold);
    this.#untold = setTimeout(() => this.report(state, progress ? { progress } : {}), jobTiming.passingMs);
  }

  /** Tells the realm now. */
  report(state: AttemptState, more: Partial<AttemptStatus>): void {
    clearTimeout(this.#untold);
    this.#enter(state);
    const { run, attempt, epoch } = this.#order;
    const { commits, startedAt, cache } = this;
    this.#world.report(run, {
      attempt,
      epoch,
      state,
      since: this.#since,
      artifacts: [],
      ...(commits === undefined ? {} : { commits }),
      ...(cache ? { cache } : {}),
      ...(startedAt === undefined ? {} : { started_at: startedAt }),
      ...(this.#storedLog && !isEnd(state) ? { log: this.#storedLog } : {}),
      ...more,
      ...(more.reason === undefined ? {} : { reason: this.#log.masker.mask(more.reason).slice(0, 2_000) }),
    });
  }

  #enter(state: AttemptState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#since = this.#world.now();
  }
}
