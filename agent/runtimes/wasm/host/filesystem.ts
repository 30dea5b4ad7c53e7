/** `wasi:filesystem` over the guest file system: names, flags and error codes of WASI 0.2; all else is `../fs`. */
import { Trap, WitError } from "../component/mod.ts";
import type { HostImports } from "../component/mod.ts";
import { FsError } from "../fs/mod.ts";
import type { DirEntry, FileStat, FsErrorCode, GuestFs, OpenDir, OpenFile, TimeChange } from "../fs/mod.ts";
import { wasmLimits } from "../../../protocol/limits.ts";
import { datetime } from "./basics.ts";
import { InputStream, IoError, OutputStream } from "./streams.ts";
import type { Sink, Source } from "./streams.ts";

/** `error-code` of each failure. */
const ERROR_CODES: Readonly<Record<FsErrorCode, string>> = {
  EACCES: "access",
  EAGAIN: "would-block",
  EBADF: "bad-descriptor",
  EBUSY: "busy",
  EEXIST: "exist",
  EFBIG: "file-too-large",
  EILSEQ: "illegal-byte-sequence",
  EINVAL: "invalid",
  EIO: "io",
  EISDIR: "is-directory",
  ELOOP: "loop",
  EMFILE: "insufficient-memory",
  EMLINK: "too-many-links",
  ENAMETOOLONG: "name-too-long",
  ENFILE: "insufficient-memory",
  ENOENT: "no-entry",
  ENOSPC: "insufficient-space",
  ENOTDIR: "not-directory",
  ENOTEMPTY: "not-empty",
  ENOTSUP: "unsupported",
  EOVERFLOW: "overflow",
  EPERM: "not-permitted",
  EPIPE: "pipe",
  EROFS: "read-only",
  ESPIPE: "invalid-seek",
  ETXTBSY: "text-file-busy",
  EXDEV: "cross-device",
};
const FILE_TYPES: Readonly<Record<FileStat["type"], string>> = {
  unknown: "unknown",
  regular: "regular-file",
  directory: "directory",
  symlink: "symbolic-link",
  character_device: "character-device",
  block_device: "block-device",
  fifo: "fifo",
  socket: "socket",
};

const err = (code: string) => new WitError(code);
/** Runs a file operation; what it refuses becomes the function's `err`. */
function guarded<A extends unknown[], R>(call: (...args: A) => R): (...args: A) => R {
  return (...args) => {
    try {
      return call(...args);
    } catch (error) {
      if (error instanceof FsError) throw err(ERROR_CODES[error.code]);
      throw error;
    }
  };
}

type Flags = ReadonlySet<string>;
type NewTime = {
  readonly tag: string;
  readonly val?: { readonly seconds: bigint; readonly nanoseconds: number };
};

const timeChange = (time: NewTime): TimeChange => {
  if (time.tag !== "timestamp") return time.tag === "now" ? "now" : "keep";
  const { seconds, nanoseconds } = time.val!;
  return seconds * 1_000_000_000n + BigInt(nanoseconds);
};
const statOf = (stat: FileStat) => ({
  "type": FILE_TYPES[stat.type],
  "link-count": stat.nlink,
  "size": stat.size,
  "data-access-timestamp": datetime(stat.atimeNs),
  "data-modification-timestamp": datetime(stat.mtimeNs),
  "status-change-timestamp": datetime(stat.ctimeNs),
});
/** Tells one state of a file from another; no secret, so a simple mix of what identifies it is enough. */
const hashOf = (stat: FileStat) => ({
  lower: stat.ino ^ (stat.mtimeNs << 1n),
  upper: stat.dev ^ (stat.size << 20n) ^ stat.ctimeNs,
});

/** `descriptor`. */
class Descriptor {
  readonly #fs: GuestFs;
  readonly #handle: OpenFile | OpenDir;
  readonly #flags: Flags;
  /** A mount's root belongs to the worker, not to the guest that drops its descriptor. */
  readonly #root: boolean;

