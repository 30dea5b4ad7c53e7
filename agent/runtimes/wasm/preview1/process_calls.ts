/** `args_*`, `environ_*`, `clock_*`, `random_get`, `sched_yield`, `proc_*`. */
import { lastSignal } from "./abi.ts";
import type { Calls, Context } from "./context.ts";
import { errno, refuse } from "./errno.ts";

/** Ends the guest: thrown through its frames by `proc_exit` and `proc_raise`. */
export class GuestExit extends Error {
  /** Always `GuestExit`. */
  override readonly name = "GuestExit";
  /** Exit code, 0 to 2^32-1. */
  readonly code: number;
  /** `code`: as the guest gave it. */
  constructor(code: number) {
    super(`guest exited with ${code}`);
    this.code = code;
  }
}

/** Signals whose default action is not to end the process: none, CHLD, CONT, URG, WINCH. */
const harmlessSignals: ReadonlySet<number> = new Set([0, 16, 17, 22, 27]);
/** A process ended by a signal has this plus the signal's number as exit code, as in a shell. */
const SIGNAL_EXIT = 128;

/** The calls. */
export function processCalls({ memory, world, args, environ }: Context): Calls {
  const sizes = (items: readonly Uint8Array[], count: number, bytes: number) => {
    memory.check(count, 4);
    memory.check(bytes, 4);
    memory.setU32(count, items.length);
    memory.setU32(bytes, items.reduce((sum, item) => sum + item.length, 0));
  };
  const list = (items: readonly Uint8Array[], pointers: number, bytes: number) => {
    let at = bytes >>> 0;
    for (const [i, item] of items.entries()) {
      memory.bytes(at, item.length).set(item);
      memory.setU32((pointers >>> 0) + 4 * i, at);
      at += item.length;
    }
  };
  return {
    args_sizes_get: (count: number, bytes: number) => sizes(args, count, bytes),
    args_get: (pointers: number, bytes: number) => list(args, pointers, bytes),
    environ_sizes_get: (count: number, bytes: number) => sizes(environ, count, bytes),
    environ_get: (pointers: number, bytes: number) => list(environ, pointers, bytes),
    clock_res_get: (clock: number, result: number) => memory.setU64(result, world.resolution(clock)),
    clock_time_get: (clock: number, _precision: bigint, result: number) =>
      memory.setU64(result, world.now(clock)),
    random_get: (pointer: number, length: number) => world.random(memory.bytes(pointer, length)),
    sched_yield: () => {},
    proc_exit: (code: number) => {
      throw new GuestExit(code >>> 0);
    },
    proc_raise: (signal: number) => {
      if (signal < 0 || signal > lastSignal) refuse(errno.INVAL);
      if (!harmlessSignals.has(signal)) throw new GuestExit(SIGNAL_EXIT + signal);
    },
  };
}
