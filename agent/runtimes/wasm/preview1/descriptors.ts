/** The guest's descriptor table. */
import { wasmLimits } from "../../../protocol/limits.ts";
import type { DirEntry, GuestFs, OpenDir, OpenFile } from "../fs/mod.ts";
import { errno, refuse } from "./errno.ts";
import { directoryRights, fileRights, inputRights, outputRights, rights } from "./rights.ts";
import type { ByteSink, ByteSource } from "./stdio.ts";

interface Common {
  base: bigint;
  inheriting: bigint;
  /** `fdflags` */
  flags: number;
}
/** Stdin. */
export interface InputDescriptor extends Common {
  readonly kind: "input";
  readonly source: ByteSource;
}
/** Stdout or stderr. */
export interface OutputDescriptor extends Common {
  readonly kind: "output";
  readonly sink: ByteSink;
}
/** A regular file. */
export interface FileDescriptor extends Common {
  readonly kind: "file";
  readonly file: OpenFile;
  position: bigint;
}
/** A directory. */
export interface DirectoryDescriptor extends Common {
  readonly kind: "directory";
  readonly dir: OpenDir;
  /** Name under which it was given at start. */
  readonly preopen?: string;
  /** What `fd_readdir` counts its cookies in: taken at cookie 0. */
  listing?: readonly DirEntry[];
}
/** What a descriptor number stands for. */
export type Descriptor = InputDescriptor | OutputDescriptor | FileDescriptor | DirectoryDescriptor;

/** The standard streams. */
export interface Stdio {
  readonly stdin: ByteSource;
  readonly stdout: ByteSink;
  readonly stderr: ByteSink;
}

/** Descriptors by number. */
export class Descriptors {
  readonly #fs: GuestFs;
  readonly #table = new Map<number, Descriptor>();
  #lowestFree = 0;

  /** Standard streams at 0 to 2, then the mounts in their order. */
  constructor(fs: GuestFs, stdio: Stdio) {
    this.#fs = fs;
    const output = (sink: ByteSink): OutputDescriptor => ({
      kind: "output",
      sink,
      base: outputRights,
      inheriting: 0n,
      flags: 0,
    });
    this.add({ kind: "input", source: stdio.stdin, base: inputRights, inheriting: 0n, flags: 0 });
    this.add(output(stdio.stdout));
    this.add(output(stdio.stderr));
    for (const { guest, dir } of fs.preopens) {
      // A read-only mount has the same rights: writing to it fails with EROFS, which says why, not with ENOTCAPABLE.
      this.add({
        kind: "directory",
        dir,
        preopen: guest,
        base: directoryRights,
        inheriting: directoryRights | fileRights,
        flags: 0,
      });
    }
  }

  /** Gives it the lowest free number. */
  add(descriptor: Descriptor): number {
    let number = this.#lowestFree;
    while (this.#table.has(number)) number++;
    if (number >= wasmLimits.openFiles + 3) refuse(errno.MFILE);
    this.#table.set(number, descriptor);
    this.#lowestFree = number + 1;
    return number;
  }

  /** `EBADF` when there is none, `ENOTCAPABLE` when it lacks one of `needed`. */
  get(number: number, needed = 0n): Descriptor {
    const found = this.#table.get(number >>> 0) ?? refuse(errno.BADF);
    if ((found.base & needed) !== needed) refuse(errno.NOTCAPABLE);
    return found;
  }

  /** A directory; `ENOTDIR` when it is something else. */
  directory(number: number, needed: bigint): DirectoryDescriptor {
    const found = this.get(number);
    if (found.kind !== "directory") refuse(errno.NOTDIR);
    if ((found.base & needed) !== needed) refuse(errno.NOTCAPABLE);
    return found;
  }

  /** A regular file; for a directory `EISDIR` or `EBADF`, for a standard stream `ESPIPE`. */
  file(number: number, needed: bigint): FileDescriptor {
    const found = this.stream(number, needed);
    if (found.kind !== "file") refuse(errno.SPIPE);
    return found;
  }

  /** Something that is not a directory. Without the right to read or write: `EBADF`, as for a POSIX descriptor. */
  stream(number: number, needed: bigint): Exclude<Descriptor, DirectoryDescriptor> {
    const found = this.get(number);
    if (found.kind === "directory") refuse((needed & rights.FD_READ) !== 0n ? errno.ISDIR : errno.BADF);
    const transfer = rights.FD_READ | rights.FD_WRITE;
    if ((found.base & needed & transfer) !== (needed & transfer)) refuse(errno.BADF);
    if (found.kind !== "file" && (found.base & needed) !== needed) refuse(errno.SPIPE);
    if ((found.base & needed) !== needed) refuse(errno.NOTCAPABLE);
    return found;
  }

  /** Closes a number. */
  close(number: number): void {
    const found = this.get(number);
    this.#table.delete(number >>> 0);
    this.#lowestFree = Math.min(this.#lowestFree, number >>> 0);
    this.#release(found);
  }

  /** Moves `from` to the number `to`, which must be in use and is closed. */
  renumber(from: number, to: number): void {
    const moved = this.get(from);
    const replaced = this.get(to);
    if (moved === replaced) return;
    this.#table.set(to >>> 0, moved);
    this.#table.delete(from >>> 0);
    this.#lowestFree = Math.min(this.#lowestFree, from >>> 0);
    this.#release(replaced);
  }

  #release(descriptor: Descriptor): void {
    if (descriptor.kind === "file") this.#fs.close(descriptor.file);
    else if (descriptor.kind === "directory") this.#fs.close(descriptor.dir);
  }
}
