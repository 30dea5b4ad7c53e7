/**
 * The controller's decision for one app: a pure function from what is wanted, what was decided, what the replicas say
 * and which nodes live, to the next decision and the offers that it needs first. Level-triggered: asked again with the
 * same facts it answers the same.
 *
 * One slot holds one replica; while a stateless slot is being replaced it holds two (surge), so that requests always
 * find one. A slot with state volumes is bound to the node that holds them and is replaced in place.
 */
import type { AppSpec } from "../protocol/app_spec.ts";
import type { Digest, NodeId } from "../protocol/identity.ts";
import type { DecidedReplica, Decision, ReplicaState } from "../protocol/record.ts";
import { timing } from "../protocol/limits.ts";
import { type AppState, type DesiredApp, numberOf, type Revision, revisionOf, statusOf } from "./apps.ts";
import { Draft, stamp, without } from "./draft.ts";
import { type Candidate, place, type Placement } from "./placement.ts";
import { seatsOf, slotsOf } from "./slots.ts";

/** A replica that needs a node: the controller offers it to the ranked nodes in turn. */
export interface Want {
  readonly slot: number;
  readonly revision: Digest;
  readonly memoryMb: number;
  readonly placement: Placement;
}

/** What the controller should do now. */
export interface Verdict {
  /** The next decision when it differs from the standing one. */
  readonly next?: Decision;
  readonly wants: readonly Want[];
  /** When to look again although nothing happened: a deadline of a replica. */
  readonly lookAgainAt?: number;
}

/** Why a node cannot run something, and the command that would change that. */
export interface Unfit {
  readonly reason: string;
  readonly fix?: string;
}

/** Facts for {@link decideApp}. */
export interface AppFacts {
  readonly app: AppState;
  readonly self: NodeId;
  readonly now: number;
  /** The decision that stands as it is; `app` has it as the controller takes it over. */
  readonly standing: Decision | undefined;
  /** Removed nodes whose decisions the next one replaces; see `decisions.ts`. */
  readonly over: readonly NodeId[];
  /** All members; `reservedMb` without what this verdict would add. */
  readonly nodes: readonly Candidate[];
  /** Nodes that declined a slot lately, and why. */
  readonly declined: (slot: number) => ReadonlyMap<NodeId, string>;
  /** Why a node cannot run a spec, whatever the slot. */
  readonly unfit: (node: NodeId, spec: AppSpec) => Unfit | undefined;
  /** The node to which a slot is offered right now. */
  readonly offered: (slot: number) => NodeId | undefined;
}

type Health = "pending" | "healthy" | "failed" | "gone" | "ended";

/** How many slots may be in change at once. */
export function batchOf(strategy: DesiredApp["strategy"], slots: number, proven: boolean): number {
  if (strategy === "all") return slots;
  // Canary: the first replica must be healthy before the rest follows.
  if (strategy === "canary" && !proven) return 1;
  return Math.max(1, Math.ceil(slots / 3));
}

/** Why `revision` was rejected, when it was. */
const rejection = (decision: Decision | undefined, revision: Digest) =>
  decision?.rejected.find((r) => r.revision === revision);

function healthOf(facts: AppFacts, replica: DecidedReplica, byId: ReadonlyMap<NodeId, Candidate>): Health {
  if (replica.ended) return "ended";
  const node = byId.get(replica.node);
  if (!node || node.state === "unreachable" || node.state === "left") return "gone";
  const state = statusOf(facts.app, replica)?.state;
  if (state === "healthy") return "healthy";
  if (state === "failed" || state === "ended") return state;
  return "pending";
}

/** A replica gets on: it is not healthy yet, or ends and will begin anew. */
const getsOn: readonly ReplicaState[] = ["accepted", "fetching", "verifying", "starting", "stopping"];

/**
 * Time by which a pending replica must have got on: the next state, and bytes that arrive, extend it, and it counts
 * anew when the replica or its node does. However old the decision is, a replica that begins anew has the time for it.
 */
