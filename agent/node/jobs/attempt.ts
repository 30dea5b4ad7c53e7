/**
 * One attempt of a run on this node, from order to end: fetch inputs, lay out the file system, start the program, store
 * what is to be kept, tell how it went. Every state is reported; nothing of it stays on disk afterwards.
 */
import type { AttemptOrder } from "../../core/mod.ts";
import {
  type Artifact,
  type AttemptReport,
  jobTiming,
  type NativeWork,
  RealmError,
  type RunEnd,
  type SandboxLevel,
} from "../../protocol/mod.ts";
import type { ExitReport, ProgramHandle, RunHandle } from "../../runtimes/mod.ts";
import type { Adoption } from "./attempt_memo.ts";
import { AttemptNews } from "./attempt_news.ts";
import { attemptDirectory, type AttemptWorld, lotDirectory } from "./attempt_world.ts";
import { type AttemptCache, cacheOf, openCache } from "./build_cache.ts";
import { checkOutAll } from "./git_inputs.ts";
import { bringInputs, programFile } from "./inputs.ts";
import { JobLog } from "./job_log.ts";
import { layOut, runSteps } from "./native_steps.ts";
import { keepOutputs, makePlaces } from "./outputs.ts";
import { type GivenSecrets, giveSecrets, removeSecrets, useSecret } from "./run_secrets.ts";
import { WASM_LEVEL, wasmRun } from "./wasm_work.ts";

/** Directory of a native run's files in that of its attempt. */
const FILES = "files";

/** Why an attempt is to end before its program does. */
interface Stop {
  readonly state: "cancelled" | "lost";
  readonly reason: string;
}

interface Outcome {
  readonly state: RunEnd;
  readonly reason: string;
  readonly exit?: ExitReport;
  /** Sandbox level of a native run. */
  readonly level?: SandboxLevel;
  /** To be called when the end was told. */
  readonly release?: () => void;
}

/** See the module's text. */
export class Attempt {
  readonly order: AttemptOrder;
  readonly log: JobLog;
  /** Settles when its end was reported. Never rejects. */
  readonly reported: Promise<void>;
  /** Settles when it left nothing behind and nobody reads its log here any more. Never rejects. */
  readonly ended: Promise<void>;
  readonly #world: AttemptWorld;
  readonly #directory: string;
  /** What the program sees as `/`. */
  readonly #root: string;
  readonly #abort = new AbortController();
  #stop: Stop | undefined;
  #handle: RunHandle | ProgramHandle | undefined;
  #fetched = 0;
  #cache: AttemptCache | undefined;
  readonly #news: AttemptNews;

  /** `adoption`: its program runs already. */
  constructor(order: AttemptOrder, world: AttemptWorld, adoption?: Adoption) {
    this.order = order;
    this.#world = world;
    this.#directory = attemptDirectory(world.dataDir, order.run, order.attempt);
    // A native program gets a directory and a user of its own; programs of one lot share what their process may reach.
    this.#root = order.spec.native
      ? `${this.#directory}/${FILES}`
      : `${lotDirectory(world.dataDir, order.by)}/${order.attempt}`;
    this.log = new JobLog(
      `${this.#directory}/log`,
      order.spec.log.max_bytes,
      order.spec.native !== undefined,
    );
    this.#news = new AttemptNews(order, world, this.log);
    this.reported = this.#live(adoption);
    this.ended = this.reported.then(() => this.#clear());
  }

  /** Ends it, wherever it is. The first reason counts. */
  stop(state: Stop["state"], reason: string): void {
    if (this.#stop) return;
    this.#stop = { state, reason };
    this.#abort.abort();
    void this.#handle?.stop(this.#graceMs);
  }

  /** A guest of the wasm runtime knows no signals: there is nothing to wait for. */
  get #graceMs(): number {
    return this.order.spec.runtime === "native" ? jobTiming.graceMs : 0;
  }

  /** Whether its program can go on without this process. */
  get canBeLeft(): boolean {
    return this.#handle !== undefined && "lasting" in this.#handle && !this.#stop;
  }

  /** Its program goes on, and this process says no more about it. */
  leave(): void {
    const { lasting } = this.#handle as ProgramHandle;
    lasting!.leave();
  }

  async #live(adoption?: Adoption): Promise<void> {
    const publish = setInterval(
      () => void this.#news.publishLog().catch(() => {}),
      jobTiming.logPublishMs,
    );
    try {
      const executed = adoption ? this.#takeOver(adoption) : this.#execute();
      const outcome = await executed.catch((error): Outcome => ({
        state: "failed",
        reason: describe(error),
      }));
      clearInterval(publish);
      await this.#finish(outcome);
      outcome.release?.();
    } catch (error) {
      // Not even the log could be stored; the disk is full or broken.
      this.log.end();
      this.#news.report("failed", { reason: describe(error) });
    } finally {
      clearInterval(publish);
    }
  }

