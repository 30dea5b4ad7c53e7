/**
 * How late the agent's event loop is: a timer that should fire regularly, and by how much it does not. What blocks the
 * loop blocks every answer of this node, so that this one figure tells whether something holds it up. A machine that is
 * overloaded delays everybody, though: how long the thread stood ready and got no processor is told apart. It looks only
 * while somebody asks: looking all the time would be most of what an idle agent does.
 */

/** Shorter holds may go unseen. */
const TICK_MS = 5;
/** The longest delay of this time is told. */
const WINDOW_MS = 10_000;
/** It stops looking when nobody asked for this long. */
const INTEREST_MS = 60_000;
const SLOTS = WINDOW_MS / 1_000;

/** Longest delays of the last 10 s in milliseconds, as far as it was looked for. */
export interface Lateness {
  /** All in all: what a client feels. */
  readonly lateMs: number;
  /** Without the time for which the system gave the thread no processor: what the agent does to itself. */
  readonly heldMs: number;
}

/** See the module's text. */
export interface LoopDelay extends Disposable {
  /** What was seen; starts looking for the next minute. */
  look(): Lateness;
}

/**
 * Milliseconds for which the thread that asks was ready and waited for a processor, since its start: the second figure of
 * `/proc/thread-self/schedstat` (Linux, Documentation/scheduler/sched-stats). 0 where it is not to be had.
 */
export function waitedForProcessorMs(): number {
  if (Deno.build.os !== "linux") return 0;
  try {
    return Number(Deno.readTextFileSync("/proc/thread-self/schedstat").split(" ")[1]) / 1e6 || 0;
  } catch {
    return 0;
  }
}

/** Prepares to look. */
export function createLoopDelay(
  now: () => number = () => performance.now(),
  waited: () => number = waitedForProcessorMs,
): LoopDelay {
  const late = new Float64Array(SLOTS), held = new Float64Array(SLOTS);
  let second = 0, last = 0, lastWaited = 0, askedAt = 0;
  let timer: ReturnType<typeof setInterval> | undefined;
  const stop = () => {
    clearInterval(timer);
    timer = undefined;
    late.fill(0);
    held.fill(0);
  };
  const turn = (at: number) => {
    const current = Math.floor(at / 1_000);
    for (let s = Math.max(second + 1, current - SLOTS + 1); s <= current; s++) {
      late[s % SLOTS] = held[s % SLOTS] = 0;
    }
    second = current;
  };
  const note = () => {
    const at = now(), waitedNow = waited(), slot = Math.floor(at / 1_000) % SLOTS;
    turn(at);
    const by = at - last - TICK_MS;
    late[slot] = Math.max(late[slot], by);
    held[slot] = Math.max(held[slot], by - (waitedNow - lastWaited));
    [last, lastWaited] = [at, waitedNow];
    if (at - askedAt > INTEREST_MS) stop();
  };
  return {
    look() {
      askedAt = now();
      if (timer === undefined) {
        [last, lastWaited] = [askedAt, waited()];
        second = Math.floor(last / 1_000);
        timer = setInterval(note, TICK_MS);
        Deno.unrefTimer(timer);
      }
      turn(askedAt);
      return { lateMs: Math.max(0, ...late), heldMs: Math.max(0, ...held) };
    },
    [Symbol.dispose]: stop,
  };
}
