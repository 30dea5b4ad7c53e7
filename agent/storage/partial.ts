/**
 * Blobs that are being fetched: a manifest from a holder and the chunks so far. Both survive interruption; only when the
 * hash of the whole matches does the manifest become a blob.
 */
import { RealmError } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";
import { commitManifest, type WriterParts } from "./blob_writer.ts";
import type { PartialFile } from "./catalogue.ts";
import { hashOf } from "./content_files.ts";
import {
  checkManifest,
  type ChunkRef,
  decodeEntries,
  encodeFooter,
  manifestBytes,
  type ManifestInfo,
  readEntryBytes,
} from "./manifest.ts";
import { createWholeHash } from "./whole_hash.ts";

/** `claim`s at once while a partial is opened. */
const CLAIMS_AT_ONCE = 32;

/** See the module's description. One per blob at a time. */
export interface PartialBlob {
  readonly info: ManifestInfo;
  /** Whether chunk `index` is here. */
  has(index: number): boolean;
  /** Which of the chunks `from` to `to` are here: bit `i % 8` of byte `i / 8` for chunk `from + i`. */
  have(from: number, to: number): Uint8Array;
  /** Index of the first missing chunk; `info.count` when none is. */
  firstMissing(): number;
  /** Bytes here. */
  heldBytes(): number;
  /** Chunks `from` to `to` of the manifest, at most a page. */
  refs(from: number, to: number): Promise<readonly ChunkRef[]>;
  /** Bytes of entries, for other nodes. */
  entryBytes(from: number, to: number): Promise<Uint8Array>;
  /** Stores chunk `index`; throws `bad_digest` when the bytes are not that chunk. */
  put(index: number, ref: ChunkRef, bytes: Uint8Array): Promise<void>;
  /**
   * Verifies the whole and makes it a blob. `missing`: chunks were lost on disk, fetch on. `false_manifest`: every chunk
   * is right and the whole is not, so the manifest is a lie; discard it.
   */
  finish(): Promise<"stored" | "missing" | "false_manifest">;
  /** Removes manifest and chunks. */
  discard(): Promise<void>;
}

/** Stores a manifest that comes from a holder, checked against `info`; `bad_digest` when it does not match. */
export async function adoptManifest(
  parts: WriterParts,
  info: ManifestInfo,
  pages: AsyncIterable<Uint8Array>,
): Promise<PartialFile> {
  const { catalogue, disk, hasher, layout, space, temporary } = parts;
  if (info.count > limits.manifestEntries) {
    throw new RealmError("too_large", `blob ${info.sha256} has ${info.count} chunks, more than are allowed`);
  }
  const path = temporary(), bytes = manifestBytes(info.count);
  await space.reserve(bytes);
  try {
    const writer = await disk.create(path);
    try {
      let left = info.count * 36;
      for await (const page of pages) {
        if ((left -= page.length) < 0) {
          throw new RealmError("bad_digest", "the manifest is longer than announced");
        }
        await writer.write(page);
      }
      await writer.write(encodeFooter(info));
      await writer.sync();
    } finally {
      await writer.close();
    }
    if (!await checkManifest(disk, hasher, path)) {
      throw new RealmError("bad_digest", `the manifest of ${info.sha256} does not match its id`);
    }
    await disk.rename(path, layout.partial(info.sha256));
    return catalogue.adoptPartial(info, layout.partial(info.sha256));
  } finally {
    space.release(bytes);
    await disk.remove(path).catch(() => {});
  }
}

