/**
 * A manifest being made, in a file that at each moment lists the first chunks of the content and only such as are
 * stored: so what a crash leaves of it can be continued. A few entries at most are in memory.
 */
import type { DiskWriter, Sha256 } from "../ports.ts";
import type { Digest } from "../protocol/identity.ts";
import { concatBytes } from "../protocol/encoding.ts";
import { RealmError } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";
import type { Root } from "./chunk_files.ts";
import type { StoreParts } from "./content_files.ts";
import {
  type ChunkRef,
  decodeEntries,
  encodeEntry,
  encodeFooter,
  ENTRY_BYTES,
  type ManifestInfo,
  readEntryBytes,
  readPages,
} from "./manifest.ts";

/** See the module's description. Being a {@link Root}, it keeps the chunks that it lists. */
export interface ManifestDraft extends Root {
  /** Adds an entry and returns its index. It counts for {@link Root.chunks} from this tick on. */
  add(ref: ChunkRef): number;
  /** The chunk of entry `index` is stored. Waits until the entries up to the first that is not are in the file. */
  stored(index: number): Promise<void>;
  /** Entries in the file. */
  count(): number;
  /** Bytes of content that the entries in the file stand for. */
  bytes(): number;
  /** Entries `from` to `to` of those in the file, at most a page. */
  refs(from: number, to: number): Promise<readonly ChunkRef[]>;
  /** Ends the file under the given content digest, and flushes it; then it may be renamed. */
  finish(sha256: Digest): Promise<ManifestInfo>;
  /** The file's path, to be renamed. */
  readonly path: string;
  /** Bytes of space reserved for it. */
  reserved(): number;
  /** The file is about to be renamed to `path`: until that is done it is at either. */
  moving(path: string): void;
  /** Closes the file and leaves it. What was added and is not in it is forgotten, and returned. */
  leave(): Promise<readonly ChunkRef[]>;
  /** Removes the file and gives its space back. */
  discard(): Promise<void>;
}

/** A new draft in a new file. Its space is reserved as it grows. */
export const createManifestDraft = async (parts: StoreParts, path: string): Promise<ManifestDraft> =>
  draftIn(parts, path, await parts.disk.create(path), { idHash: parts.hasher.sha256(), count: 0, size: 0 });

/**
 * Continues the file at `path` as far as its entries are whole and `claim` finds their chunks; cuts the rest off. The
 * space of `reserved` bytes is counted already.
 */
export async function resumeManifestDraft(
  parts: StoreParts,
  path: string,
  reserved: number,
  claim: (ref: ChunkRef) => Promise<boolean>,
): Promise<ManifestDraft> {
  const idHash = parts.hasher.sha256();
  let count = 0, size = 0;
  for await (const page of savedEntries(parts, path)) {
    const there = await Promise.all(page.map(claim));
    const until = there.indexOf(false);
    for (const ref of until === -1 ? page : page.slice(0, until)) {
      idHash.update(encodeEntry(ref));
      count++;
      size += ref.size;
    }
    if (until !== -1) break;
  }
  const writer = await parts.disk.extend(path, count * ENTRY_BYTES);
  parts.space.release(Math.max(0, reserved - count * ENTRY_BYTES));
  return draftIn(parts, path, writer, { idHash, count, size });
}

/** Entries looked at at once when a file is continued. */
const CLAIMS_AT_ONCE = 32;

/** The entries of an unfinished file, up to the first that a power cut has damaged. */
export async function* savedEntries(
  { disk }: StoreParts,
  path: string,
): AsyncGenerator<readonly ChunkRef[]> {
  const count = Math.floor(((await disk.stat(path))?.size ?? 0) / ENTRY_BYTES);
  for (let at = 0; at < count; at += CLAIMS_AT_ONCE) {
    const bytes = await readEntryBytes(disk, path, at, Math.min(count, at + CLAIMS_AT_ONCE));
    const whole: ChunkRef[] = [];
    try {
      for (let i = 0; i < bytes.length; i += ENTRY_BYTES) {
        whole.push(...decodeEntries(bytes.subarray(i, i + ENTRY_BYTES)));
      }
    } catch {
      return yield whole;
    }
    yield whole;
  }
}

function draftIn(
  { disk, space }: StoreParts,
  path: string,
  writer: DiskWriter,
  saved: { readonly idHash: Sha256; readonly count: number; readonly size: number },
): ManifestDraft {
  const { idHash } = saved;
  let written = saved.count, size = saved.size, reserved = saved.count * ENTRY_BYTES;
  /** Entries that are not in the file yet. */
  const tail: { readonly ref: ChunkRef; stored: boolean }[] = [];
  let next = path, gone = false, flushing: Promise<void> = Promise.resolve();

  async function flush(): Promise<void> {
    for (;;) {
      const open = tail.findIndex((e) => !e.stored), ready = tail.slice(0, open === -1 ? tail.length : open);
      if (ready.length === 0) return;
      const bytes = concatBytes(...ready.map((e) => encodeEntry(e.ref)));
      await space.reserve(bytes.length);
      reserved += bytes.length;
      await writer.write(bytes);
      tail.splice(0, ready.length);
      written += ready.length;
      for (const { ref } of ready) size += ref.size;
    }
  }

  return {
    path,
    add(ref) {
      const index = written + tail.length;
      if (index >= limits.manifestEntries) {
        throw new RealmError(
          "too_large",
          `the content has more than ${limits.manifestEntries} chunks; split it`,
        );
      }
      idHash.update(encodeEntry(ref));
      tail.push({ ref, stored: false });
      return index;
    },
    stored(index) {
      tail[index - written].stored = true;
      return flushing = flushing.then(flush);
    },
    count: () => written,
    bytes: () => size,
    refs: async (from, to) =>
      decodeEntries(
        await readEntryBytes(disk, path, from, Math.min(to, written, from + limits.manifestPageEntries)),
      ),
    async finish(sha256) {
      await flushing;
      const info = { sha256, size, count: written, id: idHash.digest() };
      const footer = encodeFooter(info);
      await space.reserve(footer.length);
      reserved += footer.length;
      await writer.write(footer);
      await writer.sync();
      await writer.close();
      return info;
    },
    reserved: () => reserved,
    moving: (to) => void (next = to),
    async leave() {
      await flushing.catch(() => {});
      await writer.close();
      return tail.splice(0).map((e) => e.ref);
    },
    async discard() {
      gone = true;
      await writer.close();
      await disk.remove(path).catch(() => {});
      space.release(reserved);
      reserved = 0;
    },
    async *chunks() {
      if (gone) return;
      // The tail first and at once: a flush may move it to the file while the file is being read.
      const unsaved = tail.map((e) => e.ref), end = written;
      yield unsaved;
      try {
        yield* readPages(disk, path, 0, end);
      } catch (error) {
        if (!(error instanceof RealmError && error.code === "not_found")) throw error;
        if (!gone) yield* readPages(disk, next, 0, end);
      }
    },
  };
}
