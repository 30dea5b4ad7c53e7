/**
 * Packages on a node: `artifacts/packages/{digest}/`, made from blobs. A tree is built in a directory of another name
 * and renamed when all its bytes are on the device, so under its digest it is complete or absent, whatever happens.
 * Nobody writes into it afterwards: runtimes mount it read-only, the gateway reads it.
 */
import type { BlobSource } from "../ports.ts";
import { concatBytes } from "../protocol/encoding.ts";
import { RealmError } from "../protocol/errors.ts";
import { type Digest, isDigest } from "../protocol/identity.ts";
import { limits } from "../protocol/limits.ts";
import { mebibytes } from "../protocol/sizes.ts";
import {
  type AppManifest,
  packageDigest,
  type PackageFile,
  packageNames,
  parsePackageManifest,
} from "../protocol/package_manifest.ts";
import {
  acceptManifest,
  hashFile,
  type PackageWorld,
  readBounded,
  refusePath,
  writeChecked,
} from "./content.ts";
import { LEFT_OUT } from "./tree.ts";

/** A package that is ready to run. */
export interface ExtractedPackage {
  readonly digest: Digest;
  /** Its directory: complete and verified. */
  readonly directory: string;
  readonly manifest: AppManifest;
}

/** What was found when the node started. */
export interface ArtifactsReport {
  /** Complete packages. */
  readonly ready: readonly Digest[];
  /** Packages that were damaged (a file missing or of another size) and removed; blobs can make them again. */
  readonly damaged: readonly { readonly digest: Digest; readonly reason: string }[];
  /** Unfinished trees that were removed. */
  readonly unfinished: number;
}

/** The extracted packages of a node. */
export interface Artifacts {
  /**
   * The package's tree, made from blobs unless it is there. Calls for one digest share one extraction. Fails with
   * `not_found` (a blob is not here), `bad_digest`/`bad_package` (content differs), `bad_manifest`, `no_space`, `disk`;
   * nothing half-made is ever seen under the digest.
   */
  materialise(digest: Digest, signal?: AbortSignal): Promise<ExtractedPackage>;
  /** The package if it is extracted; `undefined` otherwise. */
  get(digest: Digest): Promise<ExtractedPackage | undefined>;
  /** Digests of extracted packages, sorted. */
  list(): Promise<readonly Digest[]>;
  /** Reads every byte of an extracted package; says what is wrong with it, or `undefined`. */
  check(digest: Digest): Promise<string | undefined>;
  /** Removes a package's tree; the caller makes sure that nothing uses it. No error when absent. */
  remove(digest: Digest): Promise<void>;
  /** To be called once before use: removes unfinished trees, checks names and sizes of all others. */
  recover(): Promise<ArtifactsReport>;
}

/** Files written at once: hides the latency of flushing without flooding the disk. */
const WRITES_AT_ONCE = 4;
const UNFINISHED = ".unfinished-", REMOVED = ".removed-";
/** Space left free on the device besides what a package takes: logs and the database must still be written. */
const SPARE_BYTES = 64 * 1024 * 1024;

async function readManifest(blobs: BlobSource, digest: Digest): Promise<Uint8Array> {
  const size = await blobs.size(digest);
  if (size === undefined) {
    throw new RealmError(
      "not_found",
      `the manifest of package ${digest} is not on this node; fetch it first`,
    );
  }
  if (size > limits.manifestBytes) {
    throw new RealmError("too_large", `blob ${digest} has ${size} bytes: it is no package manifest`);
  }
  const pieces: Uint8Array[] = [];
  for await (const piece of blobs.read(digest)) pieces.push(piece);
  const bytes = concatBytes(...pieces);
  if (packageDigest(bytes) !== digest) {
    throw new RealmError("bad_digest", `blob ${digest} has other content than its name says`);
  }
  return bytes;
}

/** Directories that the files of a package need, each after its parent. */
function directoriesOf(files: readonly PackageFile[]): readonly string[] {
  const found = new Set<string>();
  for (const { path } of files) {
    for (let end = path.indexOf("/"); end >= 0; end = path.indexOf("/", end + 1)) {
      found.add(path.slice(0, end));
    }
  }
  return [...found].sort();
}

/** Runs `work` on every item, at most `n` at once; ends with the first failure, after what runs has ended. */
async function eachOf<T>(items: readonly T[], n: number, work: (item: T) => Promise<void>): Promise<void> {
  let next = 0, failed = false;
  const worker = async () => {
    while (!failed && next < items.length) {
      try {
        await work(items[next++]);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: Math.min(n, items.length) }, worker));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}

/** Names and sizes of a tree against its manifest; every difference would be a damaged disk or a stranger's hand. */
async function checkNames(world: PackageWorld, directory: string, manifest: AppManifest): Promise<void> {
  const expected = new Map(manifest.files.map((f) => [f.path, f.size]));
  const pending = [""];
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    for (const entry of await world.disk.entries(at === "" ? directory : `${directory}/${at}`)) {
      const path = at === "" ? entry.name : `${at}/${entry.name}`;
      if (entry.kind === "directory") {
        pending.push(path);
        continue;
      }
      if (path === packageNames.manifest || LEFT_OUT.includes(entry.name)) continue;
      const size = expected.get(path);
      if (size === undefined || entry.kind !== "file") {
        throw refusePath(path, "does not belong to the package");
      }
      if (size !== entry.size) throw refusePath(path, `has ${entry.size} bytes where ${size} are expected`);
      expected.delete(path);
    }
  }
  const [missing] = expected.keys();
  if (missing !== undefined) throw refusePath(missing, "is missing");
}