function deadlineOf(facts: AppFacts, replica: DecidedReplica, node: Candidate | undefined): number {
  const status = statusOf(facts.app, replica);
  const moved = status === undefined
    ? node?.startedAt ?? 0
    : getsOn.includes(status.state)
    ? status.since
    : 0;
  return Math.max(replica.at, moved) + timing.startDeadlineMs;
}

/** Decides. Only the app's controller acts on the verdict; anyone may compute it to explain. */
export function decideApp(facts: AppFacts): Verdict {
  const { app, now } = facts;
  const standing = app.decision?.value;
  const byId = new Map(facts.nodes.map((n) => [n.id, n]));
  if (!app.desired) return standing ? withdraw(facts, standing) : { wants: [] };
  const desired = app.desired;
  const draft = new Draft(facts, standing, desired);

  let target: Revision = desired.revision;
  const refused = rejection(standing, target.id);
  if (refused) {
    const good = standing?.good === undefined ? undefined : revisionOf(app, standing.good);
    if (!good) return draft.finish("failed", target, []);
    target = good;
  }

  // A failed or overdue replica of an unproven revision ends its rollout; of a proven one it is replaced elsewhere.
  const proven = standing?.good === target.id;
  const exhausted = new Map<NodeId, string>();
  let lookAgainAt: number | undefined;
  for (const replica of draft.replicas) {
    const health = healthOf(facts, replica, byId);
    if (health === "gone") {
      if (!draft.isBound(replica.slot)) draft.drop(replica);
      continue;
    }
    const deadline = deadlineOf(facts, replica, byId.get(replica.node));
    if (health === "pending" && now < deadline) {
      lookAgainAt = Math.min(lookAgainAt ?? deadline, deadline);
      continue;
    }
    if (health === "healthy") continue;
    if (health === "ended") {
      draft.end(replica);
      continue;
    }
    const status = statusOf(facts.app, replica);
    const reason = status?.reason ?? `not healthy within ${timing.startDeadlineMs / 1000} s`;
    if (replica.revision === target.id && !proven) {
      const name = byId.get(replica.node)?.name ?? replica.node;
      const why = `replica ${replica.id} on ${name}: ${reason}${status?.log ? `\n${status.log}` : ""}`;
      draft.reject(target.id, why.slice(0, 3_900));
      const rejected = draft.value("rolling", target);
      const after = decideApp({
        ...facts,
        app: { ...app, decision: { value: rejected, author: facts.self } },
      });
      return { ...after, next: { ...(after.next ?? rejected), ...stamp(facts, standing) } };
    }
    // A slot with volumes has no other place to go; an older revision's failure says nothing about this one.
    if (draft.isBound(replica.slot)) continue;
    if (replica.revision === target.id) {
      exhausted.set(replica.node, `its replica failed: ${reason.split("\n")[0]}`);
    }
    draft.drop(replica);
  }

  // One that ended as it may has done what was wished of it.
  const isHealthy = (r: DecidedReplica) => ["healthy", "ended"].includes(healthOf(facts, r, byId));
  const seats = desired.replicas === "all" ? seatsOf(draft.replicas, draft.volumes, isHealthy) : undefined;
  const anyNewHealthy = draft.replicas.some((r) => r.revision === target.id && isHealthy(r));
  // An older revision on a cordoned node serves until the new one does elsewhere.
  const keeps = (node: NodeId) =>
    draft.replicas.some((r) => r.node === node && (r.revision === target.id || !anyNewHealthy));
  const slots = slotsOf(desired, facts.nodes, { seats: seats ?? new Map(), keeps });
  for (const replica of draft.replicas) {
    if (!slots.includes(replica.slot) || (seats?.get(replica.node) ?? replica.slot) !== replica.slot) {
      draft.drop(replica);
    }
  }

  const wants: Want[] = [];
  // Where the slots that are being filled will likely go: they count for the spread already.
  const tentative = new Map<number, NodeId>();
  let changing = 0;
  let settled = true;
  const batch = batchOf(desired.strategy, slots.length, proven || anyNewHealthy);
  const leaves = (node: NodeId) => byId.get(node)?.leaving === true;
  const servesStaying = draft.replicas.filter((r) => isHealthy(r) && !r.ended && !leaves(r.node));
  // What alone serves, and could elsewhere, is not left on a node that is about to restart.
  const mustMove = (r: DecidedReplica) =>
    !seats && !draft.isBound(r.slot) && leaves(r.node) && servesStaying.every((s) => s.slot === r.slot);
  for (const slot of slots) {
    const here = draft.at(slot);
    const ours = here.filter((r) => r.revision === target.id && (r.ended || staysOn(byId.get(r.node))));
    const fresh = ours.filter((r) => r.ended || !mustMove(r));
    const healthy = fresh.find(isHealthy);
    if (healthy) {
      for (const r of here) if (r !== healthy) draft.drop(r);
      continue;
    }
    if (fresh.length > 0) {
      settled = false;
      changing++;
      continue;
    }
    const serves = ours.some(isHealthy);
    if (!serves) settled = false;
    const empty = here.length === 0;
    // A slot that serves is replaced within the batch; an empty one is filled at once, unless a canary is out.
    if (!empty && changing >= batch) continue;
    if (empty && desired.strategy === "canary" && !proven && !anyNewHealthy && changing >= batch) continue;
    const bound = draft.boundNode(slot);
    // What its repositories stand for is found out by one replica; all others take the same.
    if (draft.isResolving(target) || (wants.some(isPlaced) && draft.lacksCommits(target))) continue;
    const excluded = new Map([...exhausted, ...facts.declined(slot)]), fixes = new Map<NodeId, string>();
    for (const { id } of facts.nodes) {
      const unfit = facts.unfit(id, target.spec);
      if (unfit) excluded.set(id, unfit.reason);
      if (unfit?.fix !== undefined) fixes.set(id, unfit.fix);
    }
    if (bound !== undefined) {
      for (const n of facts.nodes) if (n.id !== bound) excluded.set(n.id, "does not hold the app's volumes");
    } else if (seats) {
      // Also while the node's own slot still waits for its turn: no node may hold two.
      for (const [node, seat] of seats) if (seat !== slot) excluded.set(node, "has a replica already");
      if (here.length > 0) {
        for (const n of facts.nodes) {
          if (n.id !== here[0].node) excluded.set(n.id, "the slot belongs to another node");
        }
      }
    }
    if (target.spec.volumes.length > 0) {
      // One volume of a name per node: two replicas would write to the same files.
      for (const other of [...draft.replicas, ...draft.volumes]) {
        if (other.slot !== slot) excluded.set(other.node, "holds the volumes of another replica");
      }
      for (const node of tentative.values()) excluded.set(node, "is being asked for another replica");
    }
    const placement = place(
      {
        key: `${app.name}/${slot}`,
        memoryMb: target.spec.memory_mb,
        tags: desired.tags,
        ...(target.spec.kind === "component" ? { runtime: "wasm" } : {}),
        ...(target.spec.service ? { runtime: target.spec.service.run.runtime } : {}),
        excluded,
        fixes,
        alike: alikeOf(draft, target.id, slot, tentative),
      },
      facts.nodes.map((n) => withoutOwn(n, here, facts)),
    );
    const likely = facts.offered(slot) ?? placement.ranked[0];
    // A slot that no node can take now must not hold up the others.
    if (likely !== undefined) {
      settled = false;
      tentative.set(slot, likely);
      changing++;
    } else if (serves) continue;
    wants.push({ slot, revision: target.id, memoryMb: target.spec.memory_mb, placement });
  }
  const phase = !settled ? "rolling" : refused ? "rolled_back" : "steady";
  const next = draft.finish(phase, target, wants);
  return lookAgainAt === undefined ? next : { ...next, lookAgainAt };
}

