/** What the guest file system is asked for and what it lists. */
import type { RuntimeMount } from "../../runtime.ts";
import type { OpenDir } from "./handles.ts";
import type { FileType } from "./stat.ts";

/** Makes a symlink: `target` is relative, `hostPath` does not exist and its parent is a directory of a writable mount. */
export type SymlinkMaker = (target: string, hostPath: string) => void;

/** Options of {@link GuestFs}. */
export interface GuestFsOptions {
  readonly mounts: readonly RuntimeMount[];
  /**
   * How symlinks are made. Deno lets only code with unscoped file permissions make them, so a scoped worker passes
   * `symlinkClient()` here; without it such a worker answers `ENOTSUP`.
   */
  readonly makeSymlink?: SymlinkMaker;
  /** From `createSharedState(mounts.length)`, when other workers use the same mounts. */
  readonly shared?: SharedArrayBuffer;
  /** Positive number of this worker among those that share `shared`. */
  readonly owner?: number;
  /** Told of every path that leads out of its directory: by `..`, absolute, or by a symlink. */
  readonly refused?: (path: string) => void;
  /** Every file time that is reported, in nanoseconds, for runs that must repeat exactly. Default: the real ones. */
  readonly fixedTimeNs?: bigint;
}

/** A directory that the guest gets at start. */
export interface Preopen {
  readonly guest: string;
  readonly readOnly: boolean;
  readonly dir: OpenDir;
}

/** What {@link GuestFs.open} is asked for. All default to `false`. */
export interface OpenOptions {
  readonly read?: boolean;
  /** Also needed to truncate or allocate later. */
  readonly write?: boolean;
  readonly create?: boolean;
  /** With `create`: fail with `EEXIST` if anything is there. */
  readonly exclusive?: boolean;
  readonly truncate?: boolean;
  /** Fail with `ENOTDIR` unless it is a directory. */
  readonly directory?: boolean;
  /** Follow a symlink at the end of the path; else `ELOOP`. */
  readonly follow?: boolean;
}

/** One entry of a directory. */
export interface DirEntry {
  readonly name: string;
  readonly type: FileType;
  readonly ino: bigint;
}
