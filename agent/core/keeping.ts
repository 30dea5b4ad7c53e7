/**
 * Which nodes keep which content: a pure function that every node computes for itself. For a pin, the `copies` highest
 * rendezvous hashes over the live nodes that match its tags; a node that dies is replaced by the next in line, and steps
 * back in when it returns. Packages in use are kept likewise without anyone pinning them.
 */
import type { Digest, NodeId } from "../protocol/identity.ts";
import { jobLimits } from "../protocol/job_limits.ts";
import { keptRevisions } from "./apps.ts";
import { keptByJobs } from "./jobs/keeping.ts";
import { matchesTags } from "./placement.ts";
import { rendezvousRank } from "./rendezvous.ts";
import { blobsOfServices } from "./services.ts";
import { aliveNodes, type Core, tagsOf } from "./state.ts";
import { currentRollout } from "./upgrades/rollouts.ts";

/** Copies of a package in use, besides those that its replicas have. */
const PACKAGE_COPIES = 3;

/** Copies of the executables of the current release, for nodes that return. */
const RELEASE_COPIES = 3;

/** Executables of the current release for platforms that members have. */
export function releaseBlobs(core: Core): readonly Digest[] {
  const rollout = currentRollout(core.upgrades);
  const platforms = new Set([...core.infos.values()].map((info) => info.platform));
  return rollout?.release.manifest.artifacts.filter((a) => platforms.has(a.platform)).map((a) => a.sha256) ??
    [];
}

/** What this node is to keep. */
export interface Keeping {
  /** Pinned blobs. */
  readonly blobs: readonly Digest[];
  /** Packages: their manifests and every file that those name. */
  readonly packages: readonly Digest[];
}

/** Packages that apps run, return to when a rollout fails, or may be rolled back to. */
export function packagesInUse(core: Core): ReadonlySet<Digest> {
  const packages = new Set<Digest>();
  for (const app of core.apps.values()) {
    if (!app.desired && (app.decision?.value.replicas.length ?? 0) === 0) continue;
    // What a service runs is no package.
    for (const { spec } of keptRevisions(app)) if (!spec.service) packages.add(spec.package);
  }
  return packages;
}

/** See the module's text. */
export function keepingOf(core: Core, now: number): Keeping {
  const { self } = core.config;
  const alive = aliveNodes(core).filter((id) => core.infos.has(id));
  const chosen = (digest: Digest, nodes: readonly NodeId[], copies: number) =>
    rendezvousRank(`keep/${digest}`, nodes, copies).includes(self);
  const blobs: Digest[] = [];
  for (const [digest, { pin }] of core.pins) {
    if (!pin) continue;
    const matching = alive.filter((id) =>
      matchesTags(tagsOf(core, core.members.admitted.get(id)!), pin.tags)
    );
    if (chosen(digest, matching, pin.copies)) blobs.push(digest);
  }
  for (const digest of releaseBlobs(core)) if (chosen(digest, alive, RELEASE_COPIES)) blobs.push(digest);
  for (const digest of blobsOfServices(core)) {
    if (chosen(digest, alive, PACKAGE_COPIES)) blobs.push(digest);
  }
  for (const digest of keptByJobs(core.jobs, now)) {
    if (chosen(digest, alive, jobLimits.copies)) blobs.push(digest);
  }
  const packages = [...packagesInUse(core)].filter((digest) => chosen(digest, alive, PACKAGE_COPIES));
  return { blobs: [...new Set(blobs)].sort(), packages: packages.sort() };
}
