/** What is left to chance in a simulation, all of it from one seed. */

/** mulberry32: a small, good generator; all randomness of a simulation comes from one. */
export function createRandom(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = a;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** How bad the network is. */
export interface Weather {
  readonly loss: number;
  readonly duplicate: number;
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
}
/** A quiet network. */
export const calm: Weather = { loss: 0, duplicate: 0, minDelayMs: 1, maxDelayMs: 5 };
/** 10 % loss, duplicates, reordering by delays of up to 200 ms. */
export const storm: Weather = { loss: 0.1, duplicate: 0.05, minDelayMs: 1, maxDelayMs: 200 };
