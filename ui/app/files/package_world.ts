/**
 * The doors that reading a package needs, over files that a person dropped: the same code that the command line and
 * the nodes read packages with works on them in the browser. Nothing can be written through it.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import {
  type DirectoryEntry,
  type Disk,
  type Hasher,
  type PackageWorld,
  RealmError,
  toHex,
} from "../../../mod.ts";
import type { Local } from "./local_files.ts";

/** SHA-256 in plain JavaScript: the browser's own hashes only what is whole in memory, and only on secure origins. */
export const hasher: Hasher = {
  sha256() {
    const hash = sha256.create();
    return { update: (bytes) => void hash.update(bytes), digest: () => toHex(hash.digest()) };
  },
};

const refused = (): never => {
  throw new RealmError("failed", "files that were dropped are only read");
};
const gone = (path: string) => new RealmError("not_found", `${path} does not exist`);

async function* range(open: () => Promise<File>, start: number, end: number | undefined) {
  const reader = (await open()).slice(start, end).stream().getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
  } finally {
    await reader.cancel();
  }
}

/** The doors over `root`, which is found under its own name. */
export function worldOf(root: Local): PackageWorld {
  const lists = new Map<Local, Promise<ReadonlyMap<string, Local>>>([]);
  const inside = (folder: Local): Promise<ReadonlyMap<string, Local>> => {
    if (folder.kind === "file") return Promise.resolve(new Map());
    let found = lists.get(folder);
    if (!found) {
      found = folder.list().then((all) => new Map(all.map((l) => [l.name, l])));
      lists.set(folder, found);
    }
    return found;
  };
  const find = async (path: string): Promise<Local | undefined> => {
    const [first, ...rest] = path.split("/").filter((p) => p !== "" && p !== ".");
    let at: Local | undefined = first === root.name ? root : undefined;
    for (const part of rest) at = at && (await inside(at)).get(part);
    return at;
  };
  const fileAt = async (path: string): Promise<File> => {
    const found = await find(path);
    if (found?.kind !== "file") throw gone(path);
    return await found.open();
  };
  const about = async (local: Local): Promise<DirectoryEntry> => {
    if (local.kind === "directory") return { name: local.name, kind: "directory", size: 0, modifiedAt: 0 };
    const { size, lastModified } = await local.open();
    return { name: local.name, kind: "file", size, modifiedAt: lastModified };
  };
  const disk: Disk = {
    readFile: async (path) => new Uint8Array(await (await fileAt(path)).arrayBuffer()),
    async readInto(path, into) {
      const file = await fileAt(path);
      into.set(new Uint8Array(await file.slice(0, into.length).arrayBuffer()));
      return file.size;
    },
    readStream(path, { start = 0, end } = {}) {
      const source = range(() => fileAt(path), start, end);
      return new ReadableStream({
        async pull(controller) {
          const { done, value } = await source.next();
          if (done) controller.close();
          else controller.enqueue(value);
        },
        cancel: () => void source.return(undefined),
      }, { highWaterMark: 0 });
    },
    async entries(path) {
      const found = await find(path);
      const all = found ? [...(await inside(found)).values()] : [];
      return (await Promise.all(all.map(about))).sort((a, b) => a.name < b.name ? -1 : 1);
    },
    list: async (path) => (await disk.entries(path)).map((e) => e.name),
    async stat(path) {
      const found = await find(path);
      // As of a directory is asked by a trailing "/.": a file has nothing inside.
      if (!found || (path.endsWith("/.") && found.kind === "file")) return undefined;
      const { kind, size, modifiedAt } = await about(found);
      return { kind, size, modifiedAt };
    },
    create: refused,
    extend: refused,
    writeAtomic: refused,
    rename: refused,
    remove: refused,
    makeDirectory: refused,
    syncDirectory: refused,
    touch: refused,
    makeExecutable: refused,
    space: () => Promise.resolve({ total: 0, free: 0 }),
  };
  return { disk, hasher };
}
