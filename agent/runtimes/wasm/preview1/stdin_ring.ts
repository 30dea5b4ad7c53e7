/**
 * Stdin for a guest whose thread blocks: a ring of bytes in shared memory. One thread writes and waits without
 * blocking, the guest's thread reads and blocks. Bounded: a writer that is ahead waits.
 */
import type { ByteSource, SourceState } from "./stdio.ts";

/** Indices of 32-bit words at the start of the memory. Counters run modulo 2^32; the capacity divides it. */
const WRITTEN = 0;
const READ = 1;
const ENDED = 2;
/** Changes with every write and at the end: what the reader sleeps on. */
const WRITER_TICK = 3;
/** Changes with every read: what the writer sleeps on. */
const READER_TICK = 4;
const HEADER_BYTES = 32;

/** Memory for a ring that holds at least `bytes`. */
export function createStdinRing(bytes: number): SharedArrayBuffer {
  let capacity = 64;
  while (capacity < bytes) capacity *= 2;
  return new SharedArrayBuffer(HEADER_BYTES + capacity);
}

const open = (ring: SharedArrayBuffer) => ({
  words: new Int32Array(ring, 0, HEADER_BYTES / 4),
  data: new Uint8Array(ring, HEADER_BYTES),
});
const held = (words: Int32Array<SharedArrayBuffer>) =>
  (Atomics.load(words, WRITTEN) - Atomics.load(words, READ)) >>> 0;

/** The reading end. */
export function ringSource(ring: SharedArrayBuffer): ByteSource {
  const { words, data } = open(ring);
  const wait = (timeoutMs: number): SourceState => {
    const deadline = performance.now() + timeoutMs;
    while (true) {
      const tick = Atomics.load(words, WRITER_TICK);
      const ended = Atomics.load(words, ENDED) === 1;
      const available = held(words);
      const left = deadline - performance.now();
      if (available > 0 || ended || left <= 0) return { available, ended };
      Atomics.wait(words, WRITER_TICK, tick, left);
    }
  };
  return {
    wait,
    read(into) {
      if (into.length === 0) return 0;
      const n = Math.min(wait(Infinity).available, into.length);
      const from = (Atomics.load(words, READ) >>> 0) % data.length;
      const first = Math.min(n, data.length - from);
      into.set(data.subarray(from, from + first));
      into.set(data.subarray(0, n - first), first);
      Atomics.add(words, READ, n);
      Atomics.add(words, READER_TICK, 1);
      Atomics.notify(words, READER_TICK);
      return n;
    },
  };
}

/** The writing end. */
export interface StdinWriter {
  /** Resolves when all of `bytes` is in the ring. Rejects when `signal` aborts: the reader may never come. */
  write(bytes: Uint8Array, signal?: AbortSignal): Promise<void>;
  /** No more bytes come. */
  end(): void;
}

/** Opens the writing end. One writer per ring. */
export function ringWriter(ring: SharedArrayBuffer): StdinWriter {
  const { words, data } = open(ring);
  const tick = () => {
    Atomics.add(words, WRITER_TICK, 1);
    Atomics.notify(words, WRITER_TICK);
  };
  return {
    async write(bytes, signal) {
      let at = 0;
      while (at < bytes.length) {
        signal?.throwIfAborted();
        const seen = Atomics.load(words, READER_TICK);
        const room = data.length - held(words);
        if (room === 0) {
          await changed(words, seen, signal);
          continue;
        }
        const n = Math.min(room, bytes.length - at);
        const to = (Atomics.load(words, WRITTEN) >>> 0) % data.length;
        const first = Math.min(n, data.length - to);
        data.set(bytes.subarray(at, at + first), to);
        data.set(bytes.subarray(at + first, at + n), 0);
        Atomics.add(words, WRITTEN, n);
        tick();
        at += n;
      }
    },
    end() {
      Atomics.store(words, ENDED, 1);
      tick();
    },
  };
}

/** Resolves when the reader has read since `seen`, or when `signal` aborts. */
async function changed(
  words: Int32Array<SharedArrayBuffer>,
  seen: number,
  signal?: AbortSignal,
): Promise<void> {
  const waiting = Atomics.waitAsync(words, READER_TICK, seen);
  if (!waiting.async) return;
  if (signal === undefined) {
    await waiting.value;
    return;
  }
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = () => resolve();
  signal.addEventListener("abort", stop, { once: true });
  try {
    await Promise.race([waiting.value, promise]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
