/**
 * One attempt of a run on this node, from order to end: fetch inputs, lay out the file system, start the program, store
 * what is to be kept, tell how it went. Every state is reported; nothing of it stays on disk afterwards.
 */
import type { AttemptOrder } from "../../core/mod.ts";
import type { Disk, LogChunk } from "../../ports.ts";
import {
  type Artifact,
  type AttemptReport,
  type AttemptState,
  type AttemptStatus,
  type Digest,
  isEnd,
  jobTiming,
  type KeyId,
  type NativeWork,
  type NodeId,
  RealmError,
  type RunEnd,
  type SandboxLevel,
} from "../../protocol/mod.ts";
import type {
  ExitReport,
  ProgramHandle,
  ProgramSpec,
  RunHandle,
  RunSpec,
  SecretFiles,
} from "../../runtimes/mod.ts";
import type { BlobStore } from "../../storage/mod.ts";
import type { GitSources } from "../git/git_sources.ts";
import { type AttemptCache, type Caches, openCache } from "./build_cache.ts";
import { checkOutAll } from "./git_inputs.ts";
import { bringInputs, programFile, programsDirectory } from "./inputs.ts";
import { JobLog } from "./job_log.ts";
import { type FailedSteps, layOut, runSteps } from "./native_steps.ts";
import { keepOutputs, makePlaces } from "./outputs.ts";
import {
  type GivenSecrets,
  giveSecrets,
  removeSecrets,
  SECRETS_MOUNT,
  secretsOfSubmitter,
  type SecretsRoots,
  useSecret,
} from "./run_secrets.ts";

/** What an attempt needs of its node. */
export interface AttemptWorld {
  readonly dataDir: string;
  readonly disk: Disk;
  readonly store: BlobStore;
  /** Brings blobs here, from `holders` first. */
  fetch(
    digests: readonly Digest[],
    holders: readonly NodeId[],
    onProgress: (doneBytes: number) => void,
    signal: AbortSignal,
  ): Promise<void>;
  /** Where files of secrets lie. */
  readonly secretsRoots: SecretsRoots;
  /** The value of a secret, for an attempt that executes here. Throws `RealmError` when it must not have it. */
  openSecret(name: string, order: AttemptOrder): Uint8Array;
  /** Starts a native program of an order. */
  startProgram(
    order: AttemptOrder,
    spec: ProgramSpec,
    onLog: (chunk: LogChunk) => void,
    signal: AbortSignal,
  ): Promise<ProgramHandle>;
  startRun(spec: RunSpec, onLog: (chunk: LogChunk) => void, signal: AbortSignal): Promise<RunHandle>;
  /** Repositories as inputs. */
  readonly git: Pick<GitSources, "resolve" | "checkOut">;
  report(run: string, status: AttemptStatus): void;
  readonly caches: Caches;
  /** Called when steps failed; their files stay until it resolves. */
  failed?(steps: FailedSteps): Promise<void>;
  now(): number;
}

/** Sandbox of the wasm runtime, in words. */
const LEVEL = "wasm in a process with scoped permissions";

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
}

/** Directory below which the file systems of all wasm attempts of one submitter lie. */
export const lotDirectory = (dataDir: string, by: KeyId): string => `${dataDir}/work/jobs/${by}`;

