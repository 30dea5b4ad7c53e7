/** The state of one node's core, and views of it. Owned by `step`; nobody else writes. */
import {
  type Digest,
  digestOf,
  type NodeId,
  type RealmId,
  type Signer,
  type Verifier,
} from "../protocol/identity.ts";
import { utf8 } from "../protocol/encoding.ts";
import type { Result } from "../protocol/errors.ts";
import type { Command, SignedCommand } from "../protocol/command.ts";
import type { DecidedReplica, NodeInfo, RealmRecord, WireRecord } from "../protocol/record.ts";
import type { AppState } from "./apps.ts";
import { type Authority, createAuthority } from "./authority.ts";
import { takenBy } from "./jobs/queue.ts";
import { createJobs, type Jobs } from "./jobs/runs.ts";
import { createLiveness, type Liveness } from "./liveness.ts";
import { createMembers, isMember, type Member, type Members } from "./members.ts";
import type { Candidate } from "./placement.ts";
import { createRecordStore, type RecordStore } from "./record_store.ts";
import type { CatchingUp } from "./catching_up.ts";
import type { Returning } from "./returning.ts";
import type { Policies } from "./policies.ts";
import { createUpgrades, type Upgrades } from "./upgrades/rollouts.ts";
import { Deciders } from "./deciders.ts";
import { revisionOf } from "./apps.ts";
import { createSecrets, type Secrets } from "./secrets/secrets.ts";

/** Who this node is. */
export interface CoreConfig {
  readonly self: NodeId;
  readonly realm: RealmId;
  readonly signer: Signer;
  readonly verifier: Verifier;
  /** Opens a record; the default is {@link openRecord}. One that remembers answers saves most of the work. */
  readonly open?: (wire: WireRecord) => Result<RealmRecord>;
}

/** A pin: a promise to keep a blob. */
export interface Pin {
  readonly digest: Digest;
  readonly name?: string;
  readonly copies: number;
  readonly tags: readonly string[];
  readonly size: number;
  readonly at: number;
}

/** A node that declined an offer is passed over until then. */
export interface Decline {
  readonly reason: string;
  readonly until: number;
  /** For how long: the next time twice as long. */
  readonly waitMs: number;
}
/** An offer that waits for its answer. */
export interface PendingOffer {
  readonly id: string;
  readonly app: string;
  readonly slot: number;
  readonly revision: Digest;
  readonly node: NodeId;
  readonly expiresAt: number;
}

/** Members by whether they are known to be dead or gone; sorted. */
export interface Lives {
  readonly alive: readonly NodeId[];
  readonly living: Set<NodeId>;
  readonly gone: readonly NodeId[];
}

/** See the module's text. */
export interface Core {
  readonly config: CoreConfig;
  readonly store: RecordStore;
  readonly authority: Authority;
  readonly members: Members;
  readonly infos: Map<NodeId, NodeInfo>;
  /** What others' records say of a node's life: subject → author → verdict. */
  readonly verdicts: Map<
    NodeId,
    Map<
      NodeId,
      { readonly state: "unreachable" | "left"; readonly incarnation: number; readonly at: number }
    >
  >;
  /** All commands that passed verification, whatever their kind. */
  readonly commands: Map<
    Digest,
    {
      readonly signed: SignedCommand;
      readonly command: Command | undefined;
      readonly at: number;
      /** The member that accepted it first, and when by its clock. */
      readonly via: NodeId;
      readonly acceptedAt: number;
    }
  >;
  readonly tags: Map<NodeId, { readonly at: number; readonly id: Digest; readonly tags: readonly string[] }>;
  readonly scheduling: Map<
    NodeId,
    { readonly at: number; readonly id: Digest; readonly state: "open" | "cordoned" | "draining" }
  >;
  readonly apps: Map<string, AppState>;
  readonly policies: Policies;
  readonly secrets: Secrets;
  readonly pins: Map<Digest, { readonly at: number; readonly id: Digest; readonly pin?: Pin }>;
  readonly jobs: Jobs;
  readonly upgrades: Upgrades;
  /** A member that surely holds what this node said of itself since it started. */
  acknowledgedBy: NodeId | undefined;
  readonly liveness: Liveness;
  /** When a refusal was audited last, by author and rule; bounded. */
  readonly refusals: Map<string, number>;
  /** Records whose author is not known yet; bounded. */
  readonly orphans: RealmRecord[];
  /** What this node says of itself; `undefined` until the shell told. */
  info: NodeInfo | undefined;
  /** Own records waiting to be gossiped, and since when. */
  outbox: RealmRecord[];
  outboxSince: number;
  readonly offers: Map<string, PendingOffer>;
  /** Accepted offers that the next decision takes in: many at once make one decision. */
  readonly accepted: Map<string, { readonly since: number; readonly replicas: DecidedReplica[] }>;
  /** `app/slot` → nodes that declined. */
  readonly declines: Map<string, Map<NodeId, Decline>>;
  /** Memory promised to offers that are not decided yet. */
  readonly reservations: Map<string, { readonly memoryMb: number; readonly until: number }>;
  readonly dirtyApps: Set<string>;
  /** Apps with a deadline to look at. */
  readonly lookAgain: Map<string, number>;
  readonly lastSync: Map<NodeId, number>;
  nextCatchUpAt: number;
  /** Counts what is done by `timing.syncIntervalMs`. */
  syncs: number;
  nextSyncAt: number;
  nextReconcileAt: number;
  counter: number;
  /** When to look next for records that matter no more. */
  retireAt: number;
  /** Until when commands of any age are taken in although this node does not hold them. */
  acceptOldUntil: number;
  /** Before then this node decides nothing, unless it is the only member: see `limits.ignorantMs`. */
  decidesFrom: number;
  /** Set while a node that has just started hears what happened meanwhile. */
  catchingUp: CatchingUp | undefined;
  /** Set while a node that was away for too long gets a fresh copy. */
  returning: Returning | undefined;
  /** Canonical form of the last `run` effect. */
  lastRun: string;
  /** Cached reservations by node; dropped when a decision changes. */
  reserved: Map<NodeId, number> | undefined;
  /** Cached: which members live. */
  alive: Lives | undefined;
  /** Cached: see {@link deciders}. */
  deciders: Deciders | undefined;
}

