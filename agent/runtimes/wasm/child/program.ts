/** From a WebAssembly file to compiled modules with ceilings. */
import { wasmLimits } from "../../../protocol/limits.ts";
import { decodeComponent, wasmKindOf } from "../component/mod.ts";
import { limitMemory } from "../memory_limit.ts";
import type { Program } from "../worker/messages.ts";

/** Reads and compiles. Throws errors whose messages say why the file cannot be run. */
export async function loadProgram(
  path: string,
  mode: "http" | "command",
  memoryMb: number,
): Promise<Program> {
  const bytes = await Deno.readFile(path);
  const kind = wasmKindOf(bytes);
  if (kind === undefined) throw new Error("the file is neither a WebAssembly component nor a core module");
  const compile = (module: Uint8Array) =>
    WebAssembly.compile(limitMemory(module, memoryMb).bytes as Uint8Array<ArrayBuffer>);
  if (kind === "module") {
    if (mode === "http") throw new Error("the file is a core module; serving HTTP needs a component");
    return { kind, module: await compile(bytes) };
  }
  const { body, modules } = decodeComponent(bytes);
  const memories = modules.filter((module) => limitMemory(module, memoryMb).definesMemory).length;
  if (memories > wasmLimits.componentMemories) throw new Error(`the component has ${memories} memories`);
  return { kind, body, modules: await Promise.all(modules.map(compile)) };
}
