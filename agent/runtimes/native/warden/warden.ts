/**
 * A warden: the process that has a node's native programs as its children, so that they outlive the agent. It keeps
 * their limits and deadlines, holds what they write until an agent has it, and how they ended until an agent knows it.
 * When no agent comes for a while it ends them all: nothing runs that nobody asks for.
 */
import { RealmError } from "../../../protocol/errors.ts";
import { nativeLimits } from "../../../protocol/native_limits.ts";
import { FrameParser, jsonFrame, jsonOf } from "../../frames.ts";
import type { ProgramHandle } from "../../program.ts";
import type { ExitReport } from "../../runtime.ts";
import type { SpawnLauncher } from "../launch_command.ts";
import { createEngine, type Engine } from "../native_engine.ts";
import { processInfo } from "../processes.ts";
import { KeptOutput } from "./kept_output.ts";
import { byShortPath } from "./short_path.ts";
import {
  type HeldRun,
  type Hello,
  type Here,
  outputFrame,
  type Positions,
  READY,
  type StartWish,
  type WardenFile,
  wardenFiles,
  word,
} from "./words.ts";

/** Options of {@link runWarden}. */
export interface WardenOptions {
  /** Directory of the agent. */
  readonly dataDir: string;
  /** Its own; it is made by who starts it. */
  readonly directory: string;
  readonly version: string;
  readonly spawnLauncher: SpawnLauncher;
  /** How long programs go on without an agent; default `nativeLimits.wardenAloneMs`. */
  readonly aloneMs?: number;
}

interface KeptRun extends HeldRun {
  readonly output: KeptOutput;
  readonly start: AbortController;
  readonly graceMs: number;
  handle?: ProgramHandle;
  exit?: ExitReport;
  /** No agent was there at its end. */
  isAlone?: boolean;
  /** Whether its end was written down, once that was tried. */
  isWrittenDown?: boolean;
}

/** Keeps until there is nothing to keep and nobody to keep it for; says so on stdout when it can be reached. */
export async function runWarden(options: WardenOptions): Promise<void> {
  await new Warden(options).run();
}

/** Closes a connection that the other side may have closed. */
function shut(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch { /* it did */ }
}

class Warden {
  readonly #options: WardenOptions;
  readonly #engine: Engine;
  readonly #token = crypto.randomUUID();
  readonly #runs = new Map<number, KeptRun>();
  readonly #over = Promise.withResolvers<void>();
  /** Runs that are told to the agent, which is the last that came. */
  readonly #followed = new Set<number>();
  #agent: Deno.Conn | undefined;
  #writing: Promise<unknown> = Promise.resolve();
  #alone: ReturnType<typeof setTimeout> | undefined;

  constructor(options: WardenOptions) {
    this.#options = options;
    this.#engine = createEngine({ ...options, notes: options.directory });
  }

