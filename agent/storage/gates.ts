/** Bounds on what runs at once: counted places, bytes in memory, bytes per second. All are first come, first served. */
import type { Clock } from "../ports.ts";

/** Places of which each key may take only some. */
export interface Gate {
  /** Waits for a place; call the result to give it back. Rejects when `signal` aborts first. */
  enter(key: string, options?: { priority?: number; signal?: AbortSignal }): Promise<() => void>;
}

/** `total` places, at most `perKey` for one key. Higher priority first, then first come. */
export function createGate(total: number, perKey = total): Gate {
  const waiting: { key: string; priority: number; start: () => void }[] = [];
  const taken = new Map<string, number>();
  let all = 0;
  const fits = (key: string) => all < total && (taken.get(key) ?? 0) < perKey;
  function take(key: string): () => void {
    all++;
    taken.set(key, (taken.get(key) ?? 0) + 1);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      all--;
      const left = taken.get(key)! - 1;
      if (left === 0) taken.delete(key);
      else taken.set(key, left);
      const next = waiting.findIndex((w) => fits(w.key));
      if (next >= 0) waiting.splice(next, 1)[0].start();
    };
  }
  return {
    enter(key, { priority = 0, signal } = {}) {
      signal?.throwIfAborted();
      if (fits(key)) return Promise.resolve(take(key));
      const { promise, resolve, reject } = Promise.withResolvers<() => void>();
      const entry = {
        key,
        priority,
        start: () => (signal?.removeEventListener("abort", stop), resolve(take(key))),
      };
      const stop = () => {
        const at = waiting.indexOf(entry);
        if (at >= 0) waiting.splice(at, 1);
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", stop, { once: true });
      const at = waiting.findIndex((w) => w.priority < priority);
      waiting.splice(at < 0 ? waiting.length : at, 0, entry);
      return promise;
    },
  };
}

/** A window of bytes. */
export interface ByteWindow {
  /** Waits until `bytes` fit (more than the whole window passes alone); call the result to give them back. */
  take(bytes: number): Promise<() => void>;
  /** Bytes taken now. */
  taken(): number;
}

/** A window of `size` bytes. */
export function createByteWindow(size: number): ByteWindow {
  const waiting: { readonly bytes: number; readonly start: () => void }[] = [];
  let taken = 0;
  const fits = (bytes: number) => taken === 0 || taken + bytes <= size;
  function give(bytes: number): () => void {
    taken += bytes;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      taken -= bytes;
      while (waiting.length > 0 && fits(waiting[0].bytes)) waiting.shift()!.start();
    };
  }
  return {
    take(bytes) {
      if (waiting.length === 0 && fits(bytes)) return Promise.resolve(give(bytes));
      return new Promise((resolve) => waiting.push({ bytes, start: () => resolve(give(bytes)) }));
    },
    taken: () => taken,
  };
}

/** Waits so that no more than a rate of bytes passes. */
export type Throttle = (bytes: number) => Promise<void>;

/**
 * A token bucket of one tenth of a second's worth. `bytesPerSecond` is asked each time; `undefined` is no limit.
 */
export function createThrottle(clock: Clock, bytesPerSecond: () => number | undefined): Throttle {
  let freeAt = 0;
  return async (bytes) => {
    const rate = bytesPerSecond();
    if (rate === undefined) return;
    const now = clock.monotonic();
    freeAt = Math.max(freeAt, now - 100) + bytes / rate * 1000;
    if (freeAt > now) await delay(freeAt - now);
  };
}

/** Waits; rejects when `signal` aborts. */
export function delay(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** `work`, unless it takes longer than `ms`: then `onTime` is called and its error thrown. */
export async function within<T>(work: Promise<T>, ms: number, onTime: () => Error): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    return await Promise.race([
      work,
      new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(onTime()), ms);
      }),
    ]);
  } finally {
    clearTimeout(timer);
  }
}
