/** Reading blobs: a lease keeps the content while it is read, every chunk is verified before its bytes go out. */
import type { Digest } from "../protocol/identity.ts";
import { RealmError } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";
import type { Loan } from "./buffers.ts";
import type { Entry } from "./catalogue.ts";
import { readVerified } from "./content_files.ts";
import { readPages } from "./manifest.ts";
import type { WriterParts } from "./blob_writer.ts";

/** A part of the content: `end` exclusive. */
export interface Range {
  readonly start?: number;
  readonly end?: number;
}

/** Keeps the entry's content until the returned function is called (repeated calls do nothing). */
export function lease(entry: Entry): () => void {
  entry.readers++;
  let held = true;
  return () => {
    if (!held) return;
    held = false;
    if (--entry.readers === 0 && entry.removed) entry.onIdle?.();
  };
}

/** Notes that a blob was used; costs a write once in `limits.lastUseMs`. */
function noteUse({ disk, layout, now }: WriterParts, entry: Entry): void {
  if (now() - entry.lastUse < limits.lastUseMs) return;
  entry.lastUse = now();
  const path = entry.manifest ? layout.manifest(entry.digest) : layout.blob(entry.digest);
  disk.touch(path, entry.lastUse).catch(() => {}); // garbage collection gets a worse guess, nothing else
}

/** Bytes handed to the reader at a time. */
const PIECE = 64 * 1024;

/** Copies of a loan's bytes from `start` to `end`, so that the loan can be used again. */
function* pieces({ bytes, release }: Loan, start: number, end: number): Generator<Uint8Array> {
  try {
    for (let at = start; at < end; at += PIECE) yield bytes.slice(at, Math.min(end, at + PIECE));
  } finally {
    release();
  }
}

async function* contentOf(parts: WriterParts, entry: Entry, range: Range): AsyncGenerator<Uint8Array> {
  const start = Math.max(0, range.start ?? 0), end = Math.min(entry.size, range.end ?? entry.size);
  if (start >= end) return;
  const { disk, layout, chunks } = parts;
  if (!entry.manifest) {
    yield* pieces(await readVerified(parts, entry.digest, layout.blob(entry.digest), entry.size), start, end);
    return;
  }
  let at = 0;
  for await (const page of readPages(disk, layout.manifest(entry.digest), 0, entry.manifest.count)) {
    for (const ref of page) {
      if (at + ref.size > start) {
        yield* pieces(await chunks.read(ref), Math.max(0, start - at), Math.min(ref.size, end - at));
      }
      at += ref.size;
      if (at >= end) return;
    }
  }
}

const isLoss = (error: unknown) =>
  error instanceof RealmError && (error.code === "bad_digest" || error.code === "not_found");

/**
 * Verified content. `onLoss` is awaited when a part of it is damaged or missing on disk, before the stream errors with
 * `bad_digest`. The stream has to be read to its end or cancelled: until then it keeps the content from removal.
 */
export function readBlob(
  parts: WriterParts,
  digest: Digest,
  range: Range,
  onLoss: (entry: Entry) => Promise<void>,
): ReadableStream<Uint8Array> {
  let entry = parts.catalogue.entries.get(digest);
  if (entry?.removed) entry = undefined;
  let release = entry && lease(entry);
  let source: AsyncGenerator<Uint8Array> | undefined;
  return new ReadableStream({
    async pull(controller) {
      try {
        if (!source) {
          entry ??= await parts.catalogue.lookup(digest);
          if (!entry) {
            throw new RealmError("not_found", `blob ${digest} is not stored here; fetch it from a holder`);
          }
          release ??= lease(entry);
          noteUse(parts, entry);
          source = contentOf(parts, entry, range);
        }
        const { value, done } = await source.next();
        if (!done) return controller.enqueue(value);
        release?.();
        controller.close();
      } catch (error) {
        const lost = entry !== undefined && isLoss(error);
        if (lost) await onLoss(entry!).catch(() => {});
        release?.();
        controller.error(
          lost
            ? new RealmError("bad_digest", `blob ${digest} is damaged on this node; fetch it again`, {
              cause: error,
              detail: { digest },
            })
            : error,
        );
      }
    },
    async cancel() {
      await source?.return(undefined);
      release?.();
    },
  }, { highWaterMark: 0 });
}
