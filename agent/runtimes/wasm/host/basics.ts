/** `wasi:cli`, `wasi:clocks`, `wasi:random`, and `wasi:sockets` as a closed door. */
import { wasmLimits } from "../../../protocol/limits.ts";
import { Trap, WitError } from "../component/mod.ts";
import type { HostFunc, HostImports } from "../component/mod.ts";
import { InputStream, IoError, OutputStream, Pollable } from "./streams.ts";
import type { Sink, Source } from "./streams.ts";

/** Thrown through the guest by `wasi:cli/exit`. */
export class GuestExit extends Error {
  /** Always `GuestExit`. */
  override readonly name = "GuestExit";
  /** Exit code, 0 to 255. */
  readonly code: number;
  /** `code`: what the guest gave. */
  constructor(code: number) {
    super(`exit ${code}`);
    this.code = code;
  }
}

/** Time and chance as a guest sees them. Times in nanoseconds. */
export interface World {
  /** Since 1970. */
  wall(): bigint;
  /** From an arbitrary origin. */
  monotonic(): bigint;
  /** Resolves after a duration. */
  sleep(ns: bigint): Promise<void>;
  /** Fills with random bytes. */
  random(into: Uint8Array): void;
}

/** Clock resolution, in nanoseconds. */
const RESOLUTION = 1_000n;
/** What `setTimeout` takes at most: longer waits are cut in pieces by polling again. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The host's clocks and cryptographic randomness. */
export function realWorld(): World {
  const now = () => BigInt(Math.round(performance.now() * 1e6));
  const { setTimeout } = globalThis;
  return {
    wall: () => BigInt(Date.now()) * 1_000_000n,
    monotonic: now,
    sleep: (ns) =>
      new Promise((resolve) => setTimeout(resolve, Math.min(Math.ceil(Number(ns) / 1e6), MAX_TIMER_MS))),
    random(into) {
      for (let at = 0; at < into.length; at += 65_536) {
        crypto.getRandomValues(into.subarray(at, at + 65_536) as Uint8Array<ArrayBuffer>);
      }
    },
  };
}

/** What {@link basicImports} needs. */
export interface Basics {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly world: World;
  stdin(): Source;
  stdout(): Sink;
  stderr(): Sink;
}

/** `wasi:cli`, `wasi:clocks`, `wasi:random`. */
export function basicImports(basics: Basics): HostImports {
  const { world } = basics;
  const at = (when: bigint) => {
    const left = () => when - world.monotonic();
    return new Pollable(() => left() <= 0n, () => world.sleep(left()));
  };
  const bytes = (length: bigint) => {
    if (length > BigInt(wasmLimits.ioBytes)) throw new Trap("too many random bytes at once");
    const into = new Uint8Array(Number(length));
    world.random(into);
    return into;
  };
  const u64 = () => new DataView(bytes(8n).buffer).getBigUint64(0, true);
  const nothing = () => undefined;
  return {
    "wasi:cli/environment@0.2": {
      "get-environment": () => Object.entries(basics.env),
      "get-arguments": () => basics.args,
      "initial-cwd": nothing,
    },
    "wasi:cli/exit@0.2": {
      "exit": (status: { tag: string }) => {
        throw new GuestExit(status.tag === "ok" ? 0 : 1);
      },
      "exit-with-code": (code: number) => {
        throw new GuestExit(code);
      },
    },
    "wasi:cli/stdin@0.2": { "get-stdin": () => new InputStream(basics.stdin()) },
    "wasi:cli/stdout@0.2": { "get-stdout": () => new OutputStream(basics.stdout()) },
    "wasi:cli/stderr@0.2": { "get-stderr": () => new OutputStream(basics.stderr()) },
    "wasi:cli/terminal-input@0.2": {},
    "wasi:cli/terminal-output@0.2": {},
    "wasi:cli/terminal-stdin@0.2": { "get-terminal-stdin": nothing },
    "wasi:cli/terminal-stdout@0.2": { "get-terminal-stdout": nothing },
    "wasi:cli/terminal-stderr@0.2": { "get-terminal-stderr": nothing },
    "wasi:clocks/monotonic-clock@0.2": {
      "now": () => world.monotonic(),
      "resolution": () => RESOLUTION,
      "subscribe-instant": at,
      "subscribe-duration": (duration: bigint) => at(world.monotonic() + duration),
    },
    "wasi:clocks/wall-clock@0.2": {
      "now": () => datetime(world.wall()),
      "resolution": () => datetime(RESOLUTION),
    },
    "wasi:clocks/timezone@0.2": {
      "display": () => ({ "utc-offset": 0, "name": "UTC", "in-daylight-saving-time": false }),
      "utc-offset": () => 0,
    },
    "wasi:random/random@0.2": { "get-random-bytes": bytes, "get-random-u64": u64 },
    "wasi:random/insecure@0.2": { "get-insecure-random-bytes": bytes, "get-insecure-random-u64": u64 },
    "wasi:random/insecure-seed@0.2": { "insecure-seed": () => [u64(), u64()] },
  };
}

/** Nanoseconds since 1970 as `wasi:clocks/wall-clock.datetime`. */
export function datetime(ns: bigint): { readonly seconds: bigint; readonly nanoseconds: number } {
  return { seconds: ns / 1_000_000_000n, nanoseconds: Number(ns % 1_000_000_000n) };
}

/** `wasi:sockets`: there to be imported, and refused when used. Guests reach the network by `wasi:http` alone. */
export function socketImports(): HostImports {
  const denied: HostFunc = () => {
    throw new WitError("access-denied");
  };
  /** Whatever a component asks for in these interfaces; methods can never be called, for no socket ever exists. */
  const closedDoor = new Proxy<Record<string, HostFunc>>({}, { get: () => denied });
  return {
    "wasi:sockets/instance-network@0.2": { "instance-network": () => new IoError("no network") },
    "wasi:sockets/network@0.2": { "network-error-code": () => undefined },
    "wasi:sockets/ip-name-lookup@0.2": closedDoor,
    "wasi:sockets/tcp-create-socket@0.2": closedDoor,
    "wasi:sockets/udp-create-socket@0.2": closedDoor,
    "wasi:sockets/tcp@0.2": closedDoor,
    "wasi:sockets/udp@0.2": closedDoor,
  };
}
