/** The engine for programs of this machine: chooses the sandbox, prepares what a run needs, and cleans up after all. */
import type { LogChunk } from "../../ports.ts";
import { RealmError } from "../../protocol/errors.ts";
import { nativeLimits } from "../../protocol/native_limits.ts";
import { type SandboxLevel, sandboxLevels } from "../../protocol/policy.ts";
import type { ProgramHandle, ProgramRuntime, ProgramSpec, SandboxReport, Survivor } from "../program.ts";
import type { Probe } from "../runtime.ts";
import type { Groups } from "./cgroup/cgroups.ts";
import type { SpawnLauncher } from "./launch_command.ts";
import { createEngine, type Engine } from "./native_engine.ts";
import { clearRemains, listRemains, namesIn } from "./remains.ts";

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

/** Beginning of the names of directories in which levels are tried. */
const TRY = "try-";

/** Makes the engine for Linux. */
export function createNativeRuntime(options: NativeRuntimeOptions): ProgramRuntime {
  return new NativeRuntime(options);
}

/** The strongest level that is there; throws `RealmError("policy_refused")` when none is as strong as asked for. */
export function chooseLevel({ levels }: SandboxReport, minimum: SandboxLevel): SandboxLevel {
  const enough = sandboxLevels.slice(sandboxLevels.indexOf(minimum));
  const level = enough.findLast((l) => levels[l] === undefined);
  if (level !== undefined) return level;
  throw new RealmError(
    "policy_refused",
    `This node has no sandbox of level ${minimum}: ${levels[minimum]}.`,
  );
}

class NativeRuntime implements ProgramRuntime {
  readonly kind = "native";
  readonly #options: NativeRuntimeOptions;
  readonly #engine: Engine;
  readonly #notes: string;
  #report: Promise<SandboxReport> | undefined;

  constructor(options: NativeRuntimeOptions) {
    this.#options = options;
    this.#notes = `${options.dataDir}/native`;
    this.#engine = createEngine({ ...options, notes: this.#notes });
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
  async sandbox(again = false): Promise<SandboxReport> {
    if (!again || !this.#report) return await (this.#report ??= this.#look());
    // What is there stays, and programs start by it while what is missing is tried.
    const { levels } = await this.#report;
    const report = await this.#look(sandboxLevels.filter((level) => levels[level] === undefined));
    this.#report = Promise.resolve(report);
    return report;
  }

  async #look(there: readonly SandboxLevel[] = []): Promise<SandboxReport> {
    const levels: Record<SandboxLevel, string | undefined> = { floor: undefined, namespaced: undefined };
    const wanted = this.#options.levels ?? sandboxLevels;
    await Promise.all(sandboxLevels.map(async (level) => {
      if (!there.includes(level)) {
        levels[level] = wanted.includes(level) ? await this.#try(level) : "not looked for";
      }
    }));
    const { groups } = this.#engine;
    const limits = groups.version === "none"
      ? `limits by watching: ${groups.missing}`
      : `limits by control groups ${groups.version} (${groups.controllers.join(", ")})` +
        (groups.missing === "" ? "" : `; ${groups.missing}`);
    return { levels, limits };
  }

  async #try(level: SandboxLevel): Promise<string | undefined> {
    const root = `${this.#notes}/${TRY}${level}-${crypto.randomUUID().slice(0, 8)}`;
    try {
      await Deno.mkdir(`${root}/tmp`, { recursive: true, mode: 0o700 });
      const run = await this.#engine.startAt(level, {
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
    const level = chooseLevel(await this.sandbox(), spec.minimum);
    const run = await this.#engine.startAt(level, spec, onLog, signal);
    this.#engine.prepare(level, spec);
    return run;
  }

  async recover(): Promise<readonly Survivor[]> {
    for (const [name, remains] of listRemains(this.#notes)) {
      await clearRemains(this.#notes, name, remains);
    }
    for (const name of namesIn(this.#notes)) {
      if (name.startsWith(TRY)) {
        await Deno.remove(`${this.#notes}/${name}`, { recursive: true }).catch(() => {});
      }
    }
    return [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#engine[Symbol.asyncDispose]();
  }
}
