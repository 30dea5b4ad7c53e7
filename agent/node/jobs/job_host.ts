/** Jobs on this node, put together: attempts, their logs for others, and readers' news of changes. */
import { type AttemptOrder, type Core, findCache } from "../../core/mod.ts";
import type { Disk, Log, LogChunk, PeerStreams } from "../../ports.ts";
import type { AttemptStatus, CacheEntry, Digest, RunLogView } from "../../protocol/mod.ts";
import type { RunHandle, RunSpec, Survivor } from "../../runtimes/mod.ts";
import type { Contents } from "../contents.ts";
import { fetchToRead } from "../fetching.ts";
import { GitSources } from "../git/git_sources.ts";
import { type Adoption, adoptions, ownerOf } from "./attempt_memo.ts";
import type { AttemptWorld } from "./attempt_world.ts";
import { Attempts } from "./attempts.ts";
import { serveJobLogs } from "./log_protocol.ts";
import { chooseSecretsRoots, removeAllBut, type SecretsRoots } from "./run_secrets.ts";
import { readRunLog, type RunLogQuery } from "./run_log.ts";

/** What jobs need of the agent. */
export interface JobHostOptions {
  readonly dataDir: string;
  readonly disk: Disk;
  readonly core: Core;
  readonly contents: Contents;
  readonly streams: PeerStreams;
  readonly log: Log;
  /** Programs that go on from before this start. */
  readonly survivors: readonly Survivor[];
  openSecret: AttemptWorld["openSecret"];
  startProgram: AttemptWorld["startProgram"];
  startRun(spec: RunSpec, onLog: (chunk: LogChunk) => void, signal: AbortSignal): Promise<RunHandle>;
  report(run: string, status: AttemptStatus): void;
  /** This node keeps a build cache, or used one. */
  cached(entry: CacheEntry): void;
}

/** Blobs that are fetched ahead at once. */
const PREFETCHES = 16;

/** See the module's text. */
export class JobHost {
  readonly attempts: Attempts;
  /** What attempts have of the node. */
  readonly world: AttemptWorld;
  /** Repositories that jobs take, or watch. */
  readonly git: GitSources;
  readonly #options: JobHostOptions;
  readonly #adoptions: ReadonlyMap<string, Adoption>;
  readonly #secretsRoots: SecretsRoots;
  readonly #wakes = new Set<() => void>();
  readonly #prefetching = new Set<Digest>();

  constructor(options: JobHostOptions) {
    this.#options = options;
    const { contents, disk, dataDir, log } = options;
    this.git = new GitSources(disk, `${dataDir}/cache/git`);
    this.#adoptions = adoptions(options.survivors);
    this.#secretsRoots = chooseSecretsRoots(dataDir, new Set(options.survivors.map(ownerOf)));
    this.world = {
      dataDir,
      disk,
      store: contents.store,
      fetch: (digests, holders, onProgress, signal) =>
        contents.exchange.fetchMany(digests, {
          holders: holders.filter((id) => id !== options.core.config.self),
          signal,
          onProgress: (p) => onProgress(p.doneBytes),
        }),
      git: this.git,
      secretsRoots: this.#secretsRoots,
      openSecret: options.openSecret,
      startProgram: options.startProgram,
      startRun: options.startRun,
      report: options.report,
      caches: {
        find: (scope, key, beginnings) => findCache(options.core, scope, key, beginnings, Date.now()),
        stored: options.cached,
      },
      now: Date.now,
    };
    this.attempts = new Attempts(this.world, log);
    serveJobLogs(options.streams, this.attempts);
  }

  /** Attempts whose programs go on from before this start. */
  get survivors(): readonly string[] {
    return [...this.#adoptions.keys()];
  }

  /** Mends what a crash left, and takes over what `orders` still want; then {@link reconcile} may be called. */
  async recover(orders: readonly AttemptOrder[]): Promise<void> {
    await this.attempts.recover(this.#adoptions, orders);
  }

  /** Level-triggered: the whole list each time. */
  reconcile(orders: readonly AttemptOrder[]): void {
    this.attempts.reconcile(orders);
  }

  /** What is known of jobs or nodes changed: readers look again. */
  changed(): void {
    const wakes = [...this.#wakes];
    this.#wakes.clear();
    for (const wake of wakes) wake();
  }

  /** Begins to fetch what will likely be needed. Failures do not matter here. */
  prefetch(blobs: readonly Digest[]): void {
    const { contents } = this.#options;
    for (const digest of blobs) {
      if (this.#prefetching.has(digest) || this.#prefetching.size >= PREFETCHES) continue;
      this.#prefetching.add(digest);
      void (async () => {
        if (!await contents.store.has(digest)) await contents.exchange.fetch(digest);
      })().catch(() => {}).finally(() => this.#prefetching.delete(digest));
    }
  }

  /** The log of a run that is known here. */
  readLog(run: string, query: RunLogQuery, signal: AbortSignal): AsyncIterable<RunLogView> {
    const { core, contents, streams } = this.#options;
    return readRunLog(
      {
        core,
        attempts: this.attempts,
        streams,
        store: contents.store,
        fetch: (digest, holders, stop) =>
          query.follow
            ? contents.exchange.fetch(digest, { holders, signal: stop })
            : fetchToRead({ core, contents }, digest, stop, holders),
        changed: (ms, stop) => this.#change(ms, stop),
      },
      run,
      query,
      signal,
    );
  }

  #change(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#wakes.delete(done);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#wakes.add(done);
      signal.addEventListener("abort", done);
    });
  }

  /**
   * Ends everything, as the node goes down; `leave`: but for what can go on until the next process takes it over. Returns
   * what was left.
   */
  stop(leave: boolean): Promise<ReadonlySet<string>> {
    return this.attempts.stopAll(leave);
  }

  /** Removes the files of secrets of all attempts and replicas but these. */
  keepSecrets(of: readonly string[]): void {
    for (const root of Object.values(this.#secretsRoots)) removeAllBut(root, new Set(of));
  }
}
