/**
 * The directories that an app's guests see, by kind: `static` and `config` are the package's own, read-only; `work`
 * is empty at every start; `state` is seeded once, when the volume is new, and never touched again.
 *
 * Layout below the data directory: `work/components/{app}/{replica}/{n}` (n: the work mounts in the manifest's
 * order) and `state/components/{app}/{volume}`. Names that begin with a dot are unfinished or doomed.
 */
import { RealmError } from "../protocol/errors.ts";
import { limits } from "../protocol/limits.ts";
import type { AppManifest, AppMount, PackageFile } from "../protocol/package_manifest.ts";
import { isWindowsDevice } from "../protocol/package_path.ts";
import { type PackageWorld, writeChecked } from "./content.ts";

/** A directory ready to be given to a guest; also fits the runtimes' mounts. */
export interface PreparedMount {
  readonly kind: AppMount["kind"];
  /** Path that the guest sees. */
  readonly guest: string;
  /** Directory on this machine. */
  readonly host: string;
  readonly readOnly: boolean;
  /** Bytes that may be stored; unlimited when absent. */
  readonly quotaBytes?: number;
  /** Name of the volume of a `state` mount. */
  readonly volume?: string;
  /** Whether this call made the volume. */
  readonly created?: boolean;
}

/** Where mounts are prepared. */
export interface MountPlace {
  /** The node's data directory. */
  readonly dataDir: string;
  /** Name of the app. */
  readonly app: string;
  /** Id of the replica. */
  readonly replica: string;
  /** The extracted package. */
  readonly packageDir: string;
}

const SEEDING = ".seeding-", REMOVED = ".removed-";

/** One directory name that cannot lead elsewhere. */
function name(kind: string, text: string): string {
  const fine = /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(text) && !text.endsWith(".") && !isWindowsDevice(text) &&
    text.length <= limits.pathComponentBytes - 64;
  if (!fine) throw new RealmError("bad_request", `${JSON.stringify(text)} cannot name a ${kind} on disk`);
  return text;
}

const workOf = (dataDir: string, app: string) => `${dataDir}/work/components/${name("app", app)}`;
const stateOf = (dataDir: string, app: string) => `${dataDir}/state/components/${name("app", app)}`;

async function expectDirectory(world: PackageWorld, path: string): Promise<boolean> {
  const info = await world.disk.stat(path);
  if (!info) return false;
  if (info.kind === "directory") return true;
  throw new RealmError("disk", `${path} should be a directory and is not; look who put it there`);
}

/** Copies the seed files into `target`, every byte verified and flushed. */
async function seedInto(
  world: PackageWorld,
  manifest: AppManifest,
  seed: string,
  packageDir: string,
  target: string,
): Promise<void> {
  const files = manifest.files.filter((f) => f.path.startsWith(seed + "/"));
  const inside = (f: PackageFile) => f.path.slice(seed.length + 1);
  const directories = new Set<string>();
  for (const file of files) {
    const parts = inside(file).split("/");
    for (let i = 1; i < parts.length; i++) directories.add(parts.slice(0, i).join("/"));
  }
  const sorted = [...directories].sort();
  for (const path of sorted) await world.disk.makeDirectory(`${target}/${path}`);
  for (const file of files) {
    await writeChecked(
      world,
      file,
      world.disk.readStream(`${packageDir}/${file.path}`),
      `${target}/${inside(file)}`,
    );
  }
  for (const path of sorted) await world.disk.syncDirectory(`${target}/${path}`);
  await world.disk.syncDirectory(target);
}

/**
 * Makes sure that a volume exists. A new one is filled under another name and renamed when it is whole on the device,
 * so a volume that exists was seeded completely, and an existing one is never seeded again.
 */
async function prepareVolume(
  world: PackageWorld,
  manifest: AppManifest,
  mount: Extract<AppMount, { kind: "state" }>,
  place: MountPlace,
): Promise<{ host: string; created: boolean }> {
  const { disk } = world;
  const root = stateOf(place.dataDir, place.app), volume = name("volume", mount.volume);
  const host = `${root}/${volume}`;
  if (await expectDirectory(world, host)) return { host, created: false };
  // A name of its own: what an earlier attempt left must not come back into this volume after a power cut.
  const temporary = `${root}/${SEEDING}${volume}-${crypto.randomUUID()}`;
  try {
    await disk.makeDirectory(temporary);
    if (mount.seed !== undefined) await seedInto(world, manifest, mount.seed, place.packageDir, temporary);
    await disk.rename(temporary, host);
  } catch (error) {
    await disk.remove(temporary).catch(() => {});
    // Another replica's start was first: a rename never replaces a directory that holds something.
    if (await expectDirectory(world, host)) return { host, created: false };
    throw error;
  }
  return { host, created: true };
}

