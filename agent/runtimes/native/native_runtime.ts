/** The engine for programs of this machine: chooses the sandbox, prepares what a run needs, and cleans up after all. */
import type { LogChunk } from "../../ports.ts";
import { RealmError } from "../../protocol/errors.ts";
import { nativeLimits } from "../../protocol/native_limits.ts";
import { type SandboxLevel, sandboxLevels } from "../../protocol/policy.ts";
import type { ProgramHandle, ProgramRuntime, ProgramSpec, SandboxReport } from "../program.ts";
import type { Probe } from "../runtime.ts";
import { findGroups, type Groups } from "./cgroup/cgroups.ts";
import { commandFor, type LauncherCommand, type SpawnLauncher } from "./launch_command.ts";
import { freeUser, isRoot, libcPath, passGroup } from "./machine.ts";
import { type Prepared, startRun } from "./native_run.ts";
import { giveSecrets, giveTree, openWay } from "./ownership.ts";
import { clearView, networkOf, planLaunch } from "./plan.ts";
import { processesOf } from "./processes.ts";
import { clearRemains, listRemains, noteRemains } from "./remains.ts";
import { Spares } from "./spares.ts";
import { type Strays, watchStrays } from "./strays.ts";

/** Options of {@link createNativeRuntime}. */
export interface NativeRuntimeOptions {
  readonly spawnLauncher: SpawnLauncher;
  /** Directory of the agent: runs' roots are below it, and this engine's own notes. */
  readonly dataDir: string;
  /** Levels that are looked for; default: all. */
  readonly levels?: readonly SandboxLevel[];
  /** Default: those of this machine. */
  readonly groups?: Groups;
}

/** Makes the engine for Linux. */
export function createNativeRuntime(options: NativeRuntimeOptions): ProgramRuntime {
  return new NativeRuntime(options);
}

class NativeRuntime implements ProgramRuntime {
  readonly kind = "native";
  readonly #options: NativeRuntimeOptions;
  readonly #runs = new Set<ProgramHandle>();
  readonly #spares = new Spares();
  readonly #pids = new Set<number>();
  #strays: Strays | undefined;
  readonly #notes: string;
  #groups: Groups | undefined;
  #report: Promise<SandboxReport> | undefined;

  constructor(options: NativeRuntimeOptions) {
    this.#options = options;
    this.#notes = `${options.dataDir}/native`;
  }

  async probe(): Promise<Probe> {
    const { levels, limits } = await this.sandbox();
    const there = sandboxLevels.filter((level) => levels[level] === undefined);
    const lacking = sandboxLevels.flatMap((level) => levels[level] ? [`no ${level}: ${levels[level]}`] : []);
    return {
      kind: "native",
      available: there.length > 0,
      detail: [there.length > 0 ? `sandbox ${there.at(-1)}` : "no sandbox", ...lacking, limits].join("; "),
      features: there,
    };
  }

  /** Levels are tried, not guessed: a program is started at each. */
  sandbox(): Promise<SandboxReport> {
    return this.#report ??= this.#look();
  }

