/** What tests and benchmarks of the WASM runtime start from: a runtime from source, specifications, captured logs. */
import { waitedForProcessorMs } from "../agent/node/loop_delay.ts";
import { fileURLToPath } from "node:url";
import type { LogChunk } from "../agent/ports.ts";
import { createWasmRuntime, denoChild } from "../agent/runtimes/wasm/mod.ts";
import type { RunHandle, RunSpec, Runtime } from "../agent/runtimes/runtime.ts";

const agent = fileURLToPath(new URL("../agent/", import.meta.url));

/** A runtime whose children run from source. */
export const sourceRuntime = (workers?: number): Runtime =>
  createWasmRuntime({
    spawnChild: denoChild(`${agent}runtimes/wasm/child/entry.ts`, [], [agent]),
    ...(workers === undefined ? {} : { workers }),
  });

/** A specification with small defaults. */
export const specOf = (wasm: string, changes: Partial<RunSpec> = {}): RunSpec => ({
  id: "test",
  mode: "http",
  wasm,
  digest: "0".repeat(64),
  cacheDir: "/nonexistent",
  args: ["guest"],
  env: {},
  mounts: [],
  memoryMb: 32,
  maxConcurrency: 8,
  timeoutMs: 20_000,
  instance: "reuse",
  outbound: [],
  ...changes,
});

/** What a run wrote. */
export class LogCapture {
  /** All chunks, in order. */
  readonly chunks: LogChunk[] = [];
  readonly #waiting = new Set<() => void>();
  /** To be given to `start`. */
  readonly take = (chunk: LogChunk): void => {
    this.chunks.push(chunk);
    for (const wake of this.#waiting) wake();
  };
  /** Text of one stream. */
  text(stream: LogChunk["stream"]): string {
    const decoder = new TextDecoder();
    return this.chunks.filter((c) => c.stream === stream).map((c) =>
      decoder.decode(c.bytes, { stream: true })
    ).join("");
  }
  /** Resolves when a stream's text matches; rejects after `deadlineMs`. */
  async until(stream: LogChunk["stream"], pattern: RegExp, deadlineMs = 20_000): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const look = () => pattern.test(this.text(stream)) && resolve();
    this.#waiting.add(look);
    const timer = setTimeout(
      () => reject(new Error(`no ${pattern} in ${stream}: ${this.text(stream)}`)),
      deadlineMs,
    );
    look();
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(look);
    }
  }
}

/** A run with its logs; stopped at the end of its scope. */
export interface TestRun extends AsyncDisposable {
  readonly run: RunHandle;
  readonly log: LogCapture;
  /** Fetches a path and returns the body's text. */
  text(path: string, init?: RequestInit): Promise<string>;
}

/** Starts a run. */
export async function startRun(runtime: Runtime, spec: RunSpec): Promise<TestRun> {
  const log = new LogCapture();
  const run = await runtime.start(spec, log.take);
  return {
    run,
    log,
    text: async (path, init) => await (await run.fetch(new Request(`http://app.test${path}`, init))).text(),
    async [Symbol.asyncDispose]() {
      await run.stop(0);
    },
  };
}

/**
 * The longest time in milliseconds for which this thread's event loop was held while `work` runs. What others had the
 * processor for does not count.
 */
async function longestDelay<T>(work: () => Promise<T>): Promise<{ result: T; delayMs: number }> {
  const TICK_MS = 5;
  const worked = () => performance.now() - waitedForProcessorMs();
  let last = worked();
  let delayMs = 0;
  const timer = setInterval(() => {
    const now = worked();
    delayMs = Math.max(delayMs, now - last - TICK_MS);
    last = now;
  }, TICK_MS);
  try {
    const result = await work();
    return { result, delayMs };
  } finally {
    clearInterval(timer);
  }
}

/** What the event loop of the agent may be delayed by while a guest misbehaves. */
const DELAY_MS = 50;
/** A virtual machine is stopped as a whole now and then; what our own code does, it does each time. */
const ATTEMPTS = 4;

/** Runs `work` and asserts that this thread stayed responsive meanwhile. */
export async function responsive<T>(work: () => Promise<T>): Promise<T> {
  const delays: number[] = [];
  while (true) {
    const { result, delayMs } = await longestDelay(work);
    if (delayMs < DELAY_MS) return result;
    delays.push(Math.round(delayMs));
    if (delays.length === ATTEMPTS) {
      throw new Error(`event loop delayed by ${delays.join(", ")} ms in ${ATTEMPTS} tries`);
    }
  }
}
