/**
 * What tests of the native runtime start from: a runtime from source in a directory of its own, specifications, and the
 * same work done by an agent that is not root (when this process is): the driver below, bundled, under another user.
 */
import { fileURLToPath } from "node:url";
import type { ExitReport } from "../agent/runtimes/runtime.ts";
import type { SandboxLevel } from "../agent/protocol/policy.ts";
import type { ProgramRuntime, ProgramSpec, SandboxReport } from "../agent/runtimes/program.ts";
import {
  createNativeRuntime,
  type NativeRuntimeOptions,
  sourceLauncher,
} from "../agent/runtimes/native/mod.ts";
import { canRun } from "./system_packages.ts";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
/** User that stands for an agent without rights. */
export const PLAIN_USER = 61_234;

/**
 * Whether tests of the native runtime are left out here: they need Linux and a C compiler, those of `root` also that
 * this process is root (it then stands for both kinds of agent).
 */
export const nativeIgnored = (who: "anyone" | "root"): boolean =>
  Deno.build.os !== "linux" || !canRun("native") || (who === "root" && Deno.uid() !== 0);

/** Whether a machine lacks a level, and so cannot be tested for it: said in a line. */
export function lacks({ levels }: SandboxReport, level: SandboxLevel): boolean {
  const why = levels[level];
  if (why !== undefined) console.log(`left out: this machine has no sandbox ${level}: ${why}`);
  return why !== undefined;
}

