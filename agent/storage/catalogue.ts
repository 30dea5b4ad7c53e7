/** What a store holds, in memory: rebuilt at each start from names and sizes alone, never by hashing content. */
import type { Digest } from "../protocol/identity.ts";
import { limits } from "../protocol/limits.ts";
import { RealmError } from "../protocol/errors.ts";
import type { Root } from "./chunk_files.ts";
import type { StoreParts } from "./content_files.ts";
import {
  type ChunkRef,
  ENTRY_BYTES,
  manifestBytes,
  type ManifestInfo,
  readManifestInfo,
  readPages,
} from "./manifest.ts";

/** A whole blob. */
export interface Entry {
  readonly digest: Digest;
  /** Bytes of its content. */
  readonly size: number;
  /** Of a chunked blob. */
  readonly manifest: ManifestInfo | undefined;
  /** Last read or write, ms since 1970; exact to `limits.lastUseMs`. */
  lastUse: number;
  /** Streams that read it now. */
  readers: number;
  /** Asked to go; hidden from all, removed when the last reader ends. */
  removed: boolean;
  /** Called when the last reader of a removed entry ends. */
  onIdle?: () => void;
}

/** The manifest of an interrupted fetch, or of a blob that lost a chunk. */
export interface PartialFile extends Root {
  readonly info: ManifestInfo;
  readonly path: string;
}

/** An upload that stopped: the list of the chunks that arrived. */
export interface UploadFile extends Root {
  readonly digest: Digest;
  readonly path: string;
  /** Chunks that it lists. */
  readonly count: number;
  /** When it stopped, ms since 1970. */
  readonly lastUse: number;
}

/** See the module's description. */
export interface Catalogue {
  readonly entries: Map<Digest, Entry>;
  readonly partials: Map<Digest, PartialFile>;
  readonly uploads: Map<Digest, UploadFile>;
  /** Manifests being made. */
  readonly drafts: Set<Root>;
  /** Removals of files under way, by blob. */
  readonly going: Map<Digest, Promise<unknown>>;
  /** The blob, if it is here whole and not asked to go; looks at the disk until the catalogue is complete. */
  lookup(digest: Digest): Promise<Entry | undefined>;
  /** Takes a blob in that is on disk; counts its bytes unless known already. */
  adopt(digest: Digest, size: number, manifest: ManifestInfo | undefined, lastUse: number): Entry;
  /** Takes a partial in that is on disk; counts its bytes. */
  adoptPartial(info: ManifestInfo, path: string): PartialFile;
  /** Takes an upload in that is on disk; counts its bytes. */
  adoptUpload(digest: Digest, count: number, lastUse: number): void;
  /** Everything that keeps chunks. */
  roots(): Iterable<Root>;
  /** The catalogue lists everything on disk from now on. */
  complete(): void;
}

/** Bytes on disk of a blob, its chunks apart. */
export const ownBytes = (size: number, manifest: ManifestInfo | undefined): number =>
  manifest ? manifestBytes(manifest.count) : size;

/**
 * Chunks listed by a manifest file that is at one of `paths` (a rename between them may be under way); none when
 * `gone()` says that its absence is right.
 */
export async function* chunksAt(
  parts: StoreParts,
  paths: readonly string[],
  { count }: { readonly count: number },
  gone: () => boolean,
): AsyncGenerator<readonly ChunkRef[]> {
  let missing: unknown;
  // The first path once more: the file may have been renamed to it after the first look.
  for (const path of [...paths, paths[0]]) {
    try {
      return yield* readPages(parts.disk, path, 0, count);
    } catch (error) {
      if (!(error instanceof RealmError && error.code === "not_found")) throw error;
      missing = error;
    }
  }
  if (!gone()) throw missing;
}

/** An empty catalogue. */
export function createCatalogue(parts: StoreParts): Catalogue {
  const { disk, layout, space } = parts;
  const entries = new Map<Digest, Entry>(), partials = new Map<Digest, PartialFile>();
  const uploads = new Map<Digest, UploadFile>();
  const drafts = new Set<Root>(), going = new Map<Digest, Promise<unknown>>();
  let complete = false;

  function adopt(digest: Digest, size: number, manifest: ManifestInfo | undefined, lastUse: number): Entry {
    const known = entries.get(digest);
    if (known) return known;
    const entry: Entry = { digest, size, manifest, lastUse, readers: 0, removed: false };
    entries.set(digest, entry);
    space.add(ownBytes(size, manifest));
    return entry;
  }

  async function look(digest: Digest): Promise<Entry | undefined> {
    const content = await disk.stat(layout.blob(digest));
    if (content?.kind === "file" && content.size <= limits.blobInlineBytes) {
      return adopt(digest, content.size, undefined, content.modifiedAt);
    }
    const info = await readManifestInfo(disk, layout.manifest(digest));
    if (info?.sha256 !== digest) return undefined;
    const file = await disk.stat(layout.manifest(digest));
    return adopt(digest, info.size, info, file?.modifiedAt ?? 0);
  }

  return {
    entries,
    partials,
    uploads,
    drafts,
    going,
    adopt,
    async lookup(digest) {
      const entry = entries.get(digest) ?? (complete ? undefined : await look(digest));
      return entry?.removed ? undefined : entry;
    },
    adoptPartial(info, path) {
      const file: PartialFile = {
        info,
        path,
        chunks: () =>
          chunksAt(
            parts,
            [path, layout.manifest(info.sha256)],
            info,
            () => partials.get(info.sha256) !== file,
          ),
      };
      partials.set(info.sha256, file);
      space.add(manifestBytes(info.count));
      return file;
    },
    adoptUpload(digest, count, lastUse) {
      const path = layout.upload(digest);
      const file: UploadFile = {
        digest,
        path,
        count,
        lastUse,
        chunks: () =>
          chunksAt(parts, [path, layout.manifest(digest)], { count }, () => uploads.get(digest) !== file),
      };
      uploads.set(digest, file);
      space.add(count * ENTRY_BYTES);
    },
    *roots() {
      for (const entry of entries.values()) {
        const { manifest, digest } = entry;
        if (!manifest) continue;
        const gone = () => entries.get(digest) !== entry;
        yield { chunks: () => chunksAt(parts, [layout.manifest(digest)], manifest, gone) };
      }
      yield* partials.values();
      yield* uploads.values();
      yield* drafts;
    },
    complete: () => void (complete = true),
  };
}
