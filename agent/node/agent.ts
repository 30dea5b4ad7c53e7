/**
 * The agent: one node's parts put together. Events of the world go to the core; its effects are carried out here.
 * Start: database → core → mesh → content → gateway → orders. Stop: tell the others, then the reverse.
 */
import {
  admits,
  blobsOfServices,
  createCore,
  createRecordOpener,
  isMember,
  packagesInUse,
  releaseBlobs,
  usedByJobs,
} from "../core/mod.ts";
import { createGateway, urlHost } from "../gateway/mod.ts";
import type { AgentOptions } from "./agent_options.ts";
import { packageHolders } from "./holders.ts";
import { createRoutes } from "./routes.ts";
import { VolumeRemovals } from "./volumes.ts";
import { createMesh } from "../mesh/mod.ts";
import {
  createDisk,
  createHasher,
  createVerifier,
  lockDirectory,
  openDatabase,
  systemClock,
  systemRandom,
} from "../platform/mod.ts";
import {
  decodeMessage,
  type Digest,
  gatewayLimits,
  type NodeId,
  type NodeInfo,
  RealmError,
  shortId,
} from "../protocol/mod.ts";
import { openAccessFile } from "./access_file.ts";
import { createAuditLog } from "./audit_log.ts";
import { openContents } from "./contents.ts";
import { CoreLoop } from "./core_loop.ts";
import { createEffects, type Started } from "./effects.ts";
import { Events } from "./event_stream.ts";
import { watchHappenings } from "./happenings.ts";
import { createLoopDelay } from "./loop_delay.ts";
import { admissionOf, answerJoin, becomeMember, inviteOf } from "./joining.ts";
import { nodeInfo } from "./node_info.ts";
import { CommitStatuses } from "./forge/commit_statuses.ts";
import { ForgeDoor, plainProblem } from "./forge/forge_door.ts";
import { gitVersion } from "./git/git_command.ts";
import { JobHost, type JobHostOptions } from "./jobs/job_host.ts";
import { Notifier } from "./jobs/notifier.ts";
import { RepositoryLooks } from "./jobs/repository_looks.ts";
import { Keeper } from "./keeper.ts";
import { serveLogs } from "./log_stream.ts";
import { startMonitoring } from "./monitoring.ts";
import { NativeHost } from "./native_host.ts";
import { createRecordTable } from "./record_table.ts";
import { startRemembering } from "./remembering.ts";
import { ownIdentity } from "./own_identity.ts";
import { NodeSecrets } from "./secrets.ts";
import { ReplicaLogs } from "./replica_log.ts";
import { ServiceAdoptions } from "./service_adoption.ts";
import { ServicePorts } from "./service_ports.ts";
import { serviceWorld } from "./service_secrets.ts";
import { replicaWorld } from "./replica_world.ts";
import { Replicas } from "./replicas.ts";
import { openUpgrading } from "./upgrading.ts";
import type { Agent } from "./running_agent.ts";

