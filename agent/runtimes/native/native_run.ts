/** One run of a program: its launcher, its output, its limits, its end. */
import type { LogChunk } from "../../ports.ts";
import { RealmError } from "../../protocol/errors.ts";
import { nativeLimits } from "../../protocol/native_limits.ts";
import type { SandboxLevel } from "../../protocol/policy.ts";
import type { ProgramHandle, ProgramSpec } from "../program.ts";
import type { ExitReport, RunStats } from "../runtime.ts";
import type { Group } from "./cgroup/cgroups.ts";
import type { LaunchOrder } from "./order.ts";
import { type Belonging, endProcesses, processesOfRun, processInfo, signalAll } from "./processes.ts";
import { LauncherVoice, logTo, readPaced } from "./streams.ts";
import { type Passed, Watch } from "./watch.ts";

/** Why a run is ended before it ends by itself. */
type Why = "stopped" | "timed_out" | Passed;

/** What the engine prepared for a run. */
export interface Prepared {
  readonly spec: ProgramSpec;
  readonly level: SandboxLevel;
  /** A launcher that waits for its order. */
  readonly process: Deno.ChildProcess;
  readonly order: LaunchOrder;
  readonly group: Group;
  readonly uid?: number;
  /** Whether the kernel keeps the limit of memory. */
  readonly memoryLimited: boolean;
  /** Called with what tells the run's processes from others, as soon as it is known. */
  readonly started: (belonging: Belonging) => void;
  /** Ends what let go of its run, where that can be. */
  readonly endStrays: () => Promise<void>;
  /** When there is room for more output; `undefined`: now. */
  readonly room?: () => Promise<void> | undefined;
  /** Frees what the run had, its control groups among it. */
  readonly clear: (belonging: Belonging) => Promise<void>;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const MIB = 1024 * 1024;
const mib = (bytes: number) => `${Math.round(bytes / MIB)} MiB`;

/** Starts a run. Rejects with `RealmError("failed")` and its launcher's words; then nothing is left of it. */
export async function startRun(
  prepared: Prepared,
  onLog: (chunk: LogChunk) => void,
  signal?: AbortSignal,
): Promise<ProgramHandle> {
  const run = new NativeRun(prepared, onLog);
  await run.start(signal);
  return run;
}

/** The handle. */
class NativeRun implements ProgramHandle {
  readonly id: string;
  readonly level: SandboxLevel;
  readonly exit: Promise<ExitReport>;
  readonly #prepared: Prepared;
  readonly #process: Deno.ChildProcess;
  readonly #belonging: Belonging;
  readonly #voice: LauncherVoice;
  readonly #watch: Watch;
  readonly #startedAt = performance.now();
  readonly #readers: Promise<unknown>;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #why: Why | undefined;
  #passed = 0;
  #isOver = false;
  #ending: ReturnType<typeof setTimeout> | undefined;

