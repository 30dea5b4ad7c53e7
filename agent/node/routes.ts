/** Keeps the gateway's routing table in step with the core's state and with what runs here. */
import type { Core } from "../core/mod.ts";
import { createStaticSite, type LocalReplica, type RouteTable } from "../gateway/mod.ts";
import type { NodeId } from "../protocol/mod.ts";
import type { Replica, Workload } from "./replica.ts";
import { routeTable } from "./routing.ts";

/** What routes are made from and given to; before a part is there it has nothing and takes nothing. */
export interface RouteParts {
  /** What is here of a replica. */
  replica(id: string): Replica | undefined;
  /** Round trips to connected members, milliseconds. */
  rtts(): readonly (readonly [node: NodeId, rttMs: number | undefined])[];
  setRoutes(table: RouteTable): void;
}

/** See the module's text. */
export interface Routes {
  /** Something changed: one table for many changes, built once at the end of the present turn. */
  changed(): void;
  /** The table as of now. */
  table(): RouteTable;
  /** Puts it in force at once. */
  set(): void;
  /** This node stops: from here on nothing is routed to what runs here. */
  leave(): void;
}

/** Nothing is routed before the first change. */
export function createRoutes(core: Core, parts: RouteParts): Routes {
  let queued = false, leaving = false;
  const localOf = (id: string): LocalReplica | undefined => {
    const replica = leaving ? undefined : parts.replica(id);
    return replica && localReplica(replica);
  };
  const table = (): RouteTable => {
    const rtts = new Map(parts.rtts());
    return routeTable(core, localOf, (node) => rtts.get(node));
  };
  const set = () => parts.setRoutes(table());
  return {
    changed() {
      if (queued) return;
      queued = true;
      queueMicrotask(() => {
        queued = false;
        set();
      });
    },
    table,
    set,
    leave() {
      leaving = true;
      set();
    },
  };
}

const sites = new WeakMap<Replica, LocalReplica["static"]>();

/** How the gateway calls a replica here; `undefined` while it cannot be called. */
function localReplica(replica: Replica): LocalReplica | undefined {
  const { workload, handle } = replica;
  if (!workload || (replica.state !== "healthy" && replica.state !== "stopping")) return undefined;
  if (workload.start && !handle) return undefined;
  return {
    ...staticPart(replica, workload),
    ...(handle?.serve ? { serve: handle.serve } : {}),
    ...(handle?.connect ? { connect: handle.connect } : {}),
  };
}

/** The files of a package that are served as they are. */
function staticPart(replica: Replica, { package: ready }: Workload): Pick<LocalReplica, "static"> {
  if (!ready) return {};
  const { manifest, dir } = ready;
  let site = sites.get(replica);
  const config = manifest.http?.static;
  if (config && !site) {
    const prefix = `${config.source}/`;
    site = createStaticSite({
      dir: `${dir}/${config.source}`,
      files: manifest.files.filter((f) => f.path.startsWith(prefix)).map((f) => ({
        path: f.path.slice(prefix.length),
        digest: f.sha256,
        size: f.size,
      })),
      modifiedAt: replica.order.revision.at,
      ...(config.spa ? { fallback: config.index } : {}),
      ...(config.notFound ? { notFound: config.notFound.slice(prefix.length) } : {}),
    });
    sites.set(replica, site);
  }
  return site ? { static: site } : {};
}
