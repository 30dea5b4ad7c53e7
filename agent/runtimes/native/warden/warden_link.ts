/** An agent's end of the connection to a warden: its runs as handles. */
import type { LogChunk } from "../../../ports.ts";
import { type ErrorCode, RealmError } from "../../../protocol/errors.ts";
import { nativeLimits } from "../../../protocol/native_limits.ts";
import type { SandboxLevel } from "../../../protocol/policy.ts";
import { encodeFrame, FrameParser, jsonFrame, jsonOf } from "../../frames.ts";
import type { ProgramSpec } from "../../program.ts";
import type { ExitReport } from "../../runtime.ts";
import { KeptRun } from "./kept_run.ts";
import { byShortPath } from "./short_path.ts";
import {
  type HeldRun,
  type Hello,
  type Here,
  outputOf,
  type WardenFile,
  wardenFiles,
  word,
} from "./words.ts";

/** What is told of runs that a connection was lost to. */
const GONE = "The process that kept it was ended.";

/** See the module's text. */
export class WardenLink {
  readonly directory: string;
  readonly #connection: Deno.Conn;
  readonly #runs = new Map<number, KeptRun>();
  readonly #here = Promise.withResolvers<Here>();
  /** Settles when the warden can be spoken to no more. */
  readonly closed: Promise<void>;
  #writing: Promise<unknown> = Promise.resolve();
  #next = 1;
  #isClosed = false;

  private constructor(directory: string, connection: Deno.Conn, token: string) {
    this.directory = directory;
    this.#connection = connection;
    this.#here.promise.catch(() => {});
    this.closed = this.#listen().catch(() => {}).then(() => this.#end());
    const hello: Hello = { token };
    this.#send(jsonFrame(word.hello, 0, hello));
  }

  /** Connects to the warden of a directory. Rejects when it does not answer. */
  static async open(directory: string, { token }: WardenFile): Promise<{ link: WardenLink; here: Here }> {
    const connection = await byShortPath(
      directory,
      (path) => Deno.connect({ transport: "unix", path: `${path}/${wardenFiles.socket}` }),
    );
    const link = new WardenLink(directory, connection, token);
    const late = setTimeout(() => link.close(), nativeLimits.wardenAnswerMs);
    try {
      return { link, here: await link.#here.promise };
    } finally {
      clearTimeout(late);
    }
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }
  /** Runs of which the end is not known for good. */
  get runs(): readonly KeptRun[] {
    return [...this.#runs.values()];
  }

  /** Starts a program. `stdin`: a file. Rejects with `RealmError` as a runtime does. */
  async start(
    level: SandboxLevel,
    spec: Omit<ProgramSpec, "stdin">,
    stdin: string | undefined,
    onLog: (chunk: LogChunk) => void,
    signal?: AbortSignal,
  ): Promise<KeptRun> {
    const run = this.#add({ number: this.#next, id: spec.id, level }, onLog);
    const timeoutMs = Number.isFinite(spec.timeoutMs) ? spec.timeoutMs : null;
    this.#send(jsonFrame(word.start, run.number, { level, spec: { ...spec, timeoutMs }, stdin }));
    const abort = () => this.#send(jsonFrame(word.stop, run.number, { graceMs: 0 }));
    signal?.addEventListener("abort", abort, { once: true });
    if (signal?.aborted) abort();
    try {
      await run.started;
    } catch (error) {
      this.#runs.delete(run.number);
      throw error;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
    // What does not last has nobody who could ask again.
    if (spec.memo === undefined) void run.exit.then(() => run.release());
    return run;
  }

  /** Takes over a run that was there before. */
  adopt(held: HeldRun, from: { stdout: number; stderr: number }, onLog: (chunk: LogChunk) => void): KeptRun {
    const run = this.#add(held, onLog);
    run.hasStarted();
    this.#send(jsonFrame(word.follow, run.number, from));
    return run;
  }

  #add({ number, id, level }: HeldRun, onLog: (chunk: LogChunk) => void): KeptRun {
    const run = new KeptRun(id, level, number, onLog, {
      kept: (positions) => this.#send(jsonFrame(word.kept, number, positions)),
      stop: (graceMs) => this.#send(jsonFrame(word.stop, number, { graceMs })),
      release: () => {
        this.#runs.delete(number);
        this.#send(encodeFrame(word.release, number));
      },
    });
    this.#next = Math.max(this.#next, number + 1);
    this.#runs.set(number, run);
    return run;
  }

  /** Ends the connection; the warden goes on with what runs. */
  close(): void {
    this.#isClosed = true;
    // What was said is said first.
    void this.#writing.then(() => this.#connection.close()).catch(() => {});
  }

  #send(frame: Uint8Array): void {
    this.#writing = this.#writing.then(async () => {
      for (let at = 0; at < frame.length;) at += await this.#connection.write(frame.subarray(at));
    }).catch(() => {});
  }

  /** Resolves when everything was said. */
  async flushed(): Promise<void> {
    await this.#writing;
  }

  async #listen(): Promise<void> {
    const parser = new FrameParser(nativeLimits.wardenFrameBytes);
    for await (const bytes of this.#connection.readable) {
      for (const { type, id, payload } of parser.push(bytes)) this.#hear(type, id, payload);
    }
  }

  #hear(type: number, number: number, payload: Uint8Array): void {
    if (type === word.here) {
      const here = jsonOf(payload) as Here;
      for (const held of here.runs) this.#next = Math.max(this.#next, held.number + 1);
      return this.#here.resolve(here);
    }
    const run = this.#runs.get(number);
    if (!run) return;
    switch (type) {
      case word.started:
        return run.hasStarted();
      case word.refused: {
        const { code, message } = jsonOf(payload) as { code: ErrorCode; message: string };
        return run.isRefused(new RealmError(code, message));
      }
      case word.output:
        return run.take(outputOf(payload));
      case word.stats:
        return run.tell(jsonOf(payload) as { rssBytes: number; cpuMs: number });
      case word.exit:
        return run.hasEnded(jsonOf(payload) as ExitReport);
    }
  }

  #end(): void {
    this.#isClosed = true;
    this.#here.reject(new Error("the warden did not answer"));
    for (const run of this.runs) run.isLost(GONE);
  }
}
