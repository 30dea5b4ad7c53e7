/**
 * Looks at repositories for jobs that run on changes: which branches count, where they end, and whether a file that
 * counts changed since then. Each look is answered, whatever goes wrong.
 */
import type { LookOrder, Seen } from "../../core/mod.ts";
import {
  countsBranch,
  countsPaths,
  type Digest,
  isBranch,
  jobLimits,
  jobTiming,
  RealmError,
  type Trigger,
} from "../../protocol/mod.ts";
import type { GitSources, GitWish } from "../git/git_sources.ts";

/** What looks need of their node. */
export interface LookWorld {
  readonly git: Pick<GitSources, "branches" | "changedPaths">;
  /** Throws `RealmError` when this node may not. */
  openSecret(name: string, jobs: readonly string[], what: string): Uint8Array;
  looked(schedule: Digest, seen: Seen): void;
}

/** See the module's text. */
export class RepositoryLooks implements Disposable {
  readonly #world: LookWorld;
  readonly #stop = new AbortController();
  readonly #waiting: LookOrder[] = [];
  #under = 0;

  constructor(world: LookWorld) {
    this.#world = world;
  }

  /** Begins a look, or puts it behind those that are under way. */
  begin(order: LookOrder): void {
    const same = this.#waiting.findIndex((o) => o.schedule === order.schedule);
    if (same >= 0) this.#waiting.splice(same, 1);
    this.#waiting.push(order);
    this.#next();
  }

  #next(): void {
    while (this.#under < jobLimits.looks && this.#waiting.length > 0) {
      const order = this.#waiting.shift()!;
      this.#under++;
      void this.#look(order).catch((error): Seen => ({
        ends: [],
        problem: (error instanceof RealmError ? error.message : String(error)).slice(0, 500),
      })).then((seen) => {
        this.#under--;
        if (this.#stop.signal.aborted) return;
        this.#world.looked(order.schedule, seen);
        this.#next();
      });
    }
  }

  async #look({ schedule, trigger, jobs, known }: LookOrder): Promise<Seen> {
    const { git } = this.#world;
    const { url, credential, branches } = trigger;
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(jobTiming.lookMs)]);
    const wish: GitWish = {
      url,
      depth: 1,
      submodules: false,
      ...(credential !== undefined && {
        credential: new TextDecoder().decode(
          this.#world.openSecret(credential, jobs, `looking for changes for the schedule ${schedule}`),
        ),
        credentialName: credential,
      }),
    };
    const plain = branches.every((b) => !/[*?!]/.test(b)) ? branches : [];
    const all = await git.branches(wish, signal, plain);
    const ends = [...all].filter(([b]) => isBranch(b) && countsBranch(trigger, b));
    if (ends.length > jobLimits.branchesWatched) {
      const most = `at most ${jobLimits.branchesWatched} are watched`;
      throw new RealmError(
        "limit_reached",
        `${url} has ${ends.length} branches that count, ${most}; name fewer in [trigger]`,
      );
    }
    const found = [];
    for (const [branch, commit] of ends) {
      const from = known.get(branch);
      const counts = from === undefined || from === commit || trigger.paths.length === 0 ||
        await this.#counts(trigger, wish, from, commit, signal);
      found.push({ branch, commit, counts });
    }
    return { ends: found };
  }

  /** Whether a file that counts changed. When the old commit is not given any more, all files may have. */
  async #counts(
    trigger: Trigger,
    wish: GitWish,
    from: string,
    to: string,
    signal: AbortSignal,
  ): Promise<boolean> {
    try {
      return countsPaths(trigger, await this.#world.git.changedPaths(wish, from, to, signal));
    } catch (error) {
      const gone = error instanceof RealmError &&
        /has no commit|not our ref|unadvertised object|not allow/i.test(error.message);
      if (gone) return true;
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
  }
}
