/** Storing content: small as one file, large as chunks and a manifest, both in bounded memory. */
import type { BlobSink } from "../ports.ts";
import type { Digest } from "../protocol/identity.ts";
import { concatBytes } from "../protocol/encoding.ts";
import { RealmError } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";
import type { Catalogue } from "./catalogue.ts";
import type { ChunkFiles } from "./chunk_files.ts";
import { createChunker } from "./chunker.ts";
import { hashOf, holds, type StoreParts, writeFile } from "./content_files.ts";
import { createManifestDraft, type ManifestDraft } from "./manifest_draft.ts";
import type { ManifestInfo } from "./manifest.ts";
import { createSlots } from "./slots.ts";
import { createWholeHash, type WholeHash } from "./whole_hash.ts";

/** What writing needs of the store. */
export interface WriterParts extends StoreParts {
  readonly catalogue: Catalogue;
  readonly chunks: ChunkFiles;
  readonly now: () => number;
  /** Told of each blob that became whole. */
  readonly onStored: (digest: Digest, size: number) => void;
}

/** Content that is stored. */
export type Stored = { readonly digest: Digest; readonly size: number };

/** Waits until no removal of `digest` is under way and calls off one that waits for readers; whether it is here. */
export async function revive({ catalogue, now }: WriterParts, digest: Digest): Promise<boolean> {
  for (let going = catalogue.going.get(digest); going; going = catalogue.going.get(digest)) {
    await going.catch(() => {});
  }
  const entry = catalogue.entries.get(digest);
  if (!entry) return false;
  entry.removed = false;
  entry.lastUse = now();
  return true;
}

/** Stores whole content of at most `limits.blobInlineBytes` whose digest is known to match. */
export async function storeSmall(parts: WriterParts, digest: Digest, bytes: Uint8Array): Promise<void> {
  const { catalogue, disk, layout, space, now, onStored } = parts;
  const path = layout.blob(digest);
  if (await revive(parts, digest) && await holds(parts, path, digest, bytes.length)) return;
  await space.reserve(bytes.length);
  try {
    await disk.makeDirectory(layout.shard(digest));
    await writeFile(parts, path, bytes, true);
  } catch (error) {
    space.release(bytes.length);
    throw error;
  }
  space.release(bytes.length); // the catalogue counts it from here on
  const isNew = !catalogue.entries.has(digest);
  catalogue.adopt(digest, bytes.length, undefined, now());
  if (isNew) onStored(digest, bytes.length);
}

/** Makes a finished manifest file the blob `info.sha256`: its chunks' names durable first, then its own. */
export async function commitManifest(
  parts: WriterParts,
  from: string,
  info: ManifestInfo,
  shards: ReadonlySet<string>,
): Promise<void> {
  const { catalogue, chunks, disk, layout, now, onStored } = parts;
  await chunks.flush(shards);
  await disk.makeDirectory(layout.shard(info.sha256));
  await revive(parts, info.sha256);
  await disk.rename(from, layout.manifest(info.sha256));
  const isNew = !catalogue.entries.has(info.sha256);
  catalogue.adopt(info.sha256, info.size, info, now());
  if (isNew) onStored(info.sha256, info.size);
}

/** Throws `bad_digest` when content is not what was expected. */
export function refuseOther(expected: Digest | undefined, found: Digest): void {
  if (expected === undefined || expected === found) return;
  throw new RealmError(
    "bad_digest",
    `the content is ${found}, not ${expected} as expected; nothing was stored`,
    {
      detail: { expected, found },
    },
  );
}

/**
 * Cuts content into chunks, stores them and lists them in `draft`; hashes them into `whole` as they pass. Returns when
 * the last is stored; after a failure when no more work is under way. `note.added`: whether a chunk was not there before.
 */
export async function storeChunks(
  parts: WriterParts,
  pieces: AsyncIterable<Uint8Array>,
  draft: ManifestDraft,
  whole: WholeHash,
  note: { added: boolean },
): Promise<void> {
  const { buffers, chunks, hasher } = parts;
  const slots = createSlots(limits.chunkWritesAtOnce), chunker = createChunker();
  let buffer = buffers.take(limits.chunkMaxBytes), filled = 0;

  async function cut(): Promise<void> {
    const { release } = buffer, bytes = buffer.bytes.subarray(0, filled);
    buffer = buffers.take(limits.chunkMaxBytes);
    filled = 0;
    const ref = { sha256: hashOf(hasher, bytes), size: bytes.length };
    try {
      const index = draft.add(ref);
      whole.pass(index, bytes);
      await slots.run(async () => {
        try {
          if ((await chunks.store(ref, bytes)).added) note.added = true;
        } finally {
          release();
        }
        await draft.stored(index);
        whole.ahead();
      });
    } catch (error) {
      release();
      throw error;
    }
  }

  try {
    for await (const piece of pieces) {
      for (let from = 0; from < piece.length;) {
        const end = chunker.next(piece, from);
        buffer.bytes.set(piece.subarray(from, end ?? piece.length), filled);
        filled += (end ?? piece.length) - from;
        from = end ?? piece.length;
        if (end !== undefined) await cut();
      }
    }
    if (filled > 0) await cut();
    await slots.idle();
  } catch (error) {
    await slots.idle().catch(() => {});
    throw error;
  } finally {
    buffer.release();
  }
}

