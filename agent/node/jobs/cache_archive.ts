/**
 * Directories of a job as one archive and back, for build caches: with times, programs and links, since build tools look
 * at them. What a job wrote is not trusted: nothing is followed, and nothing lands outside the places that were named.
 */
import { treeHeader } from "../../packages/mod.ts";
import { jobLimits, RealmError } from "../../protocol/mod.ts";

/** Blocks of a tar. */
const BLOCK = 512;

interface Found {
  /** Relative to the job's files. */
  readonly path: string;
  readonly info: Deno.FileInfo;
}

/** Whether all directories above a path of the job's files are directories indeed, and no links. */
async function isPlain(root: string, path: string): Promise<boolean> {
  const parts = path.split("/").filter(Boolean).slice(0, -1);
  let at = root;
  for (const part of parts) {
    at += `/${part}`;
    const info = await Deno.lstat(at).catch(() => undefined);
    if (!info?.isDirectory) return info === undefined;
  }
  return true;
}

async function* walk(root: string, path: string): AsyncGenerator<Found> {
  const info = await Deno.lstat(`${root}/${path}`).catch(() => undefined);
  if (!info) return;
  yield { path, info };
  if (!info.isDirectory) return;
  const names: string[] = [];
  for await (const { name } of Deno.readDir(`${root}/${path}`)) names.push(name);
  for (const name of names.sort()) yield* walk(root, `${path}/${name}`);
}

/** An archive of `paths` (absolute in the job's files) below `root`; `undefined` when none of them is there. */
export async function packCache(
  root: string,
  paths: readonly string[],
  maxBytes: number,
): Promise<ReadableStream<Uint8Array> | undefined> {
  const found: Found[] = [];
  let bytes = 0;
  for (const path of paths) {
    if (!await isPlain(root, path)) continue;
    for await (const entry of walk(root, path.slice(1))) {
      if (!entry.info.isFile && !entry.info.isDirectory && !entry.info.isSymlink) continue;
      found.push(entry);
      bytes += entry.info.isFile ? entry.info.size : 0;
      if (found.length > jobLimits.treeFiles) {
        throw new RealmError("too_large", `it has more than ${jobLimits.treeFiles} files`);
      }
      if (bytes > maxBytes) {
        throw new RealmError("too_large", `it is larger than ${Math.floor(maxBytes / 1024 / 1024)} MiB`);
      }
    }
  }
  if (found.length === 0) return undefined;
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (const { path, info } of found) {
      const modifiedAt = Math.max(0, Math.floor((info.mtime?.getTime() ?? 0) / 1_000));
      if (info.isDirectory) yield treeHeader({ path: `${path}/`, size: 0, kind: "directory", modifiedAt });
      else if (info.isSymlink) {
        const link = await Deno.readLink(`${root}/${path}`);
        yield treeHeader({ path, size: 0, kind: "link", link, modifiedAt });
      } else {
        const executable = ((info.mode ?? 0) & 0o100) !== 0;
        yield treeHeader({ path, size: info.size, kind: "file", executable, modifiedAt });
        let left = info.size;
        const file = await Deno.open(`${root}/${path}`, { read: true });
        try {
          while (left > 0) {
            const buffer = new Uint8Array(Math.min(64 * 1024, left));
            const n = await file.read(buffer);
            if (n === null) throw new RealmError("failed", `${path} changed while it was read`);
            left -= n;
            yield buffer.subarray(0, n);
          }
        } finally {
          file.close();
        }
        yield new Uint8Array((BLOCK - info.size % BLOCK) % BLOCK);
      }
    }
    yield new Uint8Array(2 * BLOCK);
  }
  return ReadableStream.from(pieces()) as ReadableStream<Uint8Array>;
}

/** Why an entry of an archive must not be made. */
function problemOf(path: string, places: readonly string[]): string | undefined {
  const parts = path.split("/");
  if (path.startsWith("/") || parts.some((p) => p === "" || p === "." || p === "..") || /[\\\0]/.test(path)) {
    return "leaves its place";
  }
  return places.some((place) => `/${path}` === place || `/${path}`.startsWith(`${place}/`))
    ? undefined
    : "was not asked for";
}

/**
 * Unpacks an archive of {@link packCache} below `root`, only at `paths`, by way of `staging`, a directory of its own that
 * the job never sees. What stands at a path already stays. Returns the paths that were restored.
 */
export async function unpackCache(
  content: ReadableStream<Uint8Array>,
  root: string,
  paths: readonly string[],
  staging: string,
  maxBytes: number,
): Promise<readonly string[]> {
  const { createTarDecoder } = await import("modern-tar");
  await Deno.mkdir(staging, { recursive: true, mode: 0o700 });
  const links: { path: string; link: string }[] = [], times: { path: string; at: number }[] = [];
  let bytes = 0, count = 0;
  for await (const { header, body } of content.pipeThrough(createTarDecoder({ strict: true }))) {
    const path = header.name.replace(/\/+$/, "");
    const problem = problemOf(path, paths);
    if (problem) throw new RealmError("bad_package", `an entry ${problem}`);
    if (++count > jobLimits.treeFiles) throw new RealmError("too_large", "it has too many files");
    const at = `${staging}/${path}`;
    const modified = Math.floor((header.mtime?.getTime() ?? 0) / 1_000);
    if (header.type === "directory") {
      await Deno.mkdir(at, { recursive: true });
      await body.cancel();
    } else if (header.type === "symlink") {
      links.push({ path, link: header.linkname ?? "" });
      await body.cancel();
      continue;
    } else if (header.type === "file") {
      await Deno.mkdir(at.slice(0, at.lastIndexOf("/")), { recursive: true });
      const mode = ((header.mode ?? 0) & 0o100) !== 0 ? 0o755 : 0o644;
      const file = await Deno.open(at, { write: true, createNew: true, mode });
      try {
        for await (const piece of body) {
          bytes += piece.length;
          if (bytes > maxBytes) throw new RealmError("too_large", "it is larger than disk_mb");
          for (let from = 0; from < piece.length;) from += await file.write(piece.subarray(from));
        }
      } finally {
        file.close();
      }
    } else throw new RealmError("bad_package", `an entry is a ${header.type}`);
    times.push({ path: at, at: modified });
  }
  // Links last: until then there is nothing that could be followed.
  for (const { path, link } of links) {
    const at = `${staging}/${path}`;
    await Deno.mkdir(at.slice(0, at.lastIndexOf("/")), { recursive: true });
    await Deno.symlink(link, at);
  }
  for (const { path, at } of times.toReversed()) await Deno.utime(path, at, at);
  const restored: string[] = [];
  for (const path of paths) if (await moveIn(staging, root, path)) restored.push(path);
  return restored;
}

async function moveIn(staging: string, root: string, path: string): Promise<boolean> {
  const from = `${staging}${path}`, to = `${root}${path}`;
  if (!await Deno.lstat(from).catch(() => undefined) || !await isPlain(root, path)) return false;
  const there = await Deno.lstat(to).catch(() => undefined);
  if (there?.isDirectory) {
    for await (const _ of Deno.readDir(to)) return false;
    await Deno.remove(to);
  } else if (there) return false;
  await Deno.mkdir(to.slice(0, to.lastIndexOf("/")), { recursive: true });
  await Deno.rename(from, to);
  return true;
}
