/**
 * How late the agent's event loop is: a timer that should fire regularly, and by how much it does not. What blocks the
 * loop blocks every answer of this node, so that this one figure tells whether something holds it up. It looks only
 * while somebody asks: looking all the time would be most of what an idle agent does.
 */

/** Shorter holds may go unseen. */
const TICK_MS = 5;
/** The longest delay of this time is told. */
const WINDOW_MS = 10_000;
/** It stops looking when nobody asked for this long. */
const INTEREST_MS = 60_000;
const SLOTS = WINDOW_MS / 1_000;

/** See the module's text. */
export interface LoopDelay extends Disposable {
  /** Longest delay of the last 10 s in milliseconds, as far as it was looked for; starts looking for the next minute. */
  longestMs(): number;
}

/** Prepares to look. */
export function createLoopDelay(now: () => number = () => performance.now()): LoopDelay {
  const seconds = new Float64Array(SLOTS);
  let second = 0, last = 0, askedAt = 0;
  let timer: ReturnType<typeof setInterval> | undefined;
  const stop = () => {
    clearInterval(timer);
    timer = undefined;
    seconds.fill(0);
  };
  const turn = (at: number) => {
    const current = Math.floor(at / 1_000);
    for (let s = Math.max(second + 1, current - SLOTS + 1); s <= current; s++) seconds[s % SLOTS] = 0;
    second = current;
  };
  const note = () => {
    const at = now();
    turn(at);
    seconds[second % SLOTS] = Math.max(seconds[second % SLOTS], at - last - TICK_MS);
    last = at;
    if (at - askedAt > INTEREST_MS) stop();
  };
  return {
    longestMs() {
      askedAt = now();
      if (timer === undefined) {
        last = askedAt;
        second = Math.floor(last / 1_000);
        timer = setInterval(note, TICK_MS);
        Deno.unrefTimer(timer);
      }
      turn(askedAt);
      return Math.max(0, ...seconds);
    },
    [Symbol.dispose]: stop,
  };
}
