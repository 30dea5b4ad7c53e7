/** Apps under control of this node: decisions, offers, answers; and what this node itself is to run. */
import { canonicalJson } from "../protocol/encoding.ts";
import { limits, timing } from "../protocol/limits.ts";
import type { NodeId } from "../protocol/identity.ts";
import type { Message } from "../protocol/message.ts";
import type { Decision } from "../protocol/record.ts";
import { type AppState, revisionOf } from "./apps.ts";
import { footingOf, isPlausible } from "./decisions.ts";
import type { Effect, RunOrder } from "./events.ts";
import { endedAt } from "./members.ts";
import { type AppFacts, decideApp, type Want, withReplicas } from "./rollout.ts";
import { commitsOfRevision } from "./service_commits.ts";
import { blobsOf, unfitFor } from "./services.ts";
import {
  candidates,
  controllerOf,
  type Core,
  type Decline,
  freshId,
  nodeState,
  reservedMb,
  schedulingOf,
} from "./state.ts";

/** How the core writes a record of its own. */
export type Write = (key: string, body: unknown) => void;

function factsOf(core: Core, app: AppState, now: number): AppFacts {
  const { self } = core.config;
  const { decision, over } = footingOf(app, self, (id) => endedAt(core.members, id), now);
  return {
    app: decision ? { ...app, decision } : app,
    self,
    now,
    standing: app.decision?.value,
    over,
    nodes: candidates(core),
    declined: (slot) => {
      const declined = new Map<NodeId, string>();
      for (const [node, { reason, until }] of core.declines.get(`${app.name}/${slot}`) ?? []) {
        if (now < until) declined.set(node, reason);
      }
      return declined;
    },
    unfit: (node, spec) => unfitFor(core, node, spec),
    offered: (slot) => core.offers.get(`${app.name}/${slot}`)?.node,
  };
}

/** The facts on which this node would decide about an app now; to explain. */
export const factsFor = (core: Core, app: AppState, now: number): AppFacts => factsOf(core, app, now);

/** Looks at every app that may need a decision and that this node controls. */
export function control(core: Core, now: number, write: Write, effects: Effect[]): void {
  if (now >= core.nextReconcileAt) {
    core.nextReconcileAt = now + timing.reconcileIntervalMs;
    for (const name of core.apps.keys()) core.dirtyApps.add(name);
  }
  for (const [name, at] of core.lookAgain) if (now >= at) core.dirtyApps.add(name);
  const dirty = [...core.dirtyApps].sort();
  core.dirtyApps.clear();
  for (const name of dirty) {
    const app = core.apps.get(name);
    if (app) controlApp(core, app, now, write, effects);
    else core.lookAgain.delete(name);
  }
}

function controlApp(core: Core, app: AppState, now: number, write: Write, effects: Effect[]): void {
  core.lookAgain.delete(app.name);
  if (controllerOf(core, `app/${app.name}`) !== core.config.self) {
    for (const [key, offer] of core.offers) if (offer.app === app.name) core.offers.delete(key);
    core.accepted.delete(app.name);
    return;
  }
  if (!decideAccepted(core, app, now, write)) return;
  // A decision may make the next one possible at once; each round changes something or stops.
  for (let round = 0; round < 10; round++) {
    const verdict = decideApp(factsOf(core, app, now));
    if (verdict.lookAgainAt !== undefined) lookAgain(core, app.name, verdict.lookAgainAt);
    if (verdict.next) {
      if (!writeDecision(core, verdict.next, now, write)) return;
      continue;
    }
    offer(core, app, verdict.wants, now, write, effects);
    // Offers to this node itself are answered already.
    if (!core.accepted.has(app.name) || !decideAccepted(core, app, now, write)) return;
  }
}

/** `false`: the epoch that it takes is still to come, because a member used up those before. */
function writeDecision(core: Core, decision: Decision, now: number, write: Write): boolean {
  if (!isPlausible(decision, now)) {
    lookAgain(core, decision.app, now + timing.reconcileIntervalMs);
    return false;
  }
  write(`decision/${decision.app}`, decision);
  core.dirtyApps.delete(decision.app);
  return true;
}

