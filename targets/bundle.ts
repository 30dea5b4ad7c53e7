/**
 * One bundle for every builder: the program's modules, minified and split so that each command loads only what it needs.
 * The same sources and lock file give the same bytes wherever they lie.
 */
import { WORKER_TEXT } from "../agent/runtimes/mod.ts";
import { BUILD_MARK, type BuildMark } from "../agent/platform/mod.ts";
import { RealmError } from "../agent/protocol/errors.ts";
import { buildAssets } from "../ui/mod.ts";
import { licenceText, packagesOf } from "./packages.ts";

/** Files of the program by their path, `/`-separated; sorted. */
export type Bundle = ReadonlyMap<string, string>;

/** The module that starts the program. */
export const MAIN = "main.js";
/** The module that children which run WebAssembly start with. */
export const CHILD = "agent/runtimes/wasm/child/entry.js";
/** The module that launchers of native programs start with. */
export const LAUNCHER = "agent/runtimes/native/launcher/entry.js";
/** Licences of everything in the bundle and of the runtime; its default export is the text. */
export const LICENCES = "licences.js";
/** The dashboard's files; its default export maps paths to texts. Loaded when first asked for. */
export const DASHBOARD = "dashboard.js";
/** Entry module → its name in the bundle. A module beside `main.ts` here is one that a process can start with. */
const ENTRIES = {
  "main.ts": MAIN,
  "agent/runtimes/wasm/child/entry.ts": CHILD,
  "agent/runtimes/native/launcher/entry.ts": LAUNCHER,
} as const;
const WORKER = "agent/runtimes/wasm/worker/main.ts";

/** Bundles the sources under `root`. Throws `RealmError("failed")` with the bundler's words. */
export async function bundle(root: string, version: string): Promise<Bundle> {
  const dir = await Deno.makeTempDir({ prefix: "realm-bundle-" });
  try {
    await run(root, ["--outdir", `${dir}/out`, "--code-splitting", ...Object.keys(ENTRIES)]);
    await run(root, ["--output", `${dir}/worker.js`, WORKER]);
    const files = stableNames(await readTree(`${dir}/out`), Object.values(ENTRIES));
    const worker = await Deno.readTextFile(`${dir}/worker.js`);
    // A worker's code cannot lie in a file of its own: a compiled executable has none, a scoped child cannot read it.
    put(
      files,
      CHILD,
      `globalThis[Symbol.for(${JSON.stringify(Symbol.keyFor(WORKER_TEXT))})]=${literal(worker)};\n`,
    );
    const mark: BuildMark = { version };
    put(
      files,
      MAIN,
      `globalThis[Symbol.for(${JSON.stringify(Symbol.keyFor(BUILD_MARK))})]=${JSON.stringify(mark)};\n`,
    );
    files.set(LICENCES, `export default ${literal(await licenceText(await packagesOf(root)))};\n`);
    files.set(DASHBOARD, `export default JSON.parse(${literal(JSON.stringify(await buildAssets(root)))});\n`);
    return new Map(
      [...files].sort(([a], [b]) => a < b ? -1 : 1).map(([name, text]) => [name, onlyWhenNeeded(text)]),
    );
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/**
 * The runtime reads everything that a program names in `import("…")` before it starts, needed or not: a third of what
 * `--version` takes. It cannot know of a name that is made at that time. The same with `require`, which the bundler makes
 * at the start of each process for the few packages that still call it (some 16 ms).
 */
export const onlyWhenNeeded = (text: string): string =>
  importedParts(text).replaceAll(/\bimport\(("\.{1,2}\/[\w./-]+\.js")\)/g, "import(String($1))").replace(
    /import\{createRequire as (\w+)\} from "node:module";var (\w+)=\1\(import\.meta\.url\);/,
    'var $2=(name)=>($2.made??=process.getBuiltinModule("node:module").createRequire(import.meta.url))(name);',
  );

/**
 * Packages that call `require("node:…")` get what an import gives: the runtime's own `require` loads half of Node's
 * library before it looks for that one part of it.
 */
function importedParts(text: string): string {
  const names = new Map<string, string>();
  const rest = text.replaceAll(/(?<![\w$.])(?!import\b)[\w$]+\("(node:[\w/]+)"\)/g, (_, part: string) => {
    if (!names.has(part)) names.set(part, `$node${names.size}`);
    return names.get(part)!;
  });
  return [...names].map(([part, name]) => `import ${name} from"${part}";`).join("") + rest;
}

const literal = (text: string) =>
  JSON.stringify(text).replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029");

function put(files: Map<string, string>, name: string, banner: string): void {
  files.set(name, banner + files.get(name)!);
}

async function run(root: string, args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", "--minify", "--platform", "deno", "--frozen", ...args],
    cwd: root,
    env: { NO_COLOR: "1" },
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) {
    throw new RealmError(
      "failed",
      `the sources cannot be bundled:\n${new TextDecoder().decode(stderr).trim()}`,
    );
  }
}

async function readTree(dir: string, under = ""): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for await (const { name, isDirectory } of Deno.readDir(`${dir}/${under}`)) {
    const path = under + name;
    if (isDirectory) { for (const [p, text] of await readTree(dir, `${path}/`)) files.set(p, text); }
    else files.set(path, await Deno.readTextFile(`${dir}/${path}`));
  }
  return files;
}

/**
 * The bundler names the parts that entries share by a hash in which the absolute paths of sources have a share. Here they
 * get numbers in the order in which the entries reach them. Parts that no entry reaches are left out.
 */
export function stableNames(
  files: ReadonlyMap<string, string>,
  entries: readonly string[],
): Map<string, string> {
  const names = new Map<string, string>();
  const queue = [...entries];
  for (const path of queue) {
    const text = files.get(path);
    if (text === undefined) throw new RealmError("failed", `the bundler made no ${path}`);
    for (const [, base] of text.matchAll(/["'](?:\.{1,2}\/)+([\w.]+-[A-Z0-9]{8}\.js)["']/g)) {
      if (names.has(base) || !files.has(base)) continue;
      names.set(base, `part${names.size}.js`);
      queue.push(base);
    }
  }
  const pattern = /(["'](?:\.{1,2}\/)+)([\w.]+-[A-Z0-9]{8}\.js)(?=["'])/g;
  return new Map(queue.map((path) => [
    names.get(path) ?? path,
    files.get(path)!.replace(pattern, (all, start, base) => names.has(base) ? start + names.get(base) : all),
  ]));
}
