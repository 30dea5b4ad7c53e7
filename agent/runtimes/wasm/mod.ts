/**
 * The `wasm` runtime: components of WASI 0.2 (HTTP and commands) and core modules of WASI preview 1.
 *
 * **What holds.** Guest code runs in a worker inside a child process of its own run, never in the agent: a busy loop,
 * memory without end or a crash of the engine costs that run alone and is ended by SIGKILL. The child is started
 * with permissions for the run's mounts and allowed hosts only, its workers again. Nothing of a guest is evaluated as
 * JavaScript: components are linked by `component/`, files are reached through `fs/`, requests to others through
 * `host/`. Everything between agent and child is bounded by credits.
 *
 * **Processes.** agent (`process/`) ⇄ frames over stdin and stdout ⇄ child's main thread (`child/`) ⇄ messages ⇄
 * workers (`worker/`). The child's main thread never runs guest code, so it always answers.
 *
 * It does not know packages, apps or jobs: a `RunSpec` says all.
 */
export { createWasmRuntime } from "./wasm_runtime.ts";
export type { WasmRuntimeOptions } from "./wasm_runtime.ts";
export { denoChild, environment, permissionFlags } from "./process/spawn.ts";
export type { ChildCommand, ChildPermissions, SpawnChild } from "./process/spawn.ts";
export { WORKER_TEXT } from "./child/workers.ts";
