/** A wait that ends early, without a failure, when its signal is aborted. */
import { setTimeout as timer } from "node:timers/promises";

/** `ms` from now, or when `signal` is aborted. */
export const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  timer(ms, undefined, { signal }).catch(() => {});
