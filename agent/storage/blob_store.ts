/** The blob store: content under its SHA-256, atomic, durable, verified, within a quota. */
import type { BlobSink, BlobSource, Disk, Hasher, Log } from "../ports.ts";
import type { Digest } from "../protocol/identity.ts";
import { RealmError } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";
import { readBlob } from "./blob_reader.ts";
import { storeSmall, writeBlob, type WriterParts } from "./blob_writer.ts";
import { type Buffers, createBuffers, type Loan } from "./buffers.ts";
import { createCatalogue } from "./catalogue.ts";
import { createChunkFiles } from "./chunk_files.ts";
import { hashOf, readVerified, type StoreParts } from "./content_files.ts";
import { layoutOf } from "./layout.ts";
import { type ChunkRef, type ManifestInfo, readEntryBytes, readPages } from "./manifest.ts";
import { adoptManifest, discardPartial, openPartial, type PartialBlob } from "./partial.ts";
import { allChunks, prepare, scan } from "./recovery.ts";
import { demote, demoteAll, removeBlobs } from "./removal.ts";
import { createSpace } from "./space.ts";
import { createUploads, type Uploads } from "./upload.ts";

/** A blob as it is listed. */
export interface StoredBlob {
  readonly digest: Digest;
  /** Bytes of its content. */
  readonly size: number;
  /** Chunks; 0 when it is one file. */
  readonly chunks: number;
  /** Last read or write, ms since 1970; exact to an hour. */
  readonly lastUse: number;
}

/** What a store holds. */
export interface StoreUsage {
  /** Bytes on disk, of interrupted fetches and uploads and damaged files as well. */
  readonly usedBytes: number;
  readonly quotaBytes: number;
  readonly blobs: number;
  readonly chunks: number;
  /** Interrupted fetches kept for resumption. */
  readonly partials: number;
  /** Interrupted uploads kept for resumption. */
  readonly uploads: number;
}

/** What a store is made of. */
export interface BlobStoreOptions {
  readonly disk: Disk;
  readonly hasher: Hasher;
  /** Absolute path of its directory; made when absent. The store alone may change what is in it. */
  readonly directory: string;
  /** Wall clock, ms since 1970. */
  readonly now: () => number;
  readonly log: Log;
  /** Bytes it may hold; asked at each write. */
  readonly quotaBytes: () => number;
  /** Called when `bytes` more are needed; may remove content and is awaited. */
  readonly makeRoom?: (bytes: number) => Promise<void>;
  /** Told of a blob that turned out damaged and is no longer served: fetch it again, alert, audit. */
  readonly onDamaged?: (digest: Digest) => void;
  /** Told of each blob that became whole. */
  readonly onStored?: (digest: Digest, size: number) => void;
  /** Told of each blob that was removed or taken out of service. */
  readonly onRemoved?: (digest: Digest) => void;
}

/** See {@link openBlobStore}. */
export interface BlobStore extends BlobSource, BlobSink, AsyncDisposable {
  /** All whole blobs, by digest. */
  list(): Promise<readonly StoredBlob[]>;
  /** Bytes, quota and counts. */
  usage(): Promise<StoreUsage>;
  /** The chunks of a chunked blob, page by page; nothing for others. */
  chunksOf(digest: Digest): AsyncIterable<readonly ChunkRef[]>;
  /** Removes a blob; whether it was here. It is hidden at once and goes when its last reader ends. */
  remove(digest: Digest): Promise<boolean>;
  /** Content that clients send. */
  readonly uploads: Uploads;
  /** Removes many blobs and forgets interrupted fetches and uploads, as a garbage-collection plan says. */
  collect(plan: { readonly remove: readonly Digest[]; readonly dropPartials?: boolean }): Promise<Collected>;
  /** Ends background work and closes; writes in progress fail or end first. */
  [Symbol.asyncDispose](): Promise<void>;
  /** What transfer needs. */
  readonly transfer: TransferStore;
}

/** What a collection did. */
export interface Collected {
  readonly removed: readonly Digest[];
  /** Bytes freed by now; blobs being read are freed later. */
  readonly freedBytes: number;
}

