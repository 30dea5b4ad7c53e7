/** The real {@link Disk}: Deno's file system calls, with durability spelled out and errors translated. */
import type { DirectoryEntry, Disk, DiskWriter, FileInfo } from "../ports.ts";
import { RealmError } from "../protocol/errors.ts";

/** Bytes read at a time from a file: large enough for disk speed, small enough for hundreds of readers. */
const READ_BYTES = 64 * 1024;
/** `lstat` calls in flight while a directory is listed: keeps the thread pool busy without flooding it. */
const STATS_AT_ONCE = 64;

/** A failed call as the error that {@link Disk} promises. */
function translate(error: unknown, doing: string, path: string): RealmError {
  if (error instanceof RealmError) return error;
  const code = (error as { code?: string }).code;
  if (error instanceof Deno.errors.NotFound || code === "ENOENT") {
    return new RealmError("not_found", `${path} does not exist`, { cause: error });
  }
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new RealmError("no_space", `cannot ${doing} ${path}: the device is full; free some space`, {
      cause: error,
    });
  }
  const why = error instanceof Error ? error.message : String(error);
  return new RealmError("disk", `cannot ${doing} ${path}: ${why}`, { cause: error });
}

async function attempt<T>(doing: string, path: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw translate(error, doing, path);
  }
}

/** The directory that `path` lies in: `.` of a bare name. */
const parentOf = (path: string) => /[/\\]/.test(path) ? path.replace(/[/\\][^/\\]*$/, "") || "/" : ".";

function infoOf(s: Deno.FileInfo): FileInfo {
  return {
    kind: s.isFile ? "file" : s.isDirectory ? "directory" : "other",
    size: s.isFile ? s.size : 0,
    modifiedAt: s.mtime?.getTime() ?? 0,
    ...(s.isFile && s.mode !== null && (s.mode & 0o100) !== 0 ? { executable: true } : {}),
  };
}

async function statOf(path: string): Promise<FileInfo | undefined> {
  try {
    return infoOf(await Deno.lstat(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return undefined;
    throw translate(error, "look at", path);
  }
}

async function fsyncDirectory(path: string): Promise<void> {
  // Windows cannot open a directory for flushing; NTFS journals its metadata in order.
  if (Deno.build.os === "windows") return;
  const directory = await Deno.open(path, { read: true });
  try {
    await directory.sync();
  } finally {
    directory.close();
  }
}

/**
 * Shares flushes: callers that come while one runs wait together for the next, which covers all their changes
 * (group commit).
 */
function flushQueue(flush: (path: string) => Promise<void>): (path: string) => Promise<void> {
  const running = new Map<string, { now: Promise<void>; next?: Promise<void> }>();
  return function request(path): Promise<void> {
    const state = running.get(path);
    if (!state) {
      const now = flush(path);
      const entry = { now };
      running.set(path, entry);
      const done = () => {
        if (running.get(path) === entry) running.delete(path);
      };
      now.then(done, done);
      return now;
    }
    return state.next ??= state.now.catch(() => {}).then(() => {
      running.delete(path);
      return request(path);
    });
  };
}

function readStream(path: string, range: { start?: number; end?: number } = {}): ReadableStream<Uint8Array> {
  const { start = 0, end = Number.POSITIVE_INFINITY } = range;
  let file: Deno.FsFile | undefined;
  let left = Math.max(0, end - start);
  const close = () => {
    file?.close();
    file = undefined;
  };
  return new ReadableStream({
    async pull(controller) {
      try {
        if (!file) {
          file = await Deno.open(path, { read: true });
          if (start > 0) await file.seek(start, Deno.SeekMode.Start);
        }
        const buffer = new Uint8Array(Math.min(READ_BYTES, left));
        const n = left === 0 ? null : await file.read(buffer);
        if (n === null) {
          close();
          return controller.close();
        }
        left -= n;
        controller.enqueue(buffer.subarray(0, n));
      } catch (error) {
        close();
        controller.error(translate(error, "read", path));
      }
    },
    cancel: close,
  }, { highWaterMark: 0 });
}

const openWriter = (path: string, { executable = false } = {}): Promise<DiskWriter> =>
  attempt("create", path, async () => {
    const mode = executable ? { mode: 0o777 } : {};
    return writerOf(path, await Deno.open(path, { write: true, create: true, truncate: true, ...mode }));
  });

const extendFile = (path: string, keep: number): Promise<DiskWriter> =>
  attempt("open", path, async () => {
    const file = await Deno.open(path, { write: true });
    try {
      await file.truncate(keep);
      await file.seek(0, Deno.SeekMode.End);
      return writerOf(path, file);
    } catch (error) {
      file.close();
      throw error;
    }
  });

function writerOf(path: string, file: Deno.FsFile): DiskWriter {
  let open = true;
  return {
    write: (bytes) =>
      attempt("write", path, async () => {
        for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
      }),
    // syncData flushes what is needed to read the content back (size included), not the times.
    sync: () => attempt("flush", path, () => file.syncData()),
    close() {
      if (open) file.close();
      open = false;
      return Promise.resolve();
    },
  };
}

async function entriesOf(path: string): Promise<readonly DirectoryEntry[]> {
  const names = await namesOf(path), out: DirectoryEntry[] = [];
  for (let i = 0; i < names.length; i += STATS_AT_ONCE) {
    const part = names.slice(i, i + STATS_AT_ONCE);
    const infos = await Promise.all(part.map((name) => statOf(`${path}/${name}`)));
    part.forEach((name, k) => infos[k] && out.push({ name, ...infos[k] }));
  }
  return out;
}

async function namesOf(path: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const entry of Deno.readDir(path)) names.push(entry.name);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw translate(error, "list", path);
  }
  return names.sort();
}

