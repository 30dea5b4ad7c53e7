/** A run that goes once to its end. */
import { RealmError } from "../../../protocol/errors.ts";
import { wasmLimits } from "../../../protocol/limits.ts";
import type { ExitReport, RunHandle, RunSpec, RunStats } from "../../runtime.ts";
import type { ChildProcess } from "./child_process.ts";
import { describeEnd, readiness, reasonOf, untilReady } from "./children.ts";
import { encodeFrame, frameType, jsonOf, numberOf } from "./frames.ts";
import type { CommandEnd, Frame } from "./frames.ts";
import type { RunLog } from "./logs.ts";

const REASONS: ReadonlySet<string> = new Set(["exited", "trapped", "out_of_memory", "failed_to_start"]);

/** Where a command's process comes from. */
export interface CommandChildren {
  /** A process that begins the run. */
  start(onFrames: (frames: readonly Frame[]) => void, signal?: AbortSignal): Promise<ChildProcess>;
  /** Takes a process whose run came to its end by itself; absent: it is ended. */
  giveBack?(child: ChildProcess): void;
}

/** The handle of a run in `command` mode. */
export class CommandRun implements RunHandle {
  readonly id: string;
  readonly exit: Promise<ExitReport>;
  readonly #spec: RunSpec;
  readonly #children: CommandChildren;
  readonly #log: RunLog;
  readonly #startedAt = performance.now();
  readonly #exited = Promise.withResolvers<ExitReport>();
  #child: ChildProcess | undefined;
  #window: number = wasmLimits.streamWindowBytes;
  #windowOpen: (() => void) | undefined;
  #end: CommandEnd | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Its process is not ours any more. */
  #left = false;
  /** Ends the waiting for the end of its process. */
  #callOff: (() => void) | undefined;
  /** Why we ended it. */
  #ending: "stopped" | "timed_out" | undefined;

  /** Not started yet: see {@link CommandRun.start}. */
  constructor(spec: RunSpec, children: CommandChildren, log: RunLog) {
    this.id = spec.id;
    this.#spec = spec;
    this.#children = children;
    this.#log = log;
    this.exit = this.#exited.promise;
  }

  /** Starts the child. Rejects with `RealmError("failed")`. */
  async start(signal?: AbortSignal): Promise<void> {
    const { ready, onFrame } = readiness();
    const child = await this.#children.start((frames) => {
      for (const frame of frames) if (!onFrame(frame)) this.#frame(frame);
    }, signal);
    await untilReady(child, ready, signal);
    this.#child = child;
    this.#timer = setTimeout(
      () => this.#kill("timed_out"),
      Math.min(this.#spec.timeoutMs, wasmLimits.timeoutMs),
    );
    const reader = this.#spec.stdin?.getReader();
    void this.#sendStdin(child, reader);
    this.#callOff = child.whenEnded((end) => {
      clearTimeout(this.#timer);
      reader?.cancel().catch(() => {});
      this.#windowOpen?.();
      this.#finish(describeEnd(end), reasonOf(end));
    });
    // Its end may have come together with its start.
    if (this.#end !== undefined) this.#over();
  }

  fetch(): Promise<never> {
    return this.serve();
  }

  serve(): Promise<never> {
    return Promise.reject(
      new RealmError("unavailable", `Run ${this.id} is a command and serves no requests.`),
    );
  }

  async stop(graceMs: number): Promise<ExitReport> {
    const timer = setTimeout(() => this.#kill("stopped"), graceMs);
    const report = await this.exit;
    clearTimeout(timer);
    return report;
  }

  stats(): RunStats {
    const usage = this.#left ? undefined : this.#child?.usage;
    return { rssBytes: usage?.rssBytes ?? 0, cpuMs: usage?.cpuMs ?? 0, inFlight: 0, requests: 0, errors: 0 };
  }

  #kill(why: "stopped" | "timed_out"): void {
    if (this.#left) return;
    this.#ending ??= why;
    this.#child?.kill();
  }

  #frame(frame: Frame): void {
    switch (frame.type) {
      case frameType.log:
        return this.#log.frame(frame.payload);
      case frameType.credit:
        this.#window += numberOf(frame.payload);
        return this.#windowOpen?.();
      case frameType.exit: {
        const end = jsonOf(frame.payload) as CommandEnd;
        if (REASONS.has(end.reason)) this.#end ??= end;
        this.#over();
      }
    }
  }

  /** It said how it ended: its process goes, or waits for another run. */
  #over(): void {
    const child = this.#child;
    if (!child || this.#left) return;
    const { giveBack } = this.#children;
    if (!giveBack || this.#end?.reason !== "exited" || this.#ending) return child.kill();
    this.#left = true;
    this.#callOff?.();
    clearTimeout(this.#timer);
    child.measure();
    this.#finish("", "killed");
    giveBack(child);
  }

  #finish(how: string, reason: ExitReport["reason"]): void {
    const usage = this.#child?.usage;
    const seconds = this.#spec.timeoutMs / 1000;
    const outcome: Pick<ExitReport, "reason" | "message" | "code"> = this.#end !== undefined
      ? this.#end
      : this.#ending === "timed_out"
      ? { reason: "timed_out", message: `The guest ran past its limit of ${seconds} s and was ended.` }
      : this.#ending === "stopped"
      ? { reason: "stopped", message: "Stopped." }
      : { reason, message: `The guest was ended: ${how}` };
    this.#log.line(outcome.message);
    this.#exited.resolve({
      ...outcome,
      wallMs: performance.now() - this.#startedAt,
      ...(usage === undefined ? {} : { cpuMs: usage.cpuMs, peakMemoryBytes: usage.peakBytes }),
    });
  }

  async #sendStdin(
    child: ChildProcess,
    reader: ReadableStreamDefaultReader<Uint8Array> | undefined,
  ): Promise<void> {
    let over = false;
    const callOff = child.whenEnded(() => over = true);
    try {
      while (reader !== undefined) {
        const { done, value } = await reader.read();
        if (done) break;
        for (let at = 0; at < value.length && !over;) {
          while (this.#window <= 0 && !over) {
            await new Promise<void>((resolve) => this.#windowOpen = resolve);
          }
          const part = value.subarray(at, at + Math.min(wasmLimits.ioBytes, Math.max(1, this.#window)));
          at += part.length;
          this.#window -= part.length;
          child.send(encodeFrame(frameType.body, 0, part));
        }
      }
    } catch (error) {
      this.#log.line(`Reading stdin failed: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      callOff();
    }
    child.send(encodeFrame(frameType.bodyEnd, 0));
  }
}