  async #look(): Promise<SandboxReport> {
    const levels: Record<SandboxLevel, string | undefined> = { floor: undefined, namespaced: undefined };
    const wanted = this.#options.levels ?? sandboxLevels;
    await Promise.all(sandboxLevels.map(async (level) => {
      levels[level] = wanted.includes(level) ? await this.#try(level) : "not looked for";
    }));
    const groups = this.#groupsHere();
    const limits = groups.version === "none"
      ? `limits by watching: ${groups.missing}`
      : `limits by control groups ${groups.version} (${groups.controllers.join(", ")})` +
        (groups.missing === "" ? "" : `; ${groups.missing}`);
    return { levels, limits };
  }

  async #try(level: SandboxLevel): Promise<string | undefined> {
    const root = `${this.#notes}/try-${level}-${crypto.randomUUID().slice(0, 8)}`;
    try {
      await Deno.mkdir(`${root}/tmp`, { recursive: true, mode: 0o700 });
      const run = await this.#startAt(level, {
        id: `try-${level}`,
        argv: ["true"],
        env: {},
        root,
        workingDir: "/",
        read: [],
        minimum: level,
        network: "none",
        memoryMb: 256,
        pids: 64,
        diskMb: 16,
        timeoutMs: nativeLimits.startMs,
        graceMs: 0,
      }, () => {});
      const { reason, message } = await run.exit;
      return reason === "exited" ? undefined : message;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    } finally {
      await Deno.remove(root, { recursive: true }).catch(() => {});
    }
  }

  async start(
    spec: ProgramSpec,
    onLog: (chunk: LogChunk) => void,
    signal?: AbortSignal,
  ): Promise<ProgramHandle> {
    const { levels } = await this.sandbox();
    const enough = sandboxLevels.slice(sandboxLevels.indexOf(spec.minimum));
    const level = enough.findLast((l) => levels[l] === undefined);
    if (level === undefined) {
      throw new RealmError(
        "policy_refused",
        `This node has no sandbox of level ${spec.minimum}: ${levels[spec.minimum]}.`,
      );
    }
    const run = await this.#startAt(level, spec, onLog, signal);
    this.#runs.add(run);
    void run.exit.then(() => this.#runs.delete(run));
    this.#spares.prepare(this.#commandFor(level, spec));
    return run;
  }

  async #startAt(
    level: SandboxLevel,
    spec: ProgramSpec,
    onLog: (chunk: LogChunk) => void,
    signal?: AbortSignal,
  ): Promise<ProgramHandle> {
    const { dataDir } = this.#options;
    const command = this.#commandFor(level, spec);
    const name = `realm-${crypto.randomUUID().slice(0, 18)}`;
    const uid = isRoot() ? freeUser() : undefined;
    if (uid !== undefined) {
      if (level === "floor") await openWay(spec.root, dataDir);
      await giveTree(spec.root, uid);
      if (spec.secrets) await giveSecrets(spec.secrets.directory, dataDir, uid);
    }
    const groups = this.#groupsHere();
    const clear: Prepared["clear"] = async (belonging) => {
      await clearRemains(this.#notes, name, belonging);
      if (level === "namespaced") await clearView(spec.root);
    };
    const early = { groups: groups.directories(name), ...(uid === undefined ? {} : { uid }) };
    try {
      noteRemains(this.#notes, name, { id: spec.id, ...early });
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
      return await startRun(
        {
          spec,
          level,
          process,
          order,
          group,
          ...(uid === undefined ? {} : { uid }),
          memoryLimited,
          started: (belonging) => noteRemains(this.#notes, name, { id: spec.id, ...belonging }),
          endStrays: async () => await this.#strays?.sweep(),
          clear,
        },
        onLog,
        signal,
      );
    } catch (error) {
      await clear(early);
      throw error;
    }
  }

  #commandFor(level: SandboxLevel, spec: ProgramSpec): LauncherCommand {
    const launcher = this.#options.spawnLauncher(libcPath());
    const command = commandFor(level, launcher, level === "namespaced" && networkOf(spec) === "none");
    if (typeof command === "string") throw new RealmError("failed", command);
    return command;
  }

  /** Without control groups, and without users of their own, runs' processes are known by their parents alone. */
  #watchStrays(): void {
    if (this.#strays || isRoot() || this.#groupsHere().version !== "none") return;
    this.#strays = watchStrays(libcPath(), () => this.#pids);
  }

  async recover(): Promise<void> {
    for (const [name, remains] of listRemains(this.#notes)) {
      await clearRemains(this.#notes, name, remains);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#spares[Symbol.dispose]();
    await Promise.all([...this.#runs].map((run) => run.stop(0)));
    this.#strays?.[Symbol.dispose]();
  }

  #groupsHere(): Groups {
    return this.#groups ??= this.#options.groups ?? findGroups();
  }
}
