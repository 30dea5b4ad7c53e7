/**
 * The engine of a node: programs are children of a warden, a process of its own that outlives the agent, so that the
 * next agent takes them over as they run. Which sandboxes there are is found out here, by an engine in this process.
 */
import type { LogChunk } from "../../../ports.ts";
import { RealmError } from "../../../protocol/errors.ts";
import { nativeLimits } from "../../../protocol/native_limits.ts";
import type { OutputPositions, ProgramHandle, ProgramRuntime, ProgramSpec, Survivor } from "../../program.ts";
import type { LauncherCommand } from "../launch_command.ts";
import { chooseLevel, createNativeRuntime, type NativeRuntimeOptions } from "../native_runtime.ts";
import { isOver, processInfo, signalAll } from "../processes.ts";
import { clearRemains, listRemains, namesIn } from "../remains.ts";
import { type EndedRun, listEnded } from "./ended_run.ts";
import { WardenLink } from "./warden_link.ts";
import { type HeldRun, READY, type WardenFile, wardenFiles, wardensDirectory } from "./words.ts";

/** Options of {@link createKeptRuntime}. */
export interface KeptRuntimeOptions extends NativeRuntimeOptions {
  /** Wardens of another version are not given new programs. */
  readonly version: string;
  /** The command of a process that calls `runWarden` for a directory. */
  readonly spawnWarden: (directory: string) => LauncherCommand;
}

/** Makes it. */
export const createKeptRuntime = (options: KeptRuntimeOptions): ProgramRuntime => new KeptRuntime(options);

class KeptRuntime implements ProgramRuntime {
  readonly kind = "native";
  readonly #options: KeptRuntimeOptions;
  readonly #inner: ProgramRuntime;
  readonly #links = new Set<WardenLink>();
  #present: Promise<WardenLink> | undefined;
  #idle: ReturnType<typeof setTimeout> | undefined;

  constructor(options: KeptRuntimeOptions) {
    this.#options = options;
    this.#inner = createNativeRuntime(options);
  }

  probe() {
    return this.#inner.probe();
  }
  sandbox(again?: boolean) {
    return this.#inner.sandbox(again);
  }

  async start(
    spec: ProgramSpec,
    onLog: (chunk: LogChunk) => void,
    signal?: AbortSignal,
  ): Promise<ProgramHandle> {
    const level = chooseLevel(await this.sandbox(), spec.minimum);
    const { stdin, ...rest } = spec;
    const link = await this.#warden();
    const file = stdin && `${link.directory}/${crypto.randomUUID()}.stdin`;
    try {
      if (file) await Deno.writeFile(file, stdin, { mode: 0o600 });
      const run = await link.start(level, rest, file, onLog, signal);
      if (file) void run.exit.then(() => Deno.remove(file)).catch(() => {});
      return run;
    } catch (error) {
      if (file) await Deno.remove(file).catch(() => {});
      throw error;
    } finally {
      this.#restWhenIdle();
    }
  }

