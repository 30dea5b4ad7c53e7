/**
 * Turns a preview 1 core module into a WASI 0.2 component, in a process of its own so that the tools' dependencies
 * (tools.json, tools.lock) stay out of Realm's.
 *
 *     component.ts WORLD.wit CORE.wasm OUT.wasm
 *     component.ts --command CORE.wasm OUT.wasm
 *
 * The WIT world is embedded first; then the preview 1 calls of wasi-libc are mapped to WASI 0.2 by the reactor adapter
 * that comes with jco. With `--command` the module has `main` and becomes a component of wasi:cli by the other adapter.
 */
import {
  componentEmbed,
  componentNew,
  preview1AdapterCommandPath,
  preview1AdapterReactorPath,
} from "@bytecodealliance/jco";

const [witPath, corePath, outPath] = Deno.args;
if (!outPath) {
  console.error("usage: component.ts WORLD.wit CORE.wasm OUT.wasm");
  Deno.exit(2);
}
const isCommand = witPath === "--command";
const core = await Deno.readFile(corePath);
const embedded = isCommand
  ? core
  : await componentEmbed({ binary: core, witSource: await Deno.readTextFile(witPath) });
const adapter = await Deno.readFile(isCommand ? preview1AdapterCommandPath() : preview1AdapterReactorPath());
await Deno.writeFile(outPath, await componentNew(embedded, [["wasi_snapshot_preview1", adapter]]));
