/** What the `.gitignore` files of a tree keep out of an upload, by git's rules: the nearest file that says something counts. */
import ignore, { type Ignore } from "ignore";
import type { Disk } from "../ports.ts";

/** Directories looked through upwards for the one that holds `.git`. */
const LEVELS_UP = 64;
/** A longer `.gitignore` is read up to here. */
const RULES_BYTES = 1024 * 1024;

/** The rules of one directory. */
interface Rules {
  /** Path of the directory that paths are relative to, with `/` at its end; empty for the root. */
  readonly prefix: string;
  readonly rules: Ignore;
}

async function rulesIn(disk: Disk, directory: string): Promise<Ignore | undefined> {
  const path = `${directory}/.gitignore`;
  if ((await disk.stat(path))?.kind !== "file") return undefined;
  let text = "";
  const decoder = new TextDecoder();
  for await (const piece of disk.readStream(path, { end: RULES_BYTES })) {
    text += decoder.decode(piece, { stream: true });
  }
  return ignore({ allowRelativePaths: false }).add(text);
}

/** Whether a path is kept out: the last of `all` that says something about it or a directory above it. */
function verdict(all: readonly Rules[], path: string): boolean {
  for (const { prefix, rules } of all.toReversed()) {
    if (!path.startsWith(prefix)) continue;
    const { ignored, unignored } = rules.test(path.slice(prefix.length));
    if (ignored || unignored) return ignored;
  }
  return false;
}

/**
 * The same rules below a directory that a nearer `.gitignore` has taken back: what is in it is no longer kept out for
 * its sake, only for its own.
 */
function below(path: string, { prefix, rules }: Rules): Rules {
  const relative = path.slice(prefix.length);
  if (relative === "" || !rules.test(relative).ignored) return { prefix, rules };
  const pattern = relative.replaceAll(/[\\*?[\]]/g, "\\$&");
  return { prefix, rules: ignore({ allowRelativePaths: false }).add(rules).add(`!/${pattern}`) };
}

/** Rules of the directories above `directory`, up to the one with `.git`; none when these keep `directory` itself out. */
async function rulesAbove(disk: Disk, directory: string): Promise<{ above: Rules[]; at: string }> {
  const names: string[] = [];
  let root = directory;
  for (let n = 0; n < LEVELS_UP && await disk.stat(`${root}/.git`) === undefined; n++) {
    const cut = root.lastIndexOf("/");
    if (cut <= 0) return { above: [], at: "" };
    names.unshift(root.slice(cut + 1));
    root = root.slice(0, cut);
  }
  const above: Rules[] = [];
  let at = "";
  for (const name of names) {
    const rules = await rulesIn(disk, `${root}/${at}`.replace(/\/+$/, ""));
    if (rules) above.push({ prefix: at, rules });
    at += `${name}/`;
    if (verdict(above, at)) return { above: [], at: "" };
  }
  return { above, at };
}

/**
 * Tells for each path below `directory` whether it is kept out; directories must be asked for before what is in them. A
 * directory that the rules above it keep out is wanted all the same when it is `directory`: it was named.
 */
export async function createIgnoring(
  disk: Disk,
  directory: string,
): Promise<(path: string, isDirectory: boolean) => Promise<boolean>> {
  const { above, at } = await rulesAbove(disk, directory);
  const known = new Map<string, readonly Rules[]>();
  const rulesFor = async (parent: string): Promise<readonly Rules[]> => {
    const found = known.get(parent);
    if (found) return found;
    const outer = parent === ""
      ? above
      : (await rulesFor(parent.slice(0, Math.max(0, parent.lastIndexOf("/")))))
        .map((rules) => below(`${at}${parent}/`, rules));
    const own = await rulesIn(disk, parent === "" ? directory : `${directory}/${parent}`);
    const all = own ? [...outer, { prefix: parent === "" ? at : `${at}${parent}/`, rules: own }] : outer;
    known.set(parent, all);
    return all;
  };
  return async (path, isDirectory) => {
    const parent = path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "";
    return verdict(await rulesFor(parent), `${at}${path}${isDirectory ? "/" : ""}`);
  };
}
