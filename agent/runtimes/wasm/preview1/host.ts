import { utf8 } from "../../../protocol/bytes.ts";
import { RealmError } from "../../../protocol/errors.ts";
import { FsError } from "../fs/mod.ts";
import type { GuestFs } from "../fs/mod.ts";
import { fixedWorld, realWorld } from "./clock.ts";
import type { World } from "./clock.ts";
import type { Call, Calls, Context } from "./context.ts";
import { Descriptors } from "./descriptors.ts";
import { errno, errnoOfFs, Refusal } from "./errno.ts";
import { fdIoCalls } from "./fd_io_calls.ts";
import { fdStatCalls } from "./fd_stat_calls.ts";
import { GuestMemory } from "./guest_memory.ts";
import { pathCalls } from "./path_calls.ts";
import { pollCalls } from "./poll_calls.ts";
import { GuestExit, processCalls } from "./process_calls.ts";
import { sockCalls } from "./sock_calls.ts";
import { emptySource } from "./stdio.ts";
import type { ByteSink, ByteSource } from "./stdio.ts";

/** Name under which guests import the calls. */
export const preview1Module = "wasi_snapshot_preview1";

/** What a guest is given. */
export interface Preview1Options {
  /** The first is the program's name. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Its mounts become the preopened directories. Closed by {@link Preview1Host.run}. */
  readonly fs: GuestFs;
  /** Default: nothing comes. */
  readonly stdin?: ByteSource;
  readonly stdout: ByteSink;
  readonly stderr: ByteSink;
  /** Clocks that start at a fixed time and randomness from this seed (32 bits). Default: real ones. */
  readonly deterministicSeed?: number;
}

/** The calls of one guest instance. */
export interface Preview1Host {
  /** To be given as `{ wasi_snapshot_preview1: imports }`. */
  readonly imports: WebAssembly.ModuleImports;
  /**
   * Runs an instance's `_start` and returns its exit code. What the guest or a sink throws passes through: a trap is a
   * `WebAssembly.RuntimeError`. Everything open is closed afterwards. Once per host.
   */
  run(instance: WebAssembly.Instance): number;
}

/**
 * Makes the calls of WASI preview 1 for one guest instance. Throws `RealmError("bad_request")` for arguments or
 * environment that cannot be passed.
 */
export function createPreview1(options: Preview1Options): Preview1Host {
  const memory = new GuestMemory();
  const world: World = options.deterministicSeed === undefined
    ? realWorld()
    : fixedWorld(options.deterministicSeed);
  const context: Context = {
    memory,
    world,
    fs: options.fs,
    descriptors: new Descriptors(options.fs, {
      stdin: options.stdin ?? emptySource,
      stdout: options.stdout,
      stderr: options.stderr,
    }),
    args: options.args.map((arg) => terminated(arg, "argument")),
    environ: Object.entries(options.env).map(([name, value]) => {
      if (name === "" || name.includes("=")) {
        throw new RealmError(
          "bad_request",
          `Environment name ${JSON.stringify(name)} is empty or has a "=" in it.`,
        );
      }
      return terminated(`${name}=${value}`, "environment variable");
    }),
  };
  const calls: Calls = {
    ...processCalls(context),
    ...fdIoCalls(context),
    ...fdStatCalls(context),
    ...pathCalls(context),
    ...pollCalls(context),
    ...sockCalls(context),
  };
  let exit: GuestExit | undefined;
  const imports: WebAssembly.ModuleImports = {};
  for (const [name, call] of Object.entries(calls)) {
    imports[name] = returningErrno(call, () => exit, (e) => exit = e);
  }
  return {
    imports,
    run(instance) {
      const { memory: exported, _start: start } = instance.exports;
      try {
        if (!(exported instanceof WebAssembly.Memory)) {
          throw new RealmError(
            "failed",
            "The module exports no memory named memory, so it is no WASI command.",
          );
        }
        if (typeof start !== "function") {
          throw new RealmError("failed", "The module exports no function _start, so it is no WASI command.");
        }
        memory.attach(exported);
        start();
        return exit?.code ?? 0;
      } catch (error) {
        if (exit !== undefined) return exit.code;
        throw error;
      } finally {
        options.fs[Symbol.dispose]();
      }
    },
  };
}

/**
 * Turns failures into the number that the guest gets. Anything else is a broken host or a sink that wants the guest
 * ended, and is thrown through the guest. A guest can catch what is thrown through it; so once it has exited, every
 * further call throws again.
 */
function returningErrno(
  call: Call,
  exited: () => GuestExit | undefined,
  onExit: (e: GuestExit) => void,
): Call {
  return (...values) => {
    const before = exited();
    if (before !== undefined) throw before;
    try {
      call(...values);
      return errno.SUCCESS;
    } catch (error) {
      if (error instanceof Refusal) return error.errno;
      if (error instanceof FsError) return errnoOfFs[error.code];
      if (error instanceof GuestExit) onExit(error);
      throw error;
    }
  };
}

function terminated(text: string, what: string): Uint8Array {
  if (text.includes("\0")) {
    throw new RealmError("bad_request", `The ${what} ${JSON.stringify(text)} has a NUL character in it.`);
  }
  return utf8(`${text}\0`);
}
