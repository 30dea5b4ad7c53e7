/** One child process: frames in both directions, its resources, its end. */
import { setPriority } from "node:os";
import { setImmediate } from "node:timers";
import { jobLimits } from "../../../protocol/job_limits.ts";
import { wasmLimits } from "../../../protocol/limits.ts";
import { concat, encodeFrame, FrameParser, frameType, jsonFrame } from "./frames.ts";
import type { ChildConfig, Frame } from "./frames.ts";
import { readUsage } from "./usage.ts";
import type { Usage } from "./usage.ts";
import type { ChildCommand } from "./spawn.ts";

/** What ended a child. */
export interface ChildEnd {
  /** `memory`: ended for its size; `ended`: ended by {@link ChildProcess.kill}; `died`: by itself or by others. */
  readonly why: "memory" | "ended" | "died";
  readonly code: number;
  readonly signal: string | undefined;
  /** Its own last words on stderr. */
  readonly words: string;
}

/** Output may run ahead of its pace by this much. */
const PACE_MS = 50;

/** A running child. */
export class ChildProcess {
  /** Process id. */
  readonly pid: number;
  /** Settles when the process is gone. Never rejects. For who lives as long; a run uses {@link whenEnded}. */
  readonly ended: Promise<ChildEnd>;
  #end: ChildEnd | undefined;
  readonly #onEnd = new Set<(end: ChildEnd) => void>();
  readonly #process: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #memoryCeiling = wasmLimits.childBaseBytes;
  #bytesPerSecond = Infinity;
  #onFrames: (frames: readonly Frame[]) => void = () => {};
  #why: ChildEnd["why"] = "died";
  #pending: Uint8Array[] = [];
  #writing = false;
  #usage: Usage = { rssBytes: 0, cpuMs: 0 };
  #peak = 0;
  /** Processor time before the present run. */
  #cpuBefore = 0;

  /** Starts a child that waits for {@link begin}. */
  constructor(command: ChildCommand) {
    this.#process = new Deno.Command(command.command, {
      args: [...command.args],
      env: { ...command.env },
      clearEnv: true,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.pid = this.#process.pid;
    lower(this.pid);
    this.#writer = this.#process.stdin.getWriter();
    this.#writer.closed.catch(() => {});
    const read = this.#read();
    const words = lastWords(this.#process.stderr);
    const watch = setInterval(() => this.#watch(), wasmLimits.memoryPollMs);
    this.ended = this.#process.status.then(async (status) => {
      clearInterval(watch);
      await read;
      this.#writer.abort().catch(() => {});
      const end = this.#end = {
        why: this.#why,
        code: status.code,
        signal: status.signal ?? undefined,
        words: await words,
      };
      for (const then of this.#onEnd) then(end);
      this.#onEnd.clear();
      return end;
    });
  }

  /**
   * Calls `then` when the process is gone, at once when it is already. What this returns calls that off: a promise would
   * keep who waits for it as long as the process lives, and a process serves thousands of runs.
   */
  whenEnded(then: (end: ChildEnd) => void): () => void {
    if (this.#end) then(this.#end);
    else this.#onEnd.add(then);
    return () => void this.#onEnd.delete(then);
  }

  /**
   * Gives it a run. `onFrames` gets what it sends, what came together together; `memoryCeiling`: resident bytes at which
   * it is ended.
   */
  begin(config: ChildConfig, memoryCeiling: number, onFrames: (frames: readonly Frame[]) => void): void {
    this.#memoryCeiling = memoryCeiling;
    this.#bytesPerSecond = config.wholeLog ? jobLimits.logBytesPerSecond : Infinity;
    this.#onFrames = onFrames;
    this.#sample();
    this.#cpuBefore = this.#usage.cpuMs;
    this.#peak = this.#usage.rssBytes;
    this.send(jsonFrame(frameType.init, 0, config));
  }

  /** Makes it forget a run that came to its end by itself: `true` when another may {@link begin}. Never rejects. */
  async reset(): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#onFrames = (frames) => frames.some((f) => f.type === frameType.idle) && resolve(true);
    const timer = setTimeout(() => resolve(false), wasmLimits.childStartMs);
    const callOff = this.whenEnded(() => resolve(false));
    this.send(encodeFrame(frameType.reset, 0));
    const waits = await promise;
    clearTimeout(timer);
    callOff();
    this.#onFrames = () => {};
    this.#sample();
    return waits;
  }

  /** Takes its figures now: they are those of the run that has just ended. */
  measure(): void {
    this.#sample();
  }

  /** Sends frames; those of one turn of the event loop go in one write. Who sends bounds what is pending. */
  send(frame: Uint8Array): void {
    this.#pending.push(frame);
    if (this.#writing) return;
    this.#writing = true;
    setImmediate(() => void this.#write());
  }

  /** Ends the process at once. Idempotent. */
  kill(why: ChildEnd["why"] = "ended"): void {
    this.#why = why;
    this.#sample();
    try {
      this.#process.kill("SIGKILL");
    } catch { /* it is gone already */ }
  }

  /** Memory now and at most, and processor time, of the present run. */
  get usage(): Usage & { readonly peakBytes: number } {
    const { rssBytes, cpuMs } = this.#usage;
    return { rssBytes, cpuMs: cpuMs - this.#cpuBefore, peakBytes: this.#peak };
  }

  async #write(): Promise<void> {
    try {
      while (this.#pending.length > 0) {
        const bytes = concat(this.#pending);
        this.#pending = [];
        await this.#writer.write(bytes);
      }
    } catch {
      this.#pending = []; // The process is going: `ended` tells.
    } finally {
      this.#writing = false;
    }
  }

  /** Reads at most at this pace on average: the child waits while nobody reads. */
  async #read(): Promise<void> {
    const parser = new FrameParser();
    const started = performance.now();
    let ahead = 0;
    try {
      for await (const chunk of this.#process.stdout) {
        this.#onFrames(parser.push(chunk));
        const passed = performance.now() - started;
        ahead = Math.max(ahead, passed) + chunk.length * 1000 / this.#bytesPerSecond;
        if (ahead - passed > PACE_MS) await new Promise((resolve) => setTimeout(resolve, ahead - passed));
      }
    } catch {
      this.kill("died"); // It does not speak our language.
    }
  }

  #sample(): void {
    const usage = readUsage(this.pid);
    if (usage === undefined) return;
    this.#usage = usage;
    this.#peak = Math.max(this.#peak, usage.rssBytes);
  }

  #watch(): void {
    this.#sample();
    if (this.#usage.rssBytes > this.#memoryCeiling) this.kill("memory");
  }
}

/** Guests come after the agent when there is not processor time for all. */
function lower(pid: number): void {
  try {
    setPriority(pid, wasmLimits.childNice);
  } catch { /* a system without priorities, or a child that is gone already */ }
}

/** The end of what a process writes to stderr, of bounded length. */
async function lastWords(stream: ReadableStream<Uint8Array>): Promise<string> {
  let tail = "";
  const decoder = new TextDecoder();
  try {
    for await (const chunk of stream) tail = (tail + decoder.decode(chunk, { stream: true })).slice(-2000);
  } catch { /* what was read counts */ }
  return tail.trim();
}
