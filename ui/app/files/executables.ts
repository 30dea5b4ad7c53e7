/** Executables of a release that a person dropped: what each is for by its header, its version, its digest. */
import {
  asSigned,
  EXECUTABLE_HEADER_BYTES,
  parseSignedRelease,
  readExecutable,
  readRelease,
  RealmError,
  RELEASE_FILE,
  type ReleaseArtifact,
  type ReleaseManifest,
  type SignedRelease,
  unwrap,
  verifier,
} from "../../../mod.ts";
import { digestOf } from "./digest.ts";
import type { Local, LocalFile } from "./local_files.ts";

/** One file. */
export interface Executable {
  readonly file: File;
  readonly artifact: ReleaseArtifact;
  /** As it says itself, or by its name. */
  readonly version: string | undefined;
}
/** What was dropped. */
export interface Dropped {
  readonly executables: readonly Executable[];
  /** Names of files that are none. */
  readonly others: readonly string[];
  readonly signed?: { readonly release: SignedRelease; readonly manifest: ReleaseManifest };
}

/** A directory of a build holds fewer than ten; a home directory that was dropped by mistake is not read. */
const MOST = 50;

async function filesIn(all: readonly Local[]): Promise<LocalFile[]> {
  const found: LocalFile[] = [];
  for (const local of all) {
    if (local.kind === "file") found.push(local);
    else for (const inside of await local.list()) if (inside.kind === "file") found.push(inside);
    if (found.length > MOST) {
      throw new RealmError("too_large", `more than ${MOST} files: drop the executables of one build`);
    }
  }
  return found;
}

/** Reads what was dropped; `tell` says which file is being read and how far. Throws one sentence. */
export async function readDropped(
  all: readonly Local[],
  tell: (name: string, part: number, whole: number) => void,
  open: () => boolean,
): Promise<Dropped> {
  const executables: Executable[] = [], others: string[] = [];
  let release: SignedRelease | undefined;
  for (const local of await filesIn(all)) {
    const file = await local.open();
    if (local.name === RELEASE_FILE) {
      release = unwrap(parseSignedRelease(new Uint8Array(await file.arrayBuffer()), RELEASE_FILE));
      continue;
    }
    const head = new Uint8Array(await file.slice(0, EXECUTABLE_HEADER_BYTES).arrayBuffer());
    const found = readExecutable(local.name, head);
    if (!found) {
      others.push(local.name);
      continue;
    }
    const sha256 = await digestOf(file, (n) => tell(local.name, n, file.size), open);
    const { version, artifact } = found;
    executables.push({ file, version, artifact: { ...artifact, sha256, size: file.size } });
  }
  if (executables.length === 0) {
    throw new RealmError(
      "wrong_platform",
      "none of these is an executable of Realm; drop files that 'deno task build' made",
    );
  }
  executables.sort((a, b) => a.artifact.platform < b.artifact.platform ? -1 : 1);
  if (!release) return { executables, others };
  const { manifest } = unwrap(readRelease(release, verifier));
  for (const { artifact } of executables) unwrap(asSigned(artifact, manifest));
  return { executables, others, signed: { release, manifest } };
}

/** The one version of the files, and the release to be signed. Throws one sentence. */
export function releaseVersion(executables: readonly Executable[]): string {
  const twice = executables.find((e, n) =>
    executables.findIndex((o) => o.artifact.platform === e.artifact.platform) !== n
  );
  if (twice) throw new RealmError("conflict", `two files are for ${twice.artifact.platform}; take one away`);
  const versions = [...new Set(executables.map((e) => e.version))];
  if (versions.length > 1) {
    throw new RealmError(
      "bad_release",
      `the files are of different versions: ${versions.map((v) => v ?? "unknown").join(", ")}`,
    );
  }
  if (versions[0] === undefined) {
    throw new RealmError(
      "bad_release",
      `${executables[0].artifact.file} does not say its version; keep the name that the build gave it`,
    );
  }
  return versions[0];
}