/** A core that knows nothing but itself. */
export function createCore(config: CoreConfig): Core {
  return {
    config,
    store: createRecordStore(),
    authority: createAuthority(),
    members: createMembers(),
    infos: new Map(),
    verdicts: new Map(),
    commands: new Map(),
    tags: new Map(),
    scheduling: new Map(),
    apps: new Map(),
    policies: new Map(),
    secrets: createSecrets(),
    pins: new Map(),
    jobs: createJobs(),
    upgrades: createUpgrades(),
    acknowledgedBy: undefined,
    liveness: createLiveness(),
    refusals: new Map(),
    orphans: [],
    info: undefined,
    outbox: [],
    outboxSince: 0,
    offers: new Map(),
    accepted: new Map(),
    declines: new Map(),
    reservations: new Map(),
    dirtyApps: new Set(),
    lookAgain: new Map(),
    lastSync: new Map(),
    nextCatchUpAt: 0,
    syncs: 0,
    nextSyncAt: 0,
    nextReconcileAt: 0,
    counter: 0,
    retireAt: Infinity,
    acceptOldUntil: 0,
    decidesFrom: 0,
    catchingUp: undefined,
    returning: undefined,
    lastRun: "[]",
    reserved: undefined,
    alive: undefined,
    deciders: undefined,
  };
}

/** State of a node as this core sees it. */
export type NodeState = "alive" | "suspect" | "unreachable" | "left" | "removed";

/** The incarnation that a node itself published last. */
export const incarnationOf = (core: Core, id: NodeId): number => core.infos.get(id)?.incarnation ?? 0;

function verdictOf(core: Core, id: NodeId): "unreachable" | "left" | undefined {
  if (id === core.config.self) return undefined;
  const own = incarnationOf(core, id);
  let found: "unreachable" | "left" | undefined;
  for (const v of core.verdicts.get(id)?.values() ?? []) {
    // A verdict holds for the life it names: not for an earlier one, and not for one that the node never announced.
    if (v.incarnation !== own) continue;
    if (v.state === "left") return "left";
    found = v.state;
  }
  return found;
}

/** When others found a node unreachable, in its present life; `undefined` while nobody does, or it went in order. */
export function unreachableSince(core: Core, id: NodeId): number | undefined {
  if (nodeState(core, id) !== "unreachable") return undefined;
  const incarnation = incarnationOf(core, id);
  const verdicts = [...core.verdicts.get(id)?.values() ?? []].filter((v) => v.incarnation === incarnation);
  return Math.min(...verdicts.map((v) => v.at));
}

/** See {@link NodeState}. */
export function nodeState(core: Core, id: NodeId): NodeState {
  if (!isMember(core.members, id)) return "removed";
  return verdictOf(core, id) ?? (core.liveness.suspects.has(id) ? "suspect" : "alive");
}

/** See {@link Lives}. */
export function livesOf(core: Core): Lives {
  if (core.alive) return core.alive;
  const alive: NodeId[] = [], gone: NodeId[] = [];
  for (const id of [...core.members.admitted.keys()].sort()) {
    if (isMember(core.members, id)) (verdictOf(core, id) === undefined ? alive : gone).push(id);
  }
  return core.alive = { alive, living: new Set(alive), gone };
}

/** What is known of one node's membership or life changed: {@link livesOf} follows without looking at all others. */
export function noteLife(core: Core, id: NodeId): void {
  if (!core.alive) return;
  const { alive, living, gone } = core.alive;
  const member = isMember(core.members, id), lives = member && verdictOf(core, id) === undefined;
  core.alive = { alive: withId(alive, id, lives), living, gone: withId(gone, id, member && !lives) };
  if (lives) living.add(id);
  else living.delete(id);
  noteDecider(core, id);
}

