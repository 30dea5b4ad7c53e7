/** `poll_oneoff`: waits for clocks and descriptors. */
import { wasmLimits } from "../../../protocol/limits.ts";
import { eventrwflags, eventtype, sizes, subclockflags } from "./abi.ts";
import type { Calls, Context } from "./context.ts";
import { errno, Refusal, refuse } from "./errno.ts";
import { rights } from "./rights.ts";
import type { ByteSource } from "./stdio.ts";

interface Event {
  readonly userdata: bigint;
  readonly type: number;
  readonly error: number;
  readonly bytes: bigint;
  readonly hangup: boolean;
}
/** A subscription that is not ready yet. */
type Pending =
  | { readonly userdata: bigint; readonly kind: "clock"; readonly clock: number; readonly deadline: bigint }
  | { readonly userdata: bigint; readonly kind: "input"; readonly source: ByteSource };

const NS_PER_MS = 1e6;

/** The calls. */
export function pollCalls({ memory, descriptors, world }: Context): Calls {
  const event = (userdata: bigint, type: number, error = 0, bytes = 0n, hangup = false): Event => ({
    userdata,
    type,
    error,
    bytes,
    hangup,
  });

  /** What a subscription to a descriptor gives at once, or what to wait for. */
  const descriptor = (userdata: bigint, type: number, fd: number): Event | Pending => {
    try {
      const reading = type === eventtype.FD_READ;
      const found = descriptors.get(fd);
      if (found.kind === "directory") refuse(errno.BADF);
      const needed = rights.POLL_FD_READWRITE | (reading ? rights.FD_READ : rights.FD_WRITE);
      if ((found.base & needed) !== needed) refuse(errno.NOTCAPABLE);
      if (found.kind === "input") return { userdata, kind: "input", source: found.source };
      if (found.kind === "output" || !reading) return event(userdata, type, 0, 1n);
      const left = found.file.size() - found.position;
      return event(userdata, type, 0, left > 0n ? left : 0n);
    } catch (error) {
      if (error instanceof Refusal) return event(userdata, type, error.errno);
      throw error;
    }
  };

  const subscription = (at: number): Event | Pending => {
    const userdata = memory.u64(at);
    const type = memory.u8(at + 8);
    if (type === eventtype.FD_READ || type === eventtype.FD_WRITE) {
      return descriptor(userdata, type, memory.u32(at + 16));
    }
    if (type !== eventtype.CLOCK) refuse(errno.INVAL);
    const clock = memory.u32(at + 16);
    const timeout = memory.u64(at + 24);
    const flags = memory.u16(at + 40);
    if ((flags & ~subclockflags.ABSTIME) !== 0) return event(userdata, type, errno.INVAL);
    try {
      const now = world.now(clock);
      return {
        userdata,
        kind: "clock",
        clock,
        deadline: (flags & subclockflags.ABSTIME) !== 0 ? timeout : now + timeout,
      };
    } catch (error) {
      if (error instanceof Refusal) return event(userdata, type, error.errno);
      throw error;
    }
  };

  /** Events of what has become ready by now. */
  const ready = (pending: readonly Pending[]): readonly Event[] =>
    pending.flatMap((p) => {
      if (p.kind === "clock") {
        return world.now(p.clock) >= p.deadline ? [event(p.userdata, eventtype.CLOCK)] : [];
      }
      const { available, ended } = p.source.wait(0);
      if (available === 0 && !ended) return [];
      return [event(p.userdata, eventtype.FD_READ, 0, BigInt(available), ended && available === 0)];
    });

  /** Sleeps until the next deadline, or until input comes where that is waited for. */
  const wait = (pending: readonly Pending[]): void => {
    let next: bigint | undefined;
    let source: ByteSource | undefined;
    for (const p of pending) {
      if (p.kind === "input") source = p.source;
      else {
        const left = p.deadline - world.now(p.clock);
        if (next === undefined || left < next) next = left;
      }
    }
    if (next !== undefined && next <= 0n) return;
    if (source === undefined) world.sleep(next!);
    else source.wait(next === undefined ? Infinity : Number(next) / NS_PER_MS);
  };

  const store = (at: number, { userdata, type, error, bytes, hangup }: Event) => {
    memory.setU64(at, userdata);
    memory.setU64(at + 8, 0n);
    memory.setU16(at + 8, error);
    memory.setU8(at + 10, type);
    memory.setU64(at + 16, bytes);
    memory.setU64(at + 24, 0n);
    memory.setU16(at + 24, hangup ? eventrwflags.HANGUP : 0);
  };

  return {
    poll_oneoff(input: number, output: number, count: number, result: number) {
      const n = count >>> 0;
      if (n === 0 || n > wasmLimits.pollSubscriptions) refuse(errno.INVAL);
      memory.check(input, n * sizes.subscription);
      memory.check(output, n * sizes.event);
      memory.check(result, 4);
      const events: Event[] = [];
      const pending: Pending[] = [];
      for (let i = 0; i < n; i++) {
        const found = subscription((input >>> 0) + i * sizes.subscription);
        if ("kind" in found) pending.push(found);
        else events.push(found);
      }
      events.push(...ready(pending));
      while (events.length === 0) {
        wait(pending);
        events.push(...ready(pending));
      }
      for (const [i, e] of events.entries()) store((output >>> 0) + i * sizes.event, e);
      memory.setU32(result, events.length);
    },
  };
}
