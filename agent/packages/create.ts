/** Making a package: one deterministic file from a directory. */
import type { DiskWriter } from "../ports.ts";
import { fromUtf8, utf8 } from "../protocol/encoding.ts";
import type { Envelope } from "../protocol/envelope.ts";
import { RealmError } from "../protocol/errors.ts";
import type { Digest, Signer } from "../protocol/identity.ts";
import { limits } from "../protocol/limits.ts";
import {
  type AppManifest,
  packageDigest,
  type PackageFile,
  packageNames,
  parsePackageManifest,
} from "../protocol/package_manifest.ts";
import { END_BYTES, entryHeader, paddingOf } from "./archive_layout.ts";
import { acceptManifest, checked, hashFile, type PackageWorld, readBounded } from "./content.ts";
import { authorText, manifestPath, manifestText } from "./manifest_text.ts";
import { claimsDigest, parseSignature, signatureBytes, signPackage } from "./signature.ts";
import { listTree, type Tree } from "./tree.ts";

/** A package that was made. */
export interface CreatedPackage {
  /** The file. */
  readonly path: string;
  /** The package's digest. */
  readonly digest: Digest;
  /** Its manifest, checked. */
  readonly manifest: AppManifest;
  /** Bytes of the file. */
  readonly size: number;
  /** Whether it carries a signature. */
  readonly signed: boolean;
  /** Names in the directory that never belong to a package (`.git`, `.DS_Store` …). */
  readonly leftOut: readonly string[];
  /** Files that no mount and no component uses: they travel, but nothing sees them. */
  readonly unused: readonly string[];
}

/** A manifest with the inventory of a directory. */
export interface Inventory {
  readonly manifestBytes: Uint8Array;
  readonly digest: Digest;
  readonly manifest: AppManifest;
}

/** How to make a package. */
export interface CreateOptions {
  /** Signs the package. */
  readonly signer?: Signer;
  /** Told while files are hashed and written. */
  readonly onProgress?: (step: "hashing" | "writing", path: string) => void;
  /** Ends the work. */
  readonly signal?: AbortSignal;
}

/**
 * Hashes every file of a package directory and puts the inventory into its manifest, replacing one that is there.
 * Refuses with `bad_manifest` or `bad_package`, every problem named by line and key, or by path.
 */
export async function takeInventory(
  world: PackageWorld,
  directory: string,
  tree: Tree,
  options: CreateOptions = {},
): Promise<Inventory> {
  const file = manifestPath(directory);
  const bytes = await readBounded(world, file, limits.manifestBytes);
  let author: string;
  try {
    author = authorText(fromUtf8(bytes));
  } catch {
    throw new RealmError("bad_manifest", `${file}: is not UTF-8 text`);
  }
  acceptManifest(parsePackageManifest(author, { file, inventory: "absent" }));
  const files: PackageFile[] = [];
  for (const { path, host } of tree.files) {
    options.signal?.throwIfAborted();
    options.onProgress?.("hashing", path);
    files.push({ path, ...await hashFile(world, host) });
  }
  acceptManifest(parsePackageManifest(author, { file, inventory: files }));
  const manifestBytes = utf8(manifestText(author, files));
  const manifest = acceptManifest(parsePackageManifest(manifestBytes, { file }));
  return { manifestBytes, digest: packageDigest(manifestBytes), manifest };
}

/** The signature that goes into the package: a new one, or the directory's when it is for the same digest. */
async function signatureFor(
  world: PackageWorld,
  directory: string,
  tree: Tree,
  inventory: Inventory,
  signer: Signer | undefined,
): Promise<Envelope | undefined> {
  if (signer) return signPackage(inventory.digest, inventory.manifest, signer);
  if (!tree.signed) return undefined;
  const path = `${directory}/${packageNames.signature}`;
  const parsed = parseSignature(await readBounded(world, path, limits.packageSignatureBytes));
  return parsed.ok && claimsDigest(parsed.value, inventory.digest) ? parsed.value : undefined;
}

async function writeEntry(
  writer: DiskWriter,
  path: string,
  size: number,
  content: AsyncIterable<Uint8Array>,
): Promise<number> {
  const header = entryHeader(path, size), padding = new Uint8Array(paddingOf(size));
  await writer.write(header);
  for await (const piece of content) await writer.write(piece);
  if (padding.length > 0) await writer.write(padding);
  return header.length + size + padding.length;
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}

/**
 * Makes the package file `out` from `directory`, which holds `manifest.toml` and all other files of the package.
 * The same content gives the same bytes on every platform. `out` is replaced as one: after a failure it is what it
 * was before. Fails with `bad_manifest`, `bad_package`, `too_large`, `not_found` or a disk error; a file that changes
 * meanwhile is refused.
 */
export async function createPackage(
  world: PackageWorld,
  directory: string,
  out: string,
  options: CreateOptions = {},
): Promise<CreatedPackage> {
  const root = directory.replace(/[/\\]+$/, "") || "/";
  if (out === root || out.startsWith(root + "/")) {
    throw new RealmError(
      "bad_request",
      `${out} is inside ${root} and would be packed into itself; write it elsewhere`,
    );
  }
  const tree = await listTree(world.disk, root);
  const inventory = await takeInventory(world, root, tree, options);
  const signature = await signatureFor(world, root, tree, inventory, options.signer);
  const temporary = `${out}.partial`;
  let size = END_BYTES;
  try {
    const writer = await world.disk.create(temporary);
    try {
      const { manifestBytes, manifest } = inventory;
      size += await writeEntry(writer, packageNames.manifest, manifestBytes.length, one(manifestBytes));
      if (signature) {
        const bytes = signatureBytes(signature);
        size += await writeEntry(writer, packageNames.signature, bytes.length, one(bytes));
      }
      for (const [i, file] of manifest.files.entries()) {
        options.signal?.throwIfAborted();
        options.onProgress?.("writing", file.path);
        const content = checked(world, file, world.disk.readStream(tree.files[i].host));
        size += await writeEntry(writer, file.path, file.size, content);
      }
      await writer.write(new Uint8Array(END_BYTES));
      await writer.sync();
    } finally {
      await writer.close();
    }
    await world.disk.rename(temporary, out);
  } catch (error) {
    await world.disk.remove(temporary).catch(() => {});
    throw error;
  }
  return {
    path: out,
    digest: inventory.digest,
    manifest: inventory.manifest,
    size,
    signed: signature !== undefined,
    leftOut: tree.leftOut,
    unused: unusedFiles(inventory.manifest),
  };
}

/** Files of a package that neither its component nor any mount uses. */
export function unusedFiles(manifest: AppManifest): readonly string[] {
  const roots = manifest.mounts.flatMap((m) =>
    m.kind === "work" ? [] : m.kind === "state" ? (m.seed === undefined ? [] : [m.seed]) : [m.source]
  );
  return manifest.files.map((f) => f.path)
    .filter((path) => path !== manifest.component?.wasm && !roots.some((r) => path.startsWith(r + "/")));
}
