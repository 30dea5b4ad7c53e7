import fs from "node:fs";
import { wasmLimits } from "../../../protocol/limits.ts";
import { fail, FsError, platform } from "./errors.ts";
import { changeTimes, OpenFile } from "./handles.ts";
import type { FileContext, OpenDir } from "./handles.ts";
import { prepareMounts } from "./mount.ts";
import { OpenHandles, sameDir, takeEntry } from "./open_handles.ts";
import type { DirEntry, GuestFsOptions, OpenOptions, Preopen, SymlinkMaker } from "./options.ts";
import { checkPath, existing, hostPath, resolve, resolveEntry } from "./resolve.ts";
import type { Entry, Resolved } from "./resolve.ts";
import { createSharedState, SharedState } from "./shared_state.ts";
import { lstat, lstatOrNull, sameFile } from "./stat.ts";
import type { FileStat, RawStat } from "./stat.ts";
import { ExactTimes } from "./times.ts";
import type { TimeChange } from "./times.ts";

/**
 * The file system of one guest instance; see `mod.ts` for what holds. Paths are relative to an {@link OpenDir}. Every
 * call is synchronous and throws `FsError`.
 */
export class GuestFs implements Disposable {
  /** The mounts, in the order given. */
  readonly preopens: readonly Preopen[];
  readonly #state: SharedState;
  readonly #times = new ExactTimes();
  readonly #context: FileContext;
  readonly #makeSymlink: SymlinkMaker;
  readonly #refused: GuestFsOptions["refused"];
  readonly #shared: boolean;
  readonly #handles: OpenHandles;