/** All that was derived of who lives is derived anew when it is asked for. */
export function forgetLives(core: Core): void {
  core.alive = core.deciders = undefined;
}

/** A sorted list that holds an id, or does not; the same one where nothing changes. */
function withId(ids: readonly NodeId[], id: NodeId, wanted: boolean): readonly NodeId[] {
  let low = 0, high = ids.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ids[middle] < id) low = middle + 1;
    else high = middle;
  }
  const known = ids[low] === id;
  if (known === wanted) return ids;
  return known ? ids.toSpliced(low, 1) : ids.toSpliced(low, 0, id);
}

/** Members that are not known to be dead or gone; sorted. */
export const aliveNodes = (core: Core): readonly NodeId[] => livesOf(core).alive;

/** A node's tags: as commanded, else its own with those of its invite. */
export function tagsOf(core: Core, member: Member): readonly string[] {
  const commanded = core.tags.get(member.id);
  if (commanded) return commanded.tags;
  return [...new Set([...member.tags, ...(core.infos.get(member.id)?.tags ?? [])])].sort();
}

/** Whether a node is about to restart for an upgrade. */
export function isChanging(core: Core, id: NodeId): boolean {
  const state = core.upgrades.statuses.get(id)?.state;
  return state === "draining" || state === "switching";
}

/** Whether new work may go to a node: as commanded, and not while it is about to restart. */
export function schedulingOf(core: Core, id: NodeId): "open" | "cordoned" | "draining" {
  const commanded = core.scheduling.get(id)?.state ?? "open";
  return commanded === "open" && isChanging(core, id) ? "cordoned" : commanded;
}

/** Memory that decided replicas and attempts take on each node, in MiB. */
export function reservedMb(core: Core): ReadonlyMap<NodeId, number> {
  if (core.reserved) return core.reserved;
  const reserved = new Map<NodeId, number>();
  for (const app of core.apps.values()) {
    for (const replica of app.decision?.value.replicas ?? []) {
      if (replica.ended) continue;
      const memory = revisionOf(app, replica.revision)?.spec.memory_mb ?? 0;
      reserved.set(replica.node, (reserved.get(replica.node) ?? 0) + memory);
    }
  }
  for (const [node, { memoryMb }] of takenBy(core.jobs)) {
    reserved.set(node, (reserved.get(node) ?? 0) + memoryMb);
  }
  return core.reserved = reserved;
}

/** All members as placement sees them. */
export function candidates(core: Core): Candidate[] {
  const reserved = reservedMb(core);
  const out: Candidate[] = [];
  for (const member of core.members.admitted.values()) {
    if (member.removedAt !== undefined) continue;
    const info = core.infos.get(member.id);
    const state = nodeState(core, member.id);
    const scheduling = schedulingOf(core, member.id);
    out.push({
      id: member.id,
      name: info?.name ?? member.name,
      // A member that never said what it can do can't take work.
      state: state === "removed" ? "left" : info === undefined ? "unreachable" : state,
      cordoned: scheduling !== "open",
      draining: scheduling === "draining",
      leaving: isChanging(core, member.id),
      tags: tagsOf(core, member),
      runtimes: info?.runtimes ?? [],
      memoryMb: info?.memory_mb ?? 0,
      reservedMb: reserved.get(member.id) ?? 0,
      startedAt: info?.started_at ?? 0,
    });
  }
  return out;
}

const isDecider = (core: Core, id: NodeId): boolean =>
  livesOf(core).living.has(id) && core.infos.has(id) && schedulingOf(core, id) === "open";

/** Those who may decide: the live, uncordoned members that said what they are; when all are cordoned, the live ones. */
export function deciders(core: Core): Deciders {
  if (core.deciders) return core.deciders;
  const alive = aliveNodes(core).filter((id) => core.infos.has(id));
  const open = alive.filter((id) => isDecider(core, id));
  return core.deciders = new Deciders(open.length > 0 ? open : alive, open.length > 0);
}

/** Something was said of a node on which it depends whether it may decide. */
export function noteDecider(core: Core, id: NodeId): void {
  const { deciders } = core;
  if (!deciders) return;
  const may = isDecider(core, id), isLast = !may && deciders.size === 1 && deciders.has(id);
  if (deciders.areOpen && !isLast) deciders.set(id, may);
  else core.deciders = undefined;
}

/** The controller of an app, pin, run or rollout. */
export const controllerOf = (core: Core, key: string): NodeId | undefined => deciders(core).first(key);

/** A fresh, unique name: deterministic in simulation, unguessable need it not be. */
export function freshId(core: Core, prefix: string, now: number): string {
  core.counter++;
  return `${prefix}-${digestOf(utf8(`${core.config.self} ${core.counter} ${now} ${prefix}`)).slice(0, 8)}`;
}
