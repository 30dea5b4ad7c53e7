/** Per-app figures of the gateway. Counters only grow; rates are the reader's business. */

/** Upper bounds of the latency buckets in milliseconds; the last bucket is open. */
export const latencyBounds: readonly number[] = [
  1,
  2,
  5,
  10,
  25,
  50,
  100,
  250,
  500,
  1_000,
  2_500,
  5_000,
  10_000,
];

/** Why a request did not get a good answer. */
export type ErrorClass =
  /** The app or the gateway answered 4xx. */
  | "client"
  /** The app answered 5xx. */
  | "app"
  /** No replica could take it (503 by the gateway). */
  | "unavailable"
  /** The app failed without an answer (502). */
  | "failed"
  /** No answer in time (504). */
  | "timed_out"
  /** The response was cut after its head was sent. */
  | "cut"
  /** The client went away first. */
  | "aborted";

/** A snapshot. */
export interface AppMetrics {
  readonly requests: number;
  readonly inFlight: number;
  readonly tunnels: number;
  readonly errors: Readonly<Record<ErrorClass, number>>;
  /** Attempts beyond the first. */
  readonly retries: number;
  /** Requests that waited for a ready replica. */
  readonly held: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Requests answered here for other nodes' gateways. */
  readonly forPeers: number;
  /**
   * Time from request to the end of the response: `counts[i]` requests took at most `latencyBounds[i]` ms; one more
   * for the rest. Not cumulative.
   */
  readonly latency: { readonly counts: readonly number[]; readonly sumMs: number };
}

/** The figures of one app while they are counted. */
export class AppCounters {
  requests = 0;
  inFlight = 0;
  tunnels = 0;
  retries = 0;
  held = 0;
  bytesIn = 0;
  bytesOut = 0;
  forPeers = 0;
  readonly errors: Record<ErrorClass, number> = {
    client: 0,
    app: 0,
    unavailable: 0,
    failed: 0,
    timed_out: 0,
    cut: 0,
    aborted: 0,
  };
  readonly #counts = new Array<number>(latencyBounds.length + 1).fill(0);
  #sumMs = 0;

  /** Counts one finished request. */
  took(ms: number): void {
    let i = 0;
    while (i < latencyBounds.length && ms > latencyBounds[i]) i++;
    this.#counts[i]++;
    this.#sumMs += ms;
  }

  /** Counts one answer given from memory at once. */
  tookNoTime(bytes: number): void {
    this.requests++;
    this.#counts[0]++;
    this.bytesOut += bytes;
  }

  /** The figures now. */
  snapshot(): AppMetrics {
    const { requests, inFlight, tunnels, retries, held, bytesIn, bytesOut, forPeers } = this;
    const latency = { counts: [...this.#counts], sumMs: this.#sumMs };
    return {
      requests,
      inFlight,
      tunnels,
      errors: { ...this.errors },
      retries,
      held,
      bytesIn,
      bytesOut,
      forPeers,
      latency,
    };
  }
}
