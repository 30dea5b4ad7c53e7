/** Executables on this machine, and the release that they make. */
import {
  EXECUTABLE_HEADER_BYTES,
  executablePlatform,
  parseSignedRelease,
  platforms,
  portableHeader,
  readRelease,
  RealmError,
  type ReleaseArtifact,
  type ReleaseManifest,
  type SignedRelease,
  unwrap,
  verifier,
} from "../mod.ts";
import { type Invocation, text, UsageError } from "./invocation.ts";

/** A file of a release. */
export interface ReleaseFile {
  readonly path: string;
  readonly artifact: ReleaseArtifact;
  /** As the file says itself, or its name. */
  readonly version: string | undefined;
}

/** What was found. */
export interface FoundRelease {
  readonly files: readonly ReleaseFile[];
  /** Beside the files, when they are what it says. */
  readonly signed?: { readonly release: SignedRelease; readonly manifest: ReleaseManifest };
}

const NAMED =
  /^realm-([0-9]+\.[0-9]+\.[0-9]+(?:-[0-9A-Za-z.-]+?)?)-(?:linux|darwin|windows)-(?:amd64|arm64)(?:\.exe)?$/;
const SIGNED = "release.signed.json";

async function readFile(i: Invocation, path: string, strict: boolean): Promise<ReleaseFile | undefined> {
  const { disk, hasher } = await i.host.packageWorld();
  const head = new Uint8Array(EXECUTABLE_HEADER_BYTES);
  const size = await disk.readInto(path, head);
  const start = head.subarray(0, Math.min(size, head.length));
  const platform = executablePlatform(start);
  if (!platform) {
    if (!strict) return undefined;
    throw new RealmError(
      "wrong_platform",
      `${path} is no executable for a platform of Realm (${
        platforms.join(", ")
      }); give one that 'deno task build' made`,
    );
  }
  const hash = hasher.sha256();
  for await (const piece of disk.readStream(path)) hash.update(piece);
  const portable = portableHeader(start);
  const file = path.replace(/^.*[/\\]/, "").replaceAll(/[^A-Za-z0-9_.+-]/g, "_");
  return {
    path,
    version: portable?.version ?? NAMED.exec(file)?.[1],
    artifact: { platform, file, sha256: hash.digest(), size, builder: portable ? "portable" : "compile" },
  };
}

/** Reads what a command line names. Throws when it is no release. */
export async function findRelease(i: Invocation): Promise<FoundRelease> {
  const { disk } = await i.host.packageWorld();
  const all = text(i, "all-platforms"), wanted = text(i, "platform");
  const named = [...i.args, ...all === undefined ? [] : [all]];
  if (named.length === 0) {
    throw new UsageError("'realm upgrade' needs FILE or --all-platforms DIR; see 'realm upgrade --help'");
  }
  const files: ReleaseFile[] = [];
  let signed: SignedRelease | undefined;
  for (const path of named) {
    const info = await disk.stat(path);
    if (!info) throw new RealmError("not_found", `${path} does not exist`);
    if (info.kind === "file") {
      files.push((await readFile(i, path, true))!);
      continue;
    }
    for (const entry of await disk.entries(path)) {
      const inside = `${path.replace(/\/+$/, "")}/${entry.name}`;
      if (entry.name === SIGNED) signed = unwrap(parseSignedRelease(await disk.readFile(inside), inside));
      else if (entry.kind === "file") {
        files.push(...[await readFile(i, inside, false)].flatMap((f) => f ?? []));
      }
    }
  }
  if (files.length === 0) throw new RealmError("not_found", `there is no executable in ${named.join(", ")}`);
  if (wanted !== undefined) {
    if (!platforms.some((p) => p === wanted)) {
      throw new UsageError(`--platform is one of ${platforms.join(", ")}, not ${JSON.stringify(wanted)}`);
    }
    const wrong = files.find((f) => f.artifact.platform !== wanted);
    if (wrong) {
      throw new RealmError(
        "wrong_platform",
        `${wrong.path} is for ${wrong.artifact.platform}, not for ${wanted}`,
      );
    }
  }
  const twice = files.find((f, n) =>
    files.findIndex((o) => o.artifact.platform === f.artifact.platform) !== n
  );
  if (twice) {
    throw new UsageError(`two files are for ${twice.artifact.platform}: name the ones that are meant`);
  }
  if (!signed) return { files };
  const { manifest } = unwrap(readRelease(signed, verifier));
  return { files: files.map((f) => asSigned(f, manifest)), signed: { release: signed, manifest } };
}

/** A file as its signed release names it. */
function asSigned(file: ReleaseFile, manifest: ReleaseManifest): ReleaseFile {
  const artifact = manifest.artifacts.find((a) => a.platform === file.artifact.platform);
  if (!artifact) {
    throw new RealmError(
      "wrong_platform",
      `${file.path} is for ${file.artifact.platform}, which ${SIGNED} does not name`,
    );
  }
  const { sha256, size } = file.artifact;
  // The header was read for the platform already: what is left is size and content.
  if (size < artifact.size) {
    throw new RealmError(
      "bad_release",
      `${file.path} is truncated: ${size} bytes of ${artifact.size}; build it again`,
    );
  }
  if (sha256 !== artifact.sha256) {
    throw new RealmError("bad_digest", `${file.path} is not the file that ${SIGNED} names; build it again`);
  }
  return { ...file, artifact, version: manifest.version };
}

/** The one version of the files. */
export function versionOf(i: Invocation, files: readonly ReleaseFile[]): string {
  const given = text(i, "version");
  const versions = [...new Set(files.map((f) => f.version ?? given))];
  if (versions.length > 1) {
    throw new RealmError(
      "bad_release",
      `the files are of different versions: ${versions.map((v) => v ?? "unknown").join(", ")}`,
    );
  }
  const [version] = versions;
  if (version === undefined) {
    throw new UsageError(`${files[0].path} does not say its version; give it with --version`);
  }
  if (given !== undefined && given !== version) {
    throw new RealmError("bad_release", `${files[0].path} is version ${version}, not ${given}`);
  }
  return version;
}