  /** Throws `RealmError("bad_request")` when the mounts do not fit each other or the host. */
  constructor(options: GuestFsOptions) {
    this.#shared = options.shared !== undefined;
    this.#state = new SharedState(
      options.shared ?? createSharedState(options.mounts.length),
      options.owner ?? 1,
    );
    this.#refused = options.refused;
    this.#makeSymlink = options.makeSymlink ?? Deno.symlinkSync;
    this.#handles = new OpenHandles(this.#state, this.#times);
    const fixed = options.fixedTimeNs;
    this.#context = {
      state: this.#state,
      times: this.#times,
      sharedLock: this.#shared,
      now: () => fixed ?? BigInt(Date.now()) * 1_000_000n,
      report: (raw) => report(raw, this.#times, fixed),
      closed: (file) => this.#fileClosed(file),
    };
    this.preopens = prepareMounts(options.mounts, this.#state).map((mount) => {
      mount.quota?.countAlso(() => this.#handles.orphanBytes(mount));
      const root = Deno.statSync(mount.host);
      const dir: OpenDir = {
        kind: "directory",
        mount,
        parts: [],
        dev: root.dev,
        ino: root.ino ?? 0,
        checkedAt: this.#state.generation,
        removed: false,
      };
      this.#handles.addDir(dir);
      return { guest: mount.guest, readOnly: mount.readOnly, dir };
    });
  }

  /** Opens a file or directory, creating the file where asked to. */
  open(dir: OpenDir, path: string, options: OpenOptions): OpenFile | OpenDir {
    if (options.create && options.directory) fail("EINVAL");
    return this.#within(dir, () => {
      const follow = options.follow === true && !(options.create && options.exclusive);
      const found = this.#resolve(dir, path, follow, options.create);
      if (found.leaf === null) return this.#create(found, options);
      if (found.ending !== "") existing(found);
      if (options.create && options.exclusive) fail("EEXIST");
      switch (found.leaf.type) {
        case "symlink":
          return fail(options.directory ? "ENOTDIR" : "ELOOP");
        case "directory":
          if (options.write || options.truncate || options.create) fail("EISDIR");
          return this.#openDir(found);
        case "regular":
          if (options.directory) fail("ENOTDIR");
          if (found.mount.readOnly && (options.write || options.truncate)) fail("EROFS");
          if (!found.leaf.writable && (options.write || options.truncate)) fail("EACCES", "a read-only file");
          return this.#openFile(found, options, 0);
        default:
          // A device or FIFO that somebody put there: opening it could block the host or reach a driver.
          return options.directory ? fail("ENOTDIR") : fail("ENOTSUP");
      }
    });
  }

  /** Attributes of a path. */
  stat(dir: OpenDir, path: string, follow: boolean): FileStat {
    return this.#within(dir, () => this.#context.report(existing(this.#resolve(dir, path, follow)).leaf));
  }

  /** Attributes of an open directory. */
  statDir(dir: OpenDir): FileStat {
    return this.#within(dir, () => this.#context.report(this.#lstatDir(dir)));
  }

  /** Changes the timestamps of a path. */
  setTimes(dir: OpenDir, path: string, follow: boolean, atime: TimeChange, mtime: TimeChange): void {
    this.#mutate(dir, () => {
      const { host, leaf } = existing(this.#resolve(dir, path, follow));
      this.#setTimesAt(host, leaf, atime, mtime);
    });
  }

  /** Changes the timestamps of an open directory. */
  setTimesDir(dir: OpenDir, atime: TimeChange, mtime: TimeChange): void {
    this.#mutate(
      dir,
      () => this.#setTimesAt(hostPath(dir.mount, dir.parts), this.#lstatDir(dir), atime, mtime),
    );
  }

  /** Makes a directory. */
  mkdir(dir: OpenDir, path: string): void {
    this.#mutate(dir, () => {
      const found = this.#entry(dir, path);
      if (found.leaf !== null) fail("EEXIST");
      takeEntry(found.mount, () => platform(() => Deno.mkdirSync(found.host)));
    });
  }

  /** Removes an empty directory. */
  rmdir(dir: OpenDir, path: string): void {
    this.#mutate(dir, () => {
      const found = this.#entry(dir, path);
      if (found.dots === ".") fail("EINVAL", "last component is .");
      if (found.dots === "..") fail("ENOTEMPTY", "last component is ..");
      const leaf = found.leaf ?? fail("ENOENT");
      if (leaf.type !== "directory") fail("ENOTDIR");
      platform(() => Deno.removeSync(found.host));
      this.#handles.directoryRemoved(leaf);
      this.#handles.entryGone(found.mount, leaf);
    });
  }

  /** Removes a file or symlink. */
  unlink(dir: OpenDir, path: string): void {
    this.#mutate(dir, () => {
      const found = this.#entry(dir, path);
      const leaf = found.leaf ?? fail("ENOENT");
      if (leaf.type === "directory") fail("EISDIR");
      if (found.slash) fail("ENOTDIR");
      platform(() => Deno.removeSync(found.host));
      this.#handles.entryGone(found.mount, leaf);
    });
  }

  /** Renames within one mount, replacing what may be replaced. Between mounts: `EXDEV`. */
  rename(fromDir: OpenDir, from: string, toDir: OpenDir, to: string): void {
    this.#mutate(fromDir, () => {
      this.#check(toDir);
      if (toDir.mount.readOnly) fail("EROFS");
      const source = this.#entry(fromDir, from);
      const target = this.#entry(toDir, to);
      if (source.mount !== target.mount) fail("EXDEV");
      if (source.dots !== undefined || target.dots !== undefined) fail("EBUSY", "last component is . or ..");
      const leaf = source.leaf ?? fail("ENOENT");
      const isDirectory = leaf.type === "directory";
      if (!isDirectory && (source.slash || target.slash)) fail("ENOTDIR");
      if (isAbove(source, target)) fail("EINVAL", "into itself");
      if (isAbove(target, source)) fail("ENOTEMPTY");
      const replaced = target.leaf;
      if (replaced !== null) {
        if (isDirectory && replaced.type !== "directory") fail("ENOTDIR");
        if (!isDirectory && replaced.type === "directory") fail("EISDIR");
        if (sameFile(replaced, leaf)) return;
      }
      platform(() => Deno.renameSync(source.host, target.host));
      if (isDirectory) this.#handles.directoryMoved(source, target);
      if (replaced !== null) this.#handles.entryGone(target.mount, replaced);
    });
  }

  /** Makes a hard link to a file or to a symlink itself. Between mounts: `EXDEV`. */
  link(fromDir: OpenDir, from: string, toDir: OpenDir, to: string): void {
    this.#mutate(fromDir, () => {
      this.#check(toDir);
      if (toDir.mount.readOnly) fail("EROFS");
      const source = existing(this.#resolve(fromDir, from, false));
      const target = this.#entry(toDir, to);
      if (target.leaf !== null) fail("EEXIST");
      if (target.slash) fail("ENOENT");
      if (source.mount !== target.mount) fail("EXDEV");
      if (source.leaf.type === "directory") fail("EPERM", "hard link to a directory");
      takeEntry(target.mount, () => platform(() => Deno.linkSync(source.host, target.host)));
    });
  }

  /** Makes a symlink. An absolute target is refused with `EPERM`; one that leads out can be made but not followed. */
  symlink(target: string, dir: OpenDir, path: string): void {
    this.#mutate(dir, () => {
      checkPath(target);
      if (target.startsWith("/")) fail("EPERM", "absolute symlink");
      const found = this.#entry(dir, path);
      if (found.leaf !== null) fail("EEXIST");
      if (found.slash) fail("ENOENT");
      takeEntry(found.mount, () => {
        try {
          this.#makeSymlink(target, found.host);
        } catch (error) {
          if (error instanceof Deno.errors.NotCapable) fail("ENOTSUP", "no authority to make symlinks");
          platform(() => {
            throw error;
          });
        }
      });
    });
  }

  /** Where a symlink points. */
  readlink(dir: OpenDir, path: string): string {
    return this.#within(dir, () => {
      const { host, leaf } = existing(this.#resolve(dir, path, false));
      if (leaf.type !== "symlink") fail("EINVAL");
      return platform(() => Deno.readLinkSync(host));
    });
  }

  /**
   * All entries, `.` and `..` first, the others sorted by name. A host that hands out cookies keeps the array and
   * counts in it: what changes meanwhile does not shift what is read later. Names that are not UTF-8 are left out.
   */
  readdir(dir: OpenDir): readonly DirEntry[] {
    return this.#within(dir, () => {
      const self = BigInt(dir.ino);
      const parent = dir.parts.length === 0
        ? self
        : BigInt(lstat(hostPath(dir.mount, dir.parts.slice(0, -1))).ino);
      const names: string[] = [];
      const host = hostPath(dir.mount, dir.parts);
      platform(() => {
        for (const entry of Deno.readDirSync(host)) {
          if (names.length >= wasmLimits.directoryEntries) {
            fail("EOVERFLOW", "directory has too many entries");
          }
          names.push(entry.name);
        }
      });
      const entries: DirEntry[] = [
        { name: ".", type: "directory", ino: self },
        { name: "..", type: "directory", ino: parent },
      ];
      const prefix = host === "/" ? "/" : `${host}/`;
      for (const name of names.sort()) {
        const info = lstatOrNull(prefix + name);
        if (info !== null) entries.push({ name, type: info.type, ino: BigInt(info.ino) });
      }
      return entries;
    });
  }

  /** Flushes an open directory. A no-op: the platform offers no way, and its journal keeps the order of changes. */
  syncDir(dir: OpenDir): void {
    this.#within(dir, () => {});
  }

  /** Closes a handle. Idempotent. */
  close(handle: OpenFile | OpenDir): void {
    if (handle.kind === "file") handle.close();
    else this.#handles.removeDir(handle);
  }

  /** Closes everything that is open. */
  [Symbol.dispose](): void {
    this.#handles.closeAll();
  }

  #resolve(dir: OpenDir, path: string, followLast: boolean, created?: boolean): Resolved {
    return this.#telling(dir, path, () => resolve(dir, path, followLast, created));
  }

  #entry(dir: OpenDir, path: string): Entry {
    return this.#telling(dir, path, () => resolveEntry(dir, path));
  }

  /** Tells of paths that lead out of their directory. */
  #telling<T>(dir: OpenDir, path: string, work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (error instanceof FsError && error.code === "EPERM") this.#refused?.(`${dir.mount.guest}: ${path}`);
      throw error;
    }
  }

  #within<T>(dir: OpenDir, work: () => T): T {
    const checked = () => {
      this.#check(dir);
      return work();
    };
    return this.#shared ? this.#state.locked(checked) : checked();
  }

  #mutate<T>(dir: OpenDir, work: () => T): T {
    return this.#within(dir, () => {
      if (dir.mount.readOnly) fail("EROFS");
      return work();
    });
  }

  /** Makes sure that an open directory is still where its names lead, without any symlink on the way. */
  #check(dir: OpenDir): void {
    if (dir.removed) fail("ENOENT", "directory was removed");
    if (dir.checkedAt === this.#state.generation) return;
    for (let depth = 1; depth <= dir.parts.length; depth++) {
      const found = lstatOrNull(hostPath(dir.mount, dir.parts.slice(0, depth)));
      if (found?.type !== "directory") fail("ENOENT", "directory was moved or removed");
      if (depth === dir.parts.length && !sameDir(dir, found)) fail("ENOENT", "directory was replaced");
    }
    dir.checkedAt = this.#state.generation;
  }

  #lstatDir(dir: OpenDir): RawStat {
    const host = hostPath(dir.mount, dir.parts);
    return lstat(dir.parts.length === 0 ? `${host}/.` : host);
  }

  #setTimesAt(host: string, before: RawStat, atime: TimeChange, mtime: TimeChange): void {
    changeTimes(this.#context, before, atime, mtime, (a, m) => {
      platform(() => before.type === "symlink" ? fs.lutimesSync(host, a, m) : Deno.utimeSync(host, a, m));
      return lstat(host);
    });
  }

  #create(found: Resolved, options: OpenOptions): OpenFile {
    if (!options.create) fail("ENOENT");
    if (found.ending === "/.") fail("ENOENT");
    if (found.mount.readOnly) fail("EROFS");
    return takeEntry(
      found.mount,
      () => this.#openFile(found, options, fs.constants.O_CREAT | fs.constants.O_EXCL),
    );
  }

  #openFile(found: Resolved, options: OpenOptions, extraFlags: number): OpenFile {
    this.#handles.checkRoom();
    const { O_RDONLY, O_WRONLY, O_RDWR, O_TRUNC, O_NOFOLLOW = 0 } = fs.constants;
    const writes = options.write === true || options.truncate === true;
    const mode = writes ? (options.read ? O_RDWR : O_WRONLY) : O_RDONLY;
    const flags = mode | extraFlags | O_NOFOLLOW | (options.truncate ? O_TRUNC : 0);
    const fd = platform(() => fs.openSync(found.host, flags, 0o666));
    if (options.truncate && found.leaf !== null) found.mount.quota?.give(BigInt(found.leaf.size));
    const raw = found.leaf ?? platform(() => lstat(found.host));
    const access = { read: options.read === true, write: writes };
    const file = new OpenFile(fd, `${raw.dev}:${raw.ino}`, access, found.mount, this.#context);
    this.#handles.addFile(file);
    return file;
  }

  #openDir(found: Resolved): OpenDir {
    this.#handles.checkRoom();
    const dir: OpenDir = {
      kind: "directory",
      mount: found.mount,
      parts: found.parts,
      dev: found.leaf!.dev,
      ino: found.leaf!.ino,
      checkedAt: this.#state.generation,
      removed: false,
    };
    this.#handles.addDir(dir);
    return dir;
  }

  #fileClosed(file: OpenFile): void {
    const settle = () => this.#handles.fileClosed(file);
    if (this.#shared) this.#state.locked(settle);
    else settle();
  }
}

/** Whether `above` is a directory that `below` lies in, at any depth. */
const isAbove = (above: Entry, below: Entry): boolean =>
  above.parts.length < below.parts.length && above.parts.every((name, depth) => name === below.parts[depth]);

function report(raw: RawStat, times: ExactTimes, fixed: bigint | undefined): FileStat {
  const exact = fixed === undefined ? times.of(raw) : { atimeNs: fixed, mtimeNs: fixed };
  return {
    dev: BigInt(raw.dev),
    ino: BigInt(raw.ino),
    type: raw.type,
    nlink: BigInt(raw.nlink),
    size: BigInt(raw.size),
    ...exact,
    ctimeNs: fixed ?? BigInt(raw.ctimeMs) * 1_000_000n,
  };
}