  constructor(fs: GuestFs, handle: OpenFile | OpenDir, flags: Flags, root = false) {
    this.#fs = fs;
    this.#handle = handle;
    this.#flags = flags;
    this.#root = root;
  }
  static #file(d: Descriptor): OpenFile {
    if (d.#handle.kind !== "file") throw err("is-directory");
    return d.#handle;
  }
  static #dir(d: Descriptor): OpenDir {
    if (d.#handle.kind === "file") throw err("not-directory");
    return d.#handle;
  }
  static #stat(d: Descriptor): FileStat {
    return d.#handle.kind === "file" ? d.#handle.stat() : d.#fs.statDir(d.#handle);
  }
  static #writer(d: Descriptor, at: bigint | "append"): OutputStream {
    const file = Descriptor.#file(d);
    if (!file.access.write) throw err("bad-descriptor");
    return new OutputStream(fileSink(file, at));
  }
  [Symbol.dispose](): void {
    if (!this.#root) this.#fs.close(this.#handle);
  }

  static readonly imports: HostImports[string] = guardedAll({
    "read-via-stream": (d: Descriptor, offset: bigint) => {
      const file = Descriptor.#file(d);
      if (!file.access.read) throw err("bad-descriptor");
      return new InputStream(fileSource(file, offset));
    },
    "write-via-stream": (d: Descriptor, offset: bigint) => Descriptor.#writer(d, offset),
    "append-via-stream": (d: Descriptor) => Descriptor.#writer(d, "append"),
    "advise": (d: Descriptor) => void Descriptor.#file(d),
    "sync-data": (d: Descriptor) => {
      if (d.#handle.kind === "file") d.#handle.syncData();
      else d.#fs.syncDir(d.#handle);
    },
    "sync": (d: Descriptor) => {
      if (d.#handle.kind === "file") d.#handle.sync();
      else d.#fs.syncDir(d.#handle);
    },
    "get-flags": (d: Descriptor) => d.#flags,
    "get-type": (d: Descriptor) => FILE_TYPES[d.#handle.kind === "file" ? "regular" : "directory"],
    "set-size": (d: Descriptor, size: bigint) => Descriptor.#file(d).truncate(size),
    "set-times": (d: Descriptor, access: NewTime, modification: NewTime) => {
      const [a, m] = [timeChange(access), timeChange(modification)];
      if (d.#handle.kind === "file") d.#handle.setTimes(a, m);
      else d.#fs.setTimesDir(d.#handle, a, m);
    },
    "read": (d: Descriptor, length: bigint, offset: bigint) => {
      const into = new Uint8Array(length > BigInt(wasmLimits.ioBytes) ? wasmLimits.ioBytes : Number(length));
      const n = Descriptor.#file(d).read(into, offset);
      return [into.subarray(0, n), n < into.length || (n === 0 && length > 0n)];
    },
    "write": (d: Descriptor, bytes: Uint8Array, offset: bigint) =>
      BigInt(Descriptor.#file(d).write(bytes, offset)),
    "read-directory": (d: Descriptor) => new EntryStream(d.#fs.readdir(Descriptor.#dir(d))),
    "create-directory-at": (d: Descriptor, path: string) => d.#fs.mkdir(Descriptor.#dir(d), path),
    "stat": (d: Descriptor) => statOf(Descriptor.#stat(d)),
    "stat-at": (d: Descriptor, flags: Flags, path: string) =>
      statOf(d.#fs.stat(Descriptor.#dir(d), path, flags.has("symlink-follow"))),
    "set-times-at": (d: Descriptor, flags: Flags, path: string, access: NewTime, modification: NewTime) =>
      d.#fs.setTimes(
        Descriptor.#dir(d),
        path,
        flags.has("symlink-follow"),
        timeChange(access),
        timeChange(modification),
      ),
    "link-at": (d: Descriptor, flags: Flags, path: string, to: Descriptor, name: string) => {
      if (flags.has("symlink-follow")) throw err("invalid");
      d.#fs.link(Descriptor.#dir(d), path, Descriptor.#dir(to), name);
    },
    "open-at": (d: Descriptor, pathFlags: Flags, path: string, how: Flags, flags: Flags) => {
      const handle = d.#fs.open(Descriptor.#dir(d), path, {
        read: flags.has("read"),
        write: flags.has("write"),
        create: how.has("create"),
        exclusive: how.has("exclusive"),
        truncate: how.has("truncate"),
        directory: how.has("directory"),
        follow: pathFlags.has("symlink-follow"),
      });
      const mutable = handle.kind === "directory" && flags.has("mutate-directory");
      if (mutable && handle.mount.readOnly) {
        d.#fs.close(handle);
        throw err("read-only");
      }
      return new Descriptor(d.#fs, handle, flags);
    },
    "readlink-at": (d: Descriptor, path: string) => d.#fs.readlink(Descriptor.#dir(d), path),
    "remove-directory-at": (d: Descriptor, path: string) => d.#fs.rmdir(Descriptor.#dir(d), path),
    "rename-at": (d: Descriptor, path: string, to: Descriptor, name: string) =>
      d.#fs.rename(Descriptor.#dir(d), path, Descriptor.#dir(to), name),
    "symlink-at": (d: Descriptor, target: string, path: string) =>
      d.#fs.symlink(target, Descriptor.#dir(d), path),
    "unlink-file-at": (d: Descriptor, path: string) => d.#fs.unlink(Descriptor.#dir(d), path),
    "is-same-object": (a: Descriptor, b: Descriptor) => {
      const [x, y] = [Descriptor.#stat(a), Descriptor.#stat(b)];
      return x.dev === y.dev && x.ino === y.ino;
    },
    "metadata-hash": (d: Descriptor) => hashOf(Descriptor.#stat(d)),
    "metadata-hash-at": (d: Descriptor, flags: Flags, path: string) =>
      hashOf(d.#fs.stat(Descriptor.#dir(d), path, flags.has("symlink-follow"))),
  });
}

// deno-lint-ignore no-explicit-any
function guardedAll(methods: Readonly<Record<string, (...args: any[]) => unknown>>): HostImports[string] {
  return Object.fromEntries(
    Object.entries(methods).map(([name, call]) => [`[method]descriptor.${name}`, guarded(call)]),
  );
}

/** `directory-entry-stream`. */
class EntryStream {
  readonly #entries: readonly DirEntry[];
  #next = 0;
  constructor(entries: readonly DirEntry[]) {
    this.#entries = entries.filter(({ name }) => name !== "." && name !== "..");
  }
  static read(stream: EntryStream): unknown {
    const entry = stream.#entries[stream.#next++];
    return entry === undefined ? undefined : { type: FILE_TYPES[entry.type], name: entry.name };
  }
}

const ioError = (error: unknown): IoError => {
  if (!(error instanceof FsError)) throw error;
  return new IoError(error.message, ERROR_CODES[error.code]);
};

function fileSource(file: OpenFile, offset: bigint): Source {
  let at = offset;
  let ended: boolean | IoError = false;
  return {
    read(max) {
      if (ended !== false) return undefined;
      const into = new Uint8Array(max);
      try {
        const n = file.read(into, at);
        at += BigInt(n);
        if (n > 0) return into.subarray(0, n);
        ended = true;
      } catch (error) {
        ended = ioError(error);
      }
    },
    ended: () => ended,
    wait: () => Promise.resolve(),
    close() {},
  };
}

function fileSink(file: OpenFile, offset: bigint | "append"): Sink {
  let at = offset;
  let broken: IoError | undefined;
  return {
    room: () => broken ?? wasmLimits.ioBytes,
    write(bytes) {
      try {
        if (at === "append") file.append(bytes);
        else at += BigInt(file.write(bytes, at));
      } catch (error) {
        broken = ioError(error);
        throw new WitError({ tag: "last-operation-failed", val: broken });
      }
    },
    wait: () => Promise.resolve(),
    close() {},
  };
}

/** `wasi:filesystem` for one worker. */
export function filesystemImports(fs: GuestFs): HostImports {
  const rights = (readOnly: boolean) => new Set(readOnly ? ["read"] : ["read", "write", "mutate-directory"]);
  return {
    "wasi:filesystem/preopens@0.2": {
      "get-directories": () =>
        fs.preopens.map((
          { guest, readOnly, dir },
        ) => [new Descriptor(fs, dir, rights(readOnly), true), guest]),
    },
    "wasi:filesystem/types@0.2": {
      ...Descriptor.imports,
      "[method]directory-entry-stream.read-directory-entry": EntryStream.read,
      "filesystem-error-code": (error: IoError) => {
        const code = IoError.code(error);
        if (typeof code === "string") return code;
        if (code !== undefined) throw new Trap("not an error of a file");
      },
    },
  };
}
