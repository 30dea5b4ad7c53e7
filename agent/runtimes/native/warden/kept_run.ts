/** The handle of a program that a warden has. */
import type { LogChunk } from "../../../ports.ts";
import { RealmError } from "../../../protocol/errors.ts";
import type { SandboxLevel } from "../../../protocol/policy.ts";
import type { Lasting, OutputPositions, ProgramHandle } from "../../program.ts";
import type { ExitReport, RunStats } from "../../runtime.ts";
import type { Stream } from "./words.ts";

/** How the warden is spoken to about it. */
export interface KeptRunLine {
  kept(positions: OutputPositions): void;
  stop(graceMs: number): void;
  release(): void;
}

/** See the module's text. */
export class KeptRun implements ProgramHandle {
  readonly id: string;
  readonly level: SandboxLevel;
  readonly number: number;
  readonly exit: Promise<ExitReport>;
  /** Resolves when the program runs. */
  readonly started: Promise<void>;
  readonly lasting: Lasting;
  readonly #line: KeptRunLine;
  readonly #onLog: (chunk: LogChunk) => void;
  readonly #began = performance.now();
  readonly #start = Promise.withResolvers<void>();
  readonly #exit = Promise.withResolvers<ExitReport>();
  #stats = { rssBytes: 0, cpuMs: 0 };
  #isLeft = false;

  /** A run that was started, or is taken over. */
  constructor(
    id: string,
    level: SandboxLevel,
    number: number,
    onLog: (chunk: LogChunk) => void,
    line: KeptRunLine,
  ) {
    this.id = id;
    this.level = level;
    this.number = number;
    this.#onLog = onLog;
    this.#line = line;
    this.started = this.#start.promise;
    this.started.catch(() => {});
    this.exit = this.#exit.promise;
    this.lasting = {
      kept: (positions) => this.#line.kept(positions),
      release: () => this.release(),
      leave: () => this.#isLeft = true,
    };
  }

  /** Whether it is to go on when this process ends. */
  get isLeft(): boolean {
    return this.#isLeft;
  }

  async stop(graceMs: number): Promise<ExitReport> {
    this.#line.stop(graceMs);
    return await this.exit;
  }
  stats(): RunStats {
    return { ...this.#stats, inFlight: 0, requests: 0, errors: 0 };
  }
  release(): void {
    this.#line.release();
  }

  // What the warden tells.

  hasStarted(): void {
    this.#start.resolve();
  }
  isRefused(error: RealmError): void {
    this.#start.reject(error);
  }
  take({ stream, at, end, bytes }: { stream: Stream; at: number; end: number; bytes: Uint8Array }): void {
    if (!this.#isLeft) this.#onLog({ stream, at, end, bytes });
  }
  tell(stats: { readonly rssBytes: number; readonly cpuMs: number }): void {
    this.#stats = stats;
  }
  hasEnded(report: ExitReport): void {
    this.#exit.resolve(report);
  }
  /** Its warden has gone, and with it the program. */
  isLost(why: string): void {
    this.#start.reject(new RealmError("failed", `The program cannot be started: ${why}`));
    if (this.#isLeft) return;
    this.#exit.resolve({ reason: "killed", message: why, wallMs: performance.now() - this.#began });
  }
}
