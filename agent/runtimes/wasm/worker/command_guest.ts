/** Runs a guest once to its end: a `wasi:cli` component, or a core module of WASI preview 1. */
import { instantiate, WitError } from "../component/mod.ts";
import type { HostImports, Plan } from "../component/mod.ts";
import type { GuestFs } from "../fs/mod.ts";
import { GuestExit } from "../host/basics.ts";
import { createPreview1, emptySource, ringSource } from "../preview1/mod.ts";
import type { ChildConfig, CommandEnd } from "../process/frames.ts";
import { DETERMINISTIC_SEED } from "./component_host.ts";
import { failureOf } from "./failures.ts";
import type { Outbox } from "./outbox.ts";

function ended(error: unknown, memoryFull: boolean, memoryMb: number): CommandEnd {
  const { reason, message } = failureOf(error, memoryFull, memoryMb);
  return { reason: reason === "failed" ? "failed_to_start" : reason, message };
}
const exited = (code: number): CommandEnd => ({
  reason: "exited",
  code,
  message: `The guest exited with code ${code}.`,
});

/** Runs a component's `wasi:cli/run`. */
export async function runComponent(
  plan: Plan,
  modules: readonly WebAssembly.Module[],
  host: HostImports,
  runner: string,
  memoryMb: number,
): Promise<CommandEnd> {
  let full = () => false;
  try {
    const instance = instantiate(plan, modules, host);
    full = () => instance.memoryFull();
    await instance.call(runner, "run", []);
    return exited(0);
  } catch (error) {
    if (error instanceof GuestExit) return exited(error.code);
    if (error instanceof WitError) return exited(1);
    return ended(error, full(), memoryMb);
  }
}

/** Runs a core module's `_start`. Blocks the worker until it ends. */
export function runModule(
  module: WebAssembly.Module,
  config: ChildConfig,
  fs: GuestFs,
  outbox: Outbox,
  stdin: SharedArrayBuffer | undefined,
): CommandEnd {
  let memory: WebAssembly.Memory | undefined;
  try {
    const host = createPreview1({
      args: config.args,
      env: config.env,
      fs,
      stdin: stdin === undefined ? emptySource : ringSource(stdin),
      stdout: (bytes) => outbox.log("stdout", bytes.slice()),
      stderr: (bytes) => outbox.log("stderr", bytes.slice()),
      ...(config.deterministic ? { deterministicSeed: DETERMINISTIC_SEED } : {}),
    });
    const instance = new WebAssembly.Instance(module, { wasi_snapshot_preview1: host.imports });
    memory = instance.exports.memory as WebAssembly.Memory | undefined;
    return exited(host.run(instance));
  } catch (error) {
    const bytes = memory instanceof WebAssembly.Memory ? memory.buffer.byteLength : 0;
    return ended(error, bytes > 0 && bytes + 16 * 65_536 > config.memoryMb * 1024 * 1024, config.memoryMb);
  }
}
