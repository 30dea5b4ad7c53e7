/** What a replica needs from its node, made from the node's parts. */
import type { Gateway } from "../gateway/mod.ts";
import { clearWork, type PackageWorld, prepareMounts } from "../packages/mod.ts";
import type { Digest, NodeId } from "../protocol/mod.ts";
import type { Contents } from "./contents.ts";
import type { CoreLoop } from "./core_loop.ts";
import type { ReplicaWorld } from "./replica.ts";
import type { ReplicaLogs } from "./replica_log.ts";
import type { Routes } from "./routes.ts";

/** Parts of the node. */
export interface WorldParts {
  readonly dataDir: string;
  readonly world: PackageWorld;
  readonly contents: Contents;
  readonly gateway: Gateway;
  readonly loop: CoreLoop;
  readonly logs: ReplicaLogs;
  readonly routes: Routes;
  readonly holdersOf: (digest: Digest) => NodeId[];
  readonly startRun: ReplicaWorld["startRun"];
}

/** See the module's text. */
export function replicaWorld(parts: WorldParts): Omit<ReplicaWorld, "volumesFree"> {
  const { dataDir, world, contents, gateway, loop, logs, routes, holdersOf, startRun } = parts;
  const preparing = new Map<string, Promise<unknown>>();
  return {
    ensurePackage: (order, onProgress, signal) =>
      contents.ensurePackage(order, holdersOf(order.revision.spec.package), onProgress, signal),
    // Two starts of one app must not seed one volume at the same time.
    prepareMounts(manifest, order, dir) {
      const before = preparing.get(order.app) ?? Promise.resolve();
      const mounts = before.then(() =>
        prepareMounts(world, manifest, { dataDir, app: order.app, replica: order.replica, packageDir: dir })
      );
      preparing.set(order.app, mounts.catch(() => {}));
      return mounts;
    },
    clearWork: (order) => clearWork(world, dataDir, order.app, order.replica),
    startRun,
    cacheDir: `${dataDir}/cache/wasm`,
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
