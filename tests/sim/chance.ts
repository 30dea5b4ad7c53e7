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

/** A span of time, ms. */
export type Span = readonly [least: number, most: number];
/** A time within a span: short ones are far more frequent. */
export const between = (random: () => number, [least, most]: Span): number =>
  least + random() ** 3 * (most - least);

/** How long machines take for their replicas. */
export interface Pace {
  readonly prepareMs: Span;
  readonly startMs: Span;
  /** Until what is in flight at a replica has ended. */
  readonly endMs: Span;
}
/** Machines with nothing else to do, replicas without long requests. */
export const brisk: Pace = { prepareMs: [20, 100], startMs: [80, 400], endMs: [1, 20] };
/** Much to fetch, long requests: orders change while replicas begin and while they end. */
export const sluggish: Pace = { prepareMs: [20, 4_000], startMs: [80, 4_000], endMs: [1, 20_000] };
