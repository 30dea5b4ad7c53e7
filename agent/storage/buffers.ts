/**
 * Buffers of chunk size used over and over: without them every chunk that passes leaves a megabyte for the garbage
 * collector and for malloc to fragment, and the process grows by hundreds of megabytes.
 */
import { limits } from "../protocol/limits.ts";

/** Some bytes on loan. */
export interface Loan {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Gives them back; nobody may touch them afterwards. Idempotent. */
  readonly release: () => void;
}

/** See the module's description. */
export interface Buffers {
  /** `size` bytes of any content, at most `limits.chunkMaxBytes`. */
  take(size: number): Loan;
  /** Loans not given back. */
  lent(): number;
}

/** Below this a fresh array costs less than keeping 4 MiB busy. */
const SMALL_BYTES = 64 * 1024;

/** No buffers at first. */
export function createBuffers(): Buffers {
  const free: ArrayBuffer[] = [];
  let lent = 0;
  return {
    take(size) {
      if (size <= SMALL_BYTES) return { bytes: new Uint8Array(size), release: () => {} };
      const buffer = free.pop() ?? new ArrayBuffer(limits.chunkMaxBytes);
      let held = true;
      lent++;
      return {
        bytes: new Uint8Array(buffer, 0, size),
        release() {
          if (!held) return;
          held = false;
          lent--;
          // An idle store keeps two; a busy one as many as are likely to be needed again.
          if (free.length < Math.min(limits.buffersKept, lent + 2)) free.push(buffer);
        },
      };
    },
    lent: () => lent,
  };
}
