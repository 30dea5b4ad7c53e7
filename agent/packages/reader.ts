/** Reading packages in both forms: a file made by `createPackage`, or a directory of the same content. */
import type { Envelope } from "../protocol/envelope.ts";
import { RealmError, unwrap } from "../protocol/errors.ts";
import { fromUtf8 } from "../protocol/encoding.ts";
import type { Digest } from "../protocol/identity.ts";
import { limits } from "../protocol/limits.ts";
import {
  type AppManifest,
  packageDigest,
  packageNames,
  parsePackageManifest,
} from "../protocol/package_manifest.ts";
import { showPath } from "../protocol/package_path.ts";
import { keyPositions } from "../protocol/toml_positions.ts";
import { readArchive } from "./archive_reader.ts";
import { after, streamOf } from "./byte_reader.ts";
import { acceptManifest, checked, type PackageWorld, readBounded, refusePath } from "./content.ts";
import { takeInventory } from "./create.ts";
import { manifestPath } from "./manifest_text.ts";
import { parseSignature } from "./signature.ts";
import { listTree, type Tree } from "./tree.ts";

/** An opened package: its manifest is checked; each file is verified while it is read. Holds no resource. */
export interface PackageReader {
  /** Where it was opened. */
  readonly path: string;
  /** What it is on disk. */
  readonly form: "file" | "directory";
  /** Exact bytes of the manifest: the blob whose digest is the package's. */
  readonly manifestBytes: Uint8Array;
  /** SHA-256. */
  readonly digest: Digest;
  /** Its manifest, checked. */
  readonly manifest: AppManifest;
  /** Not verified: see `verifyPackage`. */
  readonly signature?: Envelope;
  /**
   * Content of a file of the inventory, with bounded buffers. The stream errors with `bad_package`, the path named,
   * when size or digest differ: whoever saw its end has verified bytes. Throws `not_found` for other paths.
   */
  read(path: string): ReadableStream<Uint8Array>;
}

/**
 * Opens a package. A directory whose manifest has no inventory gets one, as `createPackage` would write it; one that
 * has an inventory must agree with it. Refuses with `bad_package`, `bad_manifest` or `too_large`, the path or key
 * named. Memory is bounded by the manifest's size.
 */
export async function readPackage(world: PackageWorld, path: string): Promise<PackageReader> {
  // A trailing "/." follows a symbolic link that the person named; links inside are never followed.
  const directory = await world.disk.stat(`${path}/.`);
  if (directory?.kind === "directory") return readDirectory(world, path.replace(/[/\\]+$/, "") || "/");
  const info = await world.disk.stat(path);
  if (!info) throw new RealmError("not_found", `${path} does not exist`);
  if (info.kind !== "file") throw new RealmError("bad_package", `${path} is neither a file nor a directory`);
  return readArchive(world, path, info.size);
}

/** A blob that a package needs: its manifest or one of its files. */
export interface PackageBlob {
  /** SHA-256. */
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  /** Path in the package, for messages; of several files with the same content the first. */
  readonly path: string;
  /** Its content from byte `from` (default 0) on; a stream that errors when the whole does not agree with `digest`. */
  open(from?: number): ReadableStream<Uint8Array>;
}

/** All blobs of a package, each once: the files in the inventory's order, the manifest last (it makes the rest usable). */
export function packageBlobs(reader: PackageReader): readonly PackageBlob[] {
  const blobs = new Map<Digest, PackageBlob>();
  for (const { path, size, sha256 } of reader.manifest.files) {
    if (blobs.has(sha256)) continue;
    const open = (from = 0) => streamOf(after(reader.read(path), from));
    blobs.set(sha256, { digest: sha256, size, path, open });
  }
  blobs.set(reader.digest, {
    digest: reader.digest,
    size: reader.manifestBytes.length,
    path: packageNames.manifest,
    open: (from = 0) => streamOf(after(new Blob([reader.manifestBytes.slice()]).stream(), from)),
  });
  return [...blobs.values()];
}

/** Names every difference between a directory and an inventory that can be seen without reading. */
function compare(tree: Tree, manifest: AppManifest): void {
  const there = new Map(tree.files.map((f) => [f.path, f]));
  for (const file of manifest.files) {
    const found = there.get(file.path);
    if (!found) throw refusePath(file.path, "is in the inventory and missing in the directory");
    if (found.size !== file.size) {
      throw refusePath(file.path, `has ${found.size} bytes where the inventory says ${file.size}`);
    }
    there.delete(file.path);
  }
  const [extra] = there.keys();
  if (extra !== undefined) throw refusePath(extra, "is not in the manifest's inventory");
}

async function readDirectory(world: PackageWorld, path: string): Promise<PackageReader> {
  const tree = await listTree(world.disk, path);
  const file = manifestPath(path);
  let manifestBytes = await readBounded(world, file, limits.manifestBytes);
  let manifest: AppManifest;
  if (hasInventory(manifestBytes)) {
    manifest = acceptManifest(parsePackageManifest(manifestBytes, { file }));
    compare(tree, manifest);
  } else ({ manifestBytes, manifest } = await takeInventory(world, path, tree));
  const hosts = new Map(tree.files.map((f) => [f.path, f.host]));
  const files = new Map(manifest.files.map((f) => [f.path, f]));
  const signaturePath = `${path}/${packageNames.signature}`;
  const signature = tree.signed
    ? unwrap(parseSignature(await readBounded(world, signaturePath, limits.packageSignatureBytes)))
    : undefined;
  return {
    path,
    form: "directory",
    manifestBytes,
    digest: packageDigest(manifestBytes),
    manifest,
    ...(signature && { signature }),
    read(wanted) {
      const file = files.get(wanted), host = hosts.get(wanted);
      if (!file || !host) throw new RealmError("not_found", `${showPath(wanted)} is not in the package`);
      return streamOf(checked(world, file, world.disk.readStream(host)));
    },
  };
}

/** Whether a manifest states files; what it states is then checked, not replaced. */
function hasInventory(bytes: Uint8Array): boolean {
  try {
    return keyPositions(fromUtf8(bytes)).find(["files"]).exact;
  } catch {
    return false;
  }
}
