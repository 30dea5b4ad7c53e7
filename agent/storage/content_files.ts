/**
 * Files named by the SHA-256 of their content: chunks and small blobs. A file appears under its name only whole and
 * flushed; what does not match its name is set aside.
 */
import type { Disk, Hasher } from "../ports.ts";
import type { Digest } from "../protocol/identity.ts";
import { RealmError } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";
import type { Buffers, Loan } from "./buffers.ts";
import type { Layout } from "./layout.ts";
import type { Space } from "./space.ts";

/** What the parts of a store share. */
export interface StoreParts {
  readonly disk: Disk;
  readonly hasher: Hasher;
  readonly layout: Layout;
  readonly space: Space;
  readonly buffers: Buffers;
  /** A name for a new file in `incoming/`. */
  readonly temporary: () => string;
  /** Told of each file set aside. */
  readonly onDamaged: (digest: Digest, path: string) => void;
}

/** SHA-256 of bytes in memory. */
export function hashOf(hasher: Hasher, bytes: Uint8Array): Digest {
  const hash = hasher.sha256();
  hash.update(bytes);
  return hash.digest();
}

/** Writes `bytes` under `path` by temp file, flush and rename; the rename is durable unless `durable` is `false`. */
export async function writeFile(
  { disk, temporary }: StoreParts,
  path: string,
  bytes: Uint8Array,
  durable: boolean,
): Promise<void> {
  const from = temporary();
  try {
    const writer = await disk.create(from);
    try {
      await writer.write(bytes);
      await writer.sync();
    } finally {
      await writer.close();
    }
    await disk.rename(from, path, { durable });
  } catch (error) {
    await disk.remove(from).catch(() => {});
    throw error;
  }
}

/** Whether the file at `path` has `size` bytes that hash to `digest`. An unreadable file does not. */
export async function holds(
  { disk, hasher, buffers }: StoreParts,
  path: string,
  digest: Digest,
  size: number,
): Promise<boolean> {
  const info = await disk.stat(path);
  if (info?.kind !== "file" || info.size !== size) return false;
  const { bytes, release } = buffers.take(size);
  try {
    return await disk.readInto(path, bytes) === size && hashOf(hasher, bytes) === digest;
  } catch {
    return false;
  } finally {
    release();
  }
}

/** Moves a file whose content does not match its name to `damaged/`, keeps the newest few there, and reports it. */
export async function setAside(parts: StoreParts, digest: Digest, path: string): Promise<void> {
  const { disk, layout, space } = parts;
  const directory = `${layout.root}/damaged`;
  const moved = await disk.rename(path, layout.damaged(`${Date.now()}-${digest}`)).then(
    () => true,
    () => false,
  );
  if (!moved) {
    const info = await disk.stat(path).catch(() => undefined);
    await disk.remove(path).catch(() => {});
    space.release(info?.size ?? 0);
  }
  const kept = await disk.entries(directory).catch(() => []);
  for (const old of kept.slice(0, Math.max(0, kept.length - limits.damagedFiles))) {
    await disk.remove(`${directory}/${old.name}`).catch(() => {});
    space.release(old.size);
  }
  parts.onDamaged(digest, path);
}

/**
 * Whole content of a file named by its digest, on loan; sets the file aside and throws `bad_digest` when it does not
 * match.
 */
export async function readVerified(
  parts: StoreParts,
  digest: Digest,
  path: string,
  size: number,
): Promise<Loan> {
  const loan = parts.buffers.take(size);
  try {
    const found = await parts.disk.readInto(path, loan.bytes);
    if (found === size && hashOf(parts.hasher, loan.bytes) === digest) return loan;
  } catch (error) {
    loan.release();
    throw error;
  }
  loan.release();
  await setAside(parts, digest, path);
  throw new RealmError(
    "bad_digest",
    `the stored content of ${digest} is damaged; it was set aside and must be fetched again`,
    { detail: { digest } },
  );
}