/** The inside of a store, for the blob protocol. */
export interface TransferStore {
  /** What is here of a blob. */
  state(digest: Digest): Promise<
    | { readonly kind: "none" }
    | { readonly kind: "small"; readonly size: number }
    | { readonly kind: "whole"; readonly info: ManifestInfo }
    | { readonly kind: "partial"; readonly partial: PartialBlob }
  >;
  /** Verified content of a small blob, on loan. */
  readSmall(digest: Digest): Promise<Loan>;
  /** Stores a small blob; throws `bad_digest` when the bytes are not `digest`. */
  putSmall(digest: Digest, bytes: Uint8Array): Promise<void>;
  /** Verified content of a chunk, whichever blob it belongs to, on loan. */
  readChunk(ref: ChunkRef): Promise<Loan>;
  /** Memory for chunks that arrive. */
  readonly buffers: Buffers;
  /** Entries of a whole or partial blob's manifest, at most a page. */
  entryBytes(digest: Digest, from: number, to: number): Promise<Uint8Array>;
  /** The partial left by an earlier fetch. One caller at a time. */
  resume(digest: Digest): Promise<PartialBlob | undefined>;
  /** A new partial from a holder's manifest. One caller at a time. */
  begin(info: ManifestInfo, pages: AsyncIterable<Uint8Array>): Promise<PartialBlob>;
  /** The fetch that used a partial ended; it stays on disk. */
  suspend(digest: Digest): void;
}

/**
 * Opens the store in `directory`. Returns as soon as unfinished files are gone; listing goes on in the background, and
 * what needs the whole list waits for it. Reads do not.
 */
