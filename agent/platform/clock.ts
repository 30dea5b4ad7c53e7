/** Time and randomness of the real world. */
import type { Clock, Random } from "../ports.ts";

/** The machine's clocks. */
export const systemClock: Clock = { now: () => Date.now(), monotonic: () => performance.now() };

/** The operating system's randomness. */
export const systemRandom: Random = {
  bytes: (n) => crypto.getRandomValues(new Uint8Array(n)),
  next: () => crypto.getRandomValues(new Uint32Array(1))[0] / 4294967296,
};