const isPlaced = ({ placement }: Want): boolean => placement.ranked.length > 0;

const staysOn = (node: Candidate | undefined): boolean => node !== undefined && !node.draining;

/** Spread: count replicas of this revision on other slots; the own slot's old replica makes its node attractive. */
function alikeOf(
  draft: Draft,
  revision: Digest,
  slot: number,
  tentative: ReadonlyMap<number, NodeId>,
): Map<NodeId, number> {
  const alike = new Map<NodeId, number>();
  for (const r of draft.replicas) {
    if (r.slot === slot) continue;
    const other = draft.at(r.slot);
    if (r.revision !== revision && other.some((o) => o.revision === revision)) continue;
    alike.set(r.node, (alike.get(r.node) ?? 0) + 1);
  }
  for (const node of tentative.values()) alike.set(node, (alike.get(node) ?? 0) + 1);
  return alike;
}

/** Replacing in place frees what the old replica holds. */
function withoutOwn(node: Candidate, here: readonly DecidedReplica[], facts: AppFacts): Candidate {
  const own = here.filter((r) => r.node === node.id);
  if (
    own.length === 0 || own.every((r) => (revisionOf(facts.app, r.revision)?.spec.volumes.length ?? 0) === 0)
  ) return node;
  const freed = own.reduce((mb, r) => mb + (revisionOf(facts.app, r.revision)?.spec.memory_mb ?? 0), 0);
  return { ...node, reservedMb: Math.max(0, node.reservedMb - freed) };
}

