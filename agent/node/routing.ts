/** From the core's state to the gateway's routing table. */
import { type Core, nodeState } from "../core/mod.ts";
import { revisionOf, statusOf } from "../core/mod.ts";
import type { NodeId } from "../protocol/mod.ts";
import type { LocalReplica, ReplicaTarget, Route, RouteTable } from "../gateway/mod.ts";

/** What is here of a replica. */
export type LocalOf = (replica: string) => LocalReplica | undefined;

/**
 * One route per route of each app, with every replica that is decided. A replica is ready when its node lives and says
 * that it is healthy, and here when it can be called.
 */
export function routeTable(
  core: Core,
  localOf: LocalOf,
  rttOf: (node: NodeId) => number | undefined,
): RouteTable {
  const routes: Route[] = [];
  const lost = new Set<NodeId>(), left = new Set<NodeId>();
  for (const id of core.members.admitted.keys()) {
    const state = nodeState(core, id);
    if (state === "unreachable" || state === "removed") lost.add(id);
    // One that was stopped still finishes what it has begun: it gets nothing new.
    if (state === "left") left.add(id);
  }
  for (const app of core.apps.values()) {
    const decision = app.decision?.value;
    if (!decision || (!app.desired && decision.replicas.length === 0)) continue;
    const byRoute = new Map<string, ReplicaTarget[]>();
    const wanted = app.desired?.revision.spec.routes ?? [];
    for (const route of wanted) byRoute.set(route, []);
    for (const replica of decision.replicas) {
      const revision = revisionOf(app, replica.revision);
      if (!revision) continue;
      const healthy = statusOf(app, replica)?.state === "healthy";
      const here = replica.node === core.config.self;
      const local = here ? localOf(replica.id) : undefined;
      const rttMs = here ? 0 : rttOf(replica.node);
      const target: ReplicaTarget = {
        id: replica.id,
        revision: replica.revision,
        node: replica.node,
        ready: healthy && !lost.has(replica.node) && !left.has(replica.node) &&
          (!here || local !== undefined),
        // A program at a port speaks for itself, upgrades included.
        ...(revision.spec.service?.run.runtime === "native" ? { upgrade: true } : {}),
        ...(rttMs === undefined ? {} : { rttMs }),
        ...(local ? { local } : {}),
      };
      for (const route of revision.spec.routes) {
        const list = byRoute.get(route);
        if (list) list.push(target);
        else if (!app.desired) byRoute.set(route, [target]);
      }
    }
    for (const [route, replicas] of byRoute) {
      const slash = route.indexOf("/");
      routes.push({
        app: app.name,
        hosts: [slash < 0 ? route : route.slice(0, slash)],
        ...(slash < 0 ? {} : { pathPrefix: route.slice(slash) }),
        replicas,
      });
    }
  }
  return { routes, lost: [...lost] };
}
