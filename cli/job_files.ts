/** Files that a manifest of jobs names: found, hashed, and uploaded as far as the realm lacks them. */
import { resolve } from "node:path";
import {
  fileKey,
  type FoundFile,
  type JobFile,
  type PackageWorld,
  packTree,
  type RealmClient,
  RealmError,
  type UploadOptions,
} from "../mod.ts";

/** Content that may have to be uploaded. */
export interface Upload {
  readonly digest: string;
  readonly bytes: number;
  /** Its content from this byte on. */
  open(from: number): ReadableStream<Uint8Array>;
}

/** What {@link findFiles} found. */
export interface FoundFiles {
  readonly found: ReadonlyMap<string, FoundFile>;
  readonly uploads: readonly Upload[];
  /** What the person should know: files that stay out. */
  readonly notes: readonly string[];
}

async function localFile(
  world: PackageWorld,
  file: JobFile,
  directory: string,
  uploads: Upload[],
  notes: string[],
): Promise<FoundFile> {
  const path = resolve(directory, file.name);
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
  const run = await client.run(file.name);
  const found = run.artifacts.find((a) => a.name === file.output);
  if (found) return { digest: found.digest, bytes: found.bytes, form: found.form };
  const names = run.artifacts.map((a) => a.name).join(", ");
  throw new RealmError(
    "not_found",
    `the run ${run.id} has no artifact ${file.output}; ${names ? `it has ${names}` : "it left none"}`,
  );
}

async function asset(client: RealmClient, file: JobFile): Promise<FoundFile> {
  const { digest, size } = await client.blob(file.name);
  return { digest, bytes: size, form: "file" };
}

/** Resolves everything that the jobs name. Throws naming what is not there; nothing was changed then. */
export async function findFiles(
  world: PackageWorld,
  client: LazyClient,
  files: readonly JobFile[],
  directory: string,
): Promise<FoundFiles> {
  const found = new Map<string, FoundFile>(), uploads: Upload[] = [], notes: string[] = [];
  for (const file of files) {
    const is = file.kind === "asset"
      ? await asset(await client(), file)
      : file.kind === "artifact"
      ? await artifact(await client(), file)
      : await localFile(world, file, directory, uploads, notes);
    found.set(fileKey(file), is);
  }
  return { found, uploads, notes };
}

/** Uploads what the realm lacks; returns how many files and bytes that were. */
export async function uploadFiles(
  client: RealmClient,
  uploads: readonly Upload[],
  onInterrupted: NonNullable<UploadOptions["onInterrupted"]>,
): Promise<{ files: number; bytes: number }> {
  const byDigest = new Map(uploads.map((u) => [u.digest, u]));
  const missing = await client.missing([...byDigest.keys()]);
  let bytes = 0;
  for (const digest of missing) {
    const upload = byDigest.get(digest)!;
    await client.upload(digest, { size: upload.bytes, from: upload.open }, { onInterrupted });
    bytes += upload.bytes;
  }
  return { files: missing.length, bytes };
}
