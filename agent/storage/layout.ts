/** Where what stands below the store's directory. */
import type { Digest } from "../protocol/identity.ts";
import { isDigest } from "../protocol/identity.ts";

/** Paths of one store. Blobs and chunks are spread over 256 directories by their first two hex digits. */
export interface Layout {
  /** The store's directory. */
  readonly root: string;
  /** Directory of a blob's file or manifest. */
  shard(digest: Digest): string;
  /** Content of a small blob. */
  blob(digest: Digest): string;
  /** Manifest of a chunked blob. */
  manifest(digest: Digest): string;
  /** Directory of a chunk. */
  chunkShard(digest: Digest): string;
  /** Content of a chunk. */
  chunk(digest: Digest): string;
  /** Manifest of an interrupted fetch. */
  partial(digest: Digest): string;
  /** Chunks that arrived of an upload. */
  upload(digest: Digest): string;
  /** A file being written; nothing in this directory outlives a start. */
  incoming(name: string): string;
  /** A file whose content did not match its name. */
  damaged(name: string): string;
}

const MANIFEST = ".manifest";

/** Layout below `root`. */
export function layoutOf(root: string): Layout {
  const shard = (digest: Digest) => `${root}/${digest.slice(0, 2)}`;
  const chunkShard = (digest: Digest) => `${root}/chunks/${digest.slice(0, 2)}`;
  return {
    root,
    shard,
    blob: (digest) => `${shard(digest)}/${digest}`,
    manifest: (digest) => `${shard(digest)}/${digest}${MANIFEST}`,
    chunkShard,
    chunk: (digest) => `${chunkShard(digest)}/${digest}`,
    partial: (digest) => `${root}/partial/${digest}`,
    upload: (digest) => `${root}/uploads/${digest}`,
    incoming: (name) => `${root}/incoming/${name}`,
    damaged: (name) => `${root}/damaged/${name}`,
  };
}

/** All 256 shard names. */
export const SHARDS: readonly string[] = Array.from(
  { length: 256 },
  (_, i) => i.toString(16).padStart(2, "0"),
);

/** What a file in a blob shard is; `undefined` for anything that the store did not put there. */
export function parseName(
  shard: string,
  name: string,
): { readonly digest: Digest; readonly kind: "content" | "manifest" } | undefined {
  const kind = name.endsWith(MANIFEST) ? "manifest" : "content";
  const digest = kind === "manifest" ? name.slice(0, -MANIFEST.length) : name;
  return isDigest(digest) && digest.startsWith(shard) ? { digest, kind } : undefined;
}