function withdraw(facts: AppFacts, standing: Decision): Verdict {
  const volumes = facts.app.removed?.volumes ? [] : standing.volumes;
  if (
    standing.phase === "removed" && standing.replicas.length === 0 &&
    standing.volumes.length === volumes.length
  ) {
    return { wants: [] };
  }
  return {
    wants: [],
    next: {
      ...without(standing),
      replicas: [],
      volumes,
      phase: "removed",
      since: facts.now,
      ...stamp(facts, standing),
    },
  };
}

/**
 * Adds accepted replicas of one revision to a decision; binds their slots when the app has state volumes, and replaces
 * in place there.
 */
export function withReplicas(facts: AppFacts, added: readonly DecidedReplica[]): Decision | undefined {
  const { app } = facts;
  const fresh = added.filter((r) => r.revision === added[0].revision);
  const revision = fresh.length > 0 ? revisionOf(app, fresh[0].revision) : undefined;
  if (!app.desired || !revision) return undefined;
  const standing = app.decision?.value;
  const stateful = revision.spec.volumes.length > 0;
  const slots = new Set(fresh.map((r) => r.slot));
  const byId = new Map(facts.nodes.map((n) => [n.id, n]));
  // One that still serves, on a node that is to be left, ends when the added one is healthy.
  const goesOn = (r: DecidedReplica) => r.revision !== revision.id || healthOf(facts, r, byId) === "healthy";
  const others = (standing?.replicas ?? []).filter((r) => !slots.has(r.slot) || (!stateful && goesOn(r)));
  const volumes = (standing?.volumes ?? []).filter((v) => !stateful || !slots.has(v.slot));
  const bound = stateful ? fresh.map(({ slot, node }) => ({ slot, node, by: facts.self })) : [];
  return {
    app: app.name,
    phase: "rolling",
    revision: revision.id,
    number: numberOf(app, revision),
    ...(standing?.good === undefined ? {} : { good: standing.good }),
    replicas: [...others, ...fresh].sort((a, b) => a.slot - b.slot || (a.id < b.id ? -1 : 1)),
    volumes: [...volumes, ...bound].sort((a, b) => a.slot - b.slot),
    rejected: standing?.rejected ?? [],
    ...(standing?.commits ? { commits: standing.commits } : {}),
    since: standing?.phase === "rolling" && standing.revision === revision.id ? standing.since : facts.now,
    ...stamp(facts, standing),
  };
}
