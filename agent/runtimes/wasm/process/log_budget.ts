/** Flood control of logs: so much per second passes, the rest is counted. */
import { wasmLimits } from "../../../protocol/limits.ts";

/** A token bucket of bytes. Small writes cost a minimum, so that their number is bounded too. */
export class LogBudget {
  readonly #clock: () => number;
  #tokens: number = wasmLimits.logBurstBytes;
  #at: number;
  #dropped = 0;

  /** `clock`: milliseconds, monotonic. */
  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
    this.#at = clock();
  }
  /** Whether `bytes` may pass; if not, they are counted as dropped. */
  take(bytes: number): boolean {
    const now = this.#clock();
    const earned = (now - this.#at) * wasmLimits.logBytesPerSecond / 1000;
    this.#tokens = Math.min(wasmLimits.logBurstBytes, this.#tokens + earned);
    this.#at = now;
    const cost = Math.max(bytes, wasmLimits.logWriteCost);
    if (cost > this.#tokens) {
      this.#dropped += bytes;
      return false;
    }
    this.#tokens -= cost;
    return true;
  }
  /** Bytes dropped since the last call. */
  takeDropped(): number {
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }
}

/** The line that tells of dropped output. */
export const droppedLine = (bytes: number): string =>
  `${bytes} bytes of output were dropped: the guest writes faster than ${wasmLimits.logBytesPerSecond} bytes per second.`;
