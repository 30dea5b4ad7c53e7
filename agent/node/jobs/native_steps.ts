/** The steps of a native run, one after the other in the same files: each a process in a sandbox of its own. */
import type { AttemptOrder } from "../../core/mod.ts";
import type { LogChunk } from "../../ports.ts";
import { jobTiming, type NativeWork, PROGRAM_DIRECTORY, type SandboxLevel } from "../../protocol/mod.ts";
import type {
  ExitReport,
  OutputPositions,
  ProgramHandle,
  ProgramSpec,
  SecretFiles,
} from "../../runtimes/mod.ts";
import type { Adoption, AttemptMemo } from "./attempt_memo.ts";
import type { AttemptWorld } from "./attempt_world.ts";
import type { JobLog } from "./job_log.ts";

/** What steps need beside their world. */
export interface StepSurroundings {
  readonly order: AttemptOrder;
  /** The run's files. */
  readonly root: string;
  readonly env: Readonly<Record<string, string>>;
  readonly secrets?: SecretFiles;
  readonly signal: AbortSignal;
}

/** What steps of an attempt need besides. */
export interface StepsOfAttempt extends StepSurroundings {
  readonly log: JobLog;
  /** A step that runs already is gone on with. */
  readonly adoption?: Adoption;
  /** What else whoever takes it over must know. */
  memo(): Pick<AttemptMemo, "fetched" | "commits" | "cache">;
  /** A step runs now. */
  started(handle: ProgramHandle): void;
}

/** How the steps ended together: the last one's end, and what all used. */
export interface StepsEnd {
  readonly exit: ExitReport;
  readonly level: SandboxLevel;
  /** To be called when the end is known for good. */
  readonly release: () => void;
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
  at: StepsOfAttempt,
): Promise<StepsEnd> {
  const { order, signal, log, adoption } = at;
  const { spec } = order;
  const first = adoption?.memo.step ?? 0;
  const startedAt = adoption?.memo.startedAt ?? world.now();
  let end: StepsEnd | undefined;
  let cpuMs = adoption?.memo.cpuMs ?? 0, peakBytes = adoption?.memo.peakBytes ?? 0;
  for (const [i, step] of native.steps.entries()) {
    if (i < first) continue;
    const adopted = adoption && i === first ? adoption : undefined;
    if (step.name !== undefined && !adopted) {
      log.note(`step ${i + 1} of ${native.steps.length}: ${step.name}`);
    }
    const base = adopted?.memo.base ?? log.positions?.received ?? { stdout: 0, stderr: 0 };
    const output = outputTo(log, base);
    let handle: ProgramHandle;
    if (adopted) handle = adopted.survivor.adopt(output.from, output.onLog);
    else {
      const left = spec.timeout_ms - (world.now() - startedAt);
      const { run, attempt, epoch } = order;
      const memo: AttemptMemo = {
        kind: "attempt",
        ...{ run, attempt, epoch, step: i, startedAt, cpuMs, peakBytes, base },
        ...at.memo(),
      };
      const program = {
        ...programSpec(native, at, step.argv, Math.max(1, left)),
        memo: JSON.stringify(memo),
        // One input is read once: the first step has it.
        ...(i === 0 && spec.stdin ? { stdin: world.store.read(spec.stdin.digest) } : {}),
      };
      handle = await world.startProgram(order, program, output.onLog, signal);
    }
    // Only now: whoever came between would have found neither step.
    end?.release();
    output.keep(handle);
    at.started(handle);
    if (i === 0 && !adopted) log.note(`runs in the sandbox ${handle.level}`);
    const exit = await handle.exit;
    log.settle();
    cpuMs += exit.cpuMs ?? 0;
    peakBytes = Math.max(peakBytes, exit.peakMemoryBytes ?? 0);
    const wallMs = world.now() - startedAt;
    const release = () => handle.lasting?.release();
    end = { exit: { ...exit, wallMs, cpuMs, peakMemoryBytes: peakBytes }, level: handle.level, release };
    if (signal.aborted) break;
    if (exit.reason === "exited" && exit.code === 0) continue;
    if (!step.go_on || exit.reason !== "exited") break;
    log.note(`step ${step.name ?? i + 1} exited with code ${exit.code}; the next goes on`);
    end = { ...end, exit: { ...end.exit, code: 0, message: "" } };
  }
  const failed = end!.exit.reason !== "exited" || end!.exit.code !== 0;
  if (failed && !signal.aborted) {
    await world.failed?.({ program: programSpec(native, at, [], spec.timeout_ms) });
  }
  return end!;
}

/** The way of a program's output into the log, which says how far it has it. */
function outputTo(log: JobLog, base: OutputPositions): {
  readonly from: OutputPositions;
  readonly onLog: (chunk: LogChunk) => void;
  keep(handle: ProgramHandle): void;
} {
  const kept = () => {
    const { stdout, stderr } = log.positions?.kept ?? base;
    return { stdout: Math.max(0, stdout - base.stdout), stderr: Math.max(0, stderr - base.stderr) };
  };
  return {
    from: kept(),
    onLog: (chunk) => log.write(chunk),
    keep({ lasting }) {
      log.onKept = lasting && (() => lasting.kept(kept()));
      log.onKept?.();
    },
  };
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
