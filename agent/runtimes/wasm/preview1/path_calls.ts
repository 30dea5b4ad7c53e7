/** Calls that take a path. */
import { utf8 } from "../../../protocol/bytes.ts";
import { FsError } from "../fs/mod.ts";
import type { OpenDir, OpenFile, OpenOptions } from "../fs/mod.ts";
import { everyFdflag, lookupflags, oflags } from "./abi.ts";
import { unsigned } from "./context.ts";
import type { Calls, Context } from "./context.ts";
import { errno, refuse } from "./errno.ts";
import { storeFilestat, timeChanges } from "./fd_stat_calls.ts";
import { directoryRights, fileRights, rights, writingRights } from "./rights.ts";

/** Whether to follow a symlink at the end of the path. */
function follows(flags: number): boolean {
  if ((flags & ~lookupflags.SYMLINK_FOLLOW) !== 0) refuse(errno.INVAL);
  return (flags & lookupflags.SYMLINK_FOLLOW) !== 0;
}

/** The calls. */
export function pathCalls({ memory, descriptors, fs }: Context): Calls {
  /**
   * Opens for what `base` needs. Rights to allocate or to set the size mean nothing for a directory: when only those
   * made the opening one for writing, a directory is opened nevertheless.
   */
  const open = (dir: OpenDir, path: string, options: OpenOptions, base: bigint): OpenFile | OpenDir => {
    try {
      return fs.open(dir, path, { ...options, write: (base & writingRights) !== 0n });
    } catch (error) {
      const directory = error instanceof FsError && error.code === "EISDIR";
      if (!directory || (base & rights.FD_WRITE) !== 0n) throw error;
      return fs.open(dir, path, options);
    }
  };

  return {
    path_open(
      fd: number,
      lookup: number,
      pointer: number,
      length: number,
      how: number,
      baseRights: bigint,
      inheritingRights: bigint,
      flags: number,
      result: number,
    ) {
      const create = (how & oflags.CREAT) !== 0;
      const truncate = (how & oflags.TRUNC) !== 0;
      const needed = rights.PATH_OPEN | (create ? rights.PATH_CREATE_FILE : 0n) |
        (truncate ? rights.PATH_FILESTAT_SET_SIZE : 0n);
      const { dir, inheriting: offered } = descriptors.directory(fd, needed);
      const base = unsigned(baseRights);
      const inheriting = unsigned(inheritingRights);
      if (((base | inheriting) & ~offered) !== 0n) refuse(errno.NOTCAPABLE);
      if ((how & ~15) !== 0 || (flags & ~everyFdflag) !== 0) refuse(errno.INVAL);
      memory.check(result, 4);
      const opened = open(dir, memory.path(pointer, length), {
        follow: follows(lookup),
        create,
        truncate,
        exclusive: (how & oflags.EXCL) !== 0,
        directory: (how & oflags.DIRECTORY) !== 0,
        read: (base & rights.FD_READ) !== 0n,
      }, base);
      try {
        const number = opened.kind === "file"
          ? descriptors.add({
            kind: "file",
            file: opened,
            position: 0n,
            base: base & fileRights,
            inheriting: inheriting & fileRights,
            flags,
          })
          : descriptors.add({
            kind: "directory",
            dir: opened,
            base: base & directoryRights,
            inheriting,
            flags,
          });
        memory.setU32(result, number);
      } catch (error) {
        fs.close(opened);
        throw error;
      }
    },
    path_filestat_get(fd: number, lookup: number, pointer: number, length: number, result: number) {
      const { dir } = descriptors.directory(fd, rights.PATH_FILESTAT_GET);
      storeFilestat(memory, result, fs.stat(dir, memory.path(pointer, length), follows(lookup)));
    },
    path_filestat_set_times(
      fd: number,
      lookup: number,
      pointer: number,
      length: number,
      atime: bigint,
      mtime: bigint,
      flags: number,
    ) {
      const { dir } = descriptors.directory(fd, rights.PATH_FILESTAT_SET_TIMES);
      const [a, m] = timeChanges(atime, mtime, flags);
      fs.setTimes(dir, memory.path(pointer, length), follows(lookup), a, m);
    },
    path_create_directory(fd: number, pointer: number, length: number) {
      const { dir } = descriptors.directory(fd, rights.PATH_CREATE_DIRECTORY);
      fs.mkdir(dir, memory.path(pointer, length));
    },
    path_remove_directory(fd: number, pointer: number, length: number) {
      const { dir } = descriptors.directory(fd, rights.PATH_REMOVE_DIRECTORY);
      fs.rmdir(dir, memory.path(pointer, length));
    },
    path_unlink_file(fd: number, pointer: number, length: number) {
      const { dir } = descriptors.directory(fd, rights.PATH_UNLINK_FILE);
      fs.unlink(dir, memory.path(pointer, length));
    },
    path_rename(fd: number, from: number, fromLength: number, toFd: number, to: number, toLength: number) {
      const source = descriptors.directory(fd, rights.PATH_RENAME_SOURCE).dir;
      const target = descriptors.directory(toFd, rights.PATH_RENAME_TARGET).dir;
      fs.rename(source, memory.path(from, fromLength), target, memory.path(to, toLength));
    },
    path_link(
      fd: number,
      lookup: number,
      from: number,
      fromLength: number,
      toFd: number,
      to: number,
      toLength: number,
    ) {
      const source = descriptors.directory(fd, rights.PATH_LINK_SOURCE).dir;
      const target = descriptors.directory(toFd, rights.PATH_LINK_TARGET).dir;
      // Linking what a symlink points to cannot be done without a race on the host: refused, as Linux's hosts do.
      if (follows(lookup)) refuse(errno.INVAL);
      fs.link(source, memory.path(from, fromLength), target, memory.path(to, toLength));
    },
    path_symlink(target: number, targetLength: number, fd: number, pointer: number, length: number) {
      const { dir } = descriptors.directory(fd, rights.PATH_SYMLINK);
      fs.symlink(memory.path(target, targetLength), dir, memory.path(pointer, length));
    },
    path_readlink(
      fd: number,
      pointer: number,
      length: number,
      buffer: number,
      bufferLength: number,
      result: number,
    ) {
      const { dir } = descriptors.directory(fd, rights.PATH_READLINK);
      const target = utf8(fs.readlink(dir, memory.path(pointer, length)));
      memory.check(result, 4);
      const into = memory.bytes(buffer, bufferLength);
      const part = target.subarray(0, into.length);
      into.set(part);
      memory.setU32(result, part.length);
    },
  };
}