async function readInto(path: string, into: Uint8Array): Promise<number> {
  const file = await Deno.open(path, { read: true });
  try {
    let at = 0;
    while (at < into.length) {
      const n = await file.read(into.subarray(at));
      if (n === null) return at;
      at += n;
    }
    return (await file.stat()).size;
  } finally {
    file.close();
  }
}

/** The real {@link Disk}. */
export function createDisk(): Disk {
  const flush = flushQueue(fsyncDirectory);
  const syncDirectory = (path: string) => attempt("flush", path, () => flush(path));
  let temporaries = 0;

  async function rename(from: string, to: string, options?: { durable?: boolean }): Promise<void> {
    await attempt("rename", from, () => Deno.rename(from, to));
    if (options?.durable === false) return;
    await syncDirectory(parentOf(to));
    if (parentOf(from) !== parentOf(to)) await syncDirectory(parentOf(from));
  }

  async function makeDirectory(path: string): Promise<void> {
    const made: string[] = [];
    for (let at = path; !(await statOf(at)); at = parentOf(at)) {
      made.push(at);
      if (parentOf(at) === at) break;
    }
    await attempt("create", path, () => Deno.mkdir(path, { recursive: true }));
    for (const at of made.reverse()) await syncDirectory(parentOf(at));
  }

  return {
    readFile: (path) => attempt("read", path, () => Deno.readFile(path)),
    readInto: (path, into) => attempt("read", path, () => readInto(path, into)),
    readStream,
    create: openWriter,
    extend: extendFile,
    async writeAtomic(path, bytes) {
      const temporary = `${path}.${Deno.pid}.${temporaries++}.tmp`;
      try {
        const writer = await openWriter(temporary);
        try {
          await writer.write(bytes);
          await writer.sync();
        } finally {
          await writer.close();
        }
        await rename(temporary, path);
      } catch (error) {
        await Deno.remove(temporary).catch(() => {});
        throw error;
      }
    },
    rename,
    async remove(path) {
      try {
        await Deno.remove(path, { recursive: true });
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw translate(error, "remove", path);
      }
    },
    makeDirectory,
    syncDirectory,
    list: namesOf,
    entries: entriesOf,
    stat: statOf,
    touch: (path, at) => attempt("touch", path, () => Deno.utime(path, new Date(at), new Date(at))),
    makeExecutable: (path) =>
      attempt("make executable", path, async () => {
        if (Deno.build.os !== "windows") await Deno.chmod(path, 0o700);
      }),
    space: (path) =>
      attempt("measure", path, async () => {
        // Loaded here: the command line, which needs none of it, starts some 20 ms sooner.
        const { statfs } = await import("node:fs/promises");
        const s = await statfs(path);
        return { total: s.bsize * s.blocks, free: s.bsize * s.bavail };
      }),
  };
}
