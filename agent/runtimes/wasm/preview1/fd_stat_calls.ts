/** What descriptors are and may: `fd_fdstat_*`, `fd_filestat_*`, `fd_prestat_*`, `fd_close`, `fd_renumber`, `fd_readdir`. */
import { utf8 } from "../../../protocol/bytes.ts";
import type { FileStat, TimeChange } from "../fs/mod.ts";
import { everyFdflag, filetype, fstflags, sizes } from "./abi.ts";
import { unsigned } from "./context.ts";
import type { Calls, Context } from "./context.ts";
import type { Descriptor, DirectoryDescriptor } from "./descriptors.ts";
import { errno, refuse } from "./errno.ts";
import type { GuestMemory } from "./guest_memory.ts";
import { rights } from "./rights.ts";

/** Writes a `filestat`. */
export function storeFilestat(memory: GuestMemory, pointer: number, stat: FileStat): void {
  memory.check(pointer, sizes.filestat);
  const at = pointer >>> 0;
  memory.setU64(at, stat.dev);
  memory.setU64(at + 8, stat.ino);
  memory.setU64(at + 16, 0n);
  memory.setU8(at + 16, filetype[stat.type]);
  memory.setU64(at + 24, stat.nlink);
  memory.setU64(at + 32, stat.size);
  memory.setU64(at + 40, stat.atimeNs);
  memory.setU64(at + 48, stat.mtimeNs);
  memory.setU64(at + 56, stat.ctimeNs);
}

/** Access and modification time out of two timestamps and `fstflags`. */
export function timeChanges(atime: bigint, mtime: bigint, flags: number): readonly [TimeChange, TimeChange] {
  const { ATIM, ATIM_NOW, MTIM, MTIM_NOW } = fstflags;
  if ((flags & ~(ATIM | ATIM_NOW | MTIM | MTIM_NOW)) !== 0) refuse(errno.INVAL);
  const one = (value: bigint, set: number, now: number): TimeChange => {
    if ((flags & set) !== 0 && (flags & now) !== 0) refuse(errno.INVAL);
    return (flags & set) !== 0 ? unsigned(value) : (flags & now) !== 0 ? "now" : "keep";
  };
  return [one(atime, ATIM, ATIM_NOW), one(mtime, MTIM, MTIM_NOW)];
}

/** A stream's attributes: nothing is known. It is no terminal, so it is not a character device either. */
const streamStat: FileStat = {
  dev: 0n,
  ino: 0n,
  type: "unknown",
  nlink: 1n,
  size: 0n,
  atimeNs: 0n,
  mtimeNs: 0n,
  ctimeNs: 0n,
};

const typeOf = (d: Descriptor) =>
  d.kind === "directory" ? filetype.directory : d.kind === "file" ? filetype.regular : filetype.unknown;

/** The calls. */
export function fdStatCalls({ memory, descriptors, fs }: Context): Calls {
  const preopen = (fd: number): string => {
    const found = descriptors.get(fd);
    if (found.kind !== "directory") refuse(errno.NOTDIR);
    return found.preopen ?? refuse(errno.BADF);
  };

  /** Packs directory entries into the guest's buffer, the last one cut off where it does not fit. */
  const pack = (found: DirectoryDescriptor, into: Uint8Array, cookie: bigint): number => {
    const entries = found.listing!;
    let used = 0;
    for (let i = cookie > BigInt(entries.length) ? entries.length : Number(cookie); i < entries.length; i++) {
      if (used >= into.length) break;
      const { name, type, ino } = entries[i]!;
      const nameBytes = utf8(name);
      const record = new Uint8Array(sizes.dirent + nameBytes.length);
      const view = new DataView(record.buffer);
      view.setBigUint64(0, BigInt(i + 1), true);
      view.setBigUint64(8, ino, true);
      view.setUint32(16, nameBytes.length, true);
      view.setUint8(20, filetype[type]);
      record.set(nameBytes, sizes.dirent);
      const part = record.subarray(0, into.length - used);
      into.set(part, used);
      used += part.length;
    }
    return used;
  };

  return {
    fd_fdstat_get(fd: number, result: number) {
      const found = descriptors.get(fd);
      memory.check(result, sizes.fdstat);
      const at = result >>> 0;
      memory.setU64(at, 0n);
      memory.setU8(at, typeOf(found));
      memory.setU16(at + 2, found.flags);
      memory.setU64(at + 8, found.base);
      memory.setU64(at + 16, found.inheriting);
    },
    fd_fdstat_set_flags(fd: number, flags: number) {
      const found = descriptors.get(fd);
      if (found.kind === "directory") refuse(errno.BADF);
      if ((found.base & rights.FD_FDSTAT_SET_FLAGS) === 0n) refuse(errno.NOTCAPABLE);
      if ((flags & ~everyFdflag) !== 0) refuse(errno.INVAL);
      found.flags = flags;
    },
    fd_fdstat_set_rights(fd: number, base: bigint, inheriting: bigint) {
      const found = descriptors.get(fd);
      const more = (unsigned(base) & ~found.base) | (unsigned(inheriting) & ~found.inheriting);
      if (more !== 0n) refuse(errno.NOTCAPABLE);
      found.base = unsigned(base);
      found.inheriting = unsigned(inheriting);
    },
    fd_filestat_get(fd: number, result: number) {
      const found = descriptors.get(fd, rights.FD_FILESTAT_GET);
      storeFilestat(
        memory,
        result,
        found.kind === "file"
          ? found.file.stat()
          : found.kind === "directory"
          ? fs.statDir(found.dir)
          : streamStat,
      );
    },
    fd_filestat_set_size(fd: number, size: bigint) {
      const { file } = descriptors.file(fd, rights.FD_FILESTAT_SET_SIZE);
      if (size < 0n) refuse(errno.INVAL);
      file.truncate(size);
    },
    fd_filestat_set_times(fd: number, atime: bigint, mtime: bigint, flags: number) {
      const found = descriptors.get(fd, rights.FD_FILESTAT_SET_TIMES);
      const [a, m] = timeChanges(atime, mtime, flags);
      if (found.kind === "file") found.file.setTimes(a, m);
      else if (found.kind === "directory") fs.setTimesDir(found.dir, a, m);
    },
    fd_prestat_get(fd: number, result: number) {
      const name = preopen(fd);
      memory.check(result, 8);
      memory.setU64(result, 0n);
      memory.setU32((result >>> 0) + 4, utf8(name).length);
    },
    fd_prestat_dir_name(fd: number, pointer: number, length: number) {
      const name = utf8(preopen(fd));
      if (length >>> 0 < name.length) refuse(errno.NAMETOOLONG);
      memory.bytes(pointer, name.length).set(name);
    },
    fd_readdir(fd: number, pointer: number, length: number, cookie: bigint, result: number) {
      const found = descriptors.directory(fd, rights.FD_READDIR);
      memory.check(result, 4);
      const into = memory.bytes(pointer, length);
      const from = unsigned(cookie);
      if (from === 0n || found.listing === undefined) found.listing = fs.readdir(found.dir);
      memory.setU32(result, pack(found, into, from));
    },
    fd_close: (fd: number) => descriptors.close(fd),
    fd_renumber: (from: number, to: number) => descriptors.renumber(from, to),
  };
}
