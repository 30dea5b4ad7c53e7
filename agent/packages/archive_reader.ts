/** Reading a package file: the manifest first, then each entry by its computed place. */
import type { Envelope } from "../protocol/envelope.ts";
import { RealmError, unwrap } from "../protocol/errors.ts";
import { equalBytes } from "../protocol/encoding.ts";
import { limits } from "../protocol/limits.ts";
import {
  packageDigest,
  type PackageFile,
  packageNames,
  parsePackageManifest,
} from "../protocol/package_manifest.ts";
import { showPath } from "../protocol/package_path.ts";
import {
  BLOCK,
  END_BYTES,
  entryBytes,
  entryHeader,
  type EntryPlace,
  glance,
  placesOf,
} from "./archive_layout.ts";
import { type ByteReader, byteReader, streamOf } from "./byte_reader.ts";
import { acceptManifest, checked, type PackageWorld, PIECE_BYTES, refusePath } from "./content.ts";
import type { PackageReader } from "./reader.ts";
import { parseSignature } from "./signature.ts";

/** What an archive that is not in the form has where `expected` should stand. */
function mismatch(expected: string, header: Uint8Array): RealmError {
  if (header.length < BLOCK) return refusePath(expected, "is missing: the package is cut off");
  if (header.every((b) => b === 0)) return refusePath(expected, "is missing: the package ends before it");
  const found = glance(header);
  if (found.name === expected && found.kind === "file") {
    return refusePath(
      expected,
      "has a header that differs from the manifest (size, owner, time or mode); make the package with `realm package create`",
    );
  }
  return refusePath(
    found.name,
    `(${found.kind}) stands where ${
      showPath(expected)
    } must stand: it is not in the manifest's inventory, or not a plain file in its place`,
  );
}

/** Reads one of the package's own entries, whose size only its header tells. */
async function readOwn(
  reader: ByteReader,
  name: string,
  header: Uint8Array,
  max: number,
): Promise<Uint8Array> {
  const { size } = glance(header);
  const fits = Number.isSafeInteger(size) && size <= limits.packageFileBytes;
  if (header.length < BLOCK || !fits || !equalBytes(header, entryHeader(name, size))) {
    throw mismatch(name, header);
  }
  if (size > max) throw new RealmError("too_large", `${showPath(name)} is larger than ${max} bytes`);
  const content = await reader.read(size);
  if (content.length < size) throw refusePath(name, "is cut off");
  await expectZeros(reader, entryBytes(name, size) - BLOCK - size, name);
  return content;
}

async function expectZeros(reader: ByteReader, n: number, name: string): Promise<void> {
  const bytes = await reader.read(n);
  if (bytes.length < n) throw refusePath(name, "is cut off");
  if (bytes.some((b) => b !== 0)) throw refusePath(name, "is followed by bytes that are not zero");
}

/** Header, content and padding of one entry, each compared with the only form it may have. */
async function* entryContent(
  world: PackageWorld,
  path: string,
  file: PackageFile,
  place: EntryPlace,
): AsyncGenerator<Uint8Array> {
  const reader = byteReader(world.disk.readStream(path, { start: place.start, end: place.end }));
  try {
    const header = await reader.read(place.content - place.start);
    if (!equalBytes(header, entryHeader(file.path, file.size))) throw mismatch(file.path, header);
    const content = streamOf(take(reader, file.size));
    yield* checked(world, file, content);
    await expectZeros(reader, place.end - place.content - file.size, file.path);
  } finally {
    await reader.cancel();
  }
}

async function* take(reader: ByteReader, n: number): AsyncGenerator<Uint8Array> {
  for (let left = n; left > 0;) {
    const piece = await reader.some(Math.min(left, PIECE_BYTES));
    if (!piece) return;
    left -= piece.length;
    yield piece;
  }
}

/** Names what is wrong with an archive whose length is not the one that its manifest implies. */
async function explainLength(
  world: PackageWorld,
  path: string,
  places: readonly EntryPlace[],
  start: number,
  size: number,
): Promise<RealmError> {
  for (const place of places) {
    const length = place.content - place.start;
    const reader = byteReader(world.disk.readStream(path, { start: place.start, end: place.content }));
    const header = await reader.read(length);
    await reader.cancel();
    if (!equalBytes(header, entryHeader(place.path, place.size))) return mismatch(place.path, header);
    if (place.end > size) return refusePath(place.path, "is cut off");
  }
  const end = places.at(-1)?.end ?? start;
  const reader = byteReader(world.disk.readStream(path, { start: end, end: end + BLOCK }));
  const block = await reader.read(BLOCK);
  await reader.cancel();
  if (block.length === BLOCK && block.some((b) => b !== 0)) {
    const found = glance(block);
    return refusePath(found.name, `(${found.kind}) is not in the manifest's inventory`);
  }
  const more = size > end + END_BYTES;
  return new RealmError(
    "bad_package",
    more ? `${path} has bytes after its end` : `${path} is cut off: its end mark is missing`,
  );
}

async function expectEnd(world: PackageWorld, path: string, end: number): Promise<void> {
  const reader = byteReader(world.disk.readStream(path, { start: end, end: end + END_BYTES }));
  const mark = await reader.read(END_BYTES);
  await reader.cancel();
  if (mark.length < END_BYTES || mark.some((b) => b !== 0)) {
    const found = glance(mark);
    throw refusePath(found.name, `(${found.kind}) is not in the manifest's inventory`);
  }
}

/** Opens a package file; see `readPackage`. */
export async function readArchive(world: PackageWorld, path: string, size: number): Promise<PackageReader> {
  const reader = byteReader(world.disk.readStream(path));
  let manifestBytes: Uint8Array, signature: Envelope | undefined, start: number;
  try {
    const name = packageNames.manifest;
    const first = await reader.read(BLOCK);
    if (first.length < BLOCK || glance(first).name !== name) {
      throw new RealmError(
        "bad_package",
        `${path} is not a package: it does not begin with ${
          showPath(name)
        }; make it with \`realm package create\``,
      );
    }
    manifestBytes = await readOwn(reader, name, first, limits.manifestBytes);
    start = entryBytes(name, manifestBytes.length);
    const second = await reader.read(BLOCK);
    if (glance(second).name === packageNames.signature) {
      const bytes = await readOwn(reader, packageNames.signature, second, limits.packageSignatureBytes);
      signature = unwrap(parseSignature(bytes));
      start += entryBytes(packageNames.signature, bytes.length);
    }
  } finally {
    await reader.cancel();
  }
  const manifest = acceptManifest(parsePackageManifest(manifestBytes, { file: `${path}: manifest.toml` }));
  const places = placesOf(manifest.files, start);
  const end = places.at(-1)?.end ?? start;
  if (size !== end + END_BYTES) throw await explainLength(world, path, places, start, size);
  await expectEnd(world, path, end);
  const byPath = new Map(manifest.files.map((file, i) => [file.path, { file, place: places[i] }]));
  return {
    path,
    form: "file",
    manifestBytes,
    digest: packageDigest(manifestBytes),
    manifest,
    ...(signature && { signature }),
    read(wanted) {
      const found = byPath.get(wanted);
      if (!found) throw new RealmError("not_found", `${showPath(wanted)} is not in the package`);
      return streamOf(entryContent(world, path, found.file, found.place));
    },
  };
}
