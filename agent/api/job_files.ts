/** Files that a manifest of jobs names, found and hashed: the same for the command line and for the dashboard. */
import { type PackageWorld, packTree } from "../packages/mod.ts";
import { RealmError } from "../protocol/errors.ts";
import type { Digest } from "../protocol/identity.ts";
import { fileKey, type FoundFile, type JobFile } from "../protocol/job_plan.ts";
import { artifactOf } from "./artifacts.ts";
import type { RealmClient } from "./client.ts";

/** Content that may have to be uploaded. */
export interface JobUpload {
  /** SHA-256 of the content. */
  readonly digest: Digest;
  /** Bytes of the content. */
  readonly bytes: number;
  /** Its content from this byte on. */
  open(from: number): ReadableStream<Uint8Array>;
}
/** Where a file or directory of the submitter's machine is. */
export interface LocatedFile {
  /** The doors to it. */
  readonly world: PackageWorld;
  /** Its path there. */
  readonly path: string;
}

/** What {@link findFiles} found. */
export interface FoundFiles {
  /** By {@link fileKey}. */
  readonly found: ReadonlyMap<string, FoundFile>;
  /** Content of files of the submitter's machine. */
  readonly uploads: readonly JobUpload[];
  /** What the person should know: files that stay out. */
  readonly notes: readonly string[];
}

async function localFile(
  { world, path }: LocatedFile,
  file: JobFile,
  uploads: JobUpload[],
  notes: string[],
): Promise<FoundFile> {
  const info = await world.disk.stat(path);
  if (!info) throw new RealmError("not_found", `${path}, which the manifest names, does not exist`);
  if (info.kind === "other" || (info.kind === "directory" && file.kind === "file")) {
    throw new RealmError("bad_manifest", `${path}, which the manifest names, is no regular file`);
  }
  const tree = info.kind === "directory" ? await packTree(world.disk, path, { gitignore: true }) : undefined;
  for (const left of tree?.leftOut ?? []) {
    notes.push(`${path}/${left} is neither file nor directory and stays out`);
  }
  if (tree && tree.ignored.length > 0) {
    const [first, ...more] = tree.ignored;
    const others = more.length > 0 ? ` and ${more.length} more` : "";
    notes.push(`of ${path} stay out by .gitignore: ${first}${others}`);
  }
  const open = (start: number) => tree?.stream(start) ?? world.disk.readStream(path, { start });
  const hash = world.hasher.sha256();
  let bytes = 0;
  for await (const piece of open(0)) {
    hash.update(piece);
    bytes += piece.length;
  }
  const digest = hash.digest();
  uploads.push({ digest, bytes, open });
  return { digest, bytes, form: tree ? "tar" : "file" };
}

/** A client, connected when something is asked of the realm. */
export type LazyClient = () => Promise<RealmClient>;

async function artifact(client: RealmClient, file: JobFile): Promise<FoundFile> {
  const { digest, bytes, form } = artifactOf(await client.run(file.name), file.output!);
  return { digest, bytes, form };
}

async function asset(client: RealmClient, file: JobFile): Promise<FoundFile> {
  const { digest, size } = await client.blob(file.name);
  return { digest, bytes: size, form: "file" };
}

/**
 * Resolves everything that the jobs name; `locate` says where files of the submitter's machine are. Throws naming what
 * is not there; nothing was changed then.
 */
export async function findJobFiles(
  client: LazyClient,
  files: readonly JobFile[],
  locate: (file: JobFile) => LocatedFile,
): Promise<FoundFiles> {
  const found = new Map<string, FoundFile>(), uploads: JobUpload[] = [], notes: string[] = [];
  for (const file of files) {
    const is = file.kind === "asset"
      ? await asset(await client(), file)
      : file.kind === "artifact"
      ? await artifact(await client(), file)
      : await localFile(locate(file), file, uploads, notes);
    found.set(fileKey(file), is);
  }
  return { found, uploads, notes };
}
