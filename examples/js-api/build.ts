/** Builds the QR code API: `deno run -A examples/js-api/build.ts [--version X.Y.Z] [--out DIR]`. */
import { join } from "node:path";
import {
  assemble,
  buildFromArgs,
  type BuildOptions,
  type BuiltPackage,
  cachedFile,
  contentKey,
  folderOf,
} from "../lib/assemble.ts";
import { bundleScript, componentFromJavaScript, toolsKey } from "../lib/toolchain.ts";

const EXAMPLE = folderOf(import.meta.url);
const WIT = join(EXAMPLE, "..", "lib", "wit", "http_app.wit");

/** Bundles the script and puts it into the JavaScript engine, unless the component stands already for the same bundle. */
export async function buildComponent(options: BuildOptions = {}): Promise<string> {
  const say = options.say ?? console.error;
  const own = ["app.ts", "main.ts"].map((file) => join(EXAMPLE, "src", file));
  const packages = join(EXAMPLE, "..", "..", "deno.lock");
  const script = await cachedFile(EXAMPLE, "script.js", await contentKey([...own, packages]), async (out) => {
    say("js-api: bundling");
    await bundleScript(own[1], out);
  });
  const key = await contentKey([script.path, WIT], [await toolsKey()]);
  const built = await cachedFile(EXAMPLE, "component.wasm", key, async (out) => {
    say("js-api: making the component (about 10 s)");
    await componentFromJavaScript(WIT, script.path, out);
  });
  return built.path;
}

/** Builds component and package directory. */
export async function build(options: BuildOptions = {}): Promise<BuiltPackage> {
  const component = await buildComponent(options);
  const built = await assemble({
    name: "js-api",
    example: EXAMPLE,
    version: options.version ?? "1.0.0",
    out: options.out,
    component,
  });
  const say = options.say ?? console.error;
  say(`js-api ${built.version}: ${built.cached ? "unchanged" : "built"}, ${built.directory}`);
  return built;
}

if (import.meta.main) await buildFromArgs(build);