/** The extracted packages below `root` (`{data directory}/artifacts/packages`), filled from `blobs`. */
export function openArtifacts(world: PackageWorld, blobs: BlobSource, root: string): Artifacts {
  const { disk } = world;
  const running = new Map<Digest, Promise<ExtractedPackage>>();
  const known = new Map<Digest, ExtractedPackage>();
  const directoryOf = (digest: Digest) => `${root}/${digest}`;

  async function load(digest: Digest): Promise<ExtractedPackage | undefined> {
    const directory = directoryOf(digest);
    if ((await disk.stat(directory))?.kind !== "directory") return undefined;
    const bytes = await readBounded(world, `${directory}/${packageNames.manifest}`, limits.manifestBytes);
    if (packageDigest(bytes) !== digest) throw refusePath(packageNames.manifest, "has another digest");
    const manifest = acceptManifest(parsePackageManifest(bytes));
    await checkNames(world, directory, manifest);
    return { digest, directory, manifest };
  }

  async function build(digest: Digest, signal?: AbortSignal): Promise<ExtractedPackage> {
    const manifestBytes = await readManifest(blobs, digest);
    const manifest = acceptManifest(parsePackageManifest(manifestBytes));
    await disk.makeDirectory(root);
    const need = manifestBytes.length + manifest.files.reduce((n, f) => n + f.size, 0);
    const { free } = await disk.space(root);
    if (free < need + SPARE_BYTES) {
      throw new RealmError(
        "no_space",
        `package ${manifest.name} ${manifest.version} needs ${mebibytes(need)} and another ${
          mebibytes(SPARE_BYTES)
        } that stay ` +
          `free, ${mebibytes(free)} are there; free space on this node's disk`,
      );
    }
    // A name of its own: what an earlier attempt left must not come back into this tree after a power cut.
    const temporary = `${root}/${UNFINISHED}${digest}-${crypto.randomUUID()}`;
    try {
      await disk.makeDirectory(temporary);
      const directories = directoriesOf(manifest.files);
      for (const path of directories) await disk.makeDirectory(`${temporary}/${path}`);
      await eachOf(manifest.files, WRITES_AT_ONCE, async (file) => {
        signal?.throwIfAborted();
        await writeChecked(world, file, blobs.read(file.sha256), `${temporary}/${file.path}`);
      });
      const writer = await disk.create(`${temporary}/${packageNames.manifest}`);
      try {
        await writer.write(manifestBytes);
        await writer.sync();
      } finally {
        await writer.close();
      }
      for (const path of directories) await disk.syncDirectory(`${temporary}/${path}`);
      await disk.syncDirectory(temporary);
      await disk.rename(temporary, directoryOf(digest));
    } catch (error) {
      await disk.remove(temporary).catch(() => {});
      throw error;
    }
    return { digest, directory: directoryOf(digest), manifest };
  }

  async function get(digest: Digest): Promise<ExtractedPackage | undefined> {
    const before = known.get(digest);
    if (before) return before;
    if (!isDigest(digest)) return undefined;
    const found = await load(digest).catch(async (error) => {
      if (!(error instanceof RealmError) || error.code === "disk" || error.code === "no_space") throw error;
      await remove(digest);
      return undefined;
    });
    if (found) known.set(digest, found);
    return found;
  }

  async function remove(digest: Digest): Promise<void> {
    if (!isDigest(digest)) return;
    known.delete(digest);
    const directory = directoryOf(digest);
    if (!(await disk.stat(directory))) return;
    // Renamed first: a removal that is cut short must not leave half a tree under the digest.
    const doomed = `${root}/${REMOVED}${digest}`;
    await disk.remove(doomed);
    await disk.rename(directory, doomed);
    await disk.remove(doomed);
  }

  return {
    get,
    remove,
    async materialise(digest, signal) {
      if (!isDigest(digest)) throw new RealmError("bad_request", `${digest} is no package digest`);
      for (;;) {
        const other = running.get(digest);
        if (!other) break;
        // Another caller's abort is not ours: then try again.
        const shared = await other.catch((error) => {
          if (error instanceof RealmError) throw error;
        });
        if (shared) return shared;
        signal?.throwIfAborted();
      }
      const work = (async () => await get(digest) ?? await build(digest, signal))();
      running.set(digest, work);
      try {
        const made = await work;
        known.set(digest, made);
        return made;
      } finally {
        running.delete(digest);
      }
    },
    list: async () => (await disk.list(root)).filter(isDigest),
    async check(digest) {
      try {
        const found = await load(digest);
        if (!found) return `package ${digest} is not extracted here`;
        for (const file of found.manifest.files) {
          const { sha256 } = await hashFile(world, `${found.directory}/${file.path}`);
          if (sha256 !== file.sha256) throw refusePath(file.path, `has the digest ${sha256}`);
        }
        return undefined;
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
    },
    async recover() {
      const ready: Digest[] = [], damaged: { digest: Digest; reason: string }[] = [];
      let unfinished = 0;
      for (const name of await disk.list(root)) {
        if (!isDigest(name)) {
          if (name.startsWith(UNFINISHED)) unfinished++;
          await disk.remove(`${root}/${name}`);
          continue;
        }
        try {
          const found = await load(name);
          if (found) known.set(name, found);
          ready.push(name);
        } catch (error) {
          damaged.push({ digest: name, reason: error instanceof Error ? error.message : String(error) });
          await remove(name);
        }
      }
      return { ready, damaged, unfinished };
    },
  };
}