/**
 * Prepares all mounts of a replica that is about to start, in the manifest's order: clears its work directories, makes
 * and seeds volumes that are new (once, also when several replicas start at once). Must not run while the replica
 * runs. Fails with `bad_package` (a seed file differs from the inventory), `no_space` or `disk`.
 */
export async function prepareMounts(
  world: PackageWorld,
  manifest: AppManifest,
  place: MountPlace,
): Promise<readonly PreparedMount[]> {
  await clearWork(world, place.dataDir, place.app, place.replica);
  const mounts: PreparedMount[] = [];
  let workMounts = 0;
  for (const mount of manifest.mounts) {
    const { kind, guest } = mount;
    if (mount.kind === "work") {
      const host = workDirectory(place.dataDir, place.app, place.replica, workMounts++);
      await world.disk.makeDirectory(host);
      mounts.push({ kind, guest, host, readOnly: false, quotaBytes: mount.quotaBytes });
    } else if (mount.kind === "state") {
      const { host, created } = await prepareVolume(world, manifest, mount, place);
      const quota = mount.quotaBytes === undefined ? {} : { quotaBytes: mount.quotaBytes };
      mounts.push({ kind, guest, host, readOnly: false, ...quota, volume: mount.volume, created });
    } else {
      const host = `${place.packageDir}/${mount.source}`;
      if (!await expectDirectory(world, host)) {
        throw new RealmError("bad_package", `${host} is missing; extract the package again`);
      }
      mounts.push({ kind, guest, host, readOnly: true });
    }
  }
  return mounts;
}

/** Removes the work directories of a replica that ended or went away, or of all replicas of an app. */
export async function clearWork(
  world: PackageWorld,
  dataDir: string,
  app: string,
  replica?: string,
): Promise<void> {
  const root = workOf(dataDir, app);
  await world.disk.remove(replica === undefined ? root : `${root}/${name("replica", replica)}`);
}

/** Names of an app's volumes on this node, sorted. */
export async function listVolumes(
  world: PackageWorld,
  dataDir: string,
  app: string,
): Promise<readonly string[]> {
  return (await world.disk.list(stateOf(dataDir, app))).filter((n) => !n.startsWith("."));
}

/** Directory of a replica's work mount, counted from 0, whether it exists or not. */
export const workDirectory = (dataDir: string, app: string, replica: string, index: number): string =>
  `${workOf(dataDir, app)}/${name("replica", replica)}/${index}`;

/** Directory of a volume, whether it exists or not. */
export const volumeDirectory = (dataDir: string, app: string, volume: string): string =>
  `${stateOf(dataDir, app)}/${name("volume", volume)}`;

/**
 * Removes a volume with its data, for good: only ever by an explicit wish of a person. No error when absent. A removal
 * that is cut short leaves nothing under the volume's name.
 */
export async function removeVolume(
  world: PackageWorld,
  dataDir: string,
  app: string,
  volume: string,
): Promise<void> {
  const host = volumeDirectory(dataDir, app, volume);
  const doomed = `${stateOf(dataDir, app)}/${REMOVED}${volume}`;
  await world.disk.remove(doomed);
  if (!(await world.disk.stat(host))) return;
  await world.disk.rename(host, doomed);
  await world.disk.remove(doomed);
}

/** Removes what unfinished seedings and removals have left; to be called once when the node starts. */
export async function recoverVolumes(world: PackageWorld, dataDir: string): Promise<void> {
  const root = `${dataDir}/state/components`;
  for (const app of await world.disk.list(root)) {
    for (const entry of await world.disk.list(`${root}/${app}`)) {
      if (entry.startsWith(SEEDING) || entry.startsWith(REMOVED)) {
        await world.disk.remove(`${root}/${app}/${entry}`);
      }
    }
  }
}