export async function openBlobStore(options: BlobStoreOptions): Promise<BlobStore> {
  const { disk, hasher, log, now } = options;
  const layout = layoutOf(options.directory);
  const active = new Map<Digest, PartialBlob>(), background = new Set<Promise<unknown>>();
  let names = 0, closed = false;

  const space = createSpace(options.quotaBytes, options.makeRoom);
  const base: StoreParts = {
    disk,
    hasher,
    layout,
    space,
    buffers: createBuffers(),
    temporary: () => layout.incoming(`${now()}-${names++}`),
    onDamaged: (digest, path) => {
      log.warn("stored content is damaged and was set aside", { digest, path });
      if (path.startsWith(`${layout.root}/chunks/`)) {
        chunks.lost();
        inBackground(demoteAll(parts, new Set([digest])).then((all) => all.forEach(reportDamage)));
      }
    },
  };
  const catalogue = createCatalogue(base);
  const chunks = createChunkFiles(base, () => catalogue.roots());
  const parts: WriterParts = {
    ...base,
    catalogue,
    chunks,
    now,
    onStored(digest, size) {
      const partial = catalogue.partials.get(digest);
      if (partial && !active.has(digest)) inBackground(discardPartial(parts, partial));
      if (catalogue.uploads.has(digest)) inBackground(uploads.forget((u) => u.digest === digest));
      options.onStored?.(digest, size);
    },
  };

  const uploads = createUploads(parts);

  function inBackground(work: Promise<unknown>): void {
    const run = work.catch((error) => {
      if (!closed) {
        log.warn("storage upkeep failed; it is tried again at the next start", { error: String(error) });
      }
    }).finally(() => background.delete(run));
    background.add(run);
  }
  function reportDamage(digest: Digest): void {
    options.onRemoved?.(digest);
    options.onDamaged?.(digest);
  }
  async function lose(entry: Parameters<typeof demote>[1]): Promise<void> {
    if (catalogue.entries.get(entry.digest) !== entry) return;
    await demote(parts, entry);
    reportDamage(entry.digest);
  }
  function assertOpen(): void {
    if (closed) throw new RealmError("unavailable", "the blob store is closed");
  }

  const unfinished = await prepare(base);
  const ready = scan(base, catalogue, chunks, now()).then((dropped) => {
    if (unfinished || dropped) inBackground(chunks.sweep(allChunks(base)));
  });
  ready.catch((error) => log.error("the blob store cannot be listed", { error: String(error) }));

  async function collect(digests: readonly Digest[], dropPartials: boolean): Promise<Collected> {
    await ready;
    assertOpen();
    const done = await removeBlobs(parts, digests, (d) => options.onRemoved?.(d), inBackground);
    let freedBytes = done.freedBytes;
    if (dropPartials) {
      for (const [digest, file] of [...catalogue.partials]) {
        if (!active.has(digest)) freedBytes += await discardPartial(parts, file);
      }
      freedBytes += await uploads.forget(() => true);
    }
    return { removed: done.removed, freedBytes };
  }

  async function activate(digest: Digest, opening: Promise<PartialBlob>): Promise<PartialBlob> {
    const partial = await opening;
    active.set(digest, partial);
    return partial;
  }

  const transfer: TransferStore = {
    buffers: base.buffers,
    async state(digest) {
      const partial = active.get(digest);
      const entry = await catalogue.lookup(digest);
      if (entry) {
        return entry.manifest ? { kind: "whole", info: entry.manifest } : { kind: "small", size: entry.size };
      }
      return partial ? { kind: "partial", partial } : { kind: "none" };
    },
    async readSmall(digest) {
      const entry = await catalogue.lookup(digest);
      if (!entry || entry.manifest) throw new RealmError("not_found", `no small blob ${digest} here`);
      try {
        return await readVerified(base, digest, layout.blob(digest), entry.size);
      } catch (error) {
        if (error instanceof RealmError && ["bad_digest", "not_found"].includes(error.code)) {
          await lose(entry);
        }
        throw error;
      }
    },
    async putSmall(digest, bytes) {
      await ready;
      assertOpen();
      if (hashOf(hasher, bytes) !== digest) {
        throw new RealmError("bad_digest", `the bytes sent for ${digest} are not that blob`);
      }
      await storeSmall(parts, digest, bytes);
    },
    readChunk: (ref) => chunks.read(ref),
    async entryBytes(digest, from, to) {
      const partial = active.get(digest), entry = await catalogue.lookup(digest);
      if (!entry?.manifest) return partial ? await partial.entryBytes(from, to) : new Uint8Array();
      const end = Math.min(to, entry.manifest.count, from + limits.manifestPageEntries);
      return await readEntryBytes(disk, layout.manifest(digest), from, Math.max(from, end));
    },
    async resume(digest) {
      await ready;
      assertOpen();
      const file = catalogue.partials.get(digest);
      if (!file) return undefined;
      disk.touch(file.path, now()).catch(() => {});
      return await activate(digest, openPartial(parts, file, () => active.delete(digest)));
    },
    async begin(info, pages) {
      await ready;
      assertOpen();
      const file = await adoptManifest(parts, info, pages);
      return await activate(info.sha256, openPartial(parts, file, () => active.delete(info.sha256)));
    },
    suspend: (digest) => void active.delete(digest),
  };

  return {
    has: async (digest) => await catalogue.lookup(digest) !== undefined,
    size: async (digest) => (await catalogue.lookup(digest))?.size,
    read: (digest, range = {}) => readBlob(parts, digest, range, lose),
    async write(content, writeOptions) {
      await ready;
      assertOpen();
      return await writeBlob(parts, content, writeOptions);
    },
    uploads: {
      async state(digest) {
        await ready;
        return await uploads.state(digest);
      },
      async write(digest, offset, content, signal) {
        await ready;
        assertOpen();
        return await uploads.write(digest, offset, content, signal);
      },
      async forget(which) {
        await ready;
        return await uploads.forget(which);
      },
    },
    async list() {
      await ready;
      return [...catalogue.entries.values()].filter((e) => !e.removed)
        .map((e) => ({ digest: e.digest, size: e.size, chunks: e.manifest?.count ?? 0, lastUse: e.lastUse }))
        .sort((a, b) => a.digest < b.digest ? -1 : 1);
    },
    async usage() {
      await ready;
      return {
        usedBytes: space.used(),
        quotaBytes: space.quota(),
        blobs: catalogue.entries.size,
        chunks: chunks.count(),
        partials: catalogue.partials.size,
        uploads: catalogue.uploads.size,
      };
    },
    async *chunksOf(digest) {
      const entry = await catalogue.lookup(digest);
      if (entry?.manifest) yield* readPages(disk, layout.manifest(digest), 0, entry.manifest.count);
    },
    remove: async (digest) => (await collect([digest], false)).removed.length > 0,
    collect: (plan) => collect(plan.remove, plan.dropPartials ?? false),
    transfer,
    async [Symbol.asyncDispose]() {
      await ready.catch(() => {});
      closed = true;
      while (background.size > 0) await Promise.all(background);
    },
  };
}