function offer(
  core: Core,
  app: AppState,
  wants: readonly Want[],
  now: number,
  write: Write,
  effects: Effect[],
): void {
  const wanted = new Set(wants.map((w) => `${app.name}/${w.slot}`));
  for (const [key, pending] of core.offers) {
    if (pending.app !== app.name) continue;
    const want = wants.find((w) => w.slot === pending.slot);
    if (wanted.has(key) && want?.revision === pending.revision && now < pending.expiresAt) continue;
    core.offers.delete(key);
    if (wanted.has(key) && now >= pending.expiresAt) {
      decline(core, key, pending.node, "did not answer the offer", now, timing.declineMostMs);
    }
  }
  for (const want of wants) {
    const key = `${app.name}/${want.slot}`;
    const open = core.offers.get(key);
    if (open) {
      lookAgain(core, app.name, open.expiresAt);
      continue;
    }
    const [node] = want.placement.ranked;
    if (node === undefined) {
      for (const { until } of core.declines.get(key)?.values() ?? []) {
        if (until > now) lookAgain(core, app.name, until);
      }
      continue;
    }
    const id = freshId(core, `${app.name}-${want.slot}`, now);
    const pending = {
      id,
      app: app.name,
      slot: want.slot,
      revision: want.revision,
      node,
      expiresAt: now + timing.offerTimeoutMs,
    };
    core.offers.set(key, pending);
    lookAgain(core, app.name, pending.expiresAt);
    const epoch = (app.decision?.value.epoch ?? 0) + 1;
    const message = {
      t: "offer",
      id,
      app: app.name,
      revision: want.revision,
      epoch,
      memory_mb: want.memoryMb,
    } as const;
    if (node === core.config.self) {
      answerReceived(core, node, consider(core, message, now, effects), now, write, effects);
    } else {
      effects.push({ t: "send", to: node, message });
    }
  }
}

function lookAgain(core: Core, app: string, at: number): void {
  core.lookAgain.set(app, Math.min(at, core.lookAgain.get(app) ?? at));
}

/**
 * Passes a node over for a slot: at first for `leastMs`, as its reason may be only that it has not heard yet what we
 * have, and twice as long each time it declines again soon.
 */
function decline(
  core: Core,
  key: string,
  node: NodeId,
  reason: string,
  now: number,
  leastMs: number,
): void {
  const declined = core.declines.get(key) ?? new Map<NodeId, Decline>();
  const waitMs = Math.min(timing.declineMostMs, Math.max(leastMs, 2 * (declined.get(node)?.waitMs ?? 0)));
  declined.set(node, { reason, until: now + waitMs, waitMs });
  core.declines.set(key, declined);
}

/** A node answered an offer of ours: decide, or go on to the next candidate. */
export function answerReceived(
  core: Core,
  from: NodeId,
  answer: Extract<Message, { t: "offered" }>,
  now: number,
  write: Write,
  effects: Effect[],
): void {
  const found = [...core.offers].find(([, o]) => o.id === answer.id && o.node === from);
  const app = core.apps.get(answer.app);
  if (!found || !app) return;
  const [key, pending] = found;
  core.offers.delete(key);
  if (!answer.accepted) {
    decline(core, key, from, answer.reason ?? "declined", now, timing.declineMs);
    controlApp(core, app, now, write, effects);
    return;
  }
  const replica = { id: pending.id, slot: pending.slot, node: from, revision: pending.revision, at: now };
  const waiting = core.accepted.get(app.name);
  if (waiting) waiting.replicas.push(replica);
  else core.accepted.set(app.name, { since: now, replicas: [replica] });
  core.dirtyApps.add(app.name);
}

/** Takes accepted offers into the decision, once no answer is due any more or they have waited a moment. */
function decideAccepted(core: Core, app: AppState, now: number, write: Write): boolean {
  const accepted = core.accepted.get(app.name);
  if (!accepted) return true;
  const due = [...core.offers.values()].some((o) => o.app === app.name);
  if (due && now < accepted.since + timing.gossipBatchMs) {
    lookAgain(core, app.name, accepted.since + timing.gossipBatchMs);
    return false;
  }
  core.accepted.delete(app.name);
  const decision = withReplicas(factsOf(core, app, now), accepted.replicas);
  return decision === undefined || writeDecision(core, decision, now, write);
}

