/**
 * Releases: what an executable says it is, signed by the owner or an admin like everything else, and every reason not to
 * install one. Browser-safe and pure: the command line and the dashboard check before they ask, each node checks again.
 */
import * as v from "valibot";
import { compareVersions, validateStrict } from "compare-versions";
import { canonicalBytes } from "./encoding.ts";
import { type Envelope, envelopeId, EnvelopeSchema, open, payloadTypes, seal } from "./envelope.ts";
import { ok, refuse, type Result } from "./errors.ts";
import { executablePlatform, type Platform, portableHeader } from "./executable.ts";
import { decodeJson, GrantChainSchema, type RevokedAt, roleCovers, roleOf, TimeSchema } from "./grant.ts";
import { type Digest, isDigest, type KeyId, type RealmId, type Signer, type Verifier } from "./identity.ts";
import { upgradeLimits } from "./upgrade_limits.ts";

/** How a file was made. */
export type Builder = "compile" | "portable";

/** Platforms that there are executables for. */
export const platforms: readonly Platform[] = [
  "darwin/amd64",
  "darwin/arm64",
  "linux/amd64",
  "linux/arm64",
  "windows/amd64",
  "windows/arm64",
];
/** Schema of a platform's name. */
export const PlatformSchema = v.picklist(platforms as readonly [Platform, ...Platform[]]);
/** A version: three numbers, and for a pre-release `-` and words. */
export const VersionSchema = v.pipe(
  v.string(),
  v.maxLength(64),
  v.regex(/^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$/, "a version such as 1.2.3 or 1.2.3-rc.1"),
  v.check(validateStrict, "a version such as 1.2.3 or 1.2.3-rc.1"),
);

/** Schema of one executable of a release. */
export const ReleaseArtifactSchema = v.strictObject({
  platform: PlatformSchema,
  file: v.pipe(
    v.string(),
    v.regex(/^[A-Za-z0-9_][A-Za-z0-9_.+-]{0,199}$/, "a file name without a directory"),
  ),
  sha256: v.pipe(v.string(), v.check(isDigest, "a SHA-256 in lower-case hex")),
  size: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(upgradeLimits.executableBytes)),
  builder: v.picklist(["compile", "portable"]),
});
/** One executable of a release. */
export interface ReleaseArtifact {
  /** What it runs on. */
  readonly platform: Platform;
  /** Name in the release's directory. */
  readonly file: string;
  /** Hexadecimal. */
  readonly sha256: Digest;
  /** Bytes. */
  readonly size: number;
  /** How it was made. */
  readonly builder: Builder;
}

/** Schema of what is signed of a release. */
export const ReleaseManifestSchema = v.strictObject({
  format: v.literal(1),
  version: VersionSchema,
  min_previous: v.optional(VersionSchema),
  expires: v.optional(TimeSchema),
  artifacts: v.pipe(
    v.array(ReleaseArtifactSchema),
    v.minLength(1),
    v.check((list) => new Set(list.map((a) => a.platform)).size === list.length, "one file per platform"),
  ),
});
/** What is signed of a release. */
export interface ReleaseManifest {
  /** Version of this form. */
  readonly format: 1;
  /** Of the executables. */
  readonly version: string;
  /** Lowest version that may be upgraded to this one; none when all may. */
  readonly min_previous?: string | undefined;
  /** Milliseconds since 1970; later the release is not installed. None when it does not expire. */
  readonly expires?: number | undefined;
  /** Sorted by platform. */
  readonly artifacts: readonly ReleaseArtifact[];
}

/** Schema of a signed release as it travels. */
export const SignedReleaseSchema = v.strictObject({ envelope: EnvelopeSchema, grants: GrantChainSchema });
/** A release manifest with the grants that lead from the owner to its signer. */
export interface SignedRelease {
  /** The signed manifest. */
  envelope: Envelope;
  /** Grants from the owner's towards the signer's; empty when the owner signed. */
  grants: Envelope[];
}

/** A release whose signature, signer and form hold. */
export interface Release {
  /** SHA-256 of the signed manifest. */
  readonly id: Digest;
  /** What is signed. */
  readonly manifest: ReleaseManifest;
  /** Who signed it. */
  readonly by: KeyId;
}

