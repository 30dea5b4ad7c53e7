/**
 * The start of a store: unfinished files go, everything else is listed. Content is not hashed: it was verified before it
 * got its name, and is verified again whenever it is read.
 */
import { limits } from "../protocol/limits.ts";
import { isDigest } from "../protocol/identity.ts";
import type { Catalogue } from "./catalogue.ts";
import type { ChunkFiles } from "./chunk_files.ts";
import { setAside, type StoreParts } from "./content_files.ts";
import { parseName, SHARDS } from "./layout.ts";
import { savedEntries } from "./manifest_draft.ts";
import { checkManifest, type ChunkRef, readManifestInfo } from "./manifest.ts";

/** Shards listed at once. */
const SHARDS_AT_ONCE = 8;

/** Makes the directories and removes unfinished files; whether there were any (then chunks may be orphaned). */
export async function prepare({ disk, layout }: StoreParts): Promise<boolean> {
  for (const name of ["incoming", "partial", "uploads", "damaged", "chunks"]) {
    await disk.makeDirectory(`${layout.root}/${name}`);
  }
  const left = await disk.list(`${layout.root}/incoming`);
  for (const name of left) await disk.remove(layout.incoming(name));
  return left.length > 0;
}

async function scanBlobs(parts: StoreParts, catalogue: Catalogue, shard: string): Promise<void> {
  const { disk, layout } = parts;
  for (const file of await disk.entries(`${layout.root}/${shard}`)) {
    const name = parseName(shard, file.name);
    if (!name || file.kind !== "file" || catalogue.entries.has(name.digest)) continue;
    if (name.kind === "content") {
      if (file.size <= limits.blobInlineBytes) {
        catalogue.adopt(name.digest, file.size, undefined, file.modifiedAt);
      }
      continue;
    }
    const path = layout.manifest(name.digest);
    const info = await readManifestInfo(disk, path);
    if (info?.sha256 === name.digest) catalogue.adopt(name.digest, info.size, info, file.modifiedAt);
    else await setAside(parts, name.digest, path);
  }
}

async function scanChunks(parts: StoreParts, chunks: ChunkFiles, shard: string): Promise<void> {
  let count = 0;
  for (const file of await parts.disk.entries(`${parts.layout.root}/chunks/${shard}`)) {
    if (file.kind !== "file" || !isDigest(file.name)) continue;
    parts.space.add(file.size);
    count++;
  }
  chunks.found(count);
}

/** Partials; whether some were too old or damaged and dropped. */
async function scanPartials(parts: StoreParts, catalogue: Catalogue, now: number): Promise<boolean> {
  const { disk, hasher, layout } = parts;
  let dropped = false;
  for (const file of await disk.entries(`${layout.root}/partial`)) {
    const path = layout.partial(file.name);
    const info = isDigest(file.name) ? await readManifestInfo(disk, path) : undefined;
    const fresh = file.modifiedAt > now - limits.partialMs;
    const whole = info && catalogue.entries.has(info.sha256);
    if (info?.sha256 === file.name && fresh && !whole && await checkManifest(disk, hasher, path)) {
      catalogue.adoptPartial(info, path);
      continue;
    }
    await disk.remove(path);
    dropped = true;
  }
  return dropped;
}

/** Uploads; whether chunks may be there that none of them lists: those that a killed agent had just stored. */
async function scanUploads(parts: StoreParts, catalogue: Catalogue, now: number): Promise<boolean> {
  const { disk, layout } = parts;
  const files = await disk.entries(`${layout.root}/uploads`);
  for (const { name, modifiedAt } of files) {
    const path = layout.upload(name);
    let count = 0;
    if (isDigest(name) && modifiedAt > now - limits.uploadMs && !catalogue.entries.has(name)) {
      for await (const page of savedEntries(parts, path)) count += page.length;
    }
    if (count > 0) catalogue.adoptUpload(name, count, modifiedAt);
    else await disk.remove(path);
  }
  return files.length > 0;
}

/** Folders by the beginning of a name that are there at all: a new store has next to none. */
async function shardsOf({ disk, layout }: StoreParts, below: "" | "/chunks"): Promise<ReadonlySet<string>> {
  return new Set((await disk.entries(`${layout.root}${below}`)).map(({ name }) => name));
}

/** Fills the catalogue; whether chunks may be orphaned. */
export async function scan(
  parts: StoreParts,
  catalogue: Catalogue,
  chunks: ChunkFiles,
  now: number,
): Promise<boolean> {
  const [blobShards, chunkShards] = await Promise.all([shardsOf(parts, ""), shardsOf(parts, "/chunks")]);
  for (let i = 0; i < SHARDS.length; i += SHARDS_AT_ONCE) {
    const some = SHARDS.slice(i, i + SHARDS_AT_ONCE);
    await Promise.all([
      ...some.filter((shard) => blobShards.has(shard)).map((shard) => scanBlobs(parts, catalogue, shard)),
      ...some.filter((shard) => chunkShards.has(shard)).map((shard) => scanChunks(parts, chunks, shard)),
    ]);
  }
  for (const file of await parts.disk.entries(`${parts.layout.root}/damaged`)) parts.space.add(file.size);
  const dropped = await scanPartials(parts, catalogue, now);
  const stray = await scanUploads(parts, catalogue, now);
  catalogue.complete();
  return dropped || stray;
}

/** Every chunk on disk, as candidates of a sweep for orphans. */
export async function* allChunks({ disk, layout }: StoreParts): AsyncGenerator<readonly ChunkRef[]> {
  for (const shard of SHARDS) {
    const files = await disk.entries(`${layout.root}/chunks/${shard}`);
    yield files.filter((f) => isDigest(f.name)).map((f) => ({ sha256: f.name, size: f.size }));
  }
}