/** Opens a partial: looks which chunks are here already and keeps them. */
export async function openPartial(
  parts: WriterParts,
  file: PartialFile,
  onEnd: () => void,
): Promise<PartialBlob> {
  const { catalogue, chunks, disk, hasher, space } = parts;
  const { info, path } = file;
  const bits = new Uint8Array(Math.ceil(info.count / 8)), shards = new Set<string>();
  let held = 0, first = 0;

  const has = (i: number) => (bits[i >> 3] & (1 << (i & 7))) !== 0;
  function mark(i: number, ref: ChunkRef): void {
    if (has(i)) return;
    bits[i >> 3] |= 1 << (i & 7);
    held += ref.size;
    shards.add(ref.sha256.slice(0, 2));
    while (first < info.count && has(first)) first++;
  }
  function unmark(i: number, ref: ChunkRef): void {
    if (!has(i)) return;
    bits[i >> 3] &= ~(1 << (i & 7));
    held -= ref.size;
    first = Math.min(first, i);
  }
  const entryBytes = (from: number, to: number) =>
    readEntryBytes(disk, path, from, Math.min(to, info.count, from + limits.manifestPageEntries));
  const refs = async (from: number, to: number) => decodeEntries(await entryBytes(from, to));

  async function eachRef(visit: (i: number, ref: ChunkRef) => Promise<void>): Promise<void> {
    for (let at = 0; at < info.count; at += limits.manifestPageEntries) {
      const page = await refs(at, at + limits.manifestPageEntries);
      for (let i = 0; i < page.length; i += CLAIMS_AT_ONCE) {
        await Promise.all(page.slice(i, i + CLAIMS_AT_ONCE).map((ref, k) => visit(at + i + k, ref)));
      }
    }
  }

  await eachRef(async (i, ref) => {
    if (await chunks.claim(ref)) mark(i, ref);
  });
  const hash = () => createWholeHash(parts, (i) => i < info.count && has(i), refs);
  let whole = hash();
  whole.ahead();

  async function finish(): Promise<"stored" | "missing" | "false_manifest"> {
    if (first < info.count) return "missing";
    if (await whole.end(info.count) !== info.sha256) {
      whole = hash();
      await eachRef(async (i, ref) => {
        await chunks.read(ref).then((loan) => loan.release(), () => unmark(i, ref));
      });
      return first < info.count ? "missing" : "false_manifest";
    }
    await commitManifest(parts, path, info, shards);
    catalogue.partials.delete(info.sha256);
    space.release(manifestBytes(info.count));
    onEnd();
    return "stored";
  }

  return {
    info,
    has,
    have(from, to) {
      const out = new Uint8Array(Math.ceil(Math.max(0, to - from) / 8));
      for (let i = from; i < Math.min(to, info.count); i++) {
        if (has(i)) out[(i - from) >> 3] |= 1 << ((i - from) & 7);
      }
      return out;
    },
    firstMissing: () => first,
    heldBytes: () => held,
    refs,
    entryBytes,
    async put(i, ref, bytes) {
      if (bytes.length !== ref.size || hashOf(hasher, bytes) !== ref.sha256) {
        throw new RealmError("bad_digest", `the bytes sent for chunk ${ref.sha256} are not that chunk`);
      }
      await chunks.store(ref, bytes);
      mark(i, ref);
      whole.pass(i, bytes);
      whole.ahead();
    },
    finish,
    async discard() {
      onEnd();
      await discardPartial(parts, file);
    },
  };
}

/** Removes a partial and the chunks that only it listed; returns the bytes freed. */
export async function discardPartial(parts: WriterParts, file: PartialFile): Promise<number> {
  const { catalogue, chunks, disk, layout, space, temporary } = parts;
  if (catalogue.partials.get(file.info.sha256) !== file) return 0;
  catalogue.partials.delete(file.info.sha256);
  const away = temporary(), own = manifestBytes(file.info.count);
  await disk.rename(layout.partial(file.info.sha256), away);
  space.release(own);
  const pages = async function* () {
    for (let at = 0; at < file.info.count; at += limits.manifestPageEntries) {
      const end = Math.min(file.info.count, at + limits.manifestPageEntries);
      yield decodeEntries(await readEntryBytes(disk, away, at, end));
    }
  };
  const freed = await chunks.sweep(pages());
  await disk.remove(away);
  return own + freed;
}
