/** Starts programs in a given sandbox: prepares what a run needs, and cleans up after all. */
import type { LogChunk } from "../../ports.ts";
import { RealmError } from "../../protocol/errors.ts";
import type { SandboxLevel } from "../../protocol/policy.ts";
import type { ProgramHandle, ProgramSpec } from "../program.ts";
import { findGroups, type Groups } from "./cgroup/cgroups.ts";
import { commandFor, type LauncherCommand, type SpawnLauncher } from "./launch_command.ts";
import { freeUser, isRoot, libcPath, passGroup } from "./machine.ts";
import { type Prepared, startRun } from "./native_run.ts";
import { giveSecrets, giveTree, openWay } from "./ownership.ts";
import { clearView, networkOf, planLaunch } from "./plan.ts";
import { processesOf } from "./processes.ts";
import { clearRemains, noteRemains } from "./remains.ts";
import { Spares } from "./spares.ts";
import { type Strays, watchStrays } from "./strays.ts";

/** Options of {@link createEngine}. */
export interface EngineOptions {
  readonly spawnLauncher: SpawnLauncher;
  /** Directory of the agent: runs' roots are below it. */
  readonly dataDir: string;
  /** Where it notes what runs have, for whoever comes after a crash. */
  readonly notes: string;
  /** Default: those of this machine. */
  readonly groups?: Groups;
}

/** See the module's text. */
export interface Engine extends AsyncDisposable {
  /** What limits are kept by. */
  readonly groups: Groups;
  /**
   * Starts a program at a level that is there. `room` tells, after each piece of output, when more is taken; absent:
   * at once.
   */
  startAt(
    level: SandboxLevel,
    spec: ProgramSpec,
    onLog: (chunk: LogChunk) => void,
    signal?: AbortSignal,
    room?: () => Promise<void> | undefined,
  ): Promise<ProgramHandle>;
  /** Has a launcher waiting for the next program like this one. */
  prepare(level: SandboxLevel, spec: ProgramSpec): void;
}

/** Makes an engine. */
export const createEngine = (options: EngineOptions): Engine => new NativeEngine(options);

class NativeEngine implements Engine {
  readonly #options: EngineOptions;
  readonly #runs = new Set<ProgramHandle>();
  readonly #spares = new Spares();
  readonly #pids = new Set<number>();
  #strays: Strays | undefined;
  #groups: Groups | undefined;

  constructor(options: EngineOptions) {
    this.#options = options;
  }

  get groups(): Groups {
    return this.#groups ??= this.#options.groups ?? findGroups();
  }

  async startAt(
    level: SandboxLevel,
    spec: ProgramSpec,
    onLog: (chunk: LogChunk) => void,
    signal?: AbortSignal,
    room?: () => Promise<void> | undefined,
  ): Promise<ProgramHandle> {
    const { dataDir, notes } = this.#options;
    const command = this.#commandFor(level, spec);
    const name = `realm-${crypto.randomUUID().slice(0, 18)}`;
    const uid = isRoot() ? freeUser() : undefined;
    if (uid !== undefined) {
      if (level === "floor") await openWay(spec.root, dataDir);
      await giveTree(spec.root, uid);
      if (spec.secrets) await giveSecrets(spec.secrets.directory, dataDir, uid);
    }
    const groups = this.groups;
    const clear: Prepared["clear"] = async (belonging) => {
      await clearRemains(notes, name, belonging);
      if (level === "namespaced") await clearView(spec.root);
    };
    const early = { groups: groups.directories(name), ...(uid === undefined ? {} : { uid }) };
    try {
      noteRemains(notes, name, { id: spec.id, ...early });
      const group = groups.create(name, {
        memoryBytes: spec.memoryMb * 1024 * 1024,
        ...(spec.cpuCores === undefined ? {} : { cores: spec.cpuCores }),
        processes: spec.pids,
      });
      const memoryLimited = groups.controllers.includes("memory");
      const order = planLaunch(spec, {
        level,
        ...(uid === undefined ? {} : { identity: { uid, gid: uid, groups: [passGroup()] } }),
        entrances: group.entrances,
        memoryLimited,
        ...(groups.controllers.includes("pids")
          ? {}
          : { userProcesses: uid === undefined ? processesOf(Deno.uid()!).length : 0 }),
      }, crypto.randomUUID());
      if (level === "floor") this.#watchStrays();
      const process = this.#spares.take(command);
      const { pid } = process;
      this.#pids.add(pid);
      void process.status.then(() => this.#pids.delete(pid));
      const run = await startRun(
        {
          spec,
          level,
          process,
          order,
          group,
          ...(uid === undefined ? {} : { uid }),
          memoryLimited,
          started: (belonging) => noteRemains(notes, name, { id: spec.id, ...belonging }),
          endStrays: async () => await this.#strays?.sweep(),
          clear,
          ...(room ? { room } : {}),
        },
        onLog,
        signal,
      );
      this.#runs.add(run);
      void run.exit.then(() => this.#runs.delete(run));
      return run;
    } catch (error) {
      await clear(early);
      throw error;
    }
  }

  prepare(level: SandboxLevel, spec: ProgramSpec): void {
    this.#spares.prepare(this.#commandFor(level, spec));
  }

  #commandFor(level: SandboxLevel, spec: ProgramSpec): LauncherCommand {
    const launcher = this.#options.spawnLauncher(libcPath());
    const command = commandFor(level, launcher, level === "namespaced" && networkOf(spec) === "none");
    if (typeof command === "string") throw new RealmError("failed", command);
    return command;
  }

  /** Without control groups, and without users of their own, runs' processes are known by their parents alone. */
  #watchStrays(): void {
    if (this.#strays || isRoot() || this.groups.version !== "none") return;
    this.#strays = watchStrays(libcPath(), () => this.#pids);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#spares[Symbol.dispose]();
    await Promise.all([...this.#runs].map((run) => run.stop(0)));
    this.#strays?.[Symbol.dispose]();
  }
}
