/**
 * From an example's sources to a package directory: copies the tree of `app.realm/`, puts the version into its text files,
 * adds the component. Everything is cached by content: what would come out the same is not made again.
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { exists } from "./toolchain.ts";

/** What a build can be asked. */
export interface BuildOptions {
  /** The version of the package, shown by the app; default: the example's own. */
  readonly version?: string;
  /** Where the package directory goes; default `dist/app.realm` of the example. */
  readonly out?: string;
  /** Install missing Debian packages where that is possible (root on Debian). */
  readonly install?: boolean;
  /** Where progress is told; default stderr. */
  readonly say?: (line: string) => void;
}

/** What a build made. */
export interface BuiltPackage {
  readonly name: string;
  readonly version: string;
  /** The package directory, absolute: input of `realm package create`. */
  readonly directory: string;
  /** True when it stood already, made of the same sources. */
  readonly cached: boolean;
}

/** The build function that each example's `build.ts` exports. */
export type Build = (options?: BuildOptions) => Promise<BuiltPackage>;

/** Files in which `{{version}}` and other marks are filled in. */
const TEXT = /\.(html|css|js|json|svg|toml|txt|webmanifest)$/;
const MARK = /\{\{\s*([a-z_]+)\s*\}\}/g;
const VERSION = /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/;

/** The folder of the module with this `import.meta.url`, as a path. */
export const folderOf = (url: string): string => dirname(fileURLToPath(url));

/** All files below `root`, as sorted paths with `/`, relative to it. */
export async function filesBelow(root: string): Promise<string[]> {
  const found: string[] = [];
  const visit = async (folder: string) => {
    for await (const entry of Deno.readDir(folder)) {
      const path = join(folder, entry.name);
      if (entry.isDirectory) await visit(path);
      else if (entry.isFile) found.push(relative(root, path).replaceAll("\\", "/"));
    }
  };
  await visit(root);
  return found.sort();
}

/** A key that changes when one of the files or words changes. */
export async function contentKey(files: readonly string[], words: readonly string[] = []): Promise<string> {
  const hash = createHash("sha256");
  for (const word of words) hash.update(`${word.length}:${word}`);
  for (const file of files) {
    const bytes = await Deno.readFile(file);
    hash.update(`${file.split("/").at(-1)}:${bytes.length}:`).update(bytes);
  }
  return hash.digest("hex");
}

/**
 * The file `dist/.build/{name}`, made by `make` unless it stands already with the same key. Returns its path and whether it
 * stood.
 */
export async function cachedFile(
  example: string,
  name: string,
  key: string,
  make: (out: string) => Promise<void>,
): Promise<{ readonly path: string; readonly cached: boolean }> {
  const path = join(example, "dist", ".build", name);
  const stamp = `${path}.key`;
  if (await exists(path) && await exists(stamp) && await Deno.readTextFile(stamp) === key) {
    return { path, cached: true };
  }
  await Deno.mkdir(dirname(path), { recursive: true });
  const made = `${path}.${Deno.pid}.new`;
  try {
    await make(made);
    await Deno.rename(made, path);
  } catch (cause) {
    await Deno.remove(made).catch(() => {});
    throw cause;
  }
  await Deno.writeTextFile(stamp, key);
  return { path, cached: false };
}

/** What a package directory is made of. */
export interface Assembly {
  readonly name: string;
  /** The example's folder. */
  readonly example: string;
  readonly version: string;
  readonly out?: string;
  /** The built component, put beside the manifest as `component.wasm`. */
  readonly component?: string;
  /** Files that the build script makes: path → text. */
  readonly made?: ReadonlyMap<string, string>;
  /** Files of `app.realm/` that get a content hash in their name, and the mark that stands for the new name. */
  readonly hashed?: readonly { readonly path: string; readonly mark: string }[];
}