/** Starts a node. Throws `RealmError` when it cannot: address in use, refused by the realm, database of a later version. */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const { dataDir, log } = options;
  const clock = systemClock;
  const { signer, self } = ownIdentity(options);
  const verifier = createVerifier();
  const lock = await lockDirectory(dataDir);
  // Answers while the parts below are made.
  const git = gitVersion();
  const database = openDatabase(`${dataDir}/realm.db`, clock.now());
  if (database.damaged) {
    log.error("realm.db was damaged and set aside; this node re-syncs from its peers", {
      file: database.damaged,
    });
  }
  const table = createRecordTable(database, self);
  const audit = createAuditLog(database, self);
  const core = createCore({
    self,
    realm: options.realmFile.realm,
    signer,
    verifier,
    open: createRecordOpener(verifier),
  });
  const events = new Events(database, clock.now());
  const loopDelay = createLoopDelay();
  const logs = new ReplicaLogs(`${dataDir}/logs`, () => options.name);
  const disk = createDisk();
  const hasher = createHasher();
  const world = { disk, hasher };

  const late: Started = {};
  /** Peers whose present message holds what no honest member sends. */
  const accused = new Set<NodeId>();
  let info: Omit<NodeInfo, "incarnation"> | undefined;

  const notifier = new Notifier(log);
  const holdersOf = (digest: Digest) => packageHolders(core, digest);
  const routes = createRoutes(core, {
    replica: (id) => late.replicas?.get(id),
    rtts: () => late.mesh?.peers().map((p) => [p.id, p.rttMs] as const) ?? [],
    setRoutes: (table) => late.gateway?.setRoutes(table),
  });
  const volumes = new VolumeRemovals({
    core,
    database,
    world,
    dataDir,
    log,
    runs: (app) => late.replicas?.list().some((r) => r.order.app === app) ?? false,
  });
  const { sinks, wanted } = createEffects(
    { core, table, audit, events, notifier, routes, volumes, clock, log },
    late,
    accused,
  );
  const loop = new CoreLoop(core, sinks, clock, log, options.onCrash);
  const secrets = late.secrets = new NodeSecrets({
    core,
    seed: options.seed,
    random: systemRandom,
    audit: sinks.audit,
    feed: (event) => loop.feed(event),
  });

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
    const known = JSON.parse(database.meta("addresses") ?? "[]") as string[];
    await becomeMember({ core, loop, invite, known, seed: options.seed, admission, verifier, log });
  }

  const mesh = late.mesh = await createMesh({
    privateKey: options.seed,
    publicKey: signer.publicKey,
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
        ...usedByJobs(core.jobs, clock.now(), self),
        ...releaseBlobs(core),
        ...blobsOfServices(core),
      ]),
      packages: packagesInUse(core),
    }),
    onDamaged: (digest) =>
      sinks.audit({ actor: self, action: "blob damaged", target: digest, result: "refused" }),
    onMisbehaviour: (peer, why) => log.warn("a member sent wrong content", { peer: shortId(peer), why }),
  });
  serveLogs(mesh.streams, logs);
  const accessFile = options.accessLog === undefined ? undefined : openAccessFile(options.accessLog, log);
  const forge = new ForgeDoor({
    core,
    clock,
    log,
    openSecret: secrets.openFor,
    pushed: (schedule, push) => loop.feed({ t: "pushed", schedule, push }),
    audit: sinks.audit,
  });
  const gateway = late.gateway = await createGateway({
    elsewhere: (request, client) => forge.answer(request, client)?.catch((error) => plainProblem(error, log)),
    // What this node knew before its start: a request that comes at once goes to the others.
    table: routes.table(),
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

  const startRun: JobHostOptions["startRun"] = (spec, onLog, signal) => {
    const runtime = options.runtimes.find((r) => r.kind === "wasm");
    if (!runtime) throw new RealmError("unavailable", "this node has no wasm runtime");
    return runtime.start(spec, onLog, signal);
  };
  // What else runs of a process before this one left is ended: it holds files that are removed below.
  const survivors = await options.native?.recover() ?? [];
  const ports = new ServicePorts(), adoptions = new ServiceAdoptions(survivors, ports);
  let leave = false;
  const replicas = new Replicas(
    replicaWorld({
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
      attempts: () => serviceWorld(jobs.world, secrets, ports),
      adoptions,
      viaOf: (revision) => core.commands.get(revision)?.via ?? self,
    }),
    (app) => !core.apps.get(app)?.desired,
    (replica) => {
      loop.feed({ t: "gone", replica });
      volumes.changed();
      routes.changed();
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
    survivors,
    openSecret: (name, order) => secrets.open(name, order),
    startProgram: (order, spec, onLog, signal) => native.start(order.run, spec, onLog, signal),
    startRun,
    report: (run, status) => loop.feed({ t: "attempt", run, status }),
    cached: (entry) => loop.feed({ t: "cached", entry }),
  });
  const statuses = late.statuses = new CommitStatuses({ log, openSecret: secrets.openFor });
  const looks = late.looks = new RepositoryLooks({
    git: jobs.git,
    openSecret: secrets.openFor,
    looked: (schedule, seen) => loop.feed({ t: "looked", schedule, seen }),
  });
  info = await nodeInfo(options, disk, {
    addresses: mesh.addresses(),
    gateway: gatewayUrl,
    startedAt: clock.now(),
    native: native.told,
    git: await git,
  });
  const upgrading = await openUpgrading({ options, core, loop, contents, disk, hasher, jobs, mesh, clock });
  const keeper = late.keeper = new Keeper(core, contents, holdersOf, clock, log);
  late.upgrading = upgrading;
  // How the last upgrade ended here is said before the next order can come.
  upgrading.begin();
  loop.feed({ t: "info", info, goOn: jobs.survivors });
  await jobs.recover(wanted.attempts);
  await adoptions.recover(wanted.orders, disk, dataDir);
  jobs.keepSecrets([...jobs.survivors, ...adoptions.replicas]);
  // Not before what outlived the last process is found: it is gone on with, not begun anew.
  late.replicas = replicas;
  late.jobs = jobs;
  native.changed();
  jobs.reconcile(wanted.attempts);
  keeper.changed();
  mesh.setNeighbours(wanted.neighbours);
  replicas.reconcile(wanted.orders);
  routes.changed();

  const remembering = startRemembering({ core, loop, database, audit, now: clock.now });
  log.info("node is up", {
    node: shortId(self),
    name: options.name,
    gateway: gatewayUrl,
    addresses: mesh.addresses(),
  });

  const parts = { mesh, contents, gateway, replicas, jobs, native, forge, upgrading };
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
    handOver: () => leave = true,
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
      // One whose API never answered is started again.
      leave ||= sockets.api.length === 0;
      loopDelay[Symbol.dispose]();
      native[Symbol.dispose]();
      keeper[Symbol.dispose]();
      upgrading[Symbol.dispose]();
      looks[Symbol.dispose]();
      statuses[Symbol.dispose]();
      const left = await parts.jobs.stop(leave);
      loop.feed({ t: "leave" });
      loop.feed({ t: "tick" });
      notifier[Symbol.dispose]();
      remembering[Symbol.dispose]();
      // Others hear that this node leaves, and what reaches it meanwhile goes to them.
      routes.leave();
      await Promise.all([
        parts.replicas.stopAll(gatewayLimits.stopMs, leave),
        parts.gateway.close(gatewayLimits.stopMs),
        ...parts.mesh.peers().length > 0
          ? [new Promise((resolve) => setTimeout(resolve, gatewayLimits.leaveMs))]
          : [],
      ]);
      const goOn = parts.replicas.list().filter((r) => r.isLeft).map((r) => r.order.replica);
      parts.jobs.keepSecrets([...left, ...goOn]);
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
