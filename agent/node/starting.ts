/** Which executable the supervisor starts next: what `versions/` names, else the one that it was started with itself. */
import type { Disk } from "../ports.ts";
import { POINTER_FILE } from "../protocol/pointer_file.ts";
import type { OnStep } from "../upgrade/mod.ts";
import type { AgentStart } from "./supervisor.ts";

/** What {@link nextStart} goes by. */
export interface StartOptions {
  readonly disk: Disk;
  readonly dataDir: string;
  /** Of the supervisor's own executable. */
  readonly version: string;
  /** How the agent is started from the supervisor's own executable. */
  readonly own: { readonly command: string; readonly args: readonly string[] };
  /** How it is started from any executable of Realm. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly onStep: OnStep;
}

/** Names of what a supervisor tells its agent: which executable's supervisor it is, and that it keeps to `versions/`. */
export const BASE_VARIABLE = "REALM_BASE_VERSION";

/**
 * Decides what to start, and writes down what must be known when it never comes back. A node that was never upgraded
 * does not wait for what reads `versions/` to be loaded.
 */
export async function nextStart(options: StartOptions): Promise<AgentStart> {
  const { disk, dataDir, version, own, args, onStep } = options;
  const env = { ...options.env, [BASE_VARIABLE]: version };
  if (!await disk.stat(`${dataDir}/${POINTER_FILE}`)) return { ...own, env };
  const { returned, toStart, Versions } = await import("../upgrade/mod.ts");
  const versions = new Versions(disk, dataDir, Deno.build.os === "windows");
  const before = await versions.read();
  let { pointer, run, trial } = toStart(before, version, Date.now());
  // A file that somebody removed by hand must not keep the node down.
  while (run && !await versions.has(run.sha256)) {
    console.error(`version ${run.version} is not there any more; an earlier one is started`);
    const { current: _, previous, ...rest } = pointer;
    const next = trial
      ? returned(pointer, "its file is gone", Date.now())
      : { ...rest, ...(previous ? { current: previous } : {}) };
    ({ pointer, run, trial } = toStart(next, version, Date.now()));
  }
  if (pointer !== before) await versions.write(pointer);
  if (!run) return { ...own, env };
  const start = { command: versions.pathOf(run.sha256), args, env };
  if (!trial) return start;
  await onStep("start");
  const { sha256 } = run;
  return {
    ...start,
    trial: {
      deadlineMs: trial.deadline_ms,
      proved: async () => (await versions.read()).trial?.sha256 !== sha256,
      async giveBack(reason) {
        await onStep("return");
        await versions.write(returned(await versions.read(), reason, Date.now()));
        await onStep("restart");
      },
    },
  };
}