/** Directory of an attempt: its log. */
export const attemptDirectory = (dataDir: string, run: string, attempt: string): string =>
  `${dataDir}/jobs/${run}/${attempt}`;

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
  #state: AttemptState = "preparing";
  #since: number;
  #startedAt: number | undefined;
  #fetched = 0;
  #cache: AttemptCache | undefined;
  #commits: Readonly<Record<string, string>> | undefined;
  #storedLog: AttemptStatus["log"];
  #untold: ReturnType<typeof setTimeout> | undefined;

  constructor(order: AttemptOrder, world: AttemptWorld) {
    this.order = order;
    this.#world = world;
    this.#since = world.now();
    this.#directory = attemptDirectory(world.dataDir, order.run, order.attempt);
    // A native program gets a directory and a user of its own; programs of one lot share what their process may reach.
    this.#root = order.spec.native
      ? `${this.#directory}/${FILES}`
      : `${lotDirectory(world.dataDir, order.by)}/${order.attempt}`;
    this.log = new JobLog(`${this.#directory}/log`, order.spec.log.max_bytes);
    this.reported = this.#live();
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

  async #live(): Promise<void> {
    const publish = setInterval(() => void this.#publishLog().catch(() => {}), jobTiming.logPublishMs);
    try {
      this.#tell("preparing");
      const outcome = await this.#execute().catch((error): Outcome => ({
        state: "failed",
        reason: describe(error),
      }));
      clearInterval(publish);
      await this.#finish(outcome);
    } catch (error) {
      // Not even the log could be stored; the disk is full or broken.
      this.log.end();
      this.#report("failed", { reason: describe(error) });
    } finally {
      clearInterval(publish);
      clearTimeout(this.#untold);
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
        if (!signal.aborted) this.#tell("preparing", { done, total });
      });
      const open = (name: string) => useSecret(world, order, this.log, name);
      await checkOutAll(world.git, order, open, this.#root, signal, (commits) => {
        this.#commits = commits;
        this.#tell("preparing");
      });
      const staging = `${this.#directory}/cache`;
      this.#cache = await openCache(world, order, this.#root, staging, (l) => this.log.note(l), signal);
      await makePlaces(world.disk, spec.outputs, this.#root);
      if (spec.native) await layOut(world, order, this.#root);
      else wasm = await programFile(world, spec.program!.digest);
      await noted;
    } catch (error) {
      if (this.#stop) return this.#stopped();
      throw error;
    }
    if (this.#stop) return this.#stopped();
    const env = {
      ...spec.env,
      ...given.env,
      REALM_JOB: spec.job,
      REALM_RUN: order.run,
      REALM_ATTEMPT: String(order.number),
    };
    if (spec.native) return await this.#runSteps(spec.native, env, given.files);
    const { files } = given;
    const paths = Object.entries(files?.variables ?? {}).map(([v, file]) => [v, `${SECRETS_MOUNT}/${file}`]);
    const run: RunSpec = {
      id: order.attempt,
      mode: "command",
      wasm,
      digest: spec.program!.digest,
      cacheDir: `${world.dataDir}/cache/wasm`,
      args: [spec.program!.name, ...spec.args],
      env: { TMPDIR: "/tmp", ...env, ...Object.fromEntries(paths) },
      mounts: [
        { guest: "/", host: this.#root, readOnly: false, quotaBytes: spec.disk_mb * 1024 * 1024 },
        ...files ? [{ guest: SECRETS_MOUNT, host: files.directory, readOnly: true }] : [],
      ],
      memoryMb: spec.memory_mb,
      maxConcurrency: 1,
      timeoutMs: spec.timeout_ms,
      instance: "per_request",
      outbound: [],
      wholeLog: true,
      lot: {
        name: order.by,
        read: [
          lotDirectory(world.dataDir, order.by),
          programsDirectory(world.dataDir),
          secretsOfSubmitter(world.secretsRoots.wasm, order.by),
        ],
        write: [lotDirectory(world.dataDir, order.by)],
      },
      ...(spec.stdin ? { stdin: world.store.read(spec.stdin.digest) } : {}),
    };
    let handle: RunHandle;
    try {
      handle = await world.startRun(run, (chunk) => this.log.write(chunk), signal);
    } catch (error) {
      if (this.#stop) return this.#stopped();
      throw error;
    }
    this.#handle = handle;
    this.#startedAt = world.now();
    if (this.#stop) void handle.stop(0);
    this.#tell("running");
    const exit = await handle.exit;
    this.#handle = undefined;
    if (this.#stop) return { ...this.#stopped(), exit };
    return { ...outcomeOf(exit), exit };
  }

  async #runSteps(
    native: NativeWork,
    env: Readonly<Record<string, string>>,
    secrets: SecretFiles | undefined,
  ): Promise<Outcome> {
    try {
      const { exit, level } = await runSteps(this.#world, native, {
        order: this.order,
        root: this.#root,
        env,
        ...(secrets ? { secrets } : {}),
        signal: this.#abort.signal,
        note: (text) => this.log.note(text),
        onLog: (chunk) => this.log.write(chunk),
        started: (handle) => {
          this.#handle = handle;
          this.#startedAt ??= this.#world.now();
          if (this.#stop) void handle.stop(0);
          if (this.#state !== "running") this.#tell("running");
        },
      });
      return { ...(this.#stop ? this.#stopped() : outcomeOf(exit)), exit, level };
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
    if (this.log.failure !== undefined) {
      state = state === "succeeded" ? "failed" : state;
      reason = `its log could not be written: ${describe(this.log.failure)}`;
    }
    if (state !== "succeeded" && outcome.exit?.message !== reason) this.log.note(reason);
    this.log.end();
    const log = await this.#storeLog();
    const { exit } = outcome;
    const report: AttemptReport = {
      ...(exit?.code === undefined ? {} : { code: exit.code }),
      wall_ms: Math.round(exit?.wallMs ?? 0),
      ...(exit?.cpuMs === undefined ? {} : { cpu_ms: Math.round(exit.cpuMs) }),
      ...(exit?.peakMemoryBytes === undefined ? {} : { peak_bytes: exit.peakMemoryBytes }),
      runtime: order.spec.runtime,
      level: outcome.level ?? (order.spec.native ? "none: it was not started" : LEVEL),
      fetched_bytes: this.#fetched,
      stored_bytes: log.bytes + artifacts.reduce((n, a) => n + a.bytes, 0),
      out_of_memory: exit?.reason === "out_of_memory",
    };
    this.#report(state, { reason, report, artifacts, log });
  }

  async #storeLog(): Promise<NonNullable<AttemptStatus["log"]>> {
    const entries = this.log.entries;
    const { digest, size } = await this.#world.store.write(this.log.content());
    return this.#storedLog = { digest, bytes: size, entries };
  }

  /** Makes what there is of a long log known, so that others keep it too. */
  async #publishLog(): Promise<void> {
    if (this.#state !== "running" || this.log.entries === (this.#storedLog?.entries ?? 0)) return;
    await this.#storeLog();
    if (this.#state === "running") this.#report("running", {});
  }

  /** Tells the realm, a little later and not at all when the next state comes first. */
  #tell(state: AttemptState, progress?: { done: number; total: number }): void {
    if (state !== this.#state) {
      this.#state = state;
      this.#since = this.#world.now();
    }
    clearTimeout(this.#untold);
    this.#untold = setTimeout(() => this.#report(state, progress ? { progress } : {}), jobTiming.passingMs);
  }

  #report(state: AttemptState, more: Partial<AttemptStatus>): void {
    clearTimeout(this.#untold);
    if (state !== this.#state) {
      this.#state = state;
      this.#since = this.#world.now();
    }
    const { order } = this;
    this.#world.report(order.run, {
      attempt: order.attempt,
      epoch: order.epoch,
      state,
      since: this.#since,
      artifacts: [],
      ...(this.#commits === undefined ? {} : { commits: this.#commits }),
      ...(this.#startedAt === undefined ? {} : { started_at: this.#startedAt }),
      ...(this.#storedLog && !isEnd(state) ? { log: this.#storedLog } : {}),
      ...more,
      ...(more.reason === undefined ? {} : { reason: this.log.masker.mask(more.reason).slice(0, 2_000) }),
    });
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
