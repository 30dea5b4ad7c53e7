/**
 * Paths inside a package: relative, `/`-separated, in one spelling that is valid and distinct on Linux, macOS and
 * Windows alike. A package whose paths would collide or vanish on one platform is refused on all.
 */
import { utf8 } from "./encoding.ts";
import { limits } from "./limits.ts";

/** Device names of Windows, which no file may have, with any extension. */
const WINDOWS_DEVICE = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\.|$)/i;
/** Characters that Windows forbids in names, and control characters (C0, DEL, C1). */
// deno-lint-ignore no-control-regex
const FORBIDDEN = /[<>:"|?*\\\u0000-\u001f\u007f-\u009f]/;

/** Whether Windows takes `name` for a device (`con`, `nul.txt`): such a file cannot exist there. */
export const isWindowsDevice = (name: string): boolean => WINDOWS_DEVICE.test(name);

/** A path as shown in messages: quoted, escaped and cut when long. */
export const showPath = (path: string): string =>
  JSON.stringify(path.length > 200 ? path.slice(0, 197) + "…" : path)
    .replace(
      /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g,
      (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
    );

function componentProblem(name: string): string | undefined {
  if (name === "") return "has an empty part";
  if (name === "." || name === "..") return `leaves its place by "${name}"`;
  if (FORBIDDEN.test(name)) return "has a character that a file name cannot have on every platform";
  if (/[. ]$/.test(name)) return "has a part that ends with a dot or space, which Windows drops";
  if (isWindowsDevice(name)) return "is a reserved name on Windows";
  if (utf8(name).length > limits.pathComponentBytes) {
    return `has a part longer than ${limits.pathComponentBytes} bytes`;
  }
  return undefined;
}

/** Why `path` cannot stand in a package (a clause to follow the path's name); `undefined` when it can. */
export function pathProblem(path: string): string | undefined {
  if (path === "") return "is empty";
  if (path.length > limits.pathBytes || utf8(path).length > limits.pathBytes) {
    return `is longer than ${limits.pathBytes} bytes`;
  }
  if (path.startsWith("/") || /^[A-Za-z]:/.test(path)) {
    return "is absolute; paths are relative to the package";
  }
  if (!path.isWellFormed()) return "is not valid Unicode";
  if (path.normalize("NFC") !== path) {
    return "is not in Unicode normal form C, so its bytes differ by platform";
  }
  const parts = path.split("/");
  if (parts.length > limits.pathDepth) return `is deeper than ${limits.pathDepth} directories`;
  for (const part of parts) {
    const problem = componentProblem(part);
    if (problem) return problem;
  }
  return undefined;
}

/**
 * The form in which two names are one file on some platform: canonical decomposition and case folding. Folding goes
 * through upper case, so that ß meets ss as on APFS.
 */
export const collisionKey = (path: string): string =>
  path.normalize("NFD").toUpperCase().toLowerCase().normalize("NFD");

/** Order of paths in a package: by UTF-16 code units, the same on every platform. */
export const comparePaths = (a: string, b: string): number => a < b ? -1 : a > b ? 1 : 0;

/** Two paths that cannot both be in a package, and why. */
export interface PathCollision {
  /** Index of the later one. */
  readonly index: number;
  readonly path: string;
  readonly other: string;
  /** A clause between the two; for a duplicate, a clause of its own. */
  readonly why: string;
}

/**
 * The first collision among `paths`: duplicates, names that differ only in case or Unicode form (directories
 * included), and a file that is also a directory. Time and memory are linear in the paths' total length.
 */
export function findCollision(paths: readonly string[]): PathCollision | undefined {
  interface Node {
    readonly name: string;
    readonly file: boolean;
    /** The path that brought this node in. */
    readonly owner: string;
    readonly children: Map<string, Node>;
  }
  const root: Node = { name: "", file: false, owner: "", children: new Map() };
  for (let index = 0; index < paths.length; index++) {
    const path = paths[index], parts = path.split("/");
    let at = root;
    for (let i = 0; i < parts.length; i++) {
      const name = parts[i], file = i === parts.length - 1, key = collisionKey(name);
      const before = at.children.get(key);
      if (!before) {
        const node: Node = { name, file, owner: path, children: new Map() };
        at.children.set(key, node);
        at = node;
        continue;
      }
      const collision = { index, path, other: before.owner };
      if (before.name !== name) return { ...collision, why: "differs only in case or Unicode form from" };
      if (before.file && file) return { ...collision, why: "stands twice" };
      if (before.file || file) return { ...collision, why: "is a file and a directory, because of" };
      at = before;
    }
  }
  return undefined;
}
