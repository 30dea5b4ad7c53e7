/**
 * Programs of the operating system in a sandbox. A launcher, this executable in another mode, limits itself and then
 * becomes the program: Landlock, seccomp, a user of its own where the agent is root, control groups, and at the level
 * `namespaced` a view of files, processes and network of its own. Invariant: a run never gets less than it asked for,
 * and of a run that has ended no process, control group or mount is left. Knows nothing of jobs or policy.
 */
export {
  type LauncherCommand,
  launcherEnvironment,
  launcherFlags,
  sourceLauncher,
  type SpawnLauncher,
} from "./launch_command.ts";
export { createUntriedRuntime } from "./untried_runtime.ts";
export { createNativeRuntime, type NativeRuntimeOptions } from "./native_runtime.ts";
export { createKeptRuntime, type KeptRuntimeOptions } from "./warden/kept_runtime.ts";
export { runWarden, type WardenOptions } from "./warden/warden.ts";
