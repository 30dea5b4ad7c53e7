/**
 * SHA-256 of content that arrives in chunks, hashed along with the front of what is here, so that little is left to do
 * when the last chunk comes.
 */
import type { Sha256 } from "../ports.ts";
import type { Digest } from "../protocol/identity.ts";
import type { StoreParts } from "./content_files.ts";
import type { ChunkRef } from "./manifest.ts";

/** How far the hash has come: goes on in another {@link WholeHash} over the same chunks. */
export interface HashedFront {
  readonly hash: Sha256;
  /** Chunks hashed. */
  readonly chunks: number;
}

/** See the module's description. */
export interface WholeHash {
  /** The content of chunk `index` is in memory: hashed at once when it is the next one. */
  pass(index: number, bytes: Uint8Array): void;
  /** Hashes in the background what has come to be on disk. */
  ahead(): void;
  /** Digest of the first `count` chunks; `undefined` when one of them cannot be read. Ends the hash. */
  end(count: number): Promise<Digest | undefined>;
  /** Waits for work in the background; then how far it came. `undefined` when a chunk could not be read. */
  front(): Promise<HashedFront | undefined>;
}

/** Refs read at a time. */
const PAGE = 64;

/** `here`: whether a chunk is on disk. `from`: where an earlier hash stopped. */
export function createWholeHash(
  { buffers, disk, hasher, layout }: StoreParts,
  here: (index: number) => boolean,
  refs: (from: number, to: number) => Promise<readonly ChunkRef[]>,
  from: HashedFront = { hash: hasher.sha256(), chunks: 0 },
): WholeHash {
  const { hash } = from;
  let { chunks: hashed } = from, hashing: Promise<void> | undefined, unreadable = false;

  async function hashOn(): Promise<void> {
    let page: readonly ChunkRef[] = [], pageAt = 0;
    while (!unreadable && here(hashed)) {
      if (hashed >= pageAt + page.length) {
        pageAt = hashed;
        page = await refs(hashed, hashed + PAGE);
      }
      const ref = page[hashed - pageAt], { bytes, release } = buffers.take(ref.size);
      try {
        await disk.readInto(layout.chunk(ref.sha256), bytes);
        hash.update(bytes);
        hashed++;
      } finally {
        release();
      }
    }
  }
  function ahead(): void {
    hashing ??= hashOn().catch(() => void (unreadable = true)).finally(() => hashing = undefined);
  }
  return {
    pass(index, bytes) {
      if (index !== hashed || hashing || unreadable) return;
      hash.update(bytes);
      hashed++;
    },
    ahead,
    async end(count) {
      while (!unreadable && hashed < count) {
        ahead();
        await hashing;
      }
      return unreadable ? undefined : hash.digest();
    },
    async front() {
      await hashing;
      return unreadable ? undefined : { hash, chunks: hashed };
    },
  };
}