/** Makes a draft whose chunks are all stored a blob, or drops it when the blob has come another way meanwhile. */
export async function commitDraft(parts: WriterParts, draft: ManifestDraft, digest: Digest): Promise<Stored> {
  const { catalogue, layout, space } = parts, size = draft.bytes();
  if (await revive(parts, digest)) {
    await discard(parts, draft, true);
    return { digest, size };
  }
  const shards = new Set<string>();
  for await (const page of draft.chunks()) for (const ref of page) shards.add(ref.sha256.slice(0, 2));
  const info = await draft.finish(digest);
  draft.moving(layout.manifest(digest));
  await commitManifest(parts, draft.path, info, shards);
  // The entry, a root itself, counts the manifest's bytes from here on.
  space.release(draft.reserved());
  catalogue.drafts.delete(draft);
  return { digest, size };
}

/** Stores content that is more than one small file. */
async function storeLarge(
  parts: WriterParts,
  pieces: AsyncIterable<Uint8Array>,
  expected: Digest | undefined,
): Promise<Stored> {
  const draft = await createManifestDraft(parts, parts.temporary());
  parts.catalogue.drafts.add(draft);
  const whole = createWholeHash(parts, (i) => i < draft.count(), draft.refs), note = { added: false };
  try {
    await storeChunks(parts, pieces, draft, whole, note);
    const digest = await whole.end(draft.count());
    if (digest === undefined) throw new RealmError("disk", "a chunk that was just stored cannot be read");
    refuseOther(expected, digest);
    return await commitDraft(parts, draft, digest);
  } catch (error) {
    await discard(parts, draft, note.added);
    throw error;
  }
}

/** Drops a draft and the chunks that were stored for it alone. */
export async function discard(
  { catalogue, chunks }: WriterParts,
  draft: ManifestDraft,
  added: boolean,
): Promise<void> {
  const kept = draft.chunks();
  catalogue.drafts.delete(draft);
  if (added) await chunks.sweep(kept).catch(() => {}); // what stays is found as orphaned at the next start
  await draft.discard();
}

/** The pieces of a stream, `onMoved` told of each; cancels it when `signal` aborts or the consumer stops early. */
export async function* pieces(
  content: ReadableStream<Uint8Array>,
  signal?: AbortSignal,
  onMoved?: () => void,
): AsyncGenerator<Uint8Array> {
  const reader = content.getReader();
  const stop = () => void reader.cancel(signal?.reason).catch(() => {});
  signal?.addEventListener("abort", stop, { once: true });
  let ended = false;
  try {
    for (;;) {
      signal?.throwIfAborted();
      const { value, done } = await reader.read();
      signal?.throwIfAborted();
      if (done) {
        ended = true;
        return;
      }
      onMoved?.();
      yield value;
    }
  } finally {
    signal?.removeEventListener("abort", stop);
    if (!ended) await reader.cancel().catch(() => {});
    reader.releaseLock();
  }
}

/** Stores a stream; see {@link BlobSink}. */
export const writeBlob = (
  parts: WriterParts,
  content: ReadableStream<Uint8Array>,
  { expected, signal }: Parameters<BlobSink["write"]>[1] = {},
): Promise<Stored> =>
  bySize(parts, pieces(content, signal), expected, (all) => storeLarge(parts, all, expected));

/** Stores content up to `limits.blobInlineBytes` as one file; `large` takes what is more, from its first byte on. */
export async function bySize(
  parts: WriterParts,
  source: AsyncGenerator<Uint8Array>,
  expected: Digest | undefined,
  large: (all: AsyncIterable<Uint8Array>) => Promise<Stored>,
): Promise<Stored> {
  const head: Uint8Array[] = [];
  let size = 0;
  try {
    for (;;) {
      const { value, done } = await source.next();
      if (done) break;
      head.push(value);
      size += value.length;
      if (size > limits.blobInlineBytes) return await large(resume(head, source));
    }
  } finally {
    await source.return(undefined);
  }
  const bytes = concatBytes(...head), digest = hashOf(parts.hasher, bytes);
  refuseOther(expected, digest);
  await storeSmall(parts, digest, bytes);
  return { digest, size };
}

async function* resume(
  head: Uint8Array[],
  rest: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield* head.splice(0);
  yield* rest;
}
