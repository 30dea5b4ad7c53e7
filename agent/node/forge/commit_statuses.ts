/**
 * Tells forges how the runs of their commits go: the last state of each, one after the other, tried again when the forge
 * cannot be reached. Nothing waits for it. Which node tells follows from who watches; after a change a state may be told
 * twice, which is the same to a forge.
 */
import type { CommitStatus } from "../../core/mod.ts";
import type { Log } from "../../ports.ts";
import { forgeLimits, RealmError } from "../../protocol/mod.ts";
import { deliver } from "../delivering.ts";
import { statusRequest } from "./status_request.ts";

/** What telling needs of its node. */
export interface StatusWorld {
  readonly log: Log;
  /** Throws `RealmError` when this node may not. */
  openSecret(name: string, jobs: readonly string[], what: string): Uint8Array;
}

interface Told {
  wanted: CommitStatus;
  /** What the forge was told last, or refused for good. */
  told: string;
  busy: boolean;
}

/** See the module's text. */
export class CommitStatuses implements Disposable {
  readonly #world: StatusWorld;
  readonly #waits: readonly number[];
  readonly #stop = new AbortController();
  readonly #known = new Map<string, Told>();

  /** `waits`: ms before each further try. */
  constructor(world: StatusWorld, waits: readonly number[] = forgeLimits.requestWaitsMs) {
    this.#world = world;
    this.#waits = waits;
  }

  /** What forges are to know now: the whole list each time. */
  reconcile(list: readonly CommitStatus[]): void {
    const wanted = new Map(list.map((s) => [`${s.trigger.url} ${s.job} ${s.commit}`, s]));
    for (const [key, known] of this.#known) if (!wanted.has(key) && !known.busy) this.#known.delete(key);
    for (const [key, status] of wanted) {
      const known = this.#known.get(key);
      if (known) known.wanted = status;
      else this.#known.set(key, { wanted: status, told: "", busy: false });
    }
    this.#next();
  }

  /** Begins to tell what is not told yet, as many at once as may be; the others follow as these end. */
  #next(): void {
    let busy = [...this.#known.values()].filter((k) => k.busy).length;
    for (const known of this.#known.values()) {
      if (busy >= forgeLimits.statuses || this.#stop.signal.aborted) return;
      if (known.busy || known.told === known.wanted.state) continue;
      busy++;
      known.busy = true;
      void this.#tell(known).finally(() => {
        known.busy = false;
        this.#next();
      });
    }
  }

  async #tell(known: Told): Promise<void> {
    while (known.told !== known.wanted.state && !this.#stop.signal.aborted) {
      const { job, commit, trigger } = known.wanted;
      const why = await this.#deliver(known);
      if (why === undefined) continue;
      const { url } = trigger;
      this.#world.log.warn("the status of a commit could not be told", { job, commit, url, why });
      known.told = known.wanted.state;
    }
  }

  /** Tells what is wanted by then, whatever it was before; why that cannot be, if it cannot. */
  #deliver(known: Told): Promise<string | undefined> {
    const send = async () => {
      const status = known.wanted;
      const response = await this.#send(status);
      if (response.ok) known.told = status.state;
      return response;
    };
    return deliver(send, this.#waits, this.#stop.signal);
  }

  async #send(status: CommitStatus): Promise<Response> {
    const { job, trigger } = status;
    const value = this.#world.openSecret(
      trigger.status.token,
      [job],
      `telling statuses of commits of ${job}`,
    );
    const token = new TextDecoder().decode(value).trim();
    value.fill(0);
    const request = statusRequest(status, token);
    if (!request) throw new RealmError("bad_request", "the repository is at no forge");
    const { url, headers, body } = request;
    const signal = AbortSignal.any([AbortSignal.timeout(forgeLimits.requestMs), this.#stop.signal]);
    // The token goes to this host, wherever it points.
    return await fetch(url, { method: "POST", headers, body, redirect: "manual", signal });
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
  }
}
