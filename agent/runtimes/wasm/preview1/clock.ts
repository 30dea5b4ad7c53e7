/** Clocks and randomness of a guest: real ones, or fixed ones for runs that must repeat exactly. */
import { clockid } from "./abi.ts";
import { errno, refuse } from "./errno.ts";

/** What a guest knows of time and chance. Times in nanoseconds. */
export interface World {
  /** Reads a clock; `EINVAL` for an unknown id. */
  now(clock: number): bigint;
  /** Resolution of a clock; `EINVAL` for an unknown id. */
  resolution(clock: number): bigint;
  /** Blocks the thread (or, with fixed clocks, only moves them). */
  sleep(ns: bigint): void;
  /** Fills with random bytes. */
  random(into: Uint8Array): void;
}

const known = (clock: number) => {
  if (clock < clockid.REALTIME || clock > clockid.THREAD_CPUTIME) refuse(errno.INVAL);
};
const US = 1_000n;
const NS_PER_MS = 1e6;
/** `crypto.getRandomValues` fills no more at once (Web Cryptography API). */
const RANDOM_CHUNK = 65_536;

/**
 * The host's clocks at microseconds, and its cryptographic randomness. CPU time is wall time since the start. The
 * monotonic clock never shows the same time twice: a guest that reads it again within a microsecond finds it a
 * nanosecond on, as programs expect that take two readings for two moments.
 */
export function realWorld(): World {
  const started = performance.now();
  let latest = 0n;
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  const ns = (ms: number) => BigInt(Math.round(ms * 1000)) * US;
  return {
    now(clock) {
      known(clock);
      if (clock === clockid.REALTIME) return ns(performance.timeOrigin + performance.now());
      if (clock !== clockid.MONOTONIC) return ns(performance.now() - started);
      const now = ns(performance.now());
      return latest = now > latest ? now : latest + 1n;
    },
    resolution(clock) {
      known(clock);
      return US;
    },
    sleep(duration) {
      Atomics.wait(sleeper, 0, 0, Number(duration) / NS_PER_MS);
    },
    random(into) {
      for (let at = 0; at < into.length; at += RANDOM_CHUNK) {
        crypto.getRandomValues(into.subarray(at, at + RANDOM_CHUNK) as Uint8Array<ArrayBuffer>);
      }
    },
  };
}

/** Where deterministic clocks start: 2020-01-01T00:00:00Z. */
export const FIXED_START_NS = 1_577_836_800_000_000_000n;

/**
 * Clocks that start at {@link FIXED_START_NS}, advance by a microsecond with every reading (a guest that waits for a
 * clock must not wait for ever) and by sleeping, which takes no real time; randomness from `seed` by xoshiro128**
 * (Blackman and Vigna, 2018), which is not for secrets.
 */
export function fixedWorld(seed: number): World {
  let elapsed = 0n;
  const next = xoshiro128(seed);
  return {
    now(clock) {
      known(clock);
      elapsed += US;
      return clock === clockid.REALTIME ? FIXED_START_NS + elapsed : elapsed;
    },
    resolution(clock) {
      known(clock);
      return US;
    },
    sleep(duration) {
      elapsed += duration;
    },
    random(into) {
      for (let i = 0; i < into.length; i++) into[i] = next() >>> 24;
    },
  };
}

function xoshiro128(seed: number): () => number {
  // SplitMix32 spreads the seed over the state, which must not be all zeros.
  let mix = seed >>> 0;
  const spread = () => {
    mix = (mix + 0x9e3779b9) >>> 0;
    let z = mix;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) >>> 0;
  };
  const s = Uint32Array.of(spread(), spread(), spread(), spread() | 1);
  const rotl = (x: number, k: number) => ((x << k) | (x >>> (32 - k))) >>> 0;
  return () => {
    const result = Math.imul(rotl(Math.imul(s[1]!, 5), 7), 9) >>> 0;
    const t = s[1]! << 9;
    s[2]! ^= s[0]!;
    s[3]! ^= s[1]!;
    s[1]! ^= s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= t;
    s[3] = rotl(s[3]!, 11);
    return result;
  };
}
