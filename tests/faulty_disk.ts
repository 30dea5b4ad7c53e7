/**
 * A `Disk` in memory that fails as disks do: full, I/O errors at chosen calls, and power cuts. After a cut only what was
 * flushed is certain; of the rest a seeded choice decides (content lost, cut off or garbage; names kept or lost one by one),
 * which is harsher than any journaling file system.
 */
import type { Disk, DiskWriter, FileInfo } from "../agent/ports.ts";
import { RealmError } from "../agent/protocol/errors.ts";
import { concatBytes } from "../agent/protocol/encoding.ts";

interface Inode {
  /** Content now. */
  content: Uint8Array;
  /** Content as last flushed. */
  durable: Uint8Array;
  modifiedAt: number;
}

/** A disk that can fail. */
export interface FaultyDisk extends Disk {
  /** Calls so far that change the disk. */
  readonly changes: number;
  /** Fails the change number `n` (and with `power` every later call) with `code`. */
  failAt(n: number, code: "disk" | "no_space" | "power"): void;
  /** Bytes that files may take; more fails with `no_space`. */
  limit(bytes: number): void;
  /** The disk after the cut, by seeded choice of what survived; the old one is dead. */
  afterPowerCut(random: () => number): FaultyDisk;
  /** Changes a stored byte: bit rot. */
  rot(path: string): void;
  /** Paths of all files. */
  files(): readonly string[];
}

const parentOf = (path: string) => path.slice(0, path.lastIndexOf("/")) || "/";

const inside = (path: string, directory: string) => path === directory || path.startsWith(directory + "/");

function moveBelow(names: Map<string, Inode>, from: string, to: string): void {
  for (const [path, file] of [...names]) {
    if (!inside(path, from)) continue;
    names.delete(path);
    names.set(to + path.slice(from.length), file);
  }
}

function moveDirectories(directories: Set<string>, from: string, to: string): void {
  for (const path of [...directories]) {
    if (inside(path, from) && directories.delete(path)) directories.add(to + path.slice(from.length));
  }
}

/** An empty disk. */
export function createFaultyDisk(now: () => number = () => 0): FaultyDisk {
  return build(new Map(), new Set(["/"]), now);
}

