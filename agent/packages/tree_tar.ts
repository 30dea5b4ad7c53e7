/**
 * A directory as one deterministic tar and back: inputs and outputs of jobs. The same files give the same bytes (names in
 * order, no owners, no times; of modes only whether a file is a program). Nothing but files and directories goes in, and nothing else comes out:
 * a link, a device or a path that leaves the directory is refused.
 */
import type { Disk } from "../ports.ts";
import { utf8 } from "../protocol/encoding.ts";
import { RealmError } from "../protocol/errors.ts";
import { jobLimits } from "../protocol/job_limits.ts";
import { limits } from "../protocol/limits.ts";
import { comparePaths, showPath } from "../protocol/package_path.ts";
import { directoryHeader, END_BYTES, entryHeader, executableHeader, paddingOf } from "./archive_layout.ts";
import { after } from "./byte_reader.ts";

/** A directory, looked through and ready to be packed. */
export interface PackedTree {
  /** Bytes of the tar. */
  readonly size: number;
  /** Files in it. */
  readonly files: number;
  /** What is neither file nor directory and stays out: symlinks, pipes, devices. */
  readonly leftOut: readonly string[];
  /** What `.gitignore` files keep out: the outermost names. */
  readonly ignored: readonly string[];
  /**
   * The tar from this byte on; everything before is read as well. Can be called again. Errors when a file changes its
   * size meanwhile.
   */
  stream(from?: number): ReadableStream<Uint8Array>;
}

interface Entry {
  readonly path: string;
  readonly kind: "file" | "directory";
  readonly size: number;
  readonly executable?: boolean;
}

/**
 * Looks through `directory`; with `gitignore` without what its `.gitignore` files name, and without `.git`. Throws
 * `too_large` for more files than a job may have.
 */
export async function packTree(
  disk: Disk,
  directory: string,
  options: { readonly gitignore?: boolean } = {},
): Promise<PackedTree> {
  const entries: Entry[] = [], leftOut: string[] = [], ignored: string[] = [];
  // Fetched only then: the dashboard's first visit needs none of it.
  const ignoring = options.gitignore
    ? await (await import("./ignoring.ts")).createIgnoring(disk, directory)
    : undefined;
  const pending = [""];
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    for (const entry of await disk.entries(at === "" ? directory : `${directory}/${at}`)) {
      const path = at === "" ? entry.name : `${at}/${entry.name}`;
      if (ignoring && entry.name === ".git") continue;
      if (await ignoring?.(path, entry.kind === "directory")) ignored.push(path);
      else if (entry.kind === "other") leftOut.push(path);
      else {
        entries.push({
          path,
          kind: entry.kind,
          size: entry.kind === "file" ? entry.size : 0,
          ...(entry.executable ? { executable: true } : {}),
        });
        if (entry.kind === "directory") pending.push(path);
      }
      if (entries.length > jobLimits.treeFiles) {
        throw new RealmError(
          "too_large",
          `${directory} has more than ${jobLimits.treeFiles} files; give a part of it`,
        );
      }
    }
  }
  entries.sort((a, b) => comparePaths(a.path, b.path));
  const headerOf = (e: Entry) =>
    e.kind === "directory"
      ? directoryHeader(e.path)
      : e.executable
      ? executableHeader(e.path, e.size)
      : entryHeader(e.path, e.size);
  const size = entries.reduce((n, e) => n + headerOf(e).length + e.size + paddingOf(e.size), END_BYTES);
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (const entry of entries) {
      yield headerOf(entry);
      if (entry.kind === "directory") continue;
      let left = entry.size;
      for await (const piece of disk.readStream(`${directory}/${entry.path}`, { end: entry.size })) {
        left -= piece.length;
        yield piece;
      }
      if (left !== 0) {
        throw new RealmError("failed", `${showPath(entry.path)} changed while it was read; try again`);
      }
      const padding = paddingOf(entry.size);
      if (padding > 0) yield new Uint8Array(padding);
    }
    yield new Uint8Array(END_BYTES);
  }
  return {
    size,
    files: entries.filter((e) => e.kind === "file").length,
    leftOut: leftOut.sort(comparePaths),
    ignored: ignored.sort(comparePaths),
    stream: (from = 0) => ReadableStream.from(after(pieces(), from)) as ReadableStream<Uint8Array>,
  };
}

/** Why a path of an archive must not be made; `undefined` when it may. */
function problemOf(path: string): string | undefined {
  if (path.startsWith("/") || /^[A-Za-z]:/.test(path) || path.includes("\\")) return "is no relative path";
  if (path.includes("\0")) return "has a zero byte in it";
  if (utf8(path).length > limits.pathBytes) return "is too long";
  const parts = path.split("/");
  if (parts.length > limits.pathDepth) return "is too deep";
  return parts.some((p) => p === "" || p === "." || p === "..") ? "leaves its place" : undefined;
}

/**
 * Unpacks a tar into `directory`, which must be there and empty. Throws `bad_package` naming the entry that may not be
 * made, `too_large` above `maxBytes` of content. What was unpacked before stays for the caller to remove.
 */
export async function unpackTree(
  disk: Disk,
  content: ReadableStream<Uint8Array>,
  directory: string,
  maxBytes: number,
): Promise<void> {
  const { createTarDecoder } = await import("modern-tar");
  const made = new Set<string>();
  const makeParents = async (path: string) => {
    const parent = path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "";
    if (parent !== "" && !made.has(parent)) {
      await disk.makeDirectory(`${directory}/${parent}`);
      made.add(parent);
    }
  };
  let bytes = 0, count = 0;
  const bad = (path: string, why: string) =>
    new RealmError("bad_package", `the archive cannot be unpacked: ${showPath(path)} ${why}`);
  for await (const { header, body } of content.pipeThrough(createTarDecoder({ strict: true }))) {
    const path = header.name.replace(/^\.\//, "").replace(/\/+$/, "");
    if (path === "" || path === ".") {
      await body.cancel();
      continue;
    }
    const problem = problemOf(path);
    if (problem) throw bad(path, problem);
    if (++count > jobLimits.treeFiles) {
      throw new RealmError("too_large", `the archive has more than ${jobLimits.treeFiles} files`);
    }
    if (header.type === "directory") {
      await disk.makeDirectory(`${directory}/${path}`);
      made.add(path);
      await body.cancel();
      continue;
    }
    if (header.type !== "file") throw bad(path, `is a ${header.type}, not a file or directory`);
    await makeParents(path);
    const file = await disk.create(`${directory}/${path}`, {
      executable: ((header.mode ?? 0) & 0o100) !== 0,
    });
    try {
      for await (const piece of body) {
        bytes += piece.length;
        if (bytes > maxBytes) {
          throw new RealmError("too_large", `the archive holds more than ${maxBytes} bytes`);
        }
        await file.write(piece);
      }
    } finally {
      await file.close();
    }
  }
}
