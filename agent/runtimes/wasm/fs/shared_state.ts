/**
 * State that the instances of one app share when several workers use the same writable mounts: a lock around every
 * path operation, a counter of directory changes, and the bytes stored per mount.
 *
 * The lock is what keeps check and use together: without it, one instance could swap a directory for a symlink
 * while another, between looking at a component and using the path, believes it to be a directory.
 */
import { wasmLimits } from "../../../protocol/limits.ts";
import { fail } from "./errors.ts";

const OWNER = 0;
const GENERATION = 1;
const HEADER_BYTES = 16;
/** Bytes stored are not known yet: the first who needs them counts. */
export const UNKNOWN_USAGE = -1n;

/** Memory for `mounts` mounts, to be posted to every worker that gets the same list of mounts in the same order. */
export function createSharedState(mounts: number): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(HEADER_BYTES + 8 * mounts);
  new BigInt64Array(buffer, HEADER_BYTES).fill(UNKNOWN_USAGE);
  return buffer;
}

/**
 * Frees the lock if `owner` holds it. Called by whoever runs the workers after one of them has been terminated, which
 * can happen at any instruction.
 */
export function releaseDeadOwner(shared: SharedArrayBuffer, owner: number): void {
  const words = new Int32Array(shared, 0, 2);
  if (Atomics.compareExchange(words, OWNER, owner, 0) === owner) {
    Atomics.add(words, GENERATION, 1);
    Atomics.notify(words, OWNER);
  }
}

/** One instance's view of the shared memory. */
export class SharedState {
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #usage: BigInt64Array<SharedArrayBuffer>;
  readonly #owner: number;
  #depth = 0;

  /** `owner`: positive, different for every worker that shares the memory. */
  constructor(shared: SharedArrayBuffer, owner: number) {
    this.#words = new Int32Array(shared, 0, 2);
    this.#usage = new BigInt64Array(shared, HEADER_BYTES);
    this.#owner = owner;
  }

  /** Runs `work` while no other instance does. May be nested. Throws `EAGAIN` when the lock is not free in time. */
  locked<T>(work: () => T, timeoutMs: number = wasmLimits.fsLockMs): T {
    if (this.#depth === 0) this.#acquire(timeoutMs);
    this.#depth++;
    try {
      return work();
    } finally {
      if (--this.#depth === 0) {
        Atomics.compareExchange(this.#words, OWNER, this.#owner, 0);
        Atomics.notify(this.#words, OWNER, 1);
      }
    }
  }

  #acquire(timeoutMs: number): void {
    let deadline: number | undefined;
    while (true) {
      const holder = Atomics.compareExchange(this.#words, OWNER, 0, this.#owner);
      if (holder === 0) return;
      const now = performance.now();
      deadline ??= now + timeoutMs;
      if (now >= deadline) fail("EAGAIN", "another instance holds the file system lock");
      Atomics.wait(this.#words, OWNER, holder, deadline - now);
    }
  }

  /** Changes whenever a directory may have moved or gone. */
  get generation(): number {
    return Atomics.load(this.#words, GENERATION);
  }
  /** To be called inside {@link locked} when a directory moves or goes. */
  directoryChanged(): void {
    Atomics.add(this.#words, GENERATION, 1);
  }

  /** Bytes stored in a mount, or {@link UNKNOWN_USAGE}. */
  usage(mount: number): bigint {
    return Atomics.load(this.#usage, mount);
  }
  /** Sets the bytes stored in a mount. */
  setUsage(mount: number, bytes: bigint): void {
    Atomics.store(this.#usage, mount, bytes);
  }
}
