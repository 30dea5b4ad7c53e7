/**
 * The agent: one node's parts put together. Events of the world go to the core; its effects are carried out here.
 * Start: database → core → mesh → content → gateway → orders. Stop: tell the others, then the reverse.
 */
import {
  admits,
  type AttemptOrder,
  type Core,
  createCore,
  type Effect,
  headsOf,
  isInTouch,
  isMember,
  nodeState,
  packagesInUse,
  type RunOrder,
  type Topic,
  usedByJobs,
} from "../core/mod.ts";
import { createGateway, createStaticSite, type Gateway, type LocalReplica, urlHost } from "../gateway/mod.ts";
import { createMesh, type Mesh } from "../mesh/mod.ts";
import { clearWork, prepareMounts, removeVolume } from "../packages/mod.ts";
import {
  createDisk,
  createHasher,
  createSigner,
  createVerifier,
  type Database,
  lockDirectory,
  openDatabase,
  systemClock,
  systemRandom,
} from "../platform/mod.ts";
import type { Log } from "../ports.ts";
import {
  channelOf,
  decodeMessage,
  type Digest,
  encodeMessage,
  gatewayLimits,
  type NodeId,
  nodeIdOf,
  type NodeInfo,
  RealmError,
  type RealmFile,
  shortId,
} from "../protocol/mod.ts";
import type { ProgramRuntime, Runtime } from "../runtimes/mod.ts";
import { openAccessFile } from "./access_file.ts";
import { type AuditLog, createAuditLog } from "./audit_log.ts";
import { type Contents, openContents } from "./contents.ts";
import { CoreLoop } from "./core_loop.ts";
import { Events } from "./event_stream.ts";
import { type Happenings, watchHappenings } from "./happenings.ts";
import { createLoopDelay, type LoopDelay } from "./loop_delay.ts";
import { admissionOf, answerJoin, askToJoin, inviteOf, isFounder } from "./joining.ts";
import { JobHost } from "./jobs/job_host.ts";
import { Keeper } from "./keeper.ts";
import { serveLogs } from "./log_stream.ts";
import { type Monitoring, startMonitoring } from "./monitoring.ts";
import { NativeHost } from "./native_host.ts";
import { createRecordTable } from "./record_table.ts";
import { ReplicaLogs } from "./replica_log.ts";
import type { Replica } from "./replica.ts";
import { Replicas } from "./replicas.ts";
import { routeTable } from "./routing.ts";

/** How a node is started. */
export interface AgentOptions {
  readonly dataDir: string;
  /** 32-byte seed of the node key. */
  readonly seed: Uint8Array;
  readonly realmFile: RealmFile;
  readonly name: string;
  readonly tags: readonly string[];
  /** Multiaddrs. */
  readonly listen: readonly string[];
  readonly announce?: readonly string[];
  readonly gateway: { readonly hostname: string; readonly port: number };
  /** PEM files of whatever is served by HTTPS. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Where apps are served by HTTPS besides. */
  readonly gatewayTls?: { readonly hostname: string; readonly port: number };
  /** See `GatewayOptions`. */
  readonly trustedProxies?: readonly string[];
  /** File that each request at the gateway is written to. */
  readonly accessLog?: string;
  readonly mdns: boolean;
  readonly relay: boolean;
  readonly version: string;
  readonly log: Log;
  /** Engines by kind; those that work are published. */
  readonly runtimes: readonly Runtime[];
  /** The engine for programs of the operating system, where there is one. */
  readonly native?: ProgramRuntime;
  /** Called when an invariant broke: the process must end. */
  readonly onCrash: (error: unknown) => void;
  /** MiB of memory that may be reserved; default 80 % of the machine's. */
  readonly memoryMb?: number;
}

/** How often the audit chain's head is published when it grew. */
const AUDIT_HEAD_MS = 60_000;

/** Parts that a running agent is made of; {@link startAgent} returns them wired. */
export interface Agent extends AsyncDisposable {
  readonly self: NodeId;
  readonly options: AgentOptions;
  readonly core: Core;
  readonly loop: CoreLoop;
  readonly mesh: Mesh;
  readonly contents: Contents;
  readonly gateway: Gateway;
  readonly replicas: Replicas;
  readonly jobs: JobHost;
  readonly logs: ReplicaLogs;
  readonly native: NativeHost;
  readonly audit: AuditLog;
  readonly events: Events;
  readonly database: Database;
  readonly loopDelay: LoopDelay;
  readonly monitoring: Monitoring;
  /** `http://host:port`. */
  readonly gatewayUrl: string;
  /** The API's address, once it listens: published to the others; and `host:port` of its sockets. */
  announceApi(address: string, sockets: readonly string[]): void;
  /** `host:port` of each socket of API and gateway. */
  readonly sockets: { readonly api: readonly string[]; readonly gateway: readonly string[] };
}

