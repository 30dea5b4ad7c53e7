/** The steps of a native run, one after the other in the same files: each a process in a sandbox of its own. */
import type { AttemptOrder } from "../../core/mod.ts";
import type { LogChunk } from "../../ports.ts";
import { jobTiming, type NativeWork, PROGRAM_DIRECTORY, type SandboxLevel } from "../../protocol/mod.ts";
import type { ExitReport, ProgramHandle, ProgramSpec, SecretFiles } from "../../runtimes/mod.ts";
import type { AttemptWorld } from "./attempt_world.ts";

/** What steps need beside their world. */
export interface StepSurroundings {
  readonly order: AttemptOrder;
  /** The run's files. */
  readonly root: string;
  readonly env: Readonly<Record<string, string>>;
  readonly secrets?: SecretFiles;
  readonly signal: AbortSignal;
  /** A line of Realm's for the log. */
  note(text: string): void;
  onLog(chunk: LogChunk): void;
  /** A step runs now. */
  started(handle: ProgramHandle): void;
}

/** How the steps ended together: the last one's end, and what all used. */
export interface StepsEnd {
  readonly exit: ExitReport;
  readonly level: SandboxLevel;
}

/** Steps that failed: how to start another program where they ran. */
export interface FailedSteps {
  readonly program: ProgramSpec;
}

/** Lays out what a native run finds besides its inputs: its program, and where it starts. */
export async function layOut(world: AttemptWorld, { spec }: AttemptOrder, root: string): Promise<void> {
  const { disk, store } = world;
  if (spec.working_dir !== "/") await disk.makeDirectory(`${root}${spec.working_dir}`);
  if (!spec.program) return;
  const path = `${root}${PROGRAM_DIRECTORY}/${spec.program.name}`;
  await disk.makeDirectory(`${root}${PROGRAM_DIRECTORY}`);
  const file = await disk.create(path);
  try {
    for await (const piece of store.read(spec.program.digest)) await file.write(piece);
  } finally {
    await file.close();
  }
  await Deno.chmod(path, 0o755);
}

/** Runs the steps. Rejects when one cannot be started. */
export async function runSteps(
  world: AttemptWorld,
  native: NativeWork,
  at: StepSurroundings,
): Promise<StepsEnd> {
  const { order, signal } = at;
  const { spec } = order;
  const started = performance.now();
  let end: StepsEnd | undefined;
  let cpuMs = 0, peak = 0;
  for (const [i, step] of native.steps.entries()) {
    const left = spec.timeout_ms - (performance.now() - started);
    if (step.name !== undefined) at.note(`step ${i + 1} of ${native.steps.length}: ${step.name}`);
    const handle = await world.startProgram(
      order,
      {
        ...programSpec(native, at, step.argv, Math.max(1, left)),
        // One input is read once: the first step has it.
        ...(i === 0 && spec.stdin ? { stdin: world.store.read(spec.stdin.digest) } : {}),
      },
      at.onLog,
      signal,
    );
    at.started(handle);
    if (i === 0) at.note(`runs in the sandbox ${handle.level}`);
    const exit = await handle.exit;
    cpuMs += exit.cpuMs ?? 0;
    peak = Math.max(peak, exit.peakMemoryBytes ?? 0);
    const wallMs = performance.now() - started;
    end = { exit: { ...exit, wallMs, cpuMs, peakMemoryBytes: peak }, level: handle.level };
    if (signal.aborted) break;
    if (exit.reason === "exited" && exit.code === 0) continue;
    if (!step.go_on || exit.reason !== "exited") break;
    at.note(`step ${step.name ?? i + 1} exited with code ${exit.code}; the next goes on`);
    end = { ...end, exit: { ...end.exit, code: 0, message: "" } };
  }
  const failed = end!.exit.reason !== "exited" || end!.exit.code !== 0;
  if (failed && !signal.aborted) {
    await world.failed?.({ program: programSpec(native, at, [], spec.timeout_ms) });
  }
  return end!;
}

/** How a native program of a run is started. */
export function programSpec(
  native: NativeWork,
  { order, root, env, secrets }: StepSurroundings,
  argv: readonly string[],
  timeoutMs: number,
): ProgramSpec {
  const { spec } = order;
  return {
    id: order.attempt,
    argv,
    env,
    ...(secrets ? { secrets } : {}),
    root,
    workingDir: spec.working_dir,
    read: native.read,
    minimum: native.minimum,
    network: native.network,
    memoryMb: spec.memory_mb,
    ...(native.cpu_cores === undefined ? {} : { cpuCores: native.cpu_cores }),
    pids: native.pids,
    diskMb: spec.disk_mb,
    timeoutMs,
    graceMs: jobTiming.graceMs,
  };
}