  async #clear(): Promise<void> {
    const { disk, dataDir } = this.#world;
    await this.log.idle();
    await disk.remove(this.#directory).catch(() => {});
    await disk.remove(this.#root).catch(() => {});
    await removeSecrets(this.#world, this.order);
    const of = `${dataDir}/jobs/${this.order.run}`;
    if ((await disk.list(of).catch(() => [])).length === 0) await Deno.remove(of).catch(() => {});
  }

  async #execute(): Promise<Outcome> {
    const { order } = this;
    const { spec } = order;
    const { signal } = this.#abort;
    const world = this.#world;
    this.#news.tell("preparing");
    await world.disk.makeDirectory(`${this.#root}/tmp`);
    // Who comes after a crash must know whose log this is; the disk takes its time meanwhile.
    const noted = world.disk.writeAtomic(
      `${this.#directory}/attempt.json`,
      new TextEncoder().encode(
        JSON.stringify({ run: order.run, attempt: order.attempt, epoch: order.epoch }),
      ),
    );
    noted.catch(() => {});
    let wasm = "", given: GivenSecrets;
    try {
      // First of all: from here on their values are hidden in whatever is said.
      given = await giveSecrets(world, order, this.log);
      this.#fetched = await bringInputs(world, order, this.#root, signal, (done, total) => {
        if (!signal.aborted) this.#news.tell("preparing", { done, total });
      });
      const open = (name: string) => useSecret(world, order, this.log, name);
      await checkOutAll(world.git, order, open, this.#root, signal, (commits) => {
        this.#news.commits = commits;
        this.#news.tell("preparing");
      });
      const staging = `${this.#directory}/cache`;
      this.#cache = await openCache(world, order, this.#root, staging, (l) => this.log.note(l), signal);
      this.#news.cache = this.#cache?.use();
      await makePlaces(world.disk, spec.outputs, this.#root);
      if (spec.native) await layOut(world, order, this.#root);
      else wasm = await programFile(world, spec.program!.digest);
      await noted;
    } catch (error) {
      if (this.#stop) return this.#stopped();
      throw error;
    }
    if (this.#stop) return this.#stopped();
    if (spec.native) return await this.#runSteps(spec.native, given);
    const run = wasmRun(world, order, this.#root, wasm, this.#environment(given), given);
    let handle: RunHandle;
    try {
      handle = await world.startRun(run, (chunk) => this.log.write(chunk), signal);
    } catch (error) {
      if (this.#stop) return this.#stopped();
      throw error;
    }
    this.#handle = handle;
    this.#news.startedAt = world.now();
    if (this.#stop) void handle.stop(0);
    this.#news.tell("running");
    const exit = await handle.exit;
    this.#handle = undefined;
    if (this.#stop) return { ...this.#stopped(), exit };
    return { ...outcomeOf(exit), exit };
  }

  #environment(given: GivenSecrets): Record<string, string> {
    const { spec, run, number } = this.order;
    return {
      ...spec.env,
      ...given.env,
      REALM_JOB: spec.job,
      REALM_RUN: run,
      REALM_ATTEMPT: String(number),
    };
  }

  /** Goes on with what an agent before this one began. */
  async #takeOver(adoption: Adoption): Promise<Outcome> {
    const { order } = this;
    const { memo, survivor } = adoption;
    this.#fetched = memo.fetched;
    this.#news.commits = memo.commits;
    this.#news.startedAt = memo.startedAt;
    this.#cache = memo.cache && cacheOf(this.#world, order, this.#root, memo.cache);
    this.#news.cache = this.#cache?.use();
    try {
      const given = await giveSecrets(this.#world, order, this.log, true);
      return await this.#runSteps(order.spec.native!, given, adoption);
    } catch (error) {
      await survivor.end();
      throw error;
    }
  }

  async #runSteps(native: NativeWork, given: GivenSecrets, adoption?: Adoption): Promise<Outcome> {
    try {
      const { exit, level, release } = await runSteps(this.#world, native, {
        order: this.order,
        root: this.#root,
        env: this.#environment(given),
        ...(given.files ? { secrets: given.files } : {}),
        signal: this.#abort.signal,
        log: this.log,
        ...(adoption ? { adoption } : {}),
        memo: () => ({
          fetched: this.#fetched,
          ...(this.#news.commits ? { commits: this.#news.commits } : {}),
          ...(this.#cache ? { cache: this.#cache.state } : {}),
        }),
        started: (handle) => {
          this.#handle = handle;
          this.#news.startedAt ??= this.#world.now();
          if (this.#stop) void handle.stop(adoption ? this.#graceMs : 0);
          if (this.#news.state !== "running") this.#news.tell("running");
        },
      });
      return { ...(this.#stop ? this.#stopped() : outcomeOf(exit)), exit, level, release };
    } catch (error) {
      if (this.#stop) return this.#stopped();
      throw error;
    } finally {
      this.#handle = undefined;
    }
  }

  #stopped(): Outcome {
    return { state: this.#stop!.state, reason: this.#stop!.reason };
  }

  /** Stores outputs and log and tells the end. */
  async #finish(outcome: Outcome): Promise<void> {
    const { order } = this;
    const world = this.#world;
    let { state, reason } = outcome;
    let artifacts: Artifact[] = [];
    if (state !== "cancelled" && state !== "lost") {
      const kept = await keepOutputs(
        world,
        order.spec.outputs,
        this.#root,
        state === "succeeded",
      );
      artifacts = kept.artifacts;
      for (const line of kept.notes) this.log.note(line);
      if (kept.problem && state === "succeeded") {
        state = "failed";
        reason = kept.problem;
      }
    }
    if (state === "succeeded") { for (const line of await this.#cache?.keep() ?? []) this.log.note(line); }
    this.#news.cache = this.#cache?.use();
    if (this.log.failure !== undefined) {
      state = state === "succeeded" ? "failed" : state;
      reason = `its log could not be written: ${describe(this.log.failure)}`;
    }
    if (state !== "succeeded" && outcome.exit?.message !== reason) this.log.note(reason);
    this.log.end();
    const log = await this.#news.storeLog();
    const { exit } = outcome;
    const report: AttemptReport = {
      ...(exit?.code === undefined ? {} : { code: exit.code }),
      wall_ms: Math.round(exit?.wallMs ?? 0),
      ...(exit?.cpuMs === undefined ? {} : { cpu_ms: Math.round(exit.cpuMs) }),
      ...(exit?.peakMemoryBytes === undefined ? {} : { peak_bytes: exit.peakMemoryBytes }),
      runtime: order.spec.runtime,
      level: outcome.level ?? (order.spec.native ? "none: it was not started" : WASM_LEVEL),
      fetched_bytes: this.#fetched,
      stored_bytes: log.bytes + artifacts.reduce((n, a) => n + a.bytes, 0),
      out_of_memory: exit?.reason === "out_of_memory",
    };
    this.#news.report(state, { reason, report, artifacts, log });
  }
}

/** How a program's end counts. */
function outcomeOf(exit: ExitReport): Outcome {
  switch (exit.reason) {
    case "exited":
      return exit.code === 0
        ? { state: "succeeded", reason: "" }
        : { state: "failed", reason: exit.message.replace(/^It exited/, "exited").replace(/\.$/, "") };
    case "timed_out":
      return { state: "timed_out", reason: exit.message };
    case "out_of_memory":
      return { state: "failed", reason: `out of memory: ${exit.message}` };
    default:
      return { state: "failed", reason: exit.message };
  }
}

const describe = (error: unknown): string =>
  error instanceof RealmError || error instanceof Error ? error.message : String(error);
