/** Open directories and open files of a guest. */
import fs from "node:fs";
import { fail, platform } from "./errors.ts";
import type { Mount } from "./mount.ts";
import type { Quota } from "./quota.ts";
import type { SharedState } from "./shared_state.ts";
import { fstat } from "./stat.ts";
import type { FileStat, RawStat } from "./stat.ts";
import { millisecondsOf, secondsOf } from "./times.ts";
import type { ExactTimes, TimeChange } from "./times.ts";

/** An open directory: names from the mount's root, and the identity the directory had when it was opened. */
export interface OpenDir {
  readonly kind: "directory";
  readonly mount: Mount;
  /** Follows renames made through the same {@link GuestFs}. */
  parts: readonly string[];
  readonly dev: number;
  readonly ino: number;
  /** Generation of the shared state at which `parts` was last seen to lead to this directory. */
  checkedAt: number;
  removed: boolean;
}

/** What files need of the file system that opened them. */
export interface FileContext {
  readonly state: SharedState;
  readonly times: ExactTimes;
  /** Whether other instances use the mounts, so that the lock must be taken. */
  readonly sharedLock: boolean;
  now(): bigint;
  report(raw: RawStat): FileStat;
  closed(file: OpenFile): void;
}

/** How a file may be used. */
export interface FileAccess {
  readonly read: boolean;
  readonly write: boolean;
}

/** Largest offset or size: what JavaScript numbers and the platform's calls carry exactly. */
const LAST_OFFSET = 2n ** 53n - 1n;

/** An open regular file. It has no position of its own: hosts keep one per descriptor. All calls throw `FsError`. */
export class OpenFile {
  /** Tells it from {@link OpenDir}. */
  readonly kind = "file";
  /** `dev:ino`. */
  readonly identity: string;
  readonly access: FileAccess;
  readonly #fd: number;
  readonly #quota: Quota | undefined;
  readonly #readOnly: boolean;
  readonly #context: FileContext;
  #open = true;

  /** `fd`: host descriptor, owned by this object from now on. */
  constructor(fd: number, identity: string, access: FileAccess, mount: Mount, context: FileContext) {
    this.#fd = fd;
    this.identity = identity;
    this.access = access;
    this.#quota = mount.quota;
    this.#readOnly = mount.readOnly;
    this.#context = context;
  }

  /** Reads up to `into.length` bytes from `offset`; less only at the end of the file. */
  read(into: Uint8Array, offset: bigint): number {
    if (!this.access.read) fail("EBADF");
    if (offset > LAST_OFFSET) return 0;
    const at = offsetOf(offset);
    let done = 0;
    while (done < into.length) {
      const n = platform(() => fs.readSync(this.#fd, into, done, into.length - done, at + done));
      if (n === 0) break;
      done += n;
    }
    return done;
  }

  /** Writes all of `from` at `offset`, past the end too (the gap reads as zeros). `ENOSPC` writes nothing or a part. */
  write(from: Uint8Array, offset: bigint): number {
    if (!this.access.write) fail("EBADF");
    if (from.length === 0) return 0;
    const at = offsetOf(offset);
    const end = offsetOf(offset + BigInt(from.length));
    if (this.#quota === undefined) return this.#writeAll(from, at);
    return this.#locked(() => {
      this.#takeGrowth(end);
      return this.#writeAll(from, at);
    });
  }

  /** Writes all of `from` at the end of the file. Returns where the end is then. */
  append(from: Uint8Array): bigint {
    if (!this.access.write) fail("EBADF");
    return this.#locked(() => {
      const size = BigInt(this.raw().size);
      this.write(from, size);
      return size + BigInt(from.length);
    });
  }

  /** Sets the size; new bytes read as zeros. */
  truncate(size: bigint): void {
    if (!this.access.write) fail("EINVAL");
    const to = offsetOf(size);
    this.#locked(() => {
      const before = this.#quota === undefined ? 0 : this.raw().size;
      if (to > before) this.#quota?.take(BigInt(to - before));
      platform(() => fs.ftruncateSync(this.#fd, to));
      if (to < before) this.#quota?.give(BigInt(before - to));
    });
  }

  /** Makes the file at least `offset + length` bytes long. Space is counted against the quota, not reserved on disk. */
  allocate(offset: bigint, length: bigint): void {
    if (!this.access.write) fail("EBADF");
    if (length <= 0n || offset < 0n) fail("EINVAL");
    const end = offset + length;
    if (end > LAST_OFFSET) fail("EFBIG");
    this.#locked(() => {
      if (BigInt(this.raw().size) < end) this.truncate(end);
    });
  }

  /** Attributes. */
  stat(): FileStat {
    return this.#context.report(this.raw());
  }

  /** Attributes as the platform gives them. */
  raw(): RawStat {
    if (!this.#open) fail("EBADF");
    return fstat(this.#fd);
  }

  /** Size in bytes. */
  size(): bigint {
    return BigInt(this.raw().size);
  }

  /** Changes timestamps. */
  setTimes(atime: TimeChange, mtime: TimeChange): void {
    if (this.#readOnly) fail("EROFS");
    changeTimes(this.#context, this.raw(), atime, mtime, (a, m) => {
      platform(() => fs.futimesSync(this.#fd, a, m));
      return this.raw();
    });
  }

  /** Flushes data and attributes to disk. */
  sync(): void {
    platform(() => fs.fsyncSync(this.#fd));
  }
  /** Flushes data to disk. */
  syncData(): void {
    platform(() => fs.fdatasyncSync(this.#fd));
  }

  /** Closes the file; further calls fail. Idempotent. */
  close(): void {
    if (!this.#open) return;
    this.#context.closed(this);
    this.#open = false;
    platform(() => fs.closeSync(this.#fd));
  }

  #writeAll(from: Uint8Array, at: number): number {
    let done = 0;
    while (done < from.length) {
      done += platform(() => fs.writeSync(this.#fd, from, done, from.length - done, at + done));
    }
    return done;
  }

  #takeGrowth(end: number): void {
    const size = this.raw().size;
    if (end > size) this.#quota!.take(BigInt(end - size));
  }

  #locked<T>(work: () => T): T {
    return this.#context.sharedLock ? this.#context.state.locked(work) : work();
  }
}

/** A 64-bit offset as a number the platform takes; `EINVAL` when negative, `EFBIG` when too large. */
function offsetOf(offset: bigint): number {
  if (offset < 0n) fail("EINVAL");
  if (offset > LAST_OFFSET) fail("EFBIG");
  return Number(offset);
}

/** Applies a change of times through `set`, which returns the attributes after it, and remembers exact values. */
export function changeTimes(
  context: Pick<FileContext, "times" | "now">,
  before: RawStat,
  atime: TimeChange,
  mtime: TimeChange,
  set: (atimeSeconds: number, mtimeSeconds: number) => RawStat,
): void {
  if (atime === "keep" && mtime === "keep") return;
  const exact = (change: TimeChange) =>
    change === "keep" ? undefined : change === "now" ? context.now() : change;
  const a = exact(atime);
  const m = exact(mtime);
  const after = set(
    secondsOf(a === undefined ? before.atimeMs : millisecondsOf(a)),
    secondsOf(m === undefined ? before.mtimeMs : millisecondsOf(m)),
  );
  context.times.remember(after, a, m);
}
