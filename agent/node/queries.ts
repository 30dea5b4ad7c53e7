/** Views of the core's state for people and programs. Pure reads. */
import { clockProblem } from "../monitor/mod.ts";
import {
  type AppState,
  candidates,
  commitsOfRevision,
  controllerOf,
  type Core,
  isCatchingUp,
  keptRevisions,
  knownGrants,
  nodeState,
  numberOf,
  policyFor,
  reservedMb,
  revisionOf,
  schedulingOf,
  settingsOf,
  statusOf,
  storeDigest,
  tagsOf,
} from "../core/mod.ts";
import {
  type AppMetricsView,
  type AppView,
  countReplicas,
  defaultPolicy,
  type KeyView,
  narrowPolicy,
  type NodeId,
  type NodeView,
  type PolicyView,
  type ProblemFound,
  type RealmView,
  type ReplicaView,
  type RevisionView,
  type RolloutView,
  shortId,
} from "../protocol/mod.ts";
import { nameOf } from "./names.ts";
import { secretProblems } from "./secret_views.ts";

export { nameOf } from "./names.ts";

/** What the core does not know but the node does. */
export interface Surroundings {
  readonly version: string;
  now(): number;
  /** Connected members. */
  peers(): readonly {
    readonly id: NodeId;
    readonly address: string;
    readonly rttMs?: number;
    readonly since: number;
  }[];
  /** Round trip measured last, milliseconds. */
  rttMs(id: NodeId): number | undefined;
  /** How far this node's clock is behind its peers', milliseconds. */
  clockBehindMs(): number | undefined;
  /** `http://host:port` of the gateway. */
  gateway(): string | undefined;
  metrics(app: string): AppMetricsView | undefined;
}

