/** Executables on this machine, and the release that they make. */
import {
  asSigned,
  EXECUTABLE_HEADER_BYTES,
  parseSignedRelease,
  platforms,
  readExecutable,
  readRelease,
  RealmError,
  RELEASE_FILE,
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

async function readFile(i: Invocation, path: string, strict: boolean): Promise<ReleaseFile | undefined> {
  const { disk, hasher } = await i.host.packageWorld();
  const head = new Uint8Array(EXECUTABLE_HEADER_BYTES);
  const size = await disk.readInto(path, head);
  const start = head.subarray(0, Math.min(size, head.length));
  const found = readExecutable(path.replace(/^.*[/\\]/, ""), start);
  if (!found) {
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
  return { path, version: found.version, artifact: { ...found.artifact, sha256: hash.digest(), size } };
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
      if (entry.name === RELEASE_FILE) {
        signed = unwrap(parseSignedRelease(await disk.readFile(inside), inside));
      } else if (entry.kind === "file") {
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
  return {
    files: files.map(({ path, artifact }) => ({
      path,
      artifact: unwrap(asSigned(artifact, manifest)),
      version: manifest.version,
    })),
    signed: { release: signed, manifest },
  };
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
