/** A package that the realm already has, read through the API: its manifest is a blob, and so is each of its files. */
import { RealmError, unwrap } from "../protocol/errors.ts";
import { type Digest, digestOf } from "../protocol/identity.ts";
import { limits } from "../protocol/limits.ts";
import { type AppManifest, parsePackageManifest } from "../protocol/package_manifest.ts";
import type { RealmClient } from "./client.ts";

/** A package by its digest. */
export interface RealmPackage {
  /** SHA-256 of the manifest. */
  readonly digest: Digest;
  /** Exact bytes of the manifest. */
  readonly manifestBytes: Uint8Array;
  /** The manifest, checked. */
  readonly manifest: AppManifest;
}

/** Reads a stream to its end; fails with `too_large` as soon as it is longer than `max` bytes. */
export async function readAtMost(stream: ReadableStream<Uint8Array>, max: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > max) {
      await reader.cancel().catch(() => {});
      throw new RealmError("too_large", `the content is larger than ${max} bytes`);
    }
    parts.push(value);
  }
  return new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer());
}

/** Fetches and checks the manifest of a package. Fails with `not_found`, or `bad_package` when it is no package. */
export async function readRealmPackage(client: RealmClient, digest: Digest): Promise<RealmPackage> {
  const manifestBytes = await readAtMost(await client.readBlob(digest), limits.manifestBytes);
  if (digestOf(manifestBytes) !== digest) {
    throw new RealmError("bad_digest", `the content of ${digest} is not what its digest says; try again`);
  }
  const parsed = parsePackageManifest(manifestBytes);
  if (!parsed.ok) throw new RealmError("bad_package", `the blob ${digest} is no package`);
  return { digest, manifestBytes, manifest: unwrap(parsed) };
}