function build(files: Map<string, Inode>, directories: Set<string>, now: () => number): FaultyDisk {
  /** Name → file as it is surely after a cut. */
  const durableNames = new Map(files);
  let changes = 0, dead = false, most = Number.POSITIVE_INFINITY;
  let fault: { readonly at: number; readonly code: "disk" | "no_space" | "power" } | undefined;

  /** Directories renamed since the last flush of where they stand: a cut undoes each as one, or does not. */
  let moved: { readonly from: string; readonly to: string }[] = [];

  const used = () => [...new Set(files.values())].reduce((n, f) => n + f.content.length, 0);
  async function access(): Promise<void> {
    await Promise.resolve();
    if (dead) throw new RealmError("disk", "the power is off");
  }
  async function change(): Promise<void> {
    await access();
    const n = changes++;
    if (fault?.at !== n) return;
    if (fault.code !== "power") throw new RealmError(fault.code, `fault at change ${n}`);
    dead = true;
    throw new RealmError("disk", "the power went off");
  }
  function fileAt(path: string): Inode {
    const file = files.get(path);
    if (!file) throw new RealmError("not_found", `${path} does not exist`);
    return file;
  }
  function infoOf(path: string): FileInfo | undefined {
    const file = files.get(path);
    if (file) return { kind: "file", size: file.content.length, modifiedAt: file.modifiedAt };
    return directories.has(path) ? { kind: "directory", size: 0, modifiedAt: 0 } : undefined;
  }
  const names = (path: string) => {
    const found = new Set<string>();
    for (const p of [...files.keys(), ...directories]) {
      if (p.startsWith(path + "/")) found.add(p.slice(path.length + 1).split("/")[0]);
    }
    return [...found].sort();
  };
  function syncNames(directory: string): void {
    moved = moved.filter(({ from, to }) => {
      const flushed = parentOf(from) === directory || parentOf(to) === directory;
      if (flushed) moveBelow(durableNames, from, to);
      return !flushed;
    });
    for (const path of [...durableNames.keys()]) {
      if (parentOf(path) === directory && !files.has(path)) durableNames.delete(path);
    }
    for (const [path, file] of files) if (parentOf(path) === directory) durableNames.set(path, file);
  }

  const writerOf = (file: Inode): DiskWriter => ({
    async write(bytes) {
      await change();
      if (used() + bytes.length > most) throw new RealmError("no_space", "the device is full");
      file.content = concatBytes(file.content, bytes);
      file.modifiedAt = now();
    },
    async sync() {
      await change();
      file.durable = file.content;
    },
    close: () => Promise.resolve(),
  });

  const disk: FaultyDisk = {
    get changes() {
      return changes;
    },
    failAt: (at, code) => void (fault = { at, code }),
    limit: (bytes) => void (most = bytes),
    rot(path) {
      const file = fileAt(path), changed = file.content.slice();
      changed[Math.floor(changed.length / 2)] ^= 1;
      file.content = file.durable = changed;
    },
    files: () => [...files.keys()].sort(),
    afterPowerCut(random) {
      dead = true;
      for (const { from, to } of moved.reverse()) {
        if (random() < 0.5) moveBelow(durableNames, from, to);
        else {
          moveBelow(files, to, from);
          moveDirectories(directories, to, from);
        }
      }
      moved = [];
      const left = new Map<string, Inode>();
      for (const path of new Set([...files.keys(), ...durableNames.keys()])) {
        const before = durableNames.get(path), after = files.get(path);
        const file = before === after || random() < 0.5 ? after : before;
        if (file) left.set(path, file);
      }
      const survived = new Map<Inode, Inode>();
      for (const [path, file] of left) {
        let content = file.content;
        if (content !== file.durable) {
          const choice = random();
          if (choice < 0.3) content = file.durable;
          else if (choice < 0.6) content = content.slice(0, Math.floor(random() * content.length));
          else if (choice < 0.8) content = content.map((b, i) => i > content.length / 2 ? 0 : b);
        }
        const again = survived.get(file) ?? { content, durable: content, modifiedAt: file.modifiedAt };
        survived.set(file, again);
        left.set(path, again);
      }
      return build(left, new Set(directories), now);
    },
    async readFile(path) {
      await access();
      return fileAt(path).content.slice();
    },
    async readInto(path, into) {
      await access();
      const { content } = fileAt(path);
      into.set(content.subarray(0, into.length));
      return content.length;
    },
    readStream(path, range = {}) {
      let at = range.start ?? 0, content: Uint8Array | undefined;
      return new ReadableStream({
        async pull(controller) {
          try {
            await access();
            content ??= fileAt(path).content;
            const end = Math.min(content.length, range.end ?? content.length, at + 4096);
            if (at >= end) return controller.close();
            controller.enqueue(content.slice(at, end));
            at = end;
          } catch (error) {
            controller.error(error);
          }
        },
      }, { highWaterMark: 0 });
    },
    async create(path): Promise<DiskWriter> {
      await change();
      if (!directories.has(parentOf(path))) {
        throw new RealmError("not_found", `${parentOf(path)} does not exist`);
      }
      const file: Inode = { content: new Uint8Array(), durable: new Uint8Array(), modifiedAt: now() };
      files.set(path, file);
      return writerOf(file);
    },
    async extend(path, keep) {
      await change();
      const file = fileAt(path);
      file.content = concatBytes(file.content.slice(0, keep));
      return writerOf(file);
    },
    async writeAtomic(path, bytes) {
      const writer = await disk.create(path + ".tmp");
      await writer.write(bytes);
      await writer.sync();
      await disk.rename(path + ".tmp", path);
    },
    async rename(from, to, options) {
      await change();
      const file = directories.has(from) ? undefined : fileAt(from);
      if (!directories.has(parentOf(to))) throw new RealmError("not_found", `${parentOf(to)} does not exist`);
      if (file) {
        files.delete(from);
        files.set(to, file);
      } else {
        if (names(to).length > 0) throw new RealmError("disk", `${to} is not empty`);
        moveBelow(files, from, to);
        moveDirectories(directories, from, to);
        moved.push({ from, to });
      }
      if (options?.durable === false) return;
      await disk.syncDirectory(parentOf(to));
      await disk.syncDirectory(parentOf(from));
    },
    async remove(path) {
      await change();
      for (const p of [...files.keys()]) if (p === path || p.startsWith(path + "/")) files.delete(p);
      for (const p of [...directories]) if (p === path || p.startsWith(path + "/")) directories.delete(p);
    },
    async makeDirectory(path) {
      await access();
      for (let at = path; !directories.has(at); at = parentOf(at)) directories.add(at);
    },
    async syncDirectory(path) {
      await change();
      if (!directories.has(path)) throw new RealmError("not_found", `${path} does not exist`);
      syncNames(path);
    },
    async list(path) {
      await access();
      return names(path);
    },
    async entries(path) {
      await access();
      return names(path).map((name) => ({ name, ...infoOf(`${path}/${name}`)! }));
    },
    async stat(path) {
      await access();
      return infoOf(path);
    },
    async makeExecutable(path) {
      await change();
      fileAt(path);
    },
    async touch(path, at) {
      await access();
      fileAt(path).modifiedAt = at;
    },
    async space() {
      await access();
      return { total: most, free: most - used() };
    },
  };
  return disk;
}
