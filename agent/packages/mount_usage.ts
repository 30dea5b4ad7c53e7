/** How much is in the directories that a replica sees. Reads only; nothing waits for it. */
import { monitorLimits } from "../protocol/limits.ts";
import type { AppManifest, AppMount } from "../protocol/package_manifest.ts";
import type { PackageWorld } from "./content.ts";
import { type MountPlace, volumeDirectory, workDirectory } from "./mounts.ts";

/** A mount with what is in it. */
export interface MountUsage {
  readonly mount: AppMount;
  /** Bytes; absent when there are more files than anybody wants counted. */
  readonly usedBytes?: number;
}

/** Bytes of the files below a directory, links not followed; `undefined` past the bound. */
async function bytesBelow(world: PackageWorld, root: string): Promise<number | undefined> {
  const queue = [root];
  let bytes = 0, seen = 0;
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    for (const entry of await world.disk.entries(path)) {
      if (++seen > monitorLimits.mountEntries) return undefined;
      if (entry.kind === "directory") queue.push(`${path}/${entry.name}`);
      else bytes += entry.size;
    }
  }
  return bytes;
}

/** The mounts of a replica that was prepared at `place`, in the manifest's order. */
export async function mountUsage(
  world: PackageWorld,
  manifest: AppManifest,
  place: Omit<MountPlace, "packageDir">,
): Promise<readonly MountUsage[]> {
  const found: MountUsage[] = [];
  let work = 0;
  for (const mount of manifest.mounts) {
    let used: number | undefined;
    if (mount.kind === "work") {
      used = await bytesBelow(world, workDirectory(place.dataDir, place.app, place.replica, work++));
    } else if (mount.kind === "state") {
      used = await bytesBelow(world, volumeDirectory(place.dataDir, place.app, mount.volume));
    } else {
      const inside = manifest.files.filter((f) => f.path.startsWith(`${mount.source}/`));
      used = inside.reduce((n, f) => n + f.size, 0);
    }
    found.push({ mount, ...(used === undefined ? {} : { usedBytes: used }) });
  }
  return found;
}
