/**
 * Guest paths to host paths, one component at a time. The host's own resolution is never relied on: what is handed to
 * the platform is the mount's directory followed by names of which each but the last has just been seen to be a real
 * directory.
 */
import { wasmLimits } from "../../../protocol/limits.ts";
import { fail, platform } from "./errors.ts";
import type { OpenDir } from "./handles.ts";
import type { Mount } from "./mount.ts";
import { lstatOrNull } from "./stat.ts";
import type { RawStat } from "./stat.ts";

/** Where a guest path leads. */
export interface Resolved {
  readonly mount: Mount;
  /** Names from the mount's root. None of those before the last is a symlink, `.` or `..`. */
  readonly parts: readonly string[];
  /** The same as one host path. */
  readonly host: string;
  /** What is there (the symlink itself when symlinks at the end are not followed), `null` when nothing is. */
  readonly leaf: RawStat | null;
  /** What the path, or the symlink at its end, ends in. Unless it is empty, only a directory will do. */
  readonly ending: Ending;
}
/** How a path ends: plainly, in slashes after a name, or in a component `.` or `..`. */
export type Ending = "" | "/" | "/.";

/** A name in a directory, as the calls see it that make, remove or move names: it is never followed. */
export interface Entry extends Omit<Resolved, "ending"> {
  /** The name is followed by slashes. */
  readonly slash: boolean;
  /** The path does not end in a name but in one of these. `parts`, `host` and `leaf` are then of what it leads to. */
  readonly dots: "." | ".." | undefined;
}

/** Host path of names below a mount. */
export const hostPath = (mount: Mount, parts: readonly string[]): string =>
  parts.length === 0 ? mount.host : `${mount.host === "/" ? "" : mount.host}/${parts.join("/")}`;

const encoder = new TextEncoder();
const tooLong = (text: string, bytes: number) =>
  text.length > bytes || (text.length * 3 > bytes && encoder.encode(text).length > bytes);

/** Refuses what no guest path may be. */
export function checkPath(path: string): void {
  if (path === "") fail("ENOENT");
  if (tooLong(path, wasmLimits.guestPathBytes)) fail("ENAMETOOLONG");
  if (path.includes("\0")) fail("EINVAL");
}

function checkName(name: string): void {
  if (tooLong(name, wasmLimits.guestNameBytes)) fail("ENAMETOOLONG");
  // Windows gives these characters a meaning inside a component: device names, streams, separators.
  if (Deno.build.os === "windows" && /[\\:*?"<>|]|[. ]$/.test(name)) fail("EINVAL");
}

function endingOf(path: string): Ending {
  return /(^|\/)\.\.?\/*$/.test(path) ? "/." : path.endsWith("/") ? "/" : "";
}

/**
 * Resolves `path` below `directory`. `..` and symlinks may lead anywhere below `directory` but not out of it, as in
 * WASI's capability model: leaving gives `EPERM`, and so does an absolute path or an absolute symlink.
 * Only the last component may be missing. For a file that may be `created` it must not be followed by slashes.
 */
export function resolve(directory: OpenDir, path: string, followLast: boolean, created = false): Resolved {
  checkPath(path);
  if (path.startsWith("/")) fail("EPERM", "absolute path");
  const mount = directory.mount;
  const floor = directory.parts.length;
  const at = [...directory.parts];
  /** Components still to be walked, the next one last. */
  const pending = path.split("/").reverse();
  let ending = endingOf(path);
  let links = 0;
  let leaf: RawStat | null = null;

  while (pending.length > 0) {
    const name = pending.pop()!;
    if (name === "" || name === ".") continue;
    leaf = null;
    if (name === "..") {
      if (at.length <= floor) fail("EPERM", "path leaves its directory");
      at.pop();
      continue;
    }
    checkName(name);
    at.push(name);
    if (at.length > wasmLimits.guestPathDepth) fail("ENAMETOOLONG");
    const last = pending.every((rest) => rest === "" || rest === ".");
    if (created && last && ending === "/") fail("EISDIR");
    const host = hostPath(mount, at);
    const found = lstatOrNull(host);
    if (found === null) {
      if (!last) fail("ENOENT");
      return { mount, parts: at, host, leaf: null, ending };
    }
    if (found.type === "symlink" && (!last || followLast || ending !== "")) {
      if (++links > wasmLimits.symlinkFollows) fail("ELOOP");
      const target = platform(() => Deno.readLinkSync(host));
      if (target === "" || target.startsWith("/") || /^[A-Za-z]:|^\\/.test(target) && isWindows) {
        fail("EPERM", "absolute symlink");
      }
      if (last && ending === "") ending = endingOf(target);
      at.pop();
      pending.push(...target.split("/").reverse());
      continue;
    }
    if (!last && found.type !== "directory") fail("ENOTDIR");
    leaf = found;
  }
  const host = hostPath(mount, at);
  // The mount's own directory may be a symlink on the host: what counts is where it leads.
  leaf ??= lstatOrNull(at.length === 0 ? `${host}/.` : host);
  return { mount, parts: at, host, leaf, ending };
}

/**
 * Resolves the directory that the last name of `path` is in, and looks the name up there. What is wrong with the
 * directory counts before what is wrong with the name, as on Linux.
 */
export function resolveEntry(directory: OpenDir, path: string): Entry {
  const slash = path.endsWith("/");
  const whole = path.replace(/\/+$/, "");
  const name = whole.slice(whole.lastIndexOf("/") + 1);
  const dots = name === "." || name === ".." ? name : undefined;
  // An empty or absolute path has no name: it is for `resolve` to say what is wrong with it.
  if (dots !== undefined || name === "" || whole === "" || whole.startsWith("/")) {
    const { ending: _ending, ...found } = existing(resolve(directory, path, true));
    return { ...found, slash, dots };
  }
  checkPath(path);
  const parent = existing(resolve(directory, whole.slice(0, -name.length) || ".", true));
  if (parent.leaf.type !== "directory") fail("ENOTDIR");
  checkName(name);
  const parts = [...parent.parts, name];
  if (parts.length > wasmLimits.guestPathDepth) fail("ENAMETOOLONG");
  const host = hostPath(parent.mount, parts);
  return { mount: parent.mount, parts, host, leaf: lstatOrNull(host), slash, dots };
}

/** What is there: `ENOENT` when nothing is, `ENOTDIR` when a directory is needed and it is none. */
export function existing(found: Resolved): Resolved & { readonly leaf: RawStat } {
  const { leaf } = found;
  if (leaf === null) return fail("ENOENT");
  if (found.ending !== "" && leaf.type !== "directory") fail("ENOTDIR");
  return { ...found, leaf };
}

const isWindows = Deno.build.os === "windows";