function fill(text: string, marks: ReadonlyMap<string, string>, file: string): string {
  return text.replace(MARK, (_, mark: string) => {
    const value = marks.get(mark);
    if (value === undefined) throw new Error(`${file}: unknown mark {{${mark}}}`);
    return value;
  });
}

/** Fills a package's source tree in, in memory: path → bytes. Same input, same output, on every platform. */
export async function packageTree(assembly: Assembly): Promise<Map<string, Uint8Array>> {
  if (!VERSION.test(assembly.version)) {
    throw new Error(`"${assembly.version}" is not a version: use MAJOR.MINOR.PATCH, such as 2.0.0.`);
  }
  const source = join(assembly.example, "app.realm");
  const marks = new Map([["version", assembly.version]]);
  const tree = new Map<string, Uint8Array>();
  const read = async (path: string) => {
    const bytes = await Deno.readFile(join(source, path));
    if (!TEXT.test(path)) return bytes;
    return new TextEncoder().encode(fill(new TextDecoder().decode(bytes), marks, path));
  };
  // A hashed file may be named by one that follows it in the list, and by every other file.
  for (const { path, mark } of assembly.hashed ?? []) {
    const bytes = await read(path);
    const digest = createHash("sha256").update(bytes).digest("hex").slice(0, 12);
    const named = path.replace(/(\.[^./]+)$/, `.${digest}$1`);
    marks.set(mark, named.split("/").at(-1)!);
    tree.set(named, bytes);
  }
  const hashed = new Set(assembly.hashed?.map((file) => file.path));
  for (const path of await filesBelow(source)) if (!hashed.has(path)) tree.set(path, await read(path));
  for (const [path, text] of assembly.made ?? []) tree.set(path, new TextEncoder().encode(text));
  if (assembly.component) tree.set("component.wasm", await Deno.readFile(assembly.component));
  return tree;
}

/** Writes the package directory unless the same one stands there. The directory changes as one. */
export async function assemble(assembly: Assembly): Promise<BuiltPackage> {
  const directory = assembly.out ?? join(assembly.example, "dist", "app.realm");
  const tree = await packageTree(assembly);
  const { name, version } = assembly;
  if (await stands(directory, tree)) return { name, version, directory, cached: true };
  const made = `${directory}.${Deno.pid}.new`;
  await Deno.remove(made, { recursive: true }).catch(() => {});
  for (const [path, bytes] of tree) {
    await Deno.mkdir(dirname(join(made, path)), { recursive: true });
    await Deno.writeFile(join(made, path), bytes);
  }
  await Deno.remove(directory, { recursive: true }).catch(() => {});
  await Deno.rename(made, directory);
  return { name, version, directory, cached: false };
}

async function stands(directory: string, tree: ReadonlyMap<string, Uint8Array>): Promise<boolean> {
  if (!await exists(directory)) return false;
  const present = await filesBelow(directory);
  if (present.length !== tree.size) return false;
  for (const path of present) {
    const wanted = tree.get(path);
    if (!wanted || Buffer.compare(wanted, await Deno.readFile(join(directory, path))) !== 0) return false;
  }
  return true;
}

/** The command line of a `build.ts`: `[--version X.Y.Z] [--out DIR] [--install]`; prints the package directory on stdout. */
export async function buildFromArgs(build: Build, args: readonly string[] = Deno.args): Promise<void> {
  const value: Record<string, string> = {};
  let install = false;
  for (let i = 0; i < args.length; i++) {
    const [flag, inline] = args[i].split("=", 2);
    if (flag === "--install") install = true;
    else if (flag === "--version" || flag === "--out") value[flag.slice(2)] = inline ?? args[++i] ?? "";
    else {
      console.error(`unknown argument ${args[i]}; usage: build.ts [--version X.Y.Z] [--out DIR] [--install]`);
      Deno.exit(2);
    }
  }
  try {
    console.log((await build({ ...value, install })).directory);
  } catch (cause) {
    console.error(cause instanceof Error ? cause.message : cause);
    Deno.exit(1);
  }
}