  /** A warden that takes new programs. */
  async #warden(): Promise<WardenLink> {
    clearTimeout(this.#idle);
    for (;;) {
      const asked = this.#present;
      const present = await asked?.catch(() => undefined);
      if (present && !present.isClosed) return present;
      // Of several that wait the first makes the next.
      if (asked === this.#present) return await (this.#present = this.#spawn());
    }
  }

  async #spawn(): Promise<WardenLink> {
    const directory = `${wardensDirectory(this.#options.dataDir)}/${crypto.randomUUID().slice(0, 8)}`;
    await Deno.mkdir(directory, { recursive: true, mode: 0o700 });
    const { command, args, env } = this.#options.spawnWarden(directory);
    const child = new Deno.Command(command, {
      args: [...args],
      env: { ...env },
      clearEnv: true,
      cwd: "/",
      detached: true,
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    child.unref();
    const late = setTimeout(() => child.kill("SIGKILL"), nativeLimits.wardenAnswerMs);
    const reader = child.stdout.getReader();
    const { value } = await reader.read().finally(() => clearTimeout(late));
    void reader.cancel();
    const said = new TextDecoder().decode(value).trim();
    if (said !== READY) {
      await Deno.remove(directory, { recursive: true }).catch(() => {});
      throw new RealmError(
        "failed",
        `The process that keeps programs cannot be started: ${said || "it said nothing"}.`,
      );
    }
    const { link } = await WardenLink.open(directory, readWarden(directory)!);
    this.#watch(link);
    return link;
  }

  #watch(link: WardenLink): void {
    this.#links.add(link);
    void link.closed.then(async () => {
      this.#links.delete(link);
      if (link.runs.some((run) => !run.isLeft)) await bury(link.directory);
    });
  }

  /** A warden without programs costs memory. */
  #restWhenIdle(): void {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => {
      for (const link of this.#links) if (link.runs.length === 0) link.close();
      if (this.#links.size > 0) this.#restWhenIdle();
    }, nativeLimits.wardenIdleMs);
    Deno.unrefTimer(this.#idle);
  }

  async recover(): Promise<readonly Survivor[]> {
    await this.#inner.recover();
    const found: Survivor[] = [];
    for (const name of namesIn(wardensDirectory(this.#options.dataDir))) {
      const directory = `${wardensDirectory(this.#options.dataDir)}/${name}`;
      const alive = await this.#meet(directory);
      found.push(...alive ?? await this.#inherit(directory));
    }
    return found;
  }

  /** What a warden that lives has; `undefined` when none lives. */
  async #meet(directory: string): Promise<readonly Survivor[] | undefined> {
    const file = readWarden(directory);
    if (!file || processInfo(file.pid)?.startedAt !== file.startedAt || isOver(file.pid)) return undefined;
    let opened: Awaited<ReturnType<typeof WardenLink.open>>;
    try {
      opened = await WardenLink.open(directory, file);
    } catch {
      // It is about to end, or will never answer.
      if (processInfo(file.pid)?.startedAt === file.startedAt) signalAll([file.pid], "SIGKILL");
      return undefined;
    }
    const { link, here } = opened;
    this.#watch(link);
    if (here.version === this.#options.version) this.#present = Promise.resolve(link);
    this.#restWhenIdle();
    return here.runs.flatMap((held): Survivor[] => {
      if (held.memo !== undefined) return [survivorOf(link, held, held.memo)];
      void endHeld(link, held);
      return [];
    });
  }

  /** What a warden that has gone left: programs that ended with it, and how others had ended before. */
  async #inherit(directory: string): Promise<readonly Survivor[]> {
    await clearAll(directory);
    const ended = listEnded(directory);
    if (ended.length === 0) await Deno.remove(directory, { recursive: true }).catch(() => {});
    return ended.map((run: EndedRun): Survivor => ({
      id: run.id,
      memo: run.memo,
      adopt: (from, onLog) => run.adopt(from, onLog),
      end: () => Promise.resolve(run.forget()),
    }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#idle);
    const links = [...this.#links];
    await Promise.all(
      links.flatMap((link) => link.runs.filter((run) => !run.isLeft).map((run) => run.stop(0))),
    );
    for (const link of links) {
      for (const run of link.runs) if (!run.isLeft) run.release();
      await link.flushed();
      link.close();
    }
    await this.#inner[Symbol.asyncDispose]();
  }
}

function survivorOf(link: WardenLink, held: HeldRun, memo: string): Survivor {
  return {
    id: held.id,
    memo,
    adopt: (from: OutputPositions, onLog) => link.adopt(held, from, onLog),
    end: () => endHeld(link, held),
  };
}

/** Nothing of the output is wanted. */
const ALL = { stdout: Number.MAX_SAFE_INTEGER, stderr: Number.MAX_SAFE_INTEGER };

async function endHeld(link: WardenLink, held: HeldRun): Promise<void> {
  const run = link.adopt(held, ALL, () => {});
  await run.stop(0);
  run.release();
}

/** Ends what a warden that has gone left running. */
async function clearAll(directory: string): Promise<void> {
  for (const [name, remains] of listRemains(directory)) {
    if (`${name}.json` !== wardenFiles.file) await clearRemains(directory, name, remains);
  }
}

async function bury(directory: string): Promise<void> {
  await clearAll(directory);
  await Deno.remove(directory, { recursive: true }).catch(() => {});
}

function readWarden(directory: string): WardenFile | undefined {
  try {
    return JSON.parse(Deno.readTextFileSync(`${directory}/${wardenFiles.file}`));
  } catch {
    return undefined;
  }
}
