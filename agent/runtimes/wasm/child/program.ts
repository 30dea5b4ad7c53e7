/** From a WebAssembly file to compiled modules with ceilings. */
import { wasmLimits } from "../../../protocol/limits.ts";
import { decodeComponent, wasmKindOf } from "../component/mod.ts";
import { limitMemory } from "../memory_limit.ts";
import { openMemory } from "../own_memory.ts";
import type { Program } from "../worker/messages.ts";

/**
 * Reads and compiles. Throws errors whose messages say why the file cannot be run. `fresh`: instances will be made so
 * often that their memories are worth lending (`own_memory.ts`).
 */
export async function loadProgram(
  path: string,
  mode: "http" | "command",
  memoryMb: number,
  fresh: boolean,
): Promise<Program> {
  const bytes = await Deno.readFile(path);
  const kind = wasmKindOf(bytes);
  if (kind === undefined) throw new Error("the file is neither a WebAssembly component nor a core module");
  const compile = (module: Uint8Array) => WebAssembly.compile(module as Uint8Array<ArrayBuffer>);
  const limited = (module: Uint8Array) => limitMemory(module, memoryMb);
  if (kind === "module") {
    if (mode === "http") throw new Error("the file is a core module; serving HTTP needs a component");
    return { kind, module: await compile(limited(bytes).bytes) };
  }
  const { body, modules } = decodeComponent(bytes);
  const bounded = modules.map(limited);
  const memories = bounded.filter(({ definesMemory }) => definesMemory).length;
  if (memories > wasmLimits.componentMemories) throw new Error(`the component has ${memories} memories`);
  const opened = bounded.map(({ bytes }) => fresh ? openMemory(bytes) : undefined);
  return {
    kind,
    body,
    modules: await Promise.all(bounded.map(({ bytes }, i) => compile(opened[i]?.bytes ?? bytes))),
    memories: opened.map((module) => module?.memory),
  };
}
