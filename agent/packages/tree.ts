/** The files of a package directory, found and checked by name before any is read. */
import type { Disk } from "../ports.ts";
import { RealmError } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";
import { packageNames } from "../protocol/package_manifest.ts";
import { comparePaths, findCollision, pathProblem, showPath } from "../protocol/package_path.ts";

/** A file in a package directory. */
export interface TreeFile {
  /** Path in the package: normal form C. */
  readonly path: string;
  /** Path on disk. */
  readonly host: string;
  readonly size: number;
}

/** What a package directory holds. */
export interface Tree {
  /** Sorted by path; without the package's own files. */
  readonly files: readonly TreeFile[];
  /** Names that never belong to a package and were left out: see {@link LEFT_OUT}. */
  readonly leftOut: readonly string[];
  /** Whether there is a signature file. */
  readonly signed: boolean;
}

/** What file managers and version control leave in a directory; never part of a package. */
export const LEFT_OUT: readonly string[] = [".DS_Store", "Thumbs.db", "desktop.ini", ".git"];
/** Own names in lower case: another spelling of them would be the same file on some platforms. */
const OWN: readonly string[] = Object.values(packageNames);

const refuse = (path: string, why: string) =>
  new RealmError("bad_package", `${showPath(path)} ${why}`, { detail: { path } });

/**
 * Lists a directory. Refuses with `bad_package`, naming the path: symbolic links (all of them: what one leads to
 * differs by machine, and Windows checkouts turn them into text), devices, sockets, names that not every platform can
 * hold, collisions, too many files, too deep or too long paths. Empty directories do not count.
 */
export async function listTree(disk: Disk, root: string): Promise<Tree> {
  const files: TreeFile[] = [], leftOut: string[] = [];
  let signed = false, bytes = 0;
  const pending: { readonly host: string; readonly path: string }[] = [{ host: root, path: "" }];
  for (let next = pending.pop(); next; next = pending.pop()) {
    for (const entry of await disk.entries(next.host)) {
      const host = `${next.host}/${entry.name}`;
      const path = (next.path === "" ? "" : `${next.path}/`) + entry.name.normalize("NFC");
      if (LEFT_OUT.includes(entry.name)) {
        leftOut.push(path);
        continue;
      }
      if (next.path === "" && OWN.includes(path.toLowerCase())) {
        if (!OWN.includes(path)) throw refuse(path, `must be written ${path.toLowerCase()}`);
        if (entry.kind !== "file") throw refuse(path, "is not a regular file");
        if (path === packageNames.signature) signed = true;
        continue;
      }
      const problem = pathProblem(path);
      if (problem) throw refuse(path, problem);
      if (entry.kind === "other") {
        throw refuse(
          path,
          "is a symbolic link, device or socket; a package holds files only: put a copy there",
        );
      }
      if (entry.kind === "directory") {
        pending.push({ host, path });
        if (pending.length > limits.packageFiles) throw refuse(path, "is one directory too many");
        continue;
      }
      if (entry.size > limits.packageFileBytes) {
        throw refuse(path, `is larger than ${limits.packageFileBytes} bytes`);
      }
      files.push({ path, host, size: entry.size });
      bytes += entry.size;
      if (files.length > limits.packageFiles) {
        throw refuse(path, `is one file too many: a package has at most ${limits.packageFiles}`);
      }
    }
  }
  if (bytes > limits.packageBytes) {
    throw new RealmError(
      "too_large",
      `the package has ${bytes} bytes; at most ${limits.packageBytes} are allowed`,
    );
  }
  files.sort((a, b) => comparePaths(a.path, b.path));
  const collision = findCollision(files.map((f) => f.path));
  if (collision) {
    const other = collision.other === collision.path ? "(in two Unicode forms)" : showPath(collision.other);
    throw refuse(collision.path, `${collision.why} ${other}`);
  }
  return { files, leftOut: leftOut.sort(), signed };
}
