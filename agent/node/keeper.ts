/** Carries out what this node is to keep: fetches pinned blobs and packages in use that are not here. Level-triggered. */
import { type Core, type Keeping, keepingOf } from "../core/mod.ts";
import type { Clock, Log } from "../ports.ts";
import { type Digest, type NodeId, shortId } from "../protocol/mod.ts";
import type { Contents } from "./contents.ts";

/** Changes come in bursts: wait for the end of one. */
const SETTLE_MS = 1_000;
/** Look again although nothing changed: what could not be fetched may be there now. */
const INTERVAL_MS = 30_000;

/** See the module's text. */
export class Keeper implements Disposable {
  readonly #core: Core;
  readonly #contents: Contents;
  readonly #holdersOf: (pkg: Digest) => readonly NodeId[];
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #stop = new AbortController();
  readonly #interval: ReturnType<typeof setInterval>;
  #settling: ReturnType<typeof setTimeout> | undefined;
  #running = false;
  #again = false;

  constructor(
    core: Core,
    contents: Contents,
    holdersOf: (pkg: Digest) => readonly NodeId[],
    clock: Clock,
    log: Log,
  ) {
    this.#core = core;
    this.#clock = clock;
    this.#contents = contents;
    this.#holdersOf = holdersOf;
    this.#log = log;
    this.#interval = setInterval(() => void this.#keep(), INTERVAL_MS);
  }

  /** Pins, apps or nodes changed. */
  changed(): void {
    if (this.#stop.signal.aborted) return;
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => void this.#keep(), SETTLE_MS);
  }

  async #keep(): Promise<void> {
    if (this.#running) {
      this.#again = true;
      return;
    }
    this.#running = true;
    try {
      do {
        this.#again = false;
        await this.#fetchAll(keepingOf(this.#core, this.#clock.now()));
      } while (this.#again && !this.#stop.signal.aborted);
    } finally {
      this.#running = false;
    }
  }

  async #fetchAll(keeping: Keeping): Promise<void> {
    const { signal } = this.#stop;
    const attempt = async (digest: Digest, fetch: () => Promise<void>) => {
      if (signal.aborted) return;
      try {
        await fetch();
      } catch (error) {
        if (!signal.aborted) {
          this.#log.debug("content to keep is not to be had yet", {
            digest: shortId(digest),
            error: String(error),
          });
        }
      }
    };
    for (const digest of keeping.packages) {
      await attempt(digest, () => this.#contents.holdPackage(digest, this.#holdersOf(digest), signal));
    }
    for (const digest of keeping.blobs) {
      if (await this.#contents.store.has(digest)) continue;
      await attempt(digest, () => this.#contents.exchange.fetch(digest, { signal }));
    }
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
    clearTimeout(this.#settling);
    clearInterval(this.#interval);
  }
}