  async run(): Promise<void> {
    const { directory, version } = this.#options;
    const listener = await byShortPath(
      directory,
      (path) => Deno.listen({ transport: "unix", path: `${path}/${wardenFiles.socket}` }),
    );
    await Deno.chmod(`${directory}/${wardenFiles.socket}`, 0o600);
    const startedAt = processInfo(Deno.pid)?.startedAt ?? 0;
    const file: WardenFile = { pid: Deno.pid, startedAt, version, token: this.#token };
    const path = `${directory}/${wardenFiles.file}`;
    await Deno.writeTextFile(`${path}.new`, JSON.stringify(file), { mode: 0o600 });
    await Deno.rename(`${path}.new`, path);
    void this.#accept(listener);
    this.#waitForAgent();
    const look = setInterval(() => this.#look(path), nativeLimits.wardenLookMs);
    await Deno.stdout.write(new TextEncoder().encode(`${READY}\n`));
    await this.#over.promise;
    clearInterval(look);
    clearTimeout(this.#alone);
    listener.close();
    await this.#engine[Symbol.asyncDispose]();
    const left = [...this.#runs.values()];
    await Deno.remove(left.length === 0 ? directory : path, { recursive: true }).catch(() => {});
  }

  /** Once a second: figures for the agent; and without its directory nobody can find this process any more. */
  #look(path: string): void {
    for (const number of this.#followed) {
      const stats = this.#runs.get(number)?.handle?.stats();
      if (stats) this.#tell(jsonFrame(word.stats, number, { rssBytes: stats.rssBytes, cpuMs: stats.cpuMs }));
    }
    Deno.stat(path).catch((error) => {
      if (error instanceof Deno.errors.NotFound) this.#over.resolve();
    });
  }

  async #accept(listener: Deno.Listener): Promise<void> {
    for await (const connection of listener) {
      void this.#serve(connection).catch(() => {}).finally(() => {
        shut(connection);
        if (this.#agent === connection) this.#lost();
      });
    }
  }

  async #serve(connection: Deno.Conn): Promise<void> {
    const parser = new FrameParser(nativeLimits.wardenFrameBytes);
    let known = false;
    for await (const bytes of connection.readable) {
      for (const { type, id, payload } of parser.push(bytes)) {
        if (!known) {
          if (type !== word.hello || (jsonOf(payload) as Hello).token !== this.#token) return;
          known = true;
          this.#greet(connection);
        } else this.#hear(type, id, payload);
      }
    }
  }

  #greet(connection: Deno.Conn): void {
    clearTimeout(this.#alone);
    if (this.#agent) shut(this.#agent);
    this.#agent = connection;
    this.#followed.clear();
    const runs = [...this.#runs.values()].map(({ number, id, level, memo }): HeldRun => ({
      number,
      id,
      level,
      ...(memo === undefined ? {} : { memo }),
    }));
    const here: Here = { version: this.#options.version, runs };
    this.#tell(jsonFrame(word.here, 0, here));
  }

  #hear(type: number, number: number, payload: Uint8Array): void {
    if (type === word.start) return void this.#start(number, jsonOf(payload) as StartWish);
    const run = this.#runs.get(number);
    if (!run) return;
    switch (type) {
      case word.follow:
        run.output.limit = nativeLimits.outputHeldBytes;
        run.output.drop(jsonOf(payload) as Positions);
        for (const p of run.output.pieces) this.#tell(outputFrame(number, p.stream, p.end, p.at, p.bytes));
        this.#followed.add(number);
        if (run.exit) this.#tell(jsonFrame(word.exit, number, run.exit));
        return;
      case word.kept:
        return run.output.drop(jsonOf(payload) as Positions);
      case word.stop: {
        const { graceMs } = jsonOf(payload) as { graceMs: number };
        run.start.abort();
        return void run.handle?.stop(graceMs);
      }
      case word.release:
        this.#runs.delete(number);
        this.#followed.delete(number);
        Deno.remove(this.#endedPath(number)).catch(() => {});
    }
  }

  async #start(number: number, { spec, level, stdin }: StartWish): Promise<void> {
    const output = new KeptOutput(nativeLimits.outputHeldBytes);
    const { id, memo, graceMs } = spec;
    const run: KeptRun = {
      number,
      id,
      level,
      output,
      start: new AbortController(),
      graceMs,
      ...(memo === undefined ? {} : { memo }),
    };
    this.#runs.set(number, run);
    this.#followed.add(number);
    try {
      const input = stdin === undefined ? undefined : (await Deno.open(stdin)).readable;
      run.handle = await this.#engine.startAt(
        level,
        { ...spec, timeoutMs: spec.timeoutMs ?? Infinity, ...(input ? { stdin: input } : {}) },
        ({ stream, at, bytes }) => {
          if (stream === "system") return;
          const piece = output.push(stream, at, bytes);
          if (this.#followed.has(number)) this.#tell(outputFrame(number, stream, piece.end, at, bytes));
        },
        run.start.signal,
        () => output.room(),
      );
    } catch (error) {
      this.#runs.delete(number);
      this.#followed.delete(number);
      const message = error instanceof Error ? error.message : String(error);
      this.#tell(jsonFrame(word.refused, number, {
        code: error instanceof RealmError ? error.code : "failed",
        message,
      }));
      return this.#leaveIfIdle();
    }
    this.#tell(jsonFrame(word.started, number, {}));
    const { exit } = run.handle;
    this.#engine.prepare(level, { ...spec, timeoutMs: Infinity });
    const report = await exit;
    const minutes = nativeLimits.wardenAloneMs / 60_000;
    run.exit = run.isAlone
      ? { ...report, message: `It was ended: no agent came back for it within ${minutes} min.` }
      : report;
    if (this.#followed.has(number)) this.#tell(jsonFrame(word.exit, number, run.exit));
    if (!this.#agent) await this.#writeDown(run);
    this.#leaveIfIdle();
  }

  #endedPath(number: number): string {
    return `${this.#options.directory}/${number}${wardenFiles.ended}`;
  }

  /** For an agent that comes when this process has gone. */
  async #writeDown(run: KeptRun): Promise<void> {
    const { number, id, level, memo, exit, output } = run;
    const path = this.#endedPath(number);
    const text = JSON.stringify({ number, id, level, memo, exit, output: output.toJson() });
    try {
      await Deno.writeTextFile(`${path}.new`, text, { mode: 0o600 });
      await Deno.rename(`${path}.new`, path);
      run.isWrittenDown = true;
    } catch {
      // As on a full disk: it is kept here, as long as programs go on without an agent.
      run.isWrittenDown = false;
    }
  }

  #tell(frame: Uint8Array): void {
    const agent = this.#agent;
    this.#writing = this.#writing.then(async () => {
      if (!agent || agent !== this.#agent) return;
      for (let at = 0; at < frame.length;) at += await agent.write(frame.subarray(at));
    }).catch(() => {});
  }

  /** The agent has gone. */
  async #lost(): Promise<void> {
    this.#agent = undefined;
    this.#followed.clear();
    for (const run of this.#runs.values()) {
      run.output.limit = nativeLimits.outputAloneBytes;
      if (run.exit) await this.#writeDown(run);
    }
    this.#waitForAgent();
    this.#leaveIfIdle();
  }

  #waitForAgent(): void {
    if (this.#agent) return;
    clearTimeout(this.#alone);
    const { wardenAloneMs, wardenFirstMs } = nativeLimits;
    const { aloneMs = wardenAloneMs } = this.#options;
    this.#alone = setTimeout(
      () => this.#runs.size === 0 ? this.#over.resolve() : void this.#giveUp(),
      this.#runs.size === 0 ? wardenFirstMs : aloneMs,
    );
  }

  /** Nobody asks for these programs any more. */
  async #giveUp(): Promise<void> {
    await Promise.all([...this.#runs.values()].map((run) => {
      run.isAlone = true;
      run.start.abort();
      return run.handle?.stop(run.graceMs);
    }));
    this.#leaveIfIdle();
  }

  /** Without an agent there is nothing to wait for but programs. */
  #leaveIfIdle(): void {
    const isDone = (run: KeptRun) => run.isWrittenDown || (run.isAlone && run.isWrittenDown === false);
    if (!this.#agent && [...this.#runs.values()].every(isDone)) this.#over.resolve();
  }
}
