/**
 * The routing table: what the node tells the gateway, and its compiled form. A table is an immutable snapshot; the
 * gateway swaps it as one, so every request sees one table at a time.
 */
import type { HttpAnswer, HttpCall } from "../ports.ts";
import type { NodeId } from "../protocol/identity.ts";
import type { StaticSite } from "./static_site.ts";

/** A TCP server on this machine that speaks HTTP/1.1: a native or container service. */
export interface ConnectTarget {
  /** Usually `127.0.0.1`. */
  readonly hostname: string;
  readonly port: number;
}

/** What answers for a replica on this node. Static files are looked at first, then `serve`, `fetch` and `connect`. */
export interface LocalReplica {
  /** Files served by the gateway itself. */
  readonly static?: StaticSite;
  /**
   * Answers one request (`RunHandle.serve` of the runtime). Rejects with `RealmError`: `unavailable` when the replica
   * could not take it or ended before it answered, with `detail: { sent: false }` when nothing of the request can
   * have reached the guest (then even a POST is tried elsewhere); `timed_out`; anything else is a failed answer.
   */
  readonly serve?: (call: HttpCall) => Promise<HttpAnswer>;
  /** The same for what has the platform's interface. */
  readonly fetch?: (request: Request) => Promise<Response>;
  /** Requests and upgrades (WebSocket …) are passed to this server. */
  readonly connect?: ConnectTarget;
}

/** One replica of an app, here or on another node. */
export interface ReplicaTarget {
  /** Unique in the realm. */
  readonly id: string;
  /** Version of the app that it runs. */
  readonly revision: string;
  readonly node: NodeId;
  /** Ready to take requests. Replicas that are not ready may be listed; they get none. */
  readonly ready: boolean;
  /** Round trip to the node in milliseconds; unknown counts as far. */
  readonly rttMs?: number;
  /** Takes upgrades (WebSocket …): its `local` has `connect`, on whichever node it is. */
  readonly upgrade?: boolean;
  /** Present when `node` is this node and the replica can be called here. */
  readonly local?: LocalReplica;
}

/** Where requests for one app go. An app may have several routes. */
export interface Route {
  readonly app: string;
  /** Full host names, or labels (no dot), which stand below each of the gateway's domains. Case does not matter. */
  readonly hosts: readonly string[];
  /** Only paths at or below this (`/docs` covers `/docs` and `/docs/x`, not `/docsx`); default `/`. The longest wins. */
  readonly pathPrefix?: string;
  readonly replicas: readonly ReplicaTarget[];
  /** Longest request body in bytes; default `gatewayLimits.bodyBytes`. */
  readonly maxBodyBytes?: number;
  /** How long a request waits for a ready replica; default `gatewayLimits.holdMs`, 0 answers 503 at once. */
  readonly holdMs?: number;
}

/** The whole table. */
export interface RouteTable {
  readonly routes: readonly Route[];
  /** Nodes known to be unreachable: requests under way to them are ended, and retried elsewhere when that is safe. */
  readonly lost?: readonly NodeId[];
}

/** A compiled table. */
export interface RouteIndex {
  /** The route for a host name (lower case, no port) and a canonical path. */
  match(host: string, path: string): Route | undefined;
  /** Routes of an app, longest prefix first. */
  ofApp(app: string): readonly Route[];
  /** Whether any route has this host, whatever the path. */
  hasHost(host: string): boolean;
}

/** The prefix of a route without trailing slash: `""` for the root. */
export const prefixOf = (route: Route): string => (route.pathPrefix ?? "").replace(/\/+$/, "");

const covers = (prefix: string, path: string) =>
  prefix === "" ||
  (path.startsWith(prefix) && (path.length === prefix.length || path.charCodeAt(prefix.length) === 47));

/**
 * Compiles a table. Two routes with the same host and prefix: the app whose name sorts first wins, on every node the
 * same (placement refuses such a pair earlier; this keeps the gateway predictable meanwhile).
 */
export function indexRoutes(table: RouteTable, domains: readonly string[]): RouteIndex {
  const byHost = new Map<string, { prefix: string; route: Route }[]>();
  const byApp = new Map<string, Route[]>();
  const sorted = [...table.routes].sort((a, b) =>
    prefixOf(b).length - prefixOf(a).length || (a.app < b.app ? -1 : a.app > b.app ? 1 : 0)
  );
  for (const route of sorted) {
    const ofApp = byApp.get(route.app);
    ofApp ? ofApp.push(route) : byApp.set(route.app, [route]);
    for (const given of route.hosts) {
      const host = given.toLowerCase().replace(/\.$/, "");
      const names = host.includes(".") || domains.includes(host)
        ? [host]
        : domains.map((d) => `${host}.${d}`);
      for (const name of names) {
        const entry = { prefix: prefixOf(route), route };
        const list = byHost.get(name);
        list ? list.push(entry) : byHost.set(name, [entry]);
      }
    }
  }
  return {
    match: (host, path) => byHost.get(host)?.find((e) => covers(e.prefix, path))?.route,
    ofApp: (app) => byApp.get(app) ?? [],
    hasHost: (host) => byHost.has(host),
  };
}
