/**
 * Turns one JavaScript module (with a `fetch` event handler) into a WASI 0.2 component: the StarlingMonkey engine with the
 * script already loaded, as one file. In a process of its own, like `component.ts`.
 *
 *     js_component.ts WORLD.wit SCRIPT.js OUT.wasm
 */
import { componentize } from "@bytecodealliance/componentize-js";

const [witPath, scriptPath, outPath] = Deno.args;
if (!outPath) {
  console.error("usage: js_component.ts WORLD.wit SCRIPT.js OUT.wasm");
  Deno.exit(2);
}
// `witWorld` is read but missing in the package's types; `witPath` does not work under Deno.
const options = {
  sourcePath: await Deno.realPath(scriptPath),
  witWorld: await Deno.readTextFile(witPath),
  worldName: "app",
};
const { component } = await componentize(options);
await Deno.writeFile(outPath, component);
