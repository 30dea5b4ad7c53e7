/**
 * Turns one JavaScript module (with a `fetch` event handler) into a WASI 0.2 component: the StarlingMonkey engine with the
 * script already loaded, as one file. In a process of its own, like `component.ts`.
 *
 *     js_component.ts WORLD.wit SCRIPT.js OUT.wasm
 */
import { join, resolve } from "node:path";
import { componentize } from "@bytecodealliance/componentize-js";

const [witPath, scriptPath, outPath] = Deno.args;
if (!outPath) {
  console.error("usage: js_component.ts WORLD.wit SCRIPT.js OUT.wasm");
  Deno.exit(2);
}
// The engine is started once while the component is made, and what it sees then stays in the component for good. So this machine's
// environment, which may hold secrets, is taken away first, and the script lies in a folder whose path says nothing.
const world = await Deno.readTextFile(witPath);
const out = resolve(outPath);
const folder = await Deno.makeTempDir({ prefix: "component-" });
try {
  await Deno.copyFile(scriptPath, join(folder, "script.js"));
  for (const name of Object.keys(Deno.env.toObject())) Deno.env.delete(name);
  Deno.chdir(folder);
  // `witWorld` is read but missing in the package's types; `witPath` does not work under Deno.
  const options = { sourcePath: join(folder, "script.js"), witWorld: world, worldName: "app" };
  const { component } = await componentize(options);
  await Deno.writeFile(out, component);
} finally {
  await Deno.remove(folder, { recursive: true });
}
