/** Removing blobs beside readers and writers, and taking damaged ones out of service. */
import type { Digest } from "../protocol/identity.ts";
import type { Entry } from "./catalogue.ts";
import { chunksAt, ownBytes } from "./catalogue.ts";
import type { WriterParts } from "./blob_writer.ts";
import type { ChunkRef, ManifestInfo } from "./manifest.ts";

/** A manifest taken out of service, whose chunks may go. */
interface Retired {
  readonly path: string;
  readonly info: ManifestInfo;
}

async function* candidatesOf(
  parts: WriterParts,
  retired: readonly Retired[],
): AsyncGenerator<readonly ChunkRef[]> {
  for (const { path, info } of retired) yield* chunksAt(parts, [path], info, () => false);
}

/** Takes files away under the catalogue's `going`, so that a writer of the same content waits. */
async function removeFiles(parts: WriterParts, entries: readonly Entry[]): Promise<number> {
  const { catalogue, disk, layout, space, chunks, temporary } = parts;
  const done = Promise.withResolvers<void>();
  const mine = entries.filter((e) => catalogue.entries.get(e.digest) === e && e.removed);
  for (const { digest } of mine) {
    catalogue.entries.delete(digest);
    catalogue.going.set(digest, done.promise);
  }
  const retired: Retired[] = [];
  let freed = 0;
  try {
    for (const { digest, size, manifest } of mine) {
      if (manifest) {
        const path = temporary();
        await disk.rename(layout.manifest(digest), path, { durable: false });
        retired.push({ path, info: manifest });
      } else await disk.remove(layout.blob(digest));
      space.release(ownBytes(size, manifest));
      freed += ownBytes(size, manifest);
    }
    // A manifest must be gone for good before the first of its chunks goes.
    for (const shard of new Set(mine.map((e) => layout.shard(e.digest)))) await disk.syncDirectory(shard);
  } catch (error) {
    // What could not be removed is still there and whole: it is found again when asked for, or at the next start.
    for (const e of mine) await relist(parts, e);
    throw error;
  } finally {
    for (const { digest } of mine) catalogue.going.delete(digest);
    done.resolve();
  }
  freed += await chunks.sweep(candidatesOf(parts, retired));
  for (const { path } of retired) await disk.remove(path);
  return freed;
}

/** Lists an entry again whose files are still there. */
async function relist({ catalogue, disk, layout, space }: WriterParts, entry: Entry): Promise<void> {
  const { digest, size, manifest, lastUse } = entry;
  const info = await disk.stat(manifest ? layout.manifest(digest) : layout.blob(digest)).catch(() =>
    undefined
  );
  if (!info || catalogue.entries.has(digest)) return;
  space.release(ownBytes(size, manifest));
  catalogue.adopt(digest, size, manifest, lastUse);
}

/**
 * Removes blobs. They are hidden at once; those that are being read go when their last reader ends. Returns the bytes
 * freed now. `background` receives what goes on later.
 */
export async function removeBlobs(
  parts: WriterParts,
  digests: readonly Digest[],
  onRemoved: (digest: Digest) => void,
  background: (work: Promise<unknown>) => void,
): Promise<{ readonly removed: readonly Digest[]; readonly freedBytes: number }> {
  const now: Entry[] = [], removed: Digest[] = [];
  for (const digest of new Set(digests)) {
    const entry = parts.catalogue.entries.get(digest);
    if (!entry || entry.removed) continue;
    entry.removed = true;
    removed.push(digest);
    onRemoved(digest);
    if (entry.readers === 0) now.push(entry);
    else entry.onIdle = () => background(removeFiles(parts, [entry]));
  }
  return { removed, freedBytes: now.length > 0 ? await removeFiles(parts, now) : 0 };
}

/**
 * Takes a damaged blob out of service. A chunked one becomes a partial, so that a fetch brings only what is missing;
 * a small one was set aside already.
 */
export async function demote(parts: WriterParts, entry: Entry): Promise<void> {
  const { catalogue, disk, layout, space } = parts;
  const { digest, size, manifest } = entry;
  if (catalogue.entries.get(digest) !== entry) return;
  catalogue.entries.delete(digest);
  if (!manifest) {
    // The file is in `damaged/` or gone; `space` keeps counting the former.
    if (!(await disk.list(`${layout.root}/damaged`)).some((name) => name.endsWith(digest))) {
      space.release(size);
    }
    return;
  }
  const path = layout.partial(digest);
  const partial = catalogue.adoptPartial(manifest, path);
  space.release(ownBytes(size, manifest));
  try {
    await disk.rename(layout.manifest(digest), path);
    await disk.touch(path, parts.now()); // its days begin now
  } catch {
    if (catalogue.partials.get(digest) === partial) catalogue.partials.delete(digest);
    space.release(ownBytes(size, manifest));
  }
}

/** Demotes every chunked blob that lists one of `lost`; returns them. */
export async function demoteAll(parts: WriterParts, lost: ReadonlySet<Digest>): Promise<Digest[]> {
  const out: Digest[] = [];
  for (const entry of [...parts.catalogue.entries.values()]) {
    const { manifest, digest } = entry;
    if (!manifest) continue;
    const gone = () => parts.catalogue.entries.get(digest) !== entry;
    let hit = false;
    for await (const page of chunksAt(parts, [parts.layout.manifest(digest)], manifest, gone)) {
      if ((hit = page.some((ref) => lost.has(ref.sha256)))) break;
    }
    if (!hit || gone()) continue;
    await demote(parts, entry);
    out.push(digest);
  }
  return out;
}
