/**
 * Manifests of chunked blobs: the list of chunks, in order. On disk and on the wire an entry is 36 bytes (SHA-256, size
 * as u32); a file is its entries and a footer, so that it can be written while the blob is still coming and read page by
 * page: a blob of any size needs a fixed amount of memory.
 */
import type { Disk, Hasher } from "../ports.ts";
import type { Digest } from "../protocol/identity.ts";
import { concatBytes, fromHex, toHex, utf8 } from "../protocol/encoding.ts";
import { limits } from "../protocol/limits.ts";
import { RealmError } from "../protocol/errors.ts";

/** One chunk of a blob. */
export interface ChunkRef {
  /** SHA-256 of the chunk. */
  readonly sha256: Digest;
  /** Bytes. */
  readonly size: number;
}

/** What a manifest says, without its entries. */
export interface ManifestInfo {
  /** SHA-256 of the whole content: the blob's name. */
  readonly sha256: Digest;
  /** Bytes of the whole content. */
  readonly size: number;
  /** Number of chunks. */
  readonly count: number;
  /** SHA-256 of the entries: two holders that name the same id list the same chunks. */
  readonly id: Digest;
}

/** Bytes of one entry. */
export const ENTRY_BYTES = 36;
const MAGIC = utf8("realmMF1");
/** magic 8, size u64, count u64, id 32, whole digest 32. */
const FOOTER_BYTES = 88;

/** Bytes of a manifest file with `count` entries. */
export const manifestBytes = (count: number): number => count * ENTRY_BYTES + FOOTER_BYTES;

/** The entry of a chunk. */
export function encodeEntry(ref: ChunkRef): Uint8Array {
  const entry = new Uint8Array(ENTRY_BYTES);
  entry.set(fromHex(ref.sha256));
  new DataView(entry.buffer).setUint32(32, ref.size);
  return entry;
}

/** Entries of a page; throws `bad_digest` when the bytes are not whole entries of allowed chunk sizes. */
export function decodeEntries(bytes: Uint8Array): ChunkRef[] {
  if (bytes.length % ENTRY_BYTES !== 0) {
    throw new RealmError("bad_digest", "the manifest page is cut off inside an entry");
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length), out: ChunkRef[] = [];
  for (let at = 0; at < bytes.length; at += ENTRY_BYTES) {
    const size = view.getUint32(at + 32);
    if (size === 0 || size > limits.chunkMaxBytes) {
      throw new RealmError(
        "bad_digest",
        `the manifest lists a chunk of ${size} bytes, which no writer makes`,
      );
    }
    out.push({ sha256: toHex(bytes.subarray(at, at + 32)), size });
  }
  return out;
}

/** The footer that ends a manifest file. */
export function encodeFooter(info: ManifestInfo): Uint8Array {
  const numbers = new DataView(new ArrayBuffer(16));
  numbers.setBigUint64(0, BigInt(info.size));
  numbers.setBigUint64(8, BigInt(info.count));
  return concatBytes(MAGIC, new Uint8Array(numbers.buffer), fromHex(info.id), fromHex(info.sha256));
}

function decodeFooter(bytes: Uint8Array): ManifestInfo | undefined {
  if (bytes.length !== FOOTER_BYTES || !MAGIC.every((b, i) => bytes[i] === b)) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return {
    size: Number(view.getBigUint64(8)),
    count: Number(view.getBigUint64(16)),
    id: toHex(bytes.subarray(24, 56)),
    sha256: toHex(bytes.subarray(56, 88)),
  };
}

/** All bytes of a stream, at most `most`; for pages and small files. */
export async function readAll(stream: ReadableStream<Uint8Array>, most: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of stream) {
    size += part.length;
    if (size > most) throw new RealmError("too_large", `more than the ${most} bytes that belong here`);
    parts.push(part);
  }
  return parts.length === 1 ? parts[0] : concatBytes(...parts);
}

/** Reads the footer of a manifest file; `undefined` when the file is absent, cut off or no manifest. */
export async function readManifestInfo(disk: Disk, path: string): Promise<ManifestInfo | undefined> {
  const info = await disk.stat(path);
  if (info?.kind !== "file" || info.size < FOOTER_BYTES) return undefined;
  const footer = decodeFooter(
    await readAll(disk.readStream(path, { start: info.size - FOOTER_BYTES }), FOOTER_BYTES),
  );
  return footer && info.size === manifestBytes(footer.count) ? footer : undefined;
}

/** Bytes of the entries `from` to `to` (exclusive) of a manifest file; at most a page. */
export async function readEntryBytes(
  disk: Disk,
  path: string,
  from: number,
  to: number,
): Promise<Uint8Array> {
  const length = (to - from) * ENTRY_BYTES;
  if (length === 0) return new Uint8Array();
  const bytes = await readAll(
    disk.readStream(path, { start: from * ENTRY_BYTES, end: to * ENTRY_BYTES }),
    length,
  );
  if (bytes.length !== length) throw new RealmError("bad_digest", `the manifest ${path} is cut off`);
  return bytes;
}

/** The entries of a manifest file from `from` to `to` (exclusive), page by page. */
export async function* readPages(
  disk: Disk,
  path: string,
  from: number,
  to: number,
): AsyncGenerator<readonly ChunkRef[]> {
  for (let at = from; at < to; at += limits.manifestPageEntries) {
    const end = Math.min(to, at + limits.manifestPageEntries);
    yield decodeEntries(await readEntryBytes(disk, path, at, end));
  }
}

/**
 * Whether the entries of a manifest file add up to what its footer says and match its id; reads the whole file.
 * Whether the chunks make up the content is known only by hashing the content.
 */
export async function checkManifest(disk: Disk, hasher: Hasher, path: string): Promise<boolean> {
  const info = await readManifestInfo(disk, path);
  if (!info) return false;
  const hash = hasher.sha256();
  let size = 0;
  try {
    for (let at = 0; at < info.count; at += limits.manifestPageEntries) {
      const end = Math.min(info.count, at + limits.manifestPageEntries);
      const bytes = await readEntryBytes(disk, path, at, end);
      hash.update(bytes);
      for (const ref of decodeEntries(bytes)) size += ref.size;
    }
  } catch (error) {
    if (error instanceof RealmError && error.code === "bad_digest") return false;
    throw error;
  }
  return size === info.size && hash.digest() === info.id;
}
