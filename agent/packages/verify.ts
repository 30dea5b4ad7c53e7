/** Looking at packages: what is in one, and whether every byte and the signature hold. */
import type { Digest, KeyId, Verifier } from "../protocol/identity.ts";
import type { PackageFile } from "../protocol/package_manifest.ts";
import type { PackageWorld } from "./content.ts";
import { unusedFiles } from "./create.ts";
import { type PackageReader, readPackage } from "./reader.ts";
import { verifySignature } from "./signature.ts";

/** What a package says about itself. */
export interface PackageListing {
  /** Where it was opened. */
  readonly path: string;
  /** What it is on disk. */
  readonly form: "file" | "directory";
  /** The app's name. */
  readonly name: string;
  /** The package's version. */
  readonly version: string;
  /** The package's digest. */
  readonly digest: Digest;
  /** Its inventory. */
  readonly files: readonly PackageFile[];
  /** Bytes of all files, without the manifest. */
  readonly bytes: number;
  /** Files that no mount and no component uses. */
  readonly unused: readonly string[];
  /** Key that the signature names; not verified. */
  readonly signedBy?: KeyId;
}

function listing(reader: PackageReader): PackageListing {
  const { path, form, manifest, digest, signature } = reader;
  return {
    path,
    form,
    name: manifest.name,
    version: manifest.version,
    digest,
    files: manifest.files,
    bytes: manifest.files.reduce((sum, f) => sum + f.size, 0),
    unused: unusedFiles(manifest),
    ...(signature && { signedBy: signature.keyid }),
  };
}

/** Lists a package without reading its files' content. Fails as {@link readPackage} does. */
export async function inspectPackage(world: PackageWorld, path: string): Promise<PackageListing> {
  return listing(await readPackage(world, path));
}

/** Everything that is wrong with a package's content, and who signed it. */
export interface Verification extends PackageListing {
  /** Whether all files have the inventory's sizes and digests and the signature, if any, is valid. */
  readonly ok: boolean;
  /** One sentence each, the path named; at most one a file. */
  readonly problems: readonly string[];
  /** `none`; `valid`: by the key `signedBy`; `invalid`: see `problems`. Whether that key is trusted is not decided here. */
  readonly signature: "none" | "valid" | "invalid";
}

/**
 * Reads every byte of a package and checks it. What makes a package unreadable (manifest, structure) is thrown as by
 * {@link readPackage}; wrong content and a wrong signature are reported, all of them.
 */
export async function verifyPackage(
  world: PackageWorld,
  path: string,
  verifier: Verifier,
  options: { readonly signal?: AbortSignal; readonly onProgress?: (path: string) => void } = {},
): Promise<Verification> {
  const reader = await readPackage(world, path);
  const problems: string[] = [];
  for (const file of reader.manifest.files) {
    options.signal?.throwIfAborted();
    options.onProgress?.(file.path);
    try {
      await drain(reader.read(file.path));
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
    }
  }
  let signature: Verification["signature"] = "none";
  if (reader.signature) {
    const verified = verifySignature(reader.signature, reader.digest, reader.manifest, verifier);
    signature = verified.ok ? "valid" : "invalid";
    if (!verified.ok) problems.push(verified.message);
  }
  return { ...listing(reader), ok: problems.length === 0, problems, signature };
}

async function drain(stream: ReadableStream<Uint8Array>): Promise<void> {
  const reader = stream.getReader();
  while (!(await reader.read()).done);
}
