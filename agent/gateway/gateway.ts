/** The gateway of a node: listens, routes, answers. It knows routes and replicas, nothing of records. */
import type { Clock, Log, PeerStreams } from "../ports.ts";
import type { NodeId } from "../protocol/identity.ts";
import { gatewayLimits } from "../protocol/limits.ts";
import {
  indexRoutes,
  prefixOf,
  type ReplicaTarget,
  type Route,
  type RouteIndex,
  type RouteTable,
} from "./routes.ts";
import { createStaticFiles, type StaticDisk, type StaticFiles } from "./static_files.ts";
import type { Asset } from "./static_site.ts";
import { AppCounters, type AppMetrics } from "./metrics.ts";
import { type AccessLog, type AccessLogOptions, createAccessLog } from "./access_log.ts";
import { Attempts } from "./attempts.ts";
import { ReplicaBook } from "./replicas.ts";
import { type Answer, AttemptError, type Exchange, notSent, type UpgradeAnswer } from "./exchange.ts";
import { plainAddress } from "./families.ts";
import { type Target, targetOf, wantsUpgrade } from "./forwarding.ts";
import { answerLocally, findStatic, upgradeLocally } from "./local_replica.ts";
import { servePeers } from "./peer_server.ts";
import { problem } from "./problems.ts";
import { metered } from "./request_body.ts";
import { answer, type Surroundings } from "./request_flow.ts";
import { type Listen, listen, type Listener } from "./listeners.ts";

/** What a gateway is made of. */
export interface GatewayOptions {
  /** Addresses to listen at. */
  readonly listen: readonly Listen[];
  /** What is routed from the first request on; without it every request gets 404 until `setRoutes`. */
  readonly table?: RouteTable;
  readonly streams: PeerStreams;
  readonly disk: StaticDisk;
  readonly clock: Clock;
  readonly log: Log;
  /** Labels in `Route.hosts` stand below these; default `["localhost"]`. */
  readonly domains?: readonly string[];
  /**
   * Addresses of reverse proxies in front: their `X-Forwarded-*` are kept and added to. Default none: what clients
   * claim about themselves is dropped.
   */
  readonly trustedProxies?: readonly string[];
  readonly accessLog?: AccessLogOptions;
  /** Answers requests that no app answers, if they are its; `undefined`: they are not. Never rejects. */
  readonly elsewhere?: (request: Request, client: string) => Promise<Response> | undefined;
}

/** A static answer that can be given without looking anything up again. */
interface Hot {
  readonly authority: string;
  readonly asset: Asset;
  readonly counters: AppCounters;
  readonly app: string;
  readonly replica: ReplicaTarget;
  /** Whether an upgrade at this address must reach the app's server. */
  readonly upgrades: boolean;
}

/** A listening gateway. Made by {@link createGateway}. */
export class Gateway implements AsyncDisposable {
  readonly #options: GatewayOptions;
  readonly #files: StaticFiles;
  readonly #access: AccessLog;
  readonly #book: ReplicaBook;
  readonly #attempts: Attempts;
  readonly #around: Surroundings;
  readonly #trusted: ReadonlySet<string>;
  readonly #counters = new Map<string, AppCounters>();
  readonly #tunnels = new Set<() => void>();
  readonly #logsHot: boolean;
  #listeners: readonly Listener[] = [];
  #index: RouteIndex;
  #local: ReadonlyMap<string, ReplicaTarget> = new Map();
  #hot = new Map<string, Hot>();
  #unmatched = 0;
  #closing = false;

