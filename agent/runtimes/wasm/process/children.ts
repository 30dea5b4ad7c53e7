/** From a run's specification to child processes. */
import { RealmError } from "../../../protocol/errors.ts";
import { wasmLimits } from "../../../protocol/limits.ts";
import type { ExitReport, RunLot, RunSpec, RuntimeMount } from "../../runtime.ts";
import { symlinkAnswer } from "../fs/mod.ts";
import { ChildProcess } from "./child_process.ts";
import type { ChildEnd } from "./child_process.ts";
import { frameType, jsonOf, numberFrame } from "./frames.ts";
import type { ChildConfig, Frame } from "./frames.ts";
import { permissionsOf } from "./spawn.ts";
import type { SpawnChild } from "./spawn.ts";

/** Starts children of one run. */
export type StartChild = (onFrames: (frames: readonly Frame[]) => void) => ChildProcess;

/** Gives a run to a child that waits for one. */
export type BeginRun = (child: ChildProcess, onFrames: (frames: readonly Frame[]) => void) => void;

/** Checks a specification and returns what starts its children. Throws `RealmError("bad_request")`. */
export function childStarter(spec: RunSpec, spawnChild: SpawnChild, workers: number): StartChild {
  const command = spawnChild(permissionsOf(spec));
  const begin = runBeginner(spec, workers);
  return (onFrames) => {
    const child = new ChildProcess(command);
    begin(child, onFrames);
    return child;
  };
}

/** What a child is told of a run; `lot` when it executes others of it too. */
export function runBeginner(spec: RunSpec, workers: number, lot?: RunLot): BeginRun {
  const config: ChildConfig = {
    mode: spec.mode,
    wasm: spec.wasm,
    args: spec.args,
    env: spec.env,
    mounts: spec.mounts,
    memoryMb: spec.memoryMb,
    instance: spec.instance,
    instances: Math.min(spec.maxConcurrency, wasmLimits.keptInstances),
    outbound: spec.outbound,
    deterministic: spec.deterministic ?? false,
    wholeLog: spec.wholeLog ?? false,
    workers: Math.min(workers, spec.maxConcurrency, wasmLimits.workersPerRun),
    ...(lot === undefined ? {} : { lot: { read: lot.read, write: lot.write } }),
  };
  const instances = spec.mode === "http" ? spec.maxConcurrency : 1;
  const ceiling = wasmLimits.childBaseBytes + instances * spec.memoryMb * 1024 * 1024;
  return (child, onFrames) =>
    child.begin(config, ceiling, (frames) => {
      for (const frame of frames) {
        if (frame.type === frameType.symlink) child.send(answerSymlink(frame, spec.mounts));
      }
      onFrames(frames);
    });
}

/** Makes a symlink for a child; what it asks for is checked as if a stranger asked. */
function answerSymlink(frame: Frame, mounts: readonly RuntimeMount[]): Uint8Array {
  const { target, path } = jsonOf(frame.payload) as { target: string; path: string };
  return numberFrame(frameType.symlinked, frame.id, symlinkAnswer(target, path, mounts));
}

/**
 * Resolves when a child is ready. Rejects with `RealmError("failed")` when it says why it is not, ends, takes too long,
 * or `signal` aborts; then it has been ended.
 */
export async function untilReady(
  child: ChildProcess,
  ready: Promise<Frame>,
  signal?: AbortSignal,
): Promise<void> {
  const { promise: failed, reject } = Promise.withResolvers<never>();
  const fail = (why: string) => reject(new RealmError("failed", why));
  const timer = setTimeout(
    () => fail("The guest cannot start: its process was not ready in time."),
    wasmLimits.childStartMs,
  );
  const abort = () => fail("The start was called off.");
  signal?.addEventListener("abort", abort, { once: true });
  if (signal?.aborted) abort();
  const callOff = child.whenEnded((end) => fail(`The guest cannot start: ${describeEnd(end)}`));
  try {
    const frame = await Promise.race([ready, failed]);
    const { message } = jsonOf(frame.payload) as { message?: unknown };
    if (message !== undefined) throw new RealmError("failed", `The guest cannot start: ${message}.`);
  } catch (error) {
    child.kill();
    await child.ended;
    throw error;
  } finally {
    callOff();
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}

/** What ended a child, in a sentence. */
export function describeEnd({ why, code, signal, words }: ChildEnd): string {
  if (why === "memory") return "its process used more memory than its instances may have together.";
  const how = signal === undefined ? `with code ${code}` : `by ${signal}`;
  return `its process ended ${how}.${words === "" ? "" : ` It said: ${words}`}`;
}

/** The reason that a run's report gives for the end of its child. */
export const reasonOf = (end: ChildEnd): ExitReport["reason"] =>
  end.why === "memory" ? "out_of_memory" : "killed";

/** Makes a promise of the first frame of type `ready`, and a handler that settles it. */
export function readiness(): { ready: Promise<Frame>; onFrame: (frame: Frame) => boolean } {
  const { promise, resolve } = Promise.withResolvers<Frame>();
  return {
    ready: promise,
    onFrame(frame) {
      if (frame.type !== frameType.ready) return false;
      resolve(frame);
      return true;
    },
  };
}