/** The manifest of a release's files. */
export function releaseManifest(
  version: string,
  artifacts: readonly ReleaseArtifact[],
  bounds: { readonly minPrevious?: string | undefined; readonly expires?: number | undefined } = {},
): ReleaseManifest {
  return {
    format: 1,
    version,
    ...(bounds.minPrevious !== undefined && { min_previous: bounds.minPrevious }),
    ...(bounds.expires !== undefined && { expires: bounds.expires }),
    artifacts: [...artifacts].sort((a, b) => a.platform < b.platform ? -1 : 1),
  };
}

/** Signs a manifest with an owner's or an admin's key. */
export const signRelease = (
  manifest: ReleaseManifest,
  signer: Signer,
  grants: readonly Envelope[] = [],
): SignedRelease => ({
  envelope: seal(payloadTypes.release, canonicalBytes(manifest), signer),
  grants: [...grants],
});

/** Text of `release.signed.json`. */
export const formatSignedRelease = (signed: SignedRelease): string => JSON.stringify(signed, null, 2) + "\n";
/** Reads the text of `release.signed.json`. */
export const parseSignedRelease = (bytes: Uint8Array, what: string): Result<SignedRelease> =>
  decodeJson(bytes, SignedReleaseSchema, what);

/** Who judges a release, and when. */
export interface ReleaseJudge {
  /** Whose owner's word counts. */
  readonly realm: RealmId;
  /** Checks signatures. */
  readonly verifier: Verifier;
  /** Which keys count no more. */
  readonly revokedAt: RevokedAt;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Reads a release as far as it is the same for everybody at any time: signature and form. */
export function readRelease(signed: SignedRelease, verifier: Verifier): Result<Release> {
  const opened = open(signed.envelope, payloadTypes.release, verifier);
  if (!opened.ok) return refuse(opened.code, `the release is not validly signed: ${opened.message}`);
  const manifest = decodeJson(opened.value, ReleaseManifestSchema, "the release");
  if (!manifest.ok) return manifest;
  return ok({ id: envelopeId(signed.envelope), manifest: manifest.value, by: signed.envelope.keyid });
}

/**
 * Verifies a release: signature, that its signer may say so now (a key that was revoked since says nothing, whenever it
 * signed), form, expiry. Refusals: `bad_signature`, `not_authorised`, `grant_revoked`, `grant_expired`, `role_too_low`,
 * `wrong_realm`, `bad_request`, `release_expired`.
 */
export function openRelease(signed: SignedRelease, judge: ReleaseJudge): Result<Release> {
  const { realm, verifier, revokedAt, now } = judge;
  const release = readRelease(signed, verifier);
  if (!release.ok) return release;
  const { by, manifest: { version, expires } } = release.value;
  const role = roleOf(by, signed.grants, now, realm, verifier, revokedAt);
  if (!role.ok) {
    return refuse(role.code, `the release is signed by a key that may not do so: ${role.message}`);
  }
  if (!roleCovers(role.value, "admin")) {
    return refuse(
      "role_too_low",
      `a release needs the signature of an admin, key ${by} has the role ${role.value}`,
    );
  }
  if (expires !== undefined && now >= expires) {
    return refuse(
      "release_expired",
      `release ${version} expired at ${new Date(expires).toISOString()}; sign it again, or take a newer one`,
    );
  }
  return release;
}

/** The file for a platform; `wrong_platform` when there is none. */
export function artifactFor(
  { version, artifacts }: ReleaseManifest,
  platform: string,
): Result<ReleaseArtifact> {
  const found = artifacts.find((a) => a.platform === platform);
  if (found) return ok(found);
  return refuse(
    "wrong_platform",
    `release ${version} has no file for ${platform}, only for ${artifacts.map((a) => a.platform).join(", ")}`,
  );
}

/** Below, at or above. Versions that are none (of a run from source in a strange state) come first. */
export function orderVersions(a: string, b: string): -1 | 0 | 1 {
  const [known, other] = [validateStrict(a), validateStrict(b)];
  if (!known || !other) return known === other ? 0 : known ? 1 : -1;
  return compareVersions(a, b);
}

/**
 * Whether a node of version `from` may go to a release: never silently back. Refusals: `release_older` (also for the
 * version that it has), `conflict` when the release asks for a later version to come from.
 */
export function mayFollow(manifest: ReleaseManifest, from: string, allowDowngrade: boolean): Result<void> {
  const { version, min_previous } = manifest;
  const order = orderVersions(version, from);
  if (order === 0) return refuse("release_older", `version ${from} is installed already`);
  if (order < 0 && !allowDowngrade) {
    return refuse(
      "release_older",
      `release ${version} is older than the installed ${from}; give --allow-downgrade if that is meant`,
    );
  }
  if (order > 0 && min_previous !== undefined && orderVersions(from, min_previous) < 0) {
    return refuse(
      "conflict",
      `release ${version} follows ${min_previous} or later, and ${from} is installed; upgrade to ${min_previous} first`,
    );
  }
  return ok(undefined);
}

/** Name of the signed release beside its executables. */
export const RELEASE_FILE = "release.signed.json";

/** Names that a build gives to executables; the first group is the version. */
const NAMED =
  /^realm-([0-9]+\.[0-9]+\.[0-9]+(?:-[0-9A-Za-z.-]+?)?)-(?:linux|darwin|windows)-(?:amd64|arm64)(?:\.exe)?$/;

/** What a file is by its name and its first bytes, {@link EXECUTABLE_HEADER_BYTES} of them; `undefined`: no executable. */
export function readExecutable(name: string, head: Uint8Array): {
  /** As it says itself, or its name; unknown when neither does. */
  readonly version: string | undefined;
  /** What a release says of it, but for its content. */
  readonly artifact: Pick<ReleaseArtifact, "platform" | "file" | "builder">;
} | undefined {
  const platform = executablePlatform(head);
  if (!platform) return undefined;
  const portable = portableHeader(head);
  const file = name.replaceAll(/[^A-Za-z0-9_.+-]/g, "_");
  return {
    version: portable?.version ?? NAMED.exec(file)?.[1],
    artifact: { platform, file, builder: portable ? "portable" : "compile" },
  };
}

/** A file as its signed release names it. Refusals: `wrong_platform`, `bad_release` (truncated), `bad_digest`. */
export function asSigned(found: ReleaseArtifact, manifest: ReleaseManifest): Result<ReleaseArtifact> {
  const { file, platform, size, sha256 } = found;
  const named = manifest.artifacts.find((a) => a.platform === platform);
  if (!named) {
    return refuse("wrong_platform", `${file} is for ${platform}, which ${RELEASE_FILE} does not name`);
  }
  if (size < named.size) {
    return refuse("bad_release", `${file} is truncated: ${size} bytes of ${named.size}; build it again`);
  }
  if (sha256 !== named.sha256) {
    return refuse("bad_digest", `${file} is not the file that ${RELEASE_FILE} names; build it again`);
  }
  return ok(named);
}

/** What a file turned out to be. */
export interface SeenFile {
  /** Its first bytes, {@link EXECUTABLE_HEADER_BYTES} of them. */
  readonly head: Uint8Array;
  /** Bytes. */
  readonly size: number;
  /** Of all of it. */
  readonly sha256: Digest;
}

/**
 * Whether a file is the one that the release names, for the platform that it names. Refusals: `bad_release` (truncated,
 * or another version inside), `bad_digest` (tampered with), `wrong_platform`.
 */
export function checkFile(
  artifact: ReleaseArtifact,
  version: string,
  { head, size, sha256 }: SeenFile,
): Result<void> {
  const { file } = artifact;
  if (size < artifact.size) {
    return refuse("bad_release", `${file} is truncated: ${size} bytes of ${artifact.size}; get it again`);
  }
  if (size !== artifact.size || sha256 !== artifact.sha256) {
    return refuse(
      "bad_digest",
      `${file} is not the file that was signed (its SHA-256 differs); get it again`,
    );
  }
  const platform = executablePlatform(head);
  if (platform !== artifact.platform) {
    return refuse(
      "wrong_platform",
      `${file} is said to be for ${artifact.platform} and is ${
        platform ? `for ${platform}` : "no executable"
      }`,
    );
  }
  const inside = portableHeader(head)?.version;
  if (inside !== undefined && inside !== version) {
    return refuse("bad_release", `${file} is version ${inside}, and the release says ${version}`);
  }
  return ok(undefined);
}