/** All members, those removed too, by name. */
export function nodeViews(core: Core, around: Surroundings): NodeView[] {
  const reserved = reservedMb(core);
  const peers = new Map(around.peers().map((p) => [p.id, p]));
  const replicas = new Map<NodeId, number>();
  for (const app of core.apps.values()) {
    for (const r of app.decision?.value.replicas ?? []) {
      if (!r.ended) replicas.set(r.node, (replicas.get(r.node) ?? 0) + 1);
    }
  }
  return [...core.members.admitted.values()].map((member): NodeView => {
    const peer = peers.get(member.id);
    const info = core.infos.get(member.id);
    const rtt = peer && (around.rttMs(member.id) ?? peer.rttMs);
    return {
      id: member.id,
      name: nameOf(core, member.id),
      self: member.id === core.config.self,
      state: nodeState(core, member.id),
      scheduling: schedulingOf(core, member.id),
      tags: tagsOf(core, member),
      joined_at: member.joinedAt,
      ...(info ? { info } : {}),
      reserved_mb: reserved.get(member.id) ?? 0,
      replicas: replicas.get(member.id) ?? 0,
      ...(peer
        ? {
          connection: {
            address: peer.address,
            since: peer.since,
            ...(rtt === undefined ? {} : { rtt_ms: rtt }),
          },
        }
        : {}),
    };
  }).sort((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : a.id < b.id ? -1 : 1);
}

/** A node by id, name or unique beginning of its short id. */
export function findNode(core: Core, name: string): NodeId | undefined {
  if (core.members.admitted.has(name)) return name;
  const ids = [...core.members.admitted.keys()];
  const byName = ids.filter((id) => nameOf(core, id) === name);
  if (byName.length === 1) return byName[0];
  const byShort = ids.filter((id) => name.length >= 4 && (shortId(id).startsWith(name) || id.endsWith(name)));
  return byShort.length === 1 ? byShort[0] : undefined;
}

function replicaViews(core: Core, app: AppState): ReplicaView[] {
  return (app.decision?.value.replicas ?? []).map((r) => {
    const heard = statusOf(app, r);
    const node = nodeState(core, r.node);
    const lost = node === "unreachable" || node === "left" || node === "removed";
    const reason = r.ended ? r.ended.reason : heard?.reason;
    return {
      id: r.id,
      slot: r.slot,
      node: r.node,
      node_name: nameOf(core, r.node),
      revision: r.revision,
      version: revisionOf(app, r.revision)?.spec.version ?? "?",
      state: r.ended
        ? "ended" as const
        : lost
        ? "node unreachable" as const
        : heard?.state ?? "pending" as const,
      ...(reason === undefined ? {} : { reason }),
      restarts: r.ended?.restarts ?? heard?.restarts ?? 0,
      ...(heard?.progress === undefined ? {} : { progress: heard.progress }),
      since: r.ended?.at ?? heard?.since ?? r.at,
    };
  });
}

function linksOf(routes: readonly string[], gateway: string | undefined): string[] {
  if (!gateway) return [];
  const port = new URL(gateway).port;
  return routes.map((route) => {
    const slash = route.indexOf("/");
    const host = slash < 0 ? route : route.slice(0, slash);
    const path = slash < 0 ? "/" : route.slice(slash);
    return `http://${host.includes(".") ? host : `${host}.localhost`}${port ? `:${port}` : ""}${path}`;
  });
}

/** A rollout under way: what replaces what, and how far it is. */
function rolloutOf(app: AppState, replicas: readonly ReplicaView[]): RolloutView | undefined {
  const decision = app.decision?.value;
  const to = decision && revisionOf(app, decision.revision);
  // The version that stood before: replicas that were lost are made up for, nothing new comes.
  if (!to || decision.phase !== "rolling" || decision.good === to.id) return undefined;
  const from = decision.good === undefined ? undefined : revisionOf(app, decision.good);
  const wanted = app.desired?.replicas ?? 0;
  const fresh = replicas.filter((r) => r.revision === to.id);
  return {
    ...(from ? { from: { version: from.spec.version, revision: from.id } } : {}),
    to: { version: to.spec.version, revision: to.id },
    done: fresh.filter((r) => r.state === "healthy" || r.state === "ended").length,
    total: wanted === "all" ? Math.max(fresh.length, new Set(replicas.map((r) => r.slot)).size) : wanted,
    since: decision.since,
  };
}

/** One app; `undefined` when nothing was ever wished of it or it is gone. */
export function appView(core: Core, app: AppState, around: Surroundings): AppView | undefined {
  const decision = app.decision?.value;
  const running = (decision?.replicas.length ?? 0) > 0;
  if (!app.desired && !running) return undefined;
  const standing = decision && revisionOf(app, decision.revision);
  const shown = standing ?? app.desired?.revision;
  const replicas = replicaViews(core, app);
  const commits = shown && commitsOfRevision(app, shown);
  const rejected = app.desired && decision?.rejected.find((r) => r.revision === app.desired!.revision.id);
  const routes = shown?.spec.routes ?? [];
  const controller = controllerOf(core, `app/${app.name}`);
  const metrics = around.metrics(app.name);
  const rollout = rolloutOf(app, replicas);
  return {
    name: app.name,
    ...(shown
      ? {
        version: shown.spec.version,
        kind: shown.spec.kind,
        revision: shown.id,
        package: shown.spec.package,
      }
      : {}),
    ...(commits ? { commits } : {}),
    phase: decision?.phase ?? "pending",
    wanted: app.desired?.replicas ?? 0,
    healthy: replicas.filter((r) => r.state === "healthy").length,
    replicas,
    tags: app.desired?.tags ?? [],
    ...(app.desired ? { strategy: app.desired.strategy } : {}),
    routes,
    links: linksOf(routes, around.gateway()),
    volumes: (decision?.volumes ?? []).flatMap((v) =>
      (shown?.spec.volumes ?? []).map((name) => ({
        name,
        slot: v.slot,
        node: v.node,
        node_name: nameOf(core, v.node),
      }))
    ),
    ...(controller === undefined ? {} : { controller }),
    epoch: decision?.epoch ?? 0,
    since: decision?.since ?? shown?.at ?? 0,
    ...(rollout ? { rollout } : {}),
    ...(rejected ? { rejected: { revision: rejected.revision, reason: rejected.reason } } : {}),
    ...(metrics ? { metrics } : {}),
  };
}

/** All apps, by name. */
export function appViews(core: Core, around: Surroundings): AppView[] {
  return [...core.apps.values()].flatMap((app) => appView(core, app, around) ?? []).sort((a, b) =>
    a.name < b.name ? -1 : 1
  );
}

/** Deploys and rollbacks of an app, newest first. */
export function historyView(app: AppState): RevisionView[] {
  const decision = app.decision?.value;
  return [...keptRevisions(app)].reverse().map((r): RevisionView => {
    const rejected = decision?.rejected.find((x) => x.revision === r.id);
    const state = rejected
      ? "rejected"
      : decision?.revision === r.id
      ? decision.phase === "rolling" ? "rolling" : "current"
      : app.desired?.revision.id === r.id && !decision
      ? "rolling"
      : "past";
    return {
      id: r.id,
      number: numberOf(app, r),
      kind: r.kind,
      version: r.spec.version,
      package: r.spec.package,
      at: r.at,
      by: r.by,
      ...(r.of === undefined ? {} : { of: r.of }),
      state,
      ...(rejected ? { reason: rejected.reason } : {}),
    };
  });
}

/** Keys that hold or held a role; the owner first. */
export function keyViews(core: Core): KeyView[] {
  const owner: KeyView = { key: core.config.realm, role: "owner" };
  const granted = knownGrants(core).map(({ grant, issuer, revokedAt }): KeyView => ({
    key: grant.key,
    role: grant.role,
    issuer,
    from: grant.from,
    until: grant.until,
    ...(grant.name === undefined ? {} : { name: grant.name }),
    ...(revokedAt === undefined ? {} : { revoked_at: revokedAt }),
  }));
  return [owner, ...granted.sort((a, b) => (a.from ?? 0) - (b.from ?? 0))];
}

/** What nodes may run. */
export function policyView(core: Core): PolicyView {
  const nodes = [...core.members.admitted.values()].filter((m) => m.removedAt === undefined);
  return {
    realm: settingsOf(core.policies, "realm"),
    defaults: defaultPolicy,
    nodes: nodes.map(({ id, name }) => {
      const info = core.infos.get(id);
      const file = info?.native?.narrowed;
      const allowed = policyFor(core.policies, id);
      return {
        node: id,
        name: info?.name ?? name,
        own: settingsOf(core.policies, id),
        ...(file ? { file } : {}),
        effective: file ? narrowPolicy(allowed, file) : allowed,
      };
    }).sort((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : a.node < b.node ? -1 : 1),
  };
}

/** Free disk space below which a node is in trouble soon. */
const LOW_DISK_MB = 1_024;
/** Keys are told of this long before they end. */
const KEY_WARNING_MS = 14 * 24 * 3_600_000;

function nodeProblems(n: NodeView): ProblemFound[] {
  const about = { what: `node ${n.name}`, target: { kind: "node", id: n.id } as const };
  if (n.state === "unreachable") return [{ ...about, why: "is unreachable", fix: `realm why ${n.name}` }];
  if (n.state === "alive" && n.info && n.info.disk_mb < LOW_DISK_MB) {
    const why = `had ${n.info.disk_mb} MiB of disk left when it started; packages and blobs will not fit`;
    return [{ ...about, why, fix: `realm node diagnose ${n.name}` }];
  }
  return [];
}

function appProblems(a: AppView): ProblemFound[] {
  const about = { what: `app ${a.name}`, target: { kind: "app", id: a.name } as const };
  const { wanted, well, ended } = countReplicas(a);
  if (a.rejected) {
    const why = `a new version was rolled back: ${a.rejected.reason.split("\n")[0]}`;
    return [{ ...about, why, fix: `realm app logs ${a.name}` }];
  }
  if (well) return [];
  const ill = a.replicas.filter((r) => r.state !== "healthy" && r.state !== "ended");
  const bad = ill.find((r) =>
    r.state === "node unreachable" || r.state === "failed" || r.state === "unhealthy"
  );
  const cause = bad
    ? `; on ${bad.node_name}: ${bad.state}${bad.reason ? `, ${bad.reason.split("\n")[0]}` : ""}`
    : a.replicas.length - ended < wanted
    ? `; for ${wanted + ended - a.replicas.length} no node is found`
    : "";
  return [{
    ...about,
    why: `${a.healthy} of ${wanted} replicas are healthy${cause}`,
    fix: `realm why ${a.name}`,
  }];
}

function keyProblems(key: KeyView, now: number): ProblemFound[] {
  const left = (key.until ?? Infinity) - now;
  if (key.revoked_at !== undefined || left <= 0 || left >= KEY_WARNING_MS) return [];
  // Keys of a day or less are made to end: each sign-in to the dashboard is one.
  if (key.until! - (key.from ?? 0) <= 24 * 3_600_000) return [];
  return [{
    what: `key ${key.name ?? shortId(key.key)}`,
    why: `its grant ends in ${Math.ceil(left / 86_400_000)} days`,
    fix: `realm key grant ${key.key} --role ${key.role}`,
    target: { kind: "key", id: key.key },
  }];
}

/** The realm at a glance, with what is wrong and what would mend it. */
export function realmView(core: Core, around: Surroundings): RealmView {
  const nodes = nodeViews(core, around).filter((n) => n.state !== "removed");
  const apps = appViews(core, around);
  const clock = clockProblem(around.clockBehindMs());
  const here = nodes.find((n) => n.self);
  const problems = [
    ...clock && here
      ? [{ what: `node ${here.name}`, ...clock, target: { kind: "node", id: here.id } as const }]
      : [],
    ...nodes.flatMap(nodeProblems),
    ...apps.flatMap(appProblems),
    ...secretProblems(core),
    ...keyViews(core).flatMap((key) => keyProblems(key, around.now())),
  ];
  const steady = apps.filter((a) => a.phase === "steady" && countReplicas(a).well).length;
  let records = 0;
  for (const log of core.store.authors.values()) records += log.live.size;
  const count = (state: string) => nodes.filter((n) => n.state === state).length;
  return {
    realm: core.config.realm,
    self: core.config.self,
    version: around.version,
    now: around.now(),
    nodes: {
      total: nodes.length,
      alive: count("alive"),
      suspect: count("suspect"),
      unreachable: count("unreachable"),
    },
    apps: { total: apps.length, steady, troubled: apps.length - steady },
    records,
    digest: storeDigest(core.store),
    problems,
    ...(isCatchingUp(core, around.now()) ? { catching_up: true } : {}),
  };
}

/** Whether this node could take anything at all; for `realm doctor`. */
export const selfCandidate = (core: Core) => candidates(core).find((c) => c.id === core.config.self);