  constructor(prepared: Prepared, onLog: (chunk: LogChunk) => void) {
    const { spec, group, uid } = prepared;
    this.id = spec.id;
    this.level = prepared.level;
    this.#prepared = prepared;
    this.#process = prepared.process;
    const { pid } = this.#process;
    const startedAt = processInfo(pid)?.startedAt;
    this.#belonging = {
      groups: group.directories,
      ...(uid === undefined ? {} : { uid }),
      ...(startedAt === undefined ? {} : { root: { pid, startedAt } }),
    };
    prepared.started(this.#belonging);
    this.#voice = new LauncherVoice(prepared.order.nonce, logTo("stderr", onLog));
    // What has ended may leave no more than the pipes hold: there is always room for that.
    const over = this.#process.status.then(() => {});
    const room = () => {
      const later = this.#isOver ? undefined : prepared.room?.();
      return later && Promise.race([later, over]);
    };
    this.#readers = Promise.all([
      readPaced(this.#process.stdout, logTo("stdout", onLog), room),
      readPaced(this.#process.stderr, (bytes) => this.#voice.push(bytes), room).then(() => this.#voice.end()),
    ]);
    this.#watch = new Watch({
      group,
      belonging: () => this.#belonging,
      root: spec.root,
      ...(prepared.memoryLimited ? {} : { memoryBytes: spec.memoryMb * MIB }),
      diskBytes: spec.diskMb * MIB,
      onPassed: (what, bytes) => {
        this.#passed = bytes;
        this.#kill(what);
      },
    });
    this.exit = this.#live();
  }

  /** Resolves when the program runs. */
  async start(signal?: AbortSignal): Promise<void> {
    const { promise: called, reject } = Promise.withResolvers<never>();
    const late = setTimeout(() => reject(new Error("it was not ready in time")), nativeLimits.startMs);
    const abort = () => reject(new Error("the start was called off"));
    signal?.addEventListener("abort", abort, { once: true });
    if (signal?.aborted) abort();
    void this.#sendStdin();
    try {
      await Promise.race([this.#voice.ready, called]);
      this.#watch.begin(this.#voice.launcherMs);
      if (!this.#isOver && Number.isFinite(this.#prepared.spec.timeoutMs)) {
        this.#timer = setTimeout(
          () => this.#end("timed_out", this.#prepared.spec.graceMs),
          this.#prepared.spec.timeoutMs,
        );
      }
    } catch (error) {
      this.#kill("stopped");
      await this.exit;
      throw new RealmError("failed", `The program cannot be started: ${(error as Error).message}.`);
    } finally {
      clearTimeout(late);
      signal?.removeEventListener("abort", abort);
    }
  }

  async stop(graceMs: number): Promise<ExitReport> {
    this.#end("stopped", graceMs);
    return await this.exit;
  }

  stats(): RunStats {
    const { memoryBytes, cpuMs } = this.#watch.usage();
    return { rssBytes: memoryBytes, cpuMs, inFlight: 0, requests: 0, errors: 0 };
  }

  /** Asks to end and, when that has not happened after `graceMs`, ends. The first reason counts. */
  #end(why: "stopped" | "timed_out", graceMs: number): void {
    if (graceMs <= 0) return this.#kill(why);
    if (this.#why !== undefined) return;
    this.#why = why;
    // At this level the first process is what keeps the namespaces: with it, all would end at once.
    const signal = this.#prepared.spec.stopSignal ?? "SIGTERM";
    const keeper = this.level === "namespaced" ? this.#process.pid : undefined;
    signalAll(processesOfRun(this.#belonging).filter((pid) => pid !== keeper), signal);
    this.#ending = setTimeout(() => this.#kill(why), graceMs);
  }

  #kill(why: Why): void {
    this.#why ??= why;
    signalAll(processesOfRun(this.#belonging), "SIGKILL");
  }

  /** Whether every process of the run is known, however it was started. */
  get #isWholeKnown(): boolean {
    const { uid, groups } = this.#belonging;
    return this.level === "namespaced" || uid !== undefined || groups.length > 0;
  }

  async #sendStdin(): Promise<void> {
    const { order, spec } = this.#prepared;
    const body = new TextEncoder().encode(JSON.stringify(order));
    const frame = new Uint8Array(4 + body.length);
    new DataView(frame.buffer).setUint32(0, body.length, true);
    frame.set(body, 4);
    try {
      const writer = this.#process.stdin.getWriter();
      await writer.write(frame);
      writer.releaseLock();
      if (spec.stdin) await spec.stdin.pipeTo(this.#process.stdin);
      else await this.#process.stdin.close();
    } catch { /* the program reads no more of it, or has ended */ }
  }

  async #live(): Promise<ExitReport> {
    const status = await this.#process.status;
    const wallMs = performance.now() - this.#startedAt;
    this.#isOver = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#ending);
    this.#watch.stop();
    const left = await endProcesses(this.#belonging);
    await this.#prepared.endStrays();
    // What it wrote is in the pipes, which end with the last process: only one out of reach may hold them for ever.
    if (left.length === 0 && this.#isWholeKnown) await this.#readers;
    else await Promise.race([this.#readers, pause(nativeLimits.drainMs)]);
    const { cpuMs, peakBytes } = this.#watch.usage();
    const counts = this.#prepared.group.usage();
    await this.#prepared.clear(this.#belonging);
    const ending = this.#describe(status, counts.outOfMemory, counts.processesDenied);
    return {
      ...ending,
      message: left.length === 0
        ? ending.message
        : `${ending.message} Processes ${left.join(", ")} of it could not be ended.`,
      wallMs,
      cpuMs,
      peakMemoryBytes: peakBytes,
    };
  }

  #describe(
    status: Deno.CommandStatus,
    outOfMemory: number,
    processesDenied: number,
  ): Pick<ExitReport, "code" | "signal" | "reason" | "message"> {
    const { spec } = this.#prepared;
    const how = status.signal === null ? { code: status.code } : { signal: status.signal as string };
    if (this.#voice.failure !== undefined) {
      return { reason: "failed_to_start", message: `The program cannot be started: ${this.#voice.failure}.` };
    }
    if (this.#why === "memory" || (outOfMemory > 0 && !status.success)) {
      return {
        ...how,
        reason: "out_of_memory",
        message: `It used more than its ${spec.memoryMb} MiB of memory.`,
      };
    }
    if (this.#why === "disk") {
      return {
        ...how,
        reason: "out_of_disk",
        message: `It was ended: its files take ${mib(this.#passed)} of ${spec.diskMb} MiB; raise disk_mb.`,
      };
    }
    if (this.#why === "timed_out") {
      return { ...how, reason: "timed_out", message: `It ran longer than its ${spec.timeoutMs} ms.` };
    }
    if (this.#why === "stopped") return { ...how, reason: "stopped", message: "It was stopped." };
    const crowded = !status.success && processesDenied > 0
      ? ` It was refused a process ${processesDenied} times: ${spec.pids} is its limit (pids).`
      : "";
    return status.signal === null
      ? { code: status.code, reason: "exited", message: `It exited with code ${status.code}.${crowded}` }
      : { ...how, reason: "killed", message: `It was ended by ${status.signal}.${crowded}` };
  }
}