/** Would this node run it? Accepting reserves the memory for a while. */
export function consider(
  core: Core,
  offered: Extract<Message, { t: "offer" }>,
  now: number,
  effects: Effect[],
): Extract<Message, { t: "offered" }> {
  const answer = (reason?: string) => ({
    t: "offered" as const,
    id: offered.id,
    app: offered.app,
    accepted: reason === undefined,
    ...(reason === undefined ? {} : { reason }),
  });
  const self = core.config.self;
  if (!core.info) return answer("is still starting");
  if (schedulingOf(core, self) !== "open") return answer(`is ${schedulingOf(core, self)}`);
  if (nodeState(core, self) === "removed") return answer("is no member any more");
  const app = core.apps.get(offered.app);
  const revision = app && revisionOf(app, offered.revision);
  const unfit = revision && unfitFor(core, self, revision.spec);
  if (unfit) return answer(unfit.reason);
  for (const [id, r] of core.reservations) if (now >= r.until) core.reservations.delete(id);
  const promised = [...core.reservations.values()].reduce((mb, r) => mb + r.memoryMb, 0);
  const decided = reservedMb(core).get(self) ?? 0;
  const free = core.info.memory_mb - decided - promised;
  if (offered.memory_mb > free) {
    return answer(`has ${Math.max(0, free)} MiB of memory free, ${offered.memory_mb} needed`);
  }
  if (core.reservations.size >= limits.replicas) return answer("has too many offers open");
  core.reservations.set(offered.id, { memoryMb: offered.memory_mb, until: now + 2 * timing.offerTimeoutMs });
  if (revision?.spec.service) effects.push({ t: "prefetch_blobs", blobs: blobsOf(revision.spec) });
  else if (revision) effects.push({ t: "prefetch", packages: [revision.spec.package] });
  return answer();
}

/**
 * Replicas on this node that are still to be replaced elsewhere before it restarts: those that alone serve their app, as
 * long as a node could take them or takes them already.
 */
export function replicasToMove(core: Core, now: number): number {
  const { self } = core.config;
  let count = 0;
  for (const name of new Set(ordersFor(core).map((o) => o.app))) {
    const app = core.apps.get(name)!;
    const facts = factsOf(core, app, now);
    const nodes = facts.nodes.map((n) => n.id === self ? { ...n, cordoned: true, leaving: true } : n);
    const { wants } = decideApp({ ...facts, nodes });
    const wanted = new Set(wants.filter((w) => w.placement.ranked.length > 0).map((w) => w.slot));
    const replicas = app.decision!.value.replicas.filter((r) => !r.ended);
    const goes = (slot: number) =>
      wanted.has(slot) || replicas.some((r) => r.slot === slot && r.node !== self);
    count += replicas.filter((r) => r.node === self && goes(r.slot)).length;
  }
  return count;
}

/** Everything that the decisions want to run on this node. */
export function ordersFor(core: Core): RunOrder[] {
  const orders: RunOrder[] = [];
  for (const name of [...core.apps.keys()].sort()) {
    const app = core.apps.get(name)!;
    for (const replica of app.decision?.value.replicas ?? []) {
      if (replica.node !== core.config.self || replica.ended) continue;
      const revision = revisionOf(app, replica.revision);
      if (revision) {
        const commits = commitsOfRevision(app, revision);
        orders.push({
          replica: replica.id,
          app: name,
          slot: replica.slot,
          epoch: app.decision!.value.epoch,
          revision,
          ...(commits ? { commits } : {}),
        });
      }
    }
  }
  return orders;
}

/**
 * Tells the shell when the list of what it is to run has changed. Nothing runs before this start has been told: with
 * that goes whatever was said of replicas before.
 */
export function order(core: Core, effects: Effect[]): void {
  if (!core.info) return;
  const orders = ordersFor(core);
  for (const o of orders) core.reservations.delete(o.replica);
  const text = canonicalJson(orders.map((o) => [o.replica, o.revision.id]));
  if (text === core.lastRun) return;
  core.lastRun = text;
  effects.push({ t: "run", orders });
}
