/** What the guest file system knows about a file, and how it is read from the platform. */
import fs from "node:fs";
import { platform } from "./errors.ts";

/** Kind of a directory entry. */
export type FileType =
  | "unknown"
  | "regular"
  | "directory"
  | "symlink"
  | "character_device"
  | "block_device"
  | "fifo"
  | "socket";

/** Attributes of a file. Times are nanoseconds since 1970. */
export interface FileStat {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly type: FileType;
  readonly nlink: bigint;
  readonly size: bigint;
  readonly atimeNs: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

/** Attributes as the platform gives them: numbers, and times in whole milliseconds (all that Deno passes on). */
export interface RawStat {
  readonly dev: number;
  readonly ino: number;
  readonly type: FileType;
  readonly nlink: number;
  readonly size: number;
  /** Somebody may write it. What nobody may is not opened for writing, also where the host's user may do everything. */
  readonly writable: boolean;
  readonly atimeMs: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
}

function fromDeno(info: Deno.FileInfo): RawStat {
  return {
    dev: info.dev,
    ino: info.ino ?? 0,
    type: info.isFile
      ? "regular"
      : info.isDirectory
      ? "directory"
      : info.isSymlink
      ? "symlink"
      : info.isCharDevice
      ? "character_device"
      : info.isBlockDevice
      ? "block_device"
      : info.isFifo
      ? "fifo"
      : info.isSocket
      ? "socket"
      : "unknown",
    nlink: info.nlink ?? 1,
    size: info.size,
    writable: info.mode === null || (info.mode & 0o222) !== 0,
    atimeMs: info.atime?.getTime() ?? 0,
    mtimeMs: info.mtime?.getTime() ?? 0,
    ctimeMs: info.ctime?.getTime() ?? 0,
  };
}

/** Whether two files are one. Where the platform numbers no files (`ino` 0), none are. */
export const sameFile = (a: Pick<RawStat, "dev" | "ino">, b: Pick<RawStat, "dev" | "ino">): boolean =>
  a.ino !== 0 && a.ino === b.ino && a.dev === b.dev;

/** Attributes of a host path; a symlink at its end is not followed. Throws `FsError`. */
export const lstat = (path: string): RawStat => fromDeno(platform(() => Deno.lstatSync(path)));

/** Like {@link lstat}, with `null` where nothing is there. */
export function lstatOrNull(path: string): RawStat | null {
  try {
    return fromDeno(Deno.lstatSync(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    return platform(() => {
      throw error;
    });
  }
}

/** Attributes of an open host descriptor, which is a regular file. Throws `FsError`. */
export function fstat(fd: number): RawStat {
  const s = platform(() => fs.fstatSync(fd));
  return {
    dev: s.dev,
    ino: s.ino,
    type: s.isFile() ? "regular" : s.isDirectory() ? "directory" : "unknown",
    nlink: s.nlink,
    size: s.size,
    writable: (s.mode & 0o222) !== 0,
    atimeMs: Math.floor(s.atimeMs),
    mtimeMs: Math.floor(s.mtimeMs),
    ctimeMs: Math.floor(s.ctimeMs),
  };
}
