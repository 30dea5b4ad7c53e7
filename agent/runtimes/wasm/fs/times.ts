/**
 * Nanosecond timestamps over an API of milliseconds. Deno sets and reports file times in whole milliseconds, WASI
 * guests give and expect nanoseconds. A time set here goes to disk rounded down, and its exact value is remembered
 * together with what the disk then says; as long as the disk still says that, the exact value is reported.
 *
 * The memory is bounded and belongs to one guest instance: another instance, or this one after many thousand other
 * files, sees the millisecond.
 */
import type { RawStat } from "./stat.ts";
import { wasmLimits } from "../../../protocol/limits.ts";

/** What to do with one timestamp: leave it, set it to the current time, or to nanoseconds since 1970. */
export type TimeChange = "keep" | "now" | bigint;

interface Exact {
  readonly ns: bigint;
  /** Milliseconds that the disk reported right after `ns` had been set. */
  readonly seenMs: number;
}
interface Entry {
  atime?: Exact;
  mtime?: Exact;
}

const NS_PER_MS = 1_000_000n;

/** Whole milliseconds of nanoseconds, rounded down. */
export const millisecondsOf = (ns: bigint): number => Number(ns / NS_PER_MS);

/**
 * Milliseconds as the seconds that the platform takes. Half a millisecond is added because it computes in floating
 * point and rounds down: 1.987 s would become 1.986.
 */
export const secondsOf = (ms: number): number => (ms + 0.5) / 1000;

/** Exact times by file. */
export class ExactTimes {
  readonly #entries = new Map<string, Entry>();

  /** Remembers what was just set; `after` is the file's state right after that. */
  remember(after: RawStat, atime: bigint | undefined, mtime: bigint | undefined): void {
    if (after.ino === 0) return;
    const key = keyOf(after);
    const entry = this.#entries.get(key) ?? {};
    if (atime !== undefined) entry.atime = { ns: atime, seenMs: after.atimeMs };
    if (mtime !== undefined) entry.mtime = { ns: mtime, seenMs: after.mtimeMs };
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    if (this.#entries.size > wasmLimits.exactTimes) {
      this.#entries.delete(this.#entries.keys().next().value!);
    }
  }

  /** Drops what is known about a file that is about to vanish: its inode number may be used again. */
  forget(file: RawStat): void {
    this.#entries.delete(keyOf(file));
  }

  /** Access and modification time in nanoseconds. */
  of(file: RawStat): { readonly atimeNs: bigint; readonly mtimeNs: bigint } {
    const entry = this.#entries.size === 0 ? undefined : this.#entries.get(keyOf(file));
    return {
      atimeNs: entry?.atime?.seenMs === file.atimeMs ? entry.atime.ns : BigInt(file.atimeMs) * NS_PER_MS,
      mtimeNs: entry?.mtime?.seenMs === file.mtimeMs ? entry.mtime.ns : BigInt(file.mtimeMs) * NS_PER_MS,
    };
  }
}

const keyOf = (file: RawStat): string => `${file.dev}:${file.ino}`;
