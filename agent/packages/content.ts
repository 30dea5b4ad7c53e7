/** Content that is checked against the inventory while it passes. */
import type { Disk, DiskWriter, Hasher } from "../ports.ts";
import { RealmError } from "../protocol/errors.ts";
import type { Digest } from "../protocol/identity.ts";
import type { PackageFile } from "../protocol/package_manifest.ts";
import { showPath } from "../protocol/package_path.ts";
import type { TomlResult } from "../protocol/toml.ts";
import { byteReader } from "./byte_reader.ts";

/** The doors that packages need. */
export interface PackageWorld {
  /** Files. */
  readonly disk: Disk;
  /** SHA-256. */
  readonly hasher: Hasher;
}

/** Bytes passed on at a time. */
export const PIECE_BYTES = 64 * 1024;

/**
 * Passes `content` on and fails with `bad_package` (the path named) as soon as it is longer than the inventory says,
 * or at its end when it is shorter or its digest differs: a consumer that saw the end has seen verified bytes.
 */
export async function* checked(
  world: PackageWorld,
  file: PackageFile,
  content: ReadableStream<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const hash = world.hasher.sha256();
  const reader = byteReader(content);
  let size = 0;
  try {
    for (;;) {
      const piece = await reader.some(PIECE_BYTES);
      if (!piece) break;
      size += piece.length;
      if (size > file.size) throw wrong(file, `is larger than the ${file.size} bytes of the inventory`);
      hash.update(piece);
      yield piece;
    }
  } finally {
    await reader.cancel();
  }
  if (size < file.size) {
    throw wrong(file, `has ${size} bytes where the inventory says ${file.size}`);
  }
  const digest = hash.digest();
  if (digest !== file.sha256) {
    throw wrong(file, `has the digest ${digest} where the inventory says ${file.sha256}`);
  }
}

/** A refusal of a package that names a path. */
export const refusePath = (path: string, why: string): RealmError =>
  new RealmError("bad_package", `${showPath(path)} ${why}`, { detail: { path } });

const wrong = (file: PackageFile, why: string) => refusePath(file.path, why);

/** The value of a result, or a thrown refusal with its problems as detail. */
export function acceptManifest<T>(result: TomlResult<T>): T {
  if (result.ok) return result.value;
  throw new RealmError(result.code, result.message, { detail: { problems: result.problems } });
}

/** Reads a small file of a package directory, by a bound that is checked before and while it is read. */
export async function readBounded(world: PackageWorld, path: string, max: number): Promise<Uint8Array> {
  const info = await world.disk.stat(path);
  if (!info) throw new RealmError("not_found", `${path} does not exist`);
  if (info.kind !== "file") throw new RealmError("bad_package", `${path} is not a regular file`);
  if (info.size > max) throw new RealmError("too_large", `${path} is larger than ${max} bytes`);
  const bytes = await world.disk.readFile(path);
  if (bytes.length > max) throw new RealmError("too_large", `${path} is larger than ${max} bytes`);
  return bytes;
}

/** Size and digest of a file on disk. */
export async function hashFile(
  world: PackageWorld,
  path: string,
): Promise<{ readonly size: number; readonly sha256: Digest }> {
  const hash = world.hasher.sha256();
  let size = 0;
  for await (const piece of world.disk.readStream(path)) {
    hash.update(piece);
    size += piece.length;
  }
  return { size, sha256: hash.digest() };
}

/** Writes checked content to a new file and flushes it. */
export async function writeChecked(
  world: PackageWorld,
  file: PackageFile,
  content: ReadableStream<Uint8Array>,
  path: string,
): Promise<void> {
  const writer: DiskWriter = await world.disk.create(path);
  try {
    for await (const piece of checked(world, file, content)) await writer.write(piece);
    await writer.sync();
  } finally {
    await writer.close();
  }
}
