/**
 * The chunks of a store: storing, claiming and reading single chunks, and sweeping those that no manifest lists.
 *
 * Invariant: a chunk that was stored or claimed for a registered root (a manifest, committed or being made) is not
 * removed while that root stands. A sweep dooms its candidates first and then looks through all roots; storing or
 * claiming a chunk takes it off the doomed in the same tick. So no lock is held over reads or writes.
 */
import type { Digest } from "../protocol/identity.ts";
import type { Loan } from "./buffers.ts";
import { limits } from "../protocol/limits.ts";
import { holds, readVerified, type StoreParts, writeFile } from "./content_files.ts";
import type { ChunkRef } from "./manifest.ts";

/** A list of chunks that must be kept, read page by page. */
export interface Root {
  /** The chunks it lists at the time of the call; nothing when the root is gone meanwhile. */
  chunks(): AsyncIterable<readonly ChunkRef[]>;
}

/** See the module's description. */
export interface ChunkFiles {
  /** Stores a chunk (content checked by the caller) unless it is there; durable after {@link flush}. */
  store(ref: ChunkRef, bytes: Uint8Array): Promise<{ readonly added: boolean }>;
  /** Keeps the chunk from a sweep in progress; whether it is there. */
  claim(ref: ChunkRef): Promise<boolean>;
  /** Verified content on loan; throws `not_found`, or `bad_digest` after setting it aside. */
  read(ref: ChunkRef): Promise<Loan>;
  /** Makes the names of stored chunks durable; `shards` are the first two digits of their digests. */
  flush(shards: ReadonlySet<string>): Promise<void>;
  /** Removes the candidates that no root lists; returns the bytes freed. */
  sweep(candidates: AsyncIterable<readonly ChunkRef[]>): Promise<number>;
  /** Number of chunks. */
  count(): number;
  /** Counts chunks that were found on disk. */
  found(count: number): void;
  /** One chunk was set aside. */
  lost(): void;
}

/** Chunks kept by `roots`, which is asked anew at each pass. */
export function createChunkFiles(parts: StoreParts, roots: () => Iterable<Root>): ChunkFiles {
  const { disk, layout, space } = parts;
  const storing = new Map<Digest, Promise<{ added: boolean }>>();
  const removing = new Map<Digest, Promise<void>>();
  const shards = new Set<string>();
  let doomed = new Map<Digest, ChunkRef>();
  let sweeping: Promise<unknown> = Promise.resolve();
  let count = 0;

  async function write(ref: ChunkRef, bytes: Uint8Array): Promise<{ added: boolean }> {
    const path = layout.chunk(ref.sha256);
    if (await holds(parts, path, ref.sha256, ref.size)) return { added: false };
    const there = await disk.stat(path);
    await space.reserve(bytes.length);
    try {
      const shard = layout.chunkShard(ref.sha256);
      if (!shards.has(shard)) await disk.makeDirectory(shard);
      shards.add(shard);
      await writeFile(parts, path, bytes, false);
    } catch (error) {
      space.release(bytes.length);
      throw error;
    }
    if (there) space.release(there.size); // a damaged file of that name was replaced
    else count++;
    return { added: true };
  }

  /** Waits out a removal and takes the chunk off the doomed. Nothing may be awaited between this and `storing.set`. */
  async function rescue(digest: Digest): Promise<void> {
    doomed.delete(digest);
    for (let going = removing.get(digest); going; going = removing.get(digest)) await going;
  }

  async function removeDoomed(): Promise<number> {
    let freed = 0;
    for (const [digest, ref] of [...doomed]) {
      if (!doomed.delete(digest)) continue; // rescued meanwhile
      const work = (async () => {
        const info = await disk.stat(layout.chunk(digest));
        if (!info) return;
        await disk.remove(layout.chunk(digest));
        space.release(info.size);
        count--;
        freed += ref.size;
      })();
      removing.set(digest, work.catch(() => {}));
      try {
        await work;
      } finally {
        removing.delete(digest);
      }
    }
    return freed;
  }

  async function pass(): Promise<number> {
    for (const root of [...roots()]) {
      if (doomed.size === 0) return 0;
      for await (const page of root.chunks()) for (const ref of page) doomed.delete(ref.sha256);
    }
    return await removeDoomed();
  }

  async function sweepNow(candidates: AsyncIterable<readonly ChunkRef[]>): Promise<number> {
    let freed = 0;
    try {
      for await (const page of candidates) {
        for (const ref of page) if (!storing.has(ref.sha256)) doomed.set(ref.sha256, ref);
        if (doomed.size < limits.sweepChunks) continue;
        freed += await pass();
        doomed = new Map();
      }
      return freed + await pass();
    } finally {
      doomed = new Map();
    }
  }

  return {
    async store(ref, bytes) {
      await rescue(ref.sha256);
      let work = storing.get(ref.sha256);
      if (!work) {
        work = write(ref, bytes).finally(() => storing.delete(ref.sha256));
        storing.set(ref.sha256, work);
      }
      return await work;
    },
    async claim(ref) {
      await rescue(ref.sha256);
      return (await disk.stat(layout.chunk(ref.sha256)))?.size === ref.size;
    },
    read: (ref) => readVerified(parts, ref.sha256, layout.chunk(ref.sha256), ref.size),
    async flush(of) {
      await Promise.all([...of].map((shard) => disk.syncDirectory(`${layout.root}/chunks/${shard}`)));
    },
    sweep(candidates) {
      const run = sweeping.catch(() => {}).then(() => sweepNow(candidates));
      sweeping = run;
      return run;
    },
    count: () => count,
    found: (n) => void (count += n),
    lost: () => void count--,
  };
}