/** Starts a node. Throws `RealmError` when it cannot: address in use, refused by the realm, database of a later version. */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const { dataDir, log } = options;
  const clock = systemClock;
  const signer = createSigner(options.seed);
  const verifier = createVerifier();
  const self = nodeIdOf(signer.publicKey);
  const lock = await lockDirectory(dataDir);
  const database = openDatabase(`${dataDir}/realm.db`, clock.now());
  if (database.damaged) {
    log.error("realm.db was damaged and set aside; this node re-syncs from its peers", {
      file: database.damaged,
    });
  }
  const table = createRecordTable(database);
  const audit = createAuditLog(database, self);
  const core = createCore({ self, realm: options.realmFile.realm, signer, verifier });
  const events = new Events(database, clock.now());
  const loopDelay = createLoopDelay();
  const logs = new ReplicaLogs(`${dataDir}/logs`, () => options.name);
  const disk = createDisk();
  const hasher = createHasher();
  const world = { disk, hasher };

  // Filled in while starting; effects that come earlier find nothing to act on, and the whole state is set at the end.
  const late: {
    mesh?: Mesh;
    contents?: Contents;
    gateway?: Gateway;
    replicas?: Replicas;
    keeper?: Keeper;
    native?: NativeHost;
    happenings?: Happenings;
    jobs?: JobHost;
  } = {};
  /** Peers whose present message holds what no honest member sends. */
  const accused = new Set<NodeId>();
  let orders: readonly RunOrder[] = [];
  let attempts: readonly AttemptOrder[] = [];
  let neighbours: readonly NodeId[] = [];
  let routesQueued = false, leaving = false;
  let info: Omit<NodeInfo, "incarnation"> | undefined;

  const sinks = {
    persist: (effect: Extract<Effect, { t: "persist" }>) => table.store(effect.records),
    forget: (effect: Extract<Effect, { t: "forget" }>) => table.forget(effect.records),
    send: (effect: Extract<Effect, { t: "send" }>) =>
      late.mesh?.send(effect.to, encodeMessage(effect.message), channelOf(effect.message)),
    publish: (effect: Extract<Effect, { t: "publish" }>) => late.mesh?.publish(encodeMessage(effect.message)),
    connect: (effect: Extract<Effect, { t: "connect" }>) => {
      neighbours = effect.neighbours;
      late.mesh?.setNeighbours(neighbours);
    },
    run: (effect: Extract<Effect, { t: "run" }>) => {
      orders = effect.orders;
      late.replicas?.reconcile(orders);
      queueRoutes();
    },
    prefetch: (effect: Extract<Effect, { t: "prefetch" }>) =>
      effect.packages.forEach((p) => late.contents?.prefetch(p, holdersOf(p))),
    attempts: (effect: Extract<Effect, { t: "attempts" }>) => {
      attempts = effect.orders;
      late.jobs?.reconcile(attempts);
    },
    prefetchBlobs: (effect: Extract<Effect, { t: "prefetch_blobs" }>) => late.jobs?.prefetch(effect.blobs),
    audit: (entry: Parameters<AuditLog["append"]>[0]) => {
      audit.append(entry, clock.now());
      const refused = entry.result === "refused";
      events.emit("audit", `${entry.action} ${entry.result}`, entry.target, refused ? "warning" : undefined);
    },
    misbehaved: (effect: Extract<Effect, { t: "misbehaved" }>) => {
      log.warn("a member misbehaved", { peer: shortId(effect.peer), why: effect.why });
      accused.add(effect.peer);
    },
    changed: (topics: ReadonlySet<Topic>) => {
      if (topics.has("members") && late.mesh) {
        late.mesh.membershipChanged();
        late.contents?.exchange.membersChanged();
      }
      if (topics.has("nodes") || topics.has("apps") || topics.has("members")) queueRoutes();
      if (topics.has("apps")) dropVolumes();
      if (topics.has("nodes")) late.native?.changed();
      if (["apps", "pins", "members", "nodes"].some((t) => topics.has(t as Topic))) late.keeper?.changed();
      for (const topic of topics) events.changed(topic);
      late.happenings?.changed();
      const keeps = ["apps", "jobs", "pins", "members", "nodes"];
      if (keeps.some((t) => topics.has(t as Topic))) late.keeper?.changed();
      if (topics.has("jobs") || topics.has("nodes")) late.jobs?.changed();
      for (const topic of topics) events.emit(topic, "changed");
    },
  };
  const loop = new CoreLoop(core, sinks, clock, log, options.onCrash);

  /** Who surely has a package: the node that took its upload, and those that run it. */
  function holdersOf(digest: Digest): NodeId[] {
    const holders = new Set<NodeId>();
    for (const app of core.apps.values()) {
      for (const revision of app.revisions) {
        if (revision.spec.package !== digest) continue;
        const via = core.commands.get(revision.of ?? revision.id)?.via;
        if (via) holders.add(via);
        for (const [node, statuses] of app.statuses) {
          const runs = [...statuses.values()].some((status) =>
            status.state === "healthy" && status.revision === revision.id
          );
          if (runs) holders.add(node);
        }
      }
    }
    holders.delete(self);
    return [...holders].filter((id) => nodeState(core, id) === "alive");
  }
  function localOf(id: string): LocalReplica | undefined {
    const replica = leaving ? undefined : late.replicas?.get(id);
    return replica ? localReplica(replica) : undefined;
  }
  /** One table for many changes: built once at the end of the present turn. */
  function queueRoutes(): void {
    if (routesQueued || !late.gateway) return;
    routesQueued = true;
    queueMicrotask(() => {
      routesQueued = false;
      setRoutes();
    });
  }
  function setRoutes(): void {
    const rtts = new Map(late.mesh?.peers().map((p) => [p.id, p.rttMs]) ?? []);
    late.gateway?.setRoutes(routeTable(core, localOf, (node) => rtts.get(node)));
  }
  /** Volumes go only when their app was removed with them, by a person's explicit wish. */
  function dropVolumes(): void {
    for (const app of core.apps.values()) {
      if (
        !app.removed?.volumes || app.desired ||
        database.meta(`dropped/${app.name}`) === String(app.removed.at)
      ) continue;
      if (late.replicas?.list().some((r) => r.order.app === app.name)) continue;
      database.setMeta(`dropped/${app.name}`, String(app.removed.at));
      const names = new Set(
        [...app.commands.values()].flatMap((c) => c.kind === "app.deploy" ? c.body.spec.volumes : []),
      );
      for (const volume of names) {
        removeVolume(world, dataDir, app.name, volume).catch((error) =>
          log.error("a volume could not be removed", { app: app.name, volume, error: String(error) })
        );
      }
    }
  }

  // What this node knew; it is a member already, or becomes one now.
  const inTouchAt = database.meta("in_touch_at"), heads = database.meta("heads");
  loop.feed({
    t: "load",
    records: table.load(),
    ...(inTouchAt === undefined ? {} : { inTouchAt: Number(inTouchAt) }),
    ...(heads === undefined ? {} : { heads: JSON.parse(heads) }),
  });
  const invite = inviteOf(options.realmFile);
  const admission = () => admissionOf(options.realmFile, self, signer, options.name, clock.now());
  if (!isMember(core.members, self)) {
    if (isFounder(invite) && invite.until > clock.now()) {
      const reply = loop.ask((ref) => ({ t: "join", ref, admission: admission() }));
      if (!reply.ok) throw new RealmError(reply.code, reply.message);
    } else {
      const known = JSON.parse(database.meta("addresses") ?? "[]") as string[];
      const addresses = [...new Set([...invite.bootstrap, ...known])];
      const records = await askToJoin({ addresses, seed: options.seed, admission: admission(), verifier });
      loop.feed({ t: "load", records, fresh: true });
      if (!isMember(core.members, self)) {
        throw new RealmError(
          "not_member",
          "the realm let this node in but its proof does not hold; update Realm on all nodes",
        );
      }
    }
  }

  const mesh = late.mesh = await createMesh({
    privateKey: options.seed,
    realm: options.realmFile.realm,
    listen: options.listen,
    ...(options.announce ? { announce: options.announce } : {}),
    bootstrap: invite.bootstrap,
    isMember: (id) => admits(core, id),
    addressesOf: (id) => core.infos.get(id)?.addresses ?? [],
    onMessage: (from, bytes) => receive(from, bytes),
    onGossip: (from, bytes) => receive(from, bytes),
    onPeer: (id, state) => loop.feed({ t: "peer", id, connected: state === "connected" }),
    onMisbehaviour: (id, what, cutOff) =>
      sinks.audit({
        actor: id,
        action: "misbehaviour",
        target: self,
        result: "refused",
        detail: `${JSON.stringify(what)}${cutOff ? "; cut off" : ""}`,
      }),
    join: (from, request) =>
      Promise.resolve(
        answerJoin(request, from, (asked) => loop.ask((ref) => ({ t: "join", ref, admission: asked }))),
      ),
    relay: options.relay,
    mdns: options.mdns,
    clock,
    log,
  });
  function receive(from: NodeId, bytes: Uint8Array): boolean {
    const message = decodeMessage(bytes);
    if (!message.ok) return false;
    accused.delete(from);
    loop.feed({ t: "message", from, message: message.value });
    return !accused.delete(from);
  }

  const contents = late.contents = await openContents({
    dataDir,
    disk,
    hasher,
    clock,
    random: systemRandom,
    log,
    streams: mesh.streams,
    members: () => [...core.members.admitted.keys()].filter((id) => isMember(core.members, id)),
    inUse: () => ({
      pins: new Set([
        ...[...core.pins].filter(([, { pin }]) => pin).map(([digest]) => digest),
        ...usedByJobs(core.jobs, clock.now()),
      ]),
      packages: packagesInUse(core),
    }),
    onDamaged: (digest) =>
      sinks.audit({ actor: self, action: "blob damaged", target: digest, result: "refused" }),
    onMisbehaviour: (peer, why) => log.warn("a member sent wrong content", { peer: shortId(peer), why }),
  });
  serveLogs(mesh.streams, logs);
  const accessFile = options.accessLog === undefined ? undefined : openAccessFile(options.accessLog, log);
  const gateway = late.gateway = await createGateway({
    listen: [
      options.gateway,
      ...options.gatewayTls && options.tls ? [{ ...options.gatewayTls, tls: options.tls }] : [],
    ],
    trustedProxies: options.trustedProxies ?? [],
    ...(accessFile ? { accessLog: accessFile } : {}),
    streams: mesh.streams,
    disk,
    clock,
    log,
  });
  const { hostname } = options.gateway;
  const reachedAt = hostname === "0.0.0.0" || hostname === "localhost" ? "127.0.0.1" : hostname;
  const gatewayUrl = `http://${urlHost(reachedAt)}:${gateway.addresses[0].port}`;
  const sockets = {
    api: [] as readonly string[],
    gateway: gateway.addresses.map((a) => `${urlHost(a.hostname)}:${a.port}`),
  };

  const runtimes = new Map(options.runtimes.map((r) => [r.kind, r]));
  const preparing = new Map<string, Promise<unknown>>();
  const replicas = late.replicas = new Replicas(
    {
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
      startRun(spec, onLog, signal) {
        const runtime = runtimes.get("wasm");
        if (!runtime) throw new RealmError("unavailable", "this node has no wasm runtime");
        return runtime.start(spec, onLog, signal);
      },
      cacheDir: `${dataDir}/cache/wasm`,
      report: (status) => loop.feed({ t: "replica", status }),
      log: (order, chunk) => logs.write(order.app, order.replica, chunk),
      note: (order, text) => logs.note(order.app, order.replica, text),
      lastLines: (order) => logs.tail(order.app, 20, order.replica).map((l) => l.text).join("\n"),
      changed: queueRoutes,
      drained(order, withinMs) {
        // The table in force may still name it: nothing new must reach it from here on.
        setRoutes();
        return gateway.idle(order.replica, withinMs);
      },
    },
    (app) => !core.apps.get(app)?.desired,
    (replica) => {
      loop.feed({ t: "gone", replica });
      dropVolumes();
      queueRoutes();
    },
  );

  const native = late.native = await NativeHost.open({
    core,
    dataDir,
    runtime: options.native,
    audit: (action, target, result, detail) => sinks.audit({ actor: self, action, target, result, detail }),
    publish(told) {
      if (!info) return;
      info = { ...info, native: told };
      loop.feed({ t: "info", info });
    },
  });
  const jobs = new JobHost({
    dataDir,
    disk,
    core,
    contents,
    streams: mesh.streams,
    log,
    startProgram: (order, spec, onLog, signal) => native.start(order.run, spec, onLog, signal),
    startRun(spec, onLog, signal) {
      const runtime = runtimes.get("wasm");
      if (!runtime) throw new RealmError("unavailable", "this node has no wasm runtime");
      return runtime.start(spec, onLog, signal);
    },
    report: (run, status) => loop.feed({ t: "attempt", run, status }),
  });
  const probes = await Promise.all(options.runtimes.map((r) => r.probe()));
  const memory = Math.floor(Deno.systemMemoryInfo().total / 1024 / 1024 * 0.8);
  const space = await disk.space(dataDir);
  info = {
    name: options.name,
    addresses: [...mesh.addresses()],
    platform: `${Deno.build.os}/${Deno.build.arch === "x86_64" ? "amd64" : "arm64"}`,
    version: options.version,
    tags: [...options.tags],
    cpu_cores: navigator.hardwareConcurrency,
    memory_mb: options.memoryMb ?? memory,
    disk_mb: Math.floor(space.free / 1024 / 1024),
    runtimes: [
      ...probes.filter((p) => p.available).map((p) => p.kind),
      ...(options.native ? [options.native.kind] : []),
    ],
    ...(native.told ? { native: native.told } : {}),
    gateway: gatewayUrl,
    started_at: clock.now(),
  };
  const keeper = late.keeper = new Keeper(core, contents, holdersOf, clock, log);
  loop.feed({ t: "info", info });
  // What runs of a process before this one left holds files that are removed next.
  await options.native?.recover();
  await jobs.recover();
  late.jobs = jobs;
  native.changed();
  jobs.reconcile(attempts);
  keeper.changed();
  mesh.setNeighbours(neighbours);
  replicas.reconcile(orders);
  queueRoutes();

  /** What the next start goes on from: how far the records are whole, and when that was. */
  const remember = () => {
    if (!isInTouch(core, clock.now())) return;
    database.transaction(() => {
      database.setMeta("heads", JSON.stringify(headsOf(core.store)));
      database.setMeta("in_touch_at", String(clock.now()));
    });
  };
  let published = audit.head().count;
  const auditTimer = setInterval(() => {
    const head = audit.head();
    remember();
    if (head.count !== published) loop.feed({ t: "audited", ...head });
    published = head.count;
    const addresses = [...core.infos].filter(([id]) => id !== self && isMember(core.members, id)).flatMap((
      [, i],
    ) => i.addresses.slice(0, 2)).slice(0, 64);
    if (addresses.length > 0) database.setMeta("addresses", JSON.stringify(addresses));
  }, AUDIT_HEAD_MS);
  log.info("node is up", {
    node: shortId(self),
    name: options.name,
    gateway: gatewayUrl,
    addresses: mesh.addresses(),
  });

  const parts = { mesh, contents, gateway, replicas, jobs, native };
  const watched = {
    self,
    options,
    core,
    loop,
    ...parts,
    logs,
    audit,
    events,
    database,
    loopDelay,
    gatewayUrl,
    sockets,
  };
  const monitoring = startMonitoring(watched, world);
  const watch = late.happenings = watchHappenings(core, events);
  events.emit("node", `${options.name} started, version ${options.version}`, self);
  return {
    ...watched,
    monitoring,
    announceApi(api, listening) {
      sockets.api = listening;
      info = { ...info!, api };
      loop.feed({ t: "info", info });
    },
    async [Symbol.asyncDispose]() {
      clearInterval(auditTimer);
      loopDelay[Symbol.dispose]();
      keeper[Symbol.dispose]();
      await parts.jobs.stop();
      loop.feed({ t: "leave" });
      loop.feed({ t: "tick" });
      remember();
      // Others hear that this node leaves, and what reaches it meanwhile goes to them.
      leaving = true;
      setRoutes();
      await Promise.all([
        parts.replicas.stopAll(gatewayLimits.stopMs),
        parts.gateway.close(gatewayLimits.stopMs),
      ]);
      accessFile?.[Symbol.dispose]();
      loop[Symbol.dispose]();
      watch[Symbol.dispose]();
      monitoring[Symbol.dispose]();
      await parts.contents[Symbol.asyncDispose]();
      await parts.mesh.stop();
      for (const runtime of options.runtimes) await runtime[Symbol.asyncDispose]();
      logs[Symbol.dispose]();
      events[Symbol.dispose]();
      database[Symbol.dispose]();
      lock[Symbol.dispose]();
    },
  };
}

const sites = new WeakMap<Replica, LocalReplica["static"]>();

/** How the gateway calls a replica here; `undefined` while it cannot be called. */
function localReplica(replica: Replica): LocalReplica | undefined {
  const ready = replica.package;
  if (!ready || (replica.state !== "healthy" && replica.state !== "stopping")) return undefined;
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
  const handle = replica.handle;
  if (manifest.component && !handle) return undefined;
  return {
    ...(site ? { static: site } : {}),
    ...(handle ? { serve: handle.serve.bind(handle) } : {}),
  };
}
