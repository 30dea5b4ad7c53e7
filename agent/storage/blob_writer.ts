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

/** What writing needs of the store. */
export interface WriterParts extends StoreParts {
  readonly catalogue: Catalogue;
  readonly chunks: ChunkFiles;
  readonly now: () => number;
  /** Told of each blob that became whole. */
  readonly onStored: (digest: Digest, size: number) => void;
}

type Stored = { readonly digest: Digest; readonly size: number };

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

function refuseOther(expected: Digest | undefined, found: Digest): void {
  if (expected === undefined || expected === found) return;
  throw new RealmError(
    "bad_digest",
    `the content is ${found}, not ${expected} as expected; nothing was stored`,
    {
      detail: { expected, found },
    },
  );
}

/** Cuts, hashes and stores content that is more than one small file. */
async function storeLarge(
  parts: WriterParts,
  pieces: AsyncIterable<Uint8Array>,
  expected: Digest | undefined,
): Promise<Stored> {
  const { buffers, catalogue, chunks, hasher, space } = parts;
  const draft = await createManifestDraft(parts);
  catalogue.drafts.add(draft);
  const slots = createSlots(limits.chunkWritesAtOnce);
  const whole = hasher.sha256(), chunker = createChunker(), shards = new Set<string>();
  let buffer = buffers.take(limits.chunkMaxBytes), filled = 0, size = 0, added = false;

  async function cut(): Promise<void> {
    const { release } = buffer, bytes = buffer.bytes.subarray(0, filled);
    buffer = buffers.take(limits.chunkMaxBytes);
    filled = 0;
    const ref = { sha256: hashOf(hasher, bytes), size: bytes.length };
    shards.add(ref.sha256.slice(0, 2));
    try {
      await draft.add(ref);
      await slots.run(async () => {
        try {
          if ((await chunks.store(ref, bytes)).added) added = true;
        } finally {
          release();
        }
      });
    } catch (error) {
      release();
      throw error;
    }
  }

  try {
    for await (const piece of pieces) {
      whole.update(piece);
      size += piece.length;
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
    const digest = whole.digest();
    refuseOther(expected, digest);
    if (await revive(parts, digest)) {
      await discard(parts, draft, added);
      return { digest, size };
    }
    const info = await draft.finish(digest);
    draft.moving(parts.layout.manifest(digest));
    await commitManifest(parts, draft.path, info, shards);
    // The entry, a root itself, counts the manifest's bytes from here on.
    space.release(draft.reserved());
    catalogue.drafts.delete(draft);
    return { digest, size };
  } catch (error) {
    await slots.idle().catch(() => {});
    await discard(parts, draft, added);
    throw error;
  } finally {
    buffer.release();
  }
}

/** Drops a draft and the chunks that were stored for it alone. */
async function discard(
  { catalogue, chunks }: WriterParts,
  draft: ManifestDraft,
  added: boolean,
): Promise<void> {
  const kept = draft.chunks();
  catalogue.drafts.delete(draft);
  if (added) await chunks.sweep(kept).catch(() => {}); // what stays is found as orphaned at the next start
  await draft.discard();
}

/** The pieces of a stream; cancels it when `signal` aborts or the consumer stops early. */
async function* pieces(
  content: ReadableStream<Uint8Array>,
  signal?: AbortSignal,
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
      yield value;
    }
  } finally {
    signal?.removeEventListener("abort", stop);
    if (!ended) await reader.cancel().catch(() => {});
    reader.releaseLock();
  }
}

/** Stores a stream; see {@link BlobSink}. */
export async function writeBlob(
  parts: WriterParts,
  content: ReadableStream<Uint8Array>,
  options: Parameters<BlobSink["write"]>[1] = {},
): Promise<Stored> {
  const source = pieces(content, options.signal), head: Uint8Array[] = [];
  let size = 0;
  try {
    for (;;) {
      const { value, done } = await source.next();
      if (done) break;
      head.push(value);
      size += value.length;
      if (size <= limits.blobInlineBytes) continue;
      return await storeLarge(parts, resume(head, source), options.expected);
    }
  } finally {
    await source.return(undefined);
  }
  const bytes = concatBytes(...head), digest = hashOf(parts.hasher, bytes);
  refuseOther(options.expected, digest);
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
