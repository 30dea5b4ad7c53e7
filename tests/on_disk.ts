/**
 * What lies in the data directory of a node that is down, every byte read and hashed: blobs and chunks against their
 * names, extracted packages against their manifests, the database by SQLite's own check.
 */
import { createHash } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import { isDigest } from "../agent/protocol/identity.ts";
import { packageNames, parsePackageManifest } from "../agent/protocol/package_manifest.ts";
import { decodeEntries, ENTRY_BYTES, manifestBytes } from "../agent/storage/manifest.ts";
import { filesBelow } from "../examples/lib/assemble.ts";
import { sha256 } from "./content.ts";

/** What was read, and what is wrong with it. */
export interface OnDisk {
  blobs: number;
  chunks: number;
  packages: number;
  bytes: number;
  /** One sentence for each thing that is not what its name says. */
  readonly problems: string[];
}

const MANIFEST = ".manifest";

/** None where the folder is absent. */
const filesOf = (folder: string): Promise<string[]> =>
  filesBelow(folder).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  });

/** Reads all of it. The node must not run: what it is about to write would look like damage. */
export async function readOnDisk(dataDir: string): Promise<OnDisk> {
  const found: OnDisk = { blobs: 0, chunks: 0, packages: 0, bytes: 0, problems: [] };
  await readBlobs(`${dataDir}/blobs`, found);
  await readPackages(`${dataDir}/artifacts/packages`, found);
  const database = integrityOf(`${dataDir}/realm.db`);
  if (database !== "ok") found.problems.push(`realm.db: ${database}`);
  return found;
}

async function readBlobs(root: string, found: OnDisk): Promise<void> {
  const read = (path: string) => {
    const bytes = Deno.readFileSync(`${root}/${path}`);
    found.bytes += bytes.length;
    return bytes;
  };
  for (const path of await filesOf(root)) {
    const [, place, name] = /^(chunks|damaged|[0-9a-f]{2})\/(?:[0-9a-f]{2}\/)?([^/]+)$/.exec(path) ?? [];
    if (place === "damaged") found.problems.push(`${path} was set aside as damaged`);
    else if (place !== undefined && name.endsWith(MANIFEST)) {
      found.blobs++;
      const digest = name.slice(0, -MANIFEST.length), bytes = read(path);
      const count = Number(new DataView(bytes.buffer).getBigUint64(count0(bytes)));
      if (bytes.length !== manifestBytes(count)) {
        found.problems.push(`${path} has ${bytes.length} bytes for ${count} chunks`);
        continue;
      }
      const whole = createHash("sha256");
      for (const { sha256: chunk } of decodeEntries(bytes.subarray(0, count * ENTRY_BYTES))) {
        try {
          whole.update(Deno.readFileSync(`${root}/chunks/${chunk.slice(0, 2)}/${chunk}`));
        } catch (error) {
          found.problems.push(`a chunk of ${path}: ${error}`);
        }
      }
      if (whole.digest("hex") !== digest) found.problems.push(`the chunks of ${path} are another content`);
    } else if (place !== undefined) {
      found[place === "chunks" ? "chunks" : "blobs"]++;
      if (sha256(read(path)) !== name) found.problems.push(`${path} has other content than its name says`);
    }
  }
}

/** Where a manifest file tells its number of chunks: after magic and size of the footer. */
const count0 = (file: Uint8Array) => file.length - manifestBytes(0) + 16;

async function readPackages(root: string, found: OnDisk): Promise<void> {
  const byPackage = Map.groupBy(await filesOf(root), (path) => path.slice(0, path.indexOf("/")));
  for (const [digest, files] of byPackage) {
    // A name of another kind is a tree that was being built or removed: nobody looks into it.
    if (!isDigest(digest)) continue;
    found.packages++;
    const contents = new Map(files.map((path) => [path.slice(digest.length + 1), `${root}/${path}`]));
    const take = (path: string) => {
      const at = contents.get(path);
      contents.delete(path);
      if (at === undefined) return undefined;
      const bytes = Deno.readFileSync(at);
      found.bytes += bytes.length;
      return bytes;
    };
    const manifest = take(packageNames.manifest);
    if (!manifest || sha256(manifest) !== digest) {
      found.problems.push(`package ${digest}: its manifest is ${manifest ? "another" : "missing"}`);
      continue;
    }
    const parsed = parsePackageManifest(manifest);
    if (!parsed.ok) throw new Error(`package ${digest}: ${JSON.stringify(parsed)}`);
    for (const file of parsed.value.files) {
      const bytes = take(file.path);
      if (!bytes) found.problems.push(`package ${digest}: ${file.path} is missing`);
      else if (sha256(bytes) !== file.sha256) {
        found.problems.push(`package ${digest}: ${file.path} has other content than its manifest says`);
      }
    }
    for (const path of contents.keys()) {
      found.problems.push(`package ${digest}: ${path} does not belong to it`);
    }
  }
}

/** Of a copy, so that the node itself finds its database, with its write-ahead log, as it was left. */
function integrityOf(path: string): string {
  const folder = Deno.makeTempDirSync({ prefix: "realm-integrity-" });
  try {
    for (const end of ["", "-wal"]) {
      try {
        Deno.copyFileSync(`${path}${end}`, `${folder}/realm.db${end}`);
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound) || end === "") throw error;
      }
    }
    using database = new DatabaseSync(`${folder}/realm.db`);
    const rows = database.prepare("PRAGMA integrity_check").all();
    return rows.map((row) => String(row.integrity_check)).join("; ");
  } catch (error) {
    return String(error);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}