  /** Use {@link createGateway}. */
  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#files = createStaticFiles(options.disk);
    this.#access = createAccessLog(options.accessLog);
    this.#logsHot = options.accessLog !== undefined;
    this.#book = new ReplicaBook(() => options.clock.monotonic());
    this.#attempts = new Attempts(this.#book, options.clock);
    this.#trusted = new Set(options.trustedProxies);
    this.#index = indexRoutes({ routes: [] }, this.#domains);
    this.#around = {
      clock: options.clock,
      log: options.log,
      streams: options.streams,
      files: this.#files,
      attempts: this.#attempts,
      access: this.#access,
      route: (host, path) => this.#index.match(host, path),
      tunnel: (close) => {
        this.#tunnels.add(close);
        return () => this.#tunnels.delete(close);
      },
    };
  }

  get #domains(): readonly string[] {
    return this.#options.domains ?? ["localhost"];
  }

  /** Starts to listen; for {@link createGateway}. */
  async open(): Promise<void> {
    const open: Listener[] = [];
    try {
      for (const address of this.#options.listen) {
        open.push(await listen(address, (r, i, p) => this.#handle(r, i, p), this.#options.log));
      }
    } catch (error) {
      for (const listener of open) listener.abort();
      throw error;
    }
    this.#listeners = open;
    servePeers(this.#options.streams, {
      answer: (replica, exchange) => this.#answerPeer(replica, exchange),
      upgrade: (id, exchange) => this.#upgradePeer(id, exchange),
    }, this.#options.log);
  }

  /** Where it listens, in the order of the options, each family by itself. */
  get addresses(): readonly { readonly hostname: string; readonly port: number }[] {
    return this.#listeners.flatMap(({ addresses }) => addresses);
  }

  /**
   * Puts a new table in force, as one: a request that is being routed sees the old or the new one. Requests under way
   * stay with their replica; those that wait for a ready replica look again.
   */
  setRoutes(table: RouteTable): void {
    this.#index = indexRoutes(table, this.#domains);
    this.#hot = new Map();
    const local = new Map<string, ReplicaTarget>(), ids = new Set<string>(), apps = new Set<string>();
    for (const route of table.routes) {
      apps.add(route.app);
      for (const replica of route.replicas) {
        ids.add(replica.id);
        if (replica.local) local.set(replica.id, replica);
      }
    }
    this.#local = local;
    this.#book.keep(ids);
    for (const [app, counters] of this.#counters) {
      if (!apps.has(app) && counters.inFlight === 0 && counters.tunnels === 0) this.#counters.delete(app);
    }
    this.#attempts.changed(new Set<NodeId>(table.lost));
  }

  /** Figures per app; figures of apps that are no longer routed go. */
  metrics(): Readonly<Record<string, AppMetrics>> {
    return Object.fromEntries([...this.#counters].sort().map(([app, c]) => [app, c.snapshot()]));
  }

  /** Figures of one app; `undefined` when no request for it has come here. */
  metricsOf(app: string): AppMetrics | undefined {
    return this.#counters.get(app)?.snapshot();
  }

  /** Requests for hosts or addresses that no app answers. */
  get unmatched(): number {
    return this.#unmatched;
  }

  /** Requests in work at a replica: through this gateway, and here for other nodes. */
  inFlight(replica: string): number {
    return this.#book.inFlight(replica);
  }

  /**
   * Resolves when no request, stream or upgraded connection is in work at a replica, or after `withinMs`; whether it is
   * idle then. Take it from the table first.
   */
  async idle(replica: string, withinMs: number): Promise<boolean> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), withinMs);
    await this.#book.idle(replica, late.signal);
    clearTimeout(timer);
    return this.#book.inFlight(replica) === 0;
  }

  /** Stops accepting, lets requests finish for `graceMs`, then ends everything. Idempotent. */
  async close(graceMs: number): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    if (graceMs > 0) {
      const finished = Promise.all(this.#listeners.map((l) => l.shutdown().catch(() => {})));
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise((resolve) => timer = setTimeout(resolve, graceMs));
      await Promise.race([finished, late]);
      clearTimeout(timer);
    }
    for (const listener of this.#listeners) listener.abort();
    for (const close of [...this.#tunnels]) close();
    this.#attempts.end();
    this.#access.close();
  }

  /** Closes at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close(0);
  }

  #countersOf(app: string): AppCounters {
    let counters = this.#counters.get(app);
    if (!counters) this.#counters.set(app, counters = new AppCounters());
    return counters;
  }

  #handle(
    request: Request,
    info: Deno.ServeHandlerInfo<Deno.NetAddr>,
    proto: "http" | "https",
  ): Response | Promise<Response> {
    if (request.method === "GET") {
      const hot = this.#hot.get(request.url);
      if (hot !== undefined) {
        const response = this.#fromMemory(hot, request);
        if (response !== undefined) return response;
      }
    }
    return this.#route(request, info, proto);
  }

  #fromMemory(hot: Hot, request: Request): Response | undefined {
    const { headers } = request;
    const host = headers.get("host");
    if (
      (host !== hot.authority && host !== null) || headers.has("range") || headers.has("if-modified-since") ||
      (hot.upgrades && headers.has("upgrade"))
    ) return undefined;
    const ifNoneMatch = headers.get("if-none-match");
    const response = this.#files.fromMemory(
      hot.asset,
      headers.get("accept-encoding"),
      ifNoneMatch,
      hot.counters,
    );
    if (response !== undefined && this.#logsHot && this.#access.sampled()) {
      this.#logHot(request.url, response, hot);
    }
    return response;
  }

  #logHot(url: string, response: Response, hot: Hot): void {
    const { host, path } = targetOf(url)!;
    const { app, replica } = hot;
    const bytes = response.status === 200 ? hot.asset.file.size : 0;
    const at = this.#options.clock.now();
    this.#access.add({
      at,
      app,
      client: "",
      method: "GET",
      host,
      path,
      status: response.status,
      ms: 0,
      bytes,
      replica: replica.id,
      revision: replica.revision,
    });
  }

  #route(
    request: Request,
    info: Deno.ServeHandlerInfo<Deno.NetAddr>,
    proto: "http" | "https",
  ): Response | Promise<Response> {
    const { url, method, headers } = request;
    if (url.length > gatewayLimits.urlBytes) return problem(414, "The address of the request is too long.");
    if (method === "CONNECT" || method === "TRACE") return problem(405, `${method} is not served here.`);
    const target = targetOf(url);
    const host = headers.get("host");
    // A target that names another host than the Host field would be routed by one and served by the other.
    if (!target || (host !== null && host !== target.authority)) {
      return problem(400, "The request has no valid host or address.");
    }
    const route = this.#index.match(target.host, target.path);
    if (!route) {
      const other = this.#options.elsewhere?.(request, plainAddress(info.remoteAddr.hostname));
      if (other) return other;
      this.#unmatched++;
      return problem(404, this.#nothingAt(target.host));
    }
    const counters = this.#countersOf(route.app);
    if (method === "GET") this.#warm(url, target, route, counters);
    const client = plainAddress(info.remoteAddr.hostname);
    const upgrade = wantsUpgrade(headers) ? headers.get("upgrade")! : undefined;
    const trusted = this.#trusted.has(client);
    return answer({ request, target, route, counters, client, trusted, proto, upgrade }, this.#around);
  }

  #nothingAt(host: string): string {
    return this.#index.hasHost(host)
      ? `No app answers at this address of ${host}.`
      : `No app answers for the host ${host}. Check the name: a deployed app answers at <app>.${
        this.#domains[0] ?? "<domain>"
      } and at the hosts that its manifest's [http] route names.`;
  }

  /** Remembers that an address leads to a file of a local replica, until the next table. */
  #warm(url: string, target: Target, route: Route, counters: AppCounters): void {
    if (this.#hot.size >= gatewayLimits.hotPaths) return;
    const replica = route.replicas.find((r) => r.ready && r.local !== undefined);
    const found = replica && findStatic(replica.local!, "GET", target.path, prefixOf(route), null);
    if (found?.kind !== "asset" || found.status !== 200) return;
    this.#hot.set(url, {
      authority: target.authority,
      asset: found.asset,
      counters,
      app: route.app,
      replica: replica!,
      upgrades: route.replicas.some((r) => r.upgrade === true || r.local?.connect !== undefined),
    });
  }

  #localReplica(id: string, app: string, upgrade: boolean): ReplicaTarget {
    const named = this.#local.get(id);
    if (named?.ready) return named;
    for (const route of this.#index.ofApp(app)) {
      const local = route.replicas.filter((r) => r.local !== undefined);
      const other = this.#book.choose(local, new Set(), new Set(), upgrade);
      if (other) return other;
    }
    throw new AttemptError(notSent("The replica is not (or no longer) ready on that node."), false);
  }

  /** Counts a request at a replica; returns what ends it, once. */
  #enter(replica: string): () => void {
    this.#book.enter(replica);
    let over = false;
    return () => {
      if (!over) this.#book.leave(replica);
      over = true;
    };
  }

  async #upgradePeer(id: string, exchange: Exchange): Promise<{ answer: UpgradeAnswer; done: () => void }> {
    const replica = this.#localReplica(id, exchange.app, true);
    this.#countersOf(exchange.app).forPeers++;
    const done = this.#enter(replica.id);
    try {
      return { answer: await upgradeLocally(replica.local!, exchange), done };
    } catch (error) {
      done();
      throw error;
    }
  }

  async #answerPeer(id: string, exchange: Exchange): Promise<Answer> {
    const replica = this.#localReplica(id, exchange.app, false);
    this.#countersOf(exchange.app).forPeers++;
    const leave = this.#enter(replica.id);
    try {
      const answer = await answerLocally(replica.local!, exchange, this.#files);
      if (answer.body instanceof ReadableStream) {
        return { ...answer, body: metered(answer.body, () => {}, leave, exchange.signal) };
      }
      leave();
      return answer;
    } catch (error) {
      leave();
      throw error;
    }
  }
}

/** Makes a gateway and starts to listen. */
export async function createGateway(options: GatewayOptions): Promise<Gateway> {
  const gateway = new Gateway(options);
  if (options.table) gateway.setRoutes(options.table);
  await gateway.open();
  return gateway;
}
