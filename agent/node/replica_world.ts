/** What a replica needs from its node, made from the node's parts. */
import type { Gateway } from "../gateway/mod.ts";
import { clearWork, type PackageWorld, prepareMounts } from "../packages/mod.ts";
import type { Digest, NodeId } from "../protocol/mod.ts";
import type { Contents } from "./contents.ts";
import type { CoreLoop } from "./core_loop.ts";
import { type PackageHost, packageWorkload } from "./package_workload.ts";
import type { ReplicaWorld } from "./replica.ts";
import type { ReplicaLogs } from "./replica_log.ts";
import type { Routes } from "./routes.ts";
import type { ServiceAdoptions } from "./service_adoption.ts";
import type { ServiceWorld } from "./service_secrets.ts";
import { clearService, serviceWorkload } from "./service_workload.ts";
import type { VolumeRemovals } from "./volumes.ts";

/** Parts of the node. */
export interface WorldParts {
  readonly dataDir: string;
  readonly world: PackageWorld;
  readonly contents: Contents;
  readonly gateway: Gateway;
  readonly loop: CoreLoop;
  readonly logs: ReplicaLogs;
  readonly routes: Routes;
  readonly volumes: VolumeRemovals;
  readonly holdersOf: (digest: Digest) => NodeId[];
  readonly startRun: PackageHost["startRun"];
  /** What runs of jobs have of the node; a service is started as they are. */
  readonly attempts: () => ServiceWorld;
  /** Programs of services that go on from before this start. */
  readonly adoptions: ServiceAdoptions;
  /** The member that took a deploy, and with it the uploads. */
  readonly viaOf: (revision: Digest) => NodeId;
}

/** See the module's text. */
export function replicaWorld(parts: WorldParts): Omit<ReplicaWorld, "volumesFree"> {
  const {
    dataDir,
    world,
    contents,
    gateway,
    loop,
    logs,
    routes,
    volumes,
    holdersOf,
    startRun,
    attempts,
    adoptions,
    viaOf,
  } = parts;
  const preparing = new Map<string, Promise<unknown>>();
  const packages: PackageHost = {
    cacheDir: `${dataDir}/cache/wasm`,
    startRun,
    // Two starts of one app must not seed one volume at the same time.
    prepareMounts(manifest, order, dir) {
      const before = preparing.get(order.app) ?? Promise.resolve();
      const mounts = before.then(() => volumes.settle(order.app)).then(() =>
        prepareMounts(world, manifest, { dataDir, app: order.app, replica: order.replica, packageDir: dir })
      );
      preparing.set(order.app, mounts.catch(() => {}));
      return mounts;
    },
  };
  return {
    async prepare(order, news, signal) {
      const { id, spec } = order.revision;
      if (spec.service) {
        const adoption = adoptions.take(order.replica);
        return await serviceWorkload(
          attempts(),
          order,
          spec.service,
          viaOf(id),
          adoption,
          news,
          signal,
        );
      }
      const ready = await contents.ensurePackage(order, holdersOf(spec.package), news.progress, signal);
      return packageWorkload(packages, order, ready);
    },
    clearWork: (order) =>
      order.revision.spec.service
        ? clearService(attempts(), order, order.revision.spec.service)
        : clearWork(world, dataDir, order.app, order.replica),
    report: (status) => loop.feed({ t: "replica", status }),
    log: (order, chunk) => logs.write(order.app, order.replica, chunk),
    note: (order, text) => logs.note(order.app, order.replica, text),
    lastLines: (order) => logs.tail(order.app, 20, order.replica).map((l) => l.text).join("\n"),
    changed: routes.changed,
    drained(order, withinMs) {
      // The table in force may still name it: nothing new must reach it from here on.
      routes.set();
      return gateway.idle(order.replica, withinMs);
    },
  };
}
