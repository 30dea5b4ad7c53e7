/**
 * Child processes that wait for a run, so that a command need not wait for a process: starting one costs many times what
 * a short command does. A process serves one lot of runs for its whole life, one run at a time, and goes as soon as a run
 * ended otherwise than by itself.
 */
import { RealmError } from "../../../protocol/errors.ts";
import { wasmLimits } from "../../../protocol/limits.ts";
import type { RunLot } from "../../runtime.ts";
import { ChildProcess } from "./child_process.ts";
import type { SpawnChild } from "./spawn.ts";

interface Warm {
  readonly child: ChildProcess;
  /** What it may reach: only runs of lots with the same directories can have it. */
  readonly reach: string;
  /** Its lot, once it had a run. */
  lot: string | undefined;
  runs: number;
  /** Resident bytes after its first run. */
  restingBytes: number;
}
interface Wish {
  readonly lot: RunLot;
  readonly reach: string;
  give(child: ChildProcess): void;
  refuse(error: unknown): void;
}

const reachOf = ({ read, write }: RunLot): string => JSON.stringify([read, write]);

const fitsWish = (warm: Warm, { reach, lot }: Wish): boolean =>
  warm.reach === reach && (warm.lot === undefined || warm.lot === lot.name);

/** See the module's text. */
export class WarmChildren {
  readonly #spawnChild: SpawnChild;
  readonly #all = new Map<ChildProcess, Warm>();
  /** The longest idle first. */
  readonly #idle = new Set<Warm>();
  /** Whose run has ended, and who is about to wait. */
  readonly #returning = new Set<Warm>();
  #wishes: Wish[] = [];
  #starting = 0;
  #cooling: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  /** None is started before a run asks for one. */
  constructor(spawnChild: SpawnChild) {
    this.#spawnChild = spawnChild;
  }

  /**
   * A process that waits for a run of this lot: at once when there is one, else the first that comes free or is made.
   * Give it back, or end it. Rejects when `signal` aborts or no process can be started.
   */
  take(lot: RunLot, signal?: AbortSignal): Promise<ChildProcess> {
    const { promise, resolve, reject } = Promise.withResolvers<ChildProcess>();
    const wish: Wish = { lot, reach: reachOf(lot), give: resolve, refuse: reject };
    const abort = () => {
      this.#wishes = this.#wishes.filter((w) => w !== wish);
      reject(new RealmError("failed", "The start was called off."));
    };
    signal?.addEventListener("abort", abort, { once: true });
    if (signal?.aborted) abort();
    else {
      this.#wishes.push(wish);
      this.#serve();
    }
    return promise.finally(() => signal?.removeEventListener("abort", abort));
  }

  /** Takes a process back whose run came to its end by itself. */
  giveBack(child: ChildProcess): void {
    const warm = this.#all.get(child);
    if (!warm || this.#stopped) return child.kill();
    this.#returning.add(warm);
    void child.reset().then((waits) => {
      this.#returning.delete(warm);
      const { rssBytes } = child.usage;
      warm.restingBytes ||= rssBytes;
      // What grows has something left of earlier runs: the next one's figures would be wrong.
      const grown = rssBytes > warm.restingBytes + wasmLimits.warmGrowthBytes;
      if (!waits || ++warm.runs >= wasmLimits.warmRuns || grown || this.#stopped) child.kill();
      else this.#idle.add(warm);
      this.#serve();
    });
  }

  /** Ends all processes. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#cooling);
    const children = [...this.#all.keys()];
    for (const child of children) child.kill();
    await Promise.all(children.map((child) => child.ended));
  }

  #serve(): void {
    for (const wish of [...this.#wishes]) {
      const fits = [...this.#idle].filter((w) => fitsWish(w, wish));
      // The one that was used last: others grow cold and go.
      const warm = fits.findLast((w) => w.lot !== undefined) ?? fits.at(-1);
      if (!warm) continue;
      this.#idle.delete(warm);
      warm.lot = wish.lot.name;
      this.#wishes = this.#wishes.filter((w) => w !== wish);
      wish.give(warm.child);
    }
    // Few at a time: while they start, others come free.
    const returning = new Set(this.#returning);
    const lacking = this.#wishes.filter((wish) => {
      const coming = [...returning].find((w) => fitsWish(w, wish));
      return !(coming && returning.delete(coming));
    });
    while (this.#starting < Math.min(wasmLimits.warmStarts, lacking.length)) {
      this.#start(lacking[this.#starting]);
    }
    while (this.#idle.size > wasmLimits.warmIdle) this.#end([...this.#idle][0]);
    clearTimeout(this.#cooling);
    if (this.#idle.size > 0) {
      this.#cooling = setTimeout(() => [...this.#idle].forEach((w) => this.#end(w)), wasmLimits.warmMs);
    }
  }

  #end(warm: Warm): void {
    this.#idle.delete(warm);
    warm.child.kill();
  }

  #start({ lot, reach, refuse }: Wish): void {
    this.#starting++;
    let child: ChildProcess;
    try {
      child = new ChildProcess(this.#spawnChild({ read: lot.read, write: lot.write, net: [] }));
    } catch (error) {
      this.#starting--;
      this.#wishes = this.#wishes.filter((w) => w.refuse !== refuse);
      return refuse(error);
    }
    const warm: Warm = { child, reach, lot: undefined, runs: 0, restingBytes: 0 };
    this.#all.set(child, warm);
    void child.ended.then(() => {
      this.#all.delete(child);
      this.#idle.delete(warm);
    });
    void child.reset().then((waits) => {
      this.#starting--;
      if (waits && !this.#stopped) this.#idle.add(warm);
      else {
        child.kill();
        // A process that does not come up will not do so for others either.
        const error = new RealmError("failed", "The guest cannot start: its process did not come up.");
        for (const wish of this.#wishes.splice(0)) wish.refuse(error);
      }
      this.#serve();
    });
  }
}
