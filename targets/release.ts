/** What a release says of itself: checksums, manifest, signature. */
import { canonicalBytes } from "../agent/protocol/encoding.ts";
import { type Envelope, payloadTypes, seal } from "../agent/protocol/envelope.ts";
import type { Platform } from "../agent/protocol/executable.ts";
import type { Signer } from "../agent/protocol/identity.ts";

/** How a file was made. */
export type Builder = "compile" | "portable";

/** One executable of a release. */
export interface Artifact {
  readonly platform: Platform;
  /** Name in the release's directory. */
  readonly file: string;
  /** Hexadecimal. */
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
  readonly builder: Builder;
}

/** What is signed of a release. */
export interface ReleaseManifest {
  readonly format: 1;
  readonly version: string;
  /** Lowest version that may be upgraded to this one; none when all may. */
  readonly min_previous?: string;
  /** Milliseconds since 1970; later the release is not installed. None when it does not expire. */
  readonly expires?: number;
  /** Sorted by platform. */
  readonly artifacts: readonly Artifact[];
}

/** The manifest of a release's artifacts. */
export function releaseManifest(
  version: string,
  artifacts: readonly Artifact[],
  bounds: { readonly minPrevious?: string; readonly expires?: number } = {},
): ReleaseManifest {
  return {
    format: 1,
    version,
    ...(bounds.minPrevious !== undefined && { min_previous: bounds.minPrevious }),
    ...(bounds.expires !== undefined && { expires: bounds.expires }),
    artifacts: [...artifacts].sort((a, b) => a.platform < b.platform ? -1 : 1),
  };
}

/** The manifest signed with an owner's or operator's key. */
export const signRelease = (manifest: ReleaseManifest, signer: Signer): Envelope =>
  seal(payloadTypes.release, canonicalBytes(manifest), signer);

/** Text of `SHA256SUMS`, as `sha256sum --check` reads it. */
export const checksums = (files: readonly { readonly file: string; readonly sha256: string }[]): string =>
  [...files].sort((a, b) => a.file < b.file ? -1 : 1).map(({ file, sha256 }) => `${sha256}  ${file}\n`).join(
    "",
  );
