import { RealmError } from "../../protocol/errors.ts";
import type { LogChunk } from "../../ports.ts";
import type { Probe, RunHandle, RunSpec, Runtime } from "../runtime.ts";
import { childStarter, runBeginner } from "./process/children.ts";
import { type CommandChildren, CommandRun } from "./process/command_run.ts";
import { HttpRun } from "./process/http_run.ts";
import { RunLog } from "./process/logs.ts";
import type { SpawnChild } from "./process/spawn.ts";
import { WarmChildren } from "./process/warm_children.ts";

/** Options of {@link createWasmRuntime}. */
export interface WasmRuntimeOptions {
  /** How to start a process that calls `runWasmChild()`. */
  readonly spawnChild: SpawnChild;
  /** Workers of one run that serve requests side by side. Default: one per core but one, which moves the data. */
  readonly workers?: number;
}

/** How long runs may take to end when the runtime is disposed of. */
const DISPOSE_GRACE_MS = 0;

/** Makes the `wasm` runtime. */
export function createWasmRuntime(options: WasmRuntimeOptions): Runtime {
  const runs = new Set<RunHandle>();
  const workers = options.workers ?? Math.max(1, navigator.hardwareConcurrency - 1);
  const warm = new WarmChildren(options.spawnChild);
  const childrenOf = (spec: RunSpec): CommandChildren => {
    const { lot } = spec;
    if (lot === undefined || spec.stdin !== undefined || spec.outbound.length > 0) {
      const start = childStarter(spec, options.spawnChild, workers);
      return { start: (onFrames) => Promise.resolve(start(onFrames)) };
    }
    const begin = runBeginner(spec, workers, lot);
    return {
      async start(onFrames, signal) {
        const child = await warm.take(lot, signal);
        begin(child, onFrames);
        return child;
      },
      giveBack: (child) => warm.giveBack(child),
    };
  };
  return {
    kind: "wasm",
    // deno-lint-ignore require-await
    async probe(): Promise<Probe> {
      return {
        kind: "wasm",
        available: "Suspending" in WebAssembly,
        detail: "Suspending" in WebAssembly
          ? `V8 ${Deno.version.v8}; each run in a process of its own`
          : "This Deno has no JavaScript Promise Integration for WebAssembly; use Deno 2.9 or later.",
        features: ["wasi:http", "wasi:cli", "wasi:filesystem", "preview1"],
      };
    },
    async start(spec: RunSpec, onLog: (chunk: LogChunk) => void, signal?: AbortSignal): Promise<RunHandle> {
      check(spec);
      const log = new RunLog(onLog, spec.wholeLog);
      const run = spec.mode === "http"
        ? new HttpRun(spec, childStarter(spec, options.spawnChild, workers), log)
        : new CommandRun(spec, childrenOf(spec), log);
      await run.start(signal);
      runs.add(run);
      void run.exit.then(() => runs.delete(run));
      return run;
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await Promise.all([...runs].map((run) => run.stop(DISPOSE_GRACE_MS)));
      await warm.stop();
    },
  };
}

function check(spec: RunSpec): void {
  const refuse = (what: string): never => {
    throw new RealmError("failed", `The guest cannot start: ${what}.`);
  };
  if (!(spec.memoryMb >= 1 && spec.memoryMb <= 4096)) {
    refuse(`memory of ${spec.memoryMb} MiB is not between 1 and 4096`);
  }
  if (!(spec.maxConcurrency >= 1)) refuse("it may have no request in work");
  if (!(spec.timeoutMs >= 1)) refuse("it has no time");
}