/** Builds the hostile program into a directory; returns its path. */
export async function buildAttack(folder: string): Promise<string> {
  const path = `${folder}/attack`;
  const { success, stderr } = await new Deno.Command("clang", {
    args: ["-O1", "-o", path, here("fixtures/native/attack.c")],
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return path;
}

/** A runtime whose launchers run from source. */
export const nativeRuntime = (dataDir: string, more: Partial<NativeRuntimeOptions> = {}): ProgramRuntime =>
  createNativeRuntime({
    spawnLauncher: sourceLauncher(here("../agent/runtimes/native/launcher/entry.ts")),
    dataDir,
    ...more,
  });

/** A specification with small defaults; `root` is made by {@link runProgram}. */
export const programOf = (argv: readonly string[], changes: Partial<ProgramSpec> = {}): ProgramSpec => ({
  id: "test",
  argv,
  env: {},
  root: "",
  workingDir: "/",
  read: [],
  minimum: "floor",
  network: "none",
  memoryMb: 128,
  pids: 64,
  diskMb: 64,
  timeoutMs: 60_000,
  graceMs: 1_000,
  ...changes,
});

/** How a program ended and what it wrote. */
export interface ProgramResult {
  readonly level: SandboxLevel;
  readonly exit: ExitReport;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end in a fresh root below `dataDir`, into which `files` are copied. */
export async function runProgram(
  runtime: ProgramRuntime,
  dataDir: string,
  spec: ProgramSpec,
  files: Readonly<Record<string, string>> = {},
  meanwhile?: (root: string) => Promise<void> | void,
): Promise<ProgramResult> {
  const root = `${dataDir}/jobs/${crypto.randomUUID()}/root`;
  await Deno.mkdir(`${root}/tmp`, { recursive: true });
  for (const [name, from] of Object.entries(files)) await Deno.copyFile(from, `${root}/${name}`);
  const text = { stdout: "", stderr: "", system: "" };
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder(), system: new TextDecoder() };
  try {
    const run = await runtime.start({ ...spec, root }, ({ stream, bytes }) => {
      text[stream] += decoders[stream].decode(bytes, { stream: true });
    });
    await meanwhile?.(root);
    const exit = await run.exit;
    return { level: run.level, exit, stdout: text.stdout, stderr: text.stderr };
  } finally {
    await Deno.remove(root.slice(0, -"/root".length), { recursive: true });
  }
}

/** Work for another user. */
interface Task {
  readonly dataDir: string;
  readonly launcher: string;
  readonly levels?: readonly SandboxLevel[];
  readonly spec?: ProgramSpec;
  readonly files?: Readonly<Record<string, string>>;
}

/** An agent that is not root: what it starts, it starts as {@link PLAIN_USER}. */
export interface PlainAgent extends AsyncDisposable {
  sandbox(): Promise<SandboxReport>;
  run(
    levels: readonly SandboxLevel[],
    spec: ProgramSpec,
    files?: Readonly<Record<string, string>>,
  ): Promise<ProgramResult>;
}

/** Directory of a user who is not root, with an executable and bundled modules that it can reach. */
export interface PlainFolder extends AsyncDisposable {
  readonly dataDir: string;
  /** Path of the launcher's module. */
  readonly launcher: string;
  /** Runs a bundled module as {@link PLAIN_USER}; resolves with what it printed. */
  run(module: string, ...args: string[]): Promise<string>;
  /** As {@link run}, with a text on its stdin. */
  feed(stdin: string, module: string, ...args: string[]): Promise<string>;
}

/** Makes one; needs to be root. `modules`: paths as seen from here. */
export async function plainFolder(modules: readonly string[]): Promise<PlainFolder> {
  const folder = await Deno.makeTempDir();
  const dataDir = `${folder}/data`, deno = `${folder}/deno`;
  await Deno.mkdir(`${dataDir}/cache`, { recursive: true });
  // The executable and the sources may lie where no other user comes.
  await Deno.copyFile(Deno.execPath(), deno);
  const nameOf = (path: string) => path.replace(/^.*\//, "").replace(/\.ts$/, ".js");
  for (const path of ["../agent/runtimes/native/launcher/entry.ts", ...modules]) {
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["bundle", "-q", "-o", `${folder}/${nameOf(path)}`, here(path)],
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
  }
  await Deno.chmod(folder, 0o755);
  for (const path of [dataDir, `${dataDir}/cache`]) await Deno.chown(path, PLAIN_USER, PLAIN_USER);
  const feed = async (stdin: string, module: string, ...args: string[]) => {
    const user = String(PLAIN_USER);
    const child = new Deno.Command("setpriv", {
      args: [
        ...["--reuid", user, "--regid", user, "--clear-groups", deno],
        ...["run", "-A", "--no-check", "--quiet", `${folder}/${module}`, ...args],
      ],
      env: { DENO_DIR: `${dataDir}/cache`, PATH: Deno.env.get("PATH") ?? "" },
      clearEnv: true,
      cwd: "/",
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(stdin));
    await writer.close();
    const { stdout, stderr } = await child.output();
    const text = new TextDecoder().decode(stdout);
    if (text === "") throw new Error(new TextDecoder().decode(stderr));
    return text;
  };
  return {
    dataDir,
    launcher: `${folder}/entry.js`,
    run: (module, ...args) => feed("", module, ...args),
    feed,
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

/** Makes one; needs to be root. */
export async function plainAgent(): Promise<PlainAgent> {
  const folder = await plainFolder(["native_bed.ts"]);
  const { dataDir, launcher } = folder;
  const ask = async <T>(task: Partial<Task>): Promise<T> =>
    JSON.parse(await folder.feed(JSON.stringify({ dataDir, launcher, ...task }), "native_bed.js"));
  return {
    sandbox: () => ask({}),
    run: (levels, spec, files = {}) => ask({ levels, spec, files }),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

async function drive(): Promise<void> {
  const task: Task = await new Response(Deno.stdin.readable).json();
  await using runtime = createNativeRuntime({
    spawnLauncher: sourceLauncher(task.launcher),
    dataDir: task.dataDir,
    ...(task.levels ? { levels: task.levels } : {}),
  });
  const answer = task.spec
    ? await runProgram(runtime, task.dataDir, task.spec, task.files)
    : await runtime.sandbox();
  console.log(JSON.stringify(answer));
}

if (import.meta.main) await drive();
