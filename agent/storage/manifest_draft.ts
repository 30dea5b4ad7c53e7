/** A manifest being made: entries go to a file in `incoming/` as they come, a page at most stays in memory. */
import type { Sha256 } from "../ports.ts";
import type { Digest } from "../protocol/identity.ts";
import { concatBytes, fromHex } from "../protocol/encoding.ts";
import { RealmError } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";
import type { Root } from "./chunk_files.ts";
import type { StoreParts } from "./content_files.ts";
import {
  type ChunkRef,
  decodeEntries,
  encodeFooter,
  ENTRY_BYTES,
  type ManifestInfo,
  readPages,
} from "./manifest.ts";

/** See the module's description. Being a {@link Root}, it keeps the chunks that it lists. */
export interface ManifestDraft extends Root {
  /** Adds an entry. It counts for {@link Root.chunks} from this tick on. */
  add(ref: ChunkRef): Promise<void>;
  /** Ends the file under the given content digest, and flushes it; then it may be renamed. */
  finish(sha256: Digest): Promise<ManifestInfo>;
  /** The file's path, to be renamed. */
  readonly path: string;
  /** Bytes of space reserved for it. */
  reserved(): number;
  /** The file is about to be renamed to `path`: until that is done it is at either. */
  moving(path: string): void;
  /** Removes the file and gives its space back. */
  discard(): Promise<void>;
}

/** A new draft. Its space is reserved page by page. */
export async function createManifestDraft(
  { disk, hasher, space, temporary }: StoreParts,
): Promise<ManifestDraft> {
  const path = temporary();
  const writer = await disk.create(path);
  const idHash: Sha256 = hasher.sha256();
  let tail = new Uint8Array(limits.manifestPageEntries * ENTRY_BYTES);
  let inTail = 0, written = 0, count = 0, size = 0, reserved = 0;
  let next = path, gone = false;
  let flushing: Promise<void> = Promise.resolve();

  async function flush(): Promise<void> {
    await space.reserve(inTail);
    reserved += inTail;
    await writer.write(tail.subarray(0, inTail));
    written += inTail / ENTRY_BYTES;
    tail = new Uint8Array(tail.length);
    inTail = 0;
  }

  return {
    path,
    add(ref) {
      const entry = new Uint8Array(ENTRY_BYTES);
      entry.set(fromHex(ref.sha256));
      new DataView(entry.buffer).setUint32(32, ref.size);
      tail.set(entry, inTail);
      inTail += ENTRY_BYTES;
      idHash.update(entry);
      size += ref.size;
      if (++count > limits.manifestEntries) {
        throw new RealmError(
          "too_large",
          `the content has more than ${limits.manifestEntries} chunks; split it`,
        );
      }
      return inTail === tail.length ? flushing = flush() : Promise.resolve();
    },
    async finish(sha256) {
      await flushing;
      await flush();
      const info = { sha256, size, count, id: idHash.digest() };
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
      const entries = concatBytes(tail.subarray(0, inTail)), end = written;
      yield decodeEntries(entries);
      try {
        yield* readPages(disk, path, 0, end);
      } catch (error) {
        if (!(error instanceof RealmError && error.code === "not_found")) throw error;
        if (!gone) yield* readPages(disk, next, 0, end);
      }
    },
  };
}
