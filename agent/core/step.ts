/**
 * The brain's one entry: `step(core, event, now)` changes the core's state and returns what is to be done. Pure in the
 * sense that matters: no clock, no randomness, no I/O; the same events at the same times give the same effects.
 */
import { openCommand, type SignedCommand } from "../protocol/command.ts";
import { refuse } from "../protocol/errors.ts";
import { limits, timing } from "../protocol/limits.ts";
import type { RealmRecord, WireRecord } from "../protocol/record.ts";
import { rebuild, type Topic } from "./projections.ts";
import { checkAdmission, checkCommand } from "./admission.ts";
import { control, order } from "./control.ts";
import { controlJobs } from "./jobs/control.ts";
import { forgetAttempts, orderAttempts, writeAttempt } from "./jobs/own_attempts.ts";
import type { Effect, Event } from "./events.ts";
import { withCache } from "./jobs/caches.ts";
import { orderStatuses, takeLooked, takePushed } from "./jobs/trigger_control.ts";
import { hint, livenessWake, tickLiveness } from "./liveness.ts";
import { isMember } from "./members.ts";
import { nextRetirement, retire } from "./retirement.ts";
import { awaitMember } from "./catching_up.ts";
import { arrive, goOn, isOnItsOwn, mayDecide } from "./returning.ts";
import { controlUpgrades, orderUpgrade } from "./upgrades/control.ts";
import { allRecords, closeGaps, hasRoom, recordOf } from "./record_store.ts";
import { receiveMessage, sync } from "./messages.ts";
import { flushOutbox } from "./outbox.ts";
import { controlSecrets, writeBoxes } from "./secrets/sealing.ts";
import { Turn } from "./turn.ts";
import { act, factsOf, reconnect } from "./watching.ts";
import { forgetStatuses, writeGone, writeStatus } from "./own_statuses.ts";
import { aliveNodes, type Core } from "./state.ts";

/** One step; see the module's text. */
export function step(core: Core, event: Event, now: number): Effect[] {
  const turn = new Turn(core, now);
  handle(turn, event);
  return finish(turn);
}

/** When the core wants its next `tick`. */
export function wakeAt(core: Core, now: number): number {
  let at = Math.min(livenessWake(core.liveness), core.nextSyncAt, core.retireAt);
  if (core.outbox.length > 0) at = Math.min(at, core.outboxSince + timing.gossipBatchMs);
  if (!mayDecide(core, now)) return Math.min(at, core.decidesFrom);
  at = Math.min(at, core.nextReconcileAt);
  for (const deadline of core.lookAgain.values()) at = Math.min(at, deadline);
  at = Math.min(at, core.jobs.lookAgainAt, core.secrets.lookAgainAt, core.upgrades.lookAgainAt);
  const dirty = core.jobs.dirty || core.secrets.dirty || core.upgrades.dirty;
  if (core.dirtyApps.size > 0 || dirty) at = 0;
  return at;
}

function handle(turn: Turn, event: Event): void {
  const core = turn.core;
  switch (event.t) {
    case "tick":
      tick(turn);
      return;
    case "message":
      if (isMember(core.members, event.from)) receiveMessage(turn, event.from, event.message);
      return;
    case "peer":
      if (!event.connected || isMember(core.members, event.id)) {
        awaitMember(core, event.id, event.connected);
      }
      if (!event.connected) act(turn, hint(core.liveness, event.id, factsOf(turn)));
      else if (isMember(core.members, event.id)) sync(turn, event.id);
      return;
    case "load":
      if (!event.fresh || core.retireAt === Infinity) arrive(core, event.inTouchAt, turn.now);
      load(turn, event.records, event.fresh === true);
      closeGaps(core.store, event.heads ?? {});
      return;
    case "info": {
      const known = recordOf(core.store, core.config.self, "node")?.body as
        | { incarnation?: number }
        | undefined;
      if (!core.info) {
        forgetStatuses(core, turn.write);
        forgetAttempts(core, event.goOn ?? [], turn.now, turn.write);
      }
      core.info = { ...event.info, incarnation: core.info?.incarnation ?? (known?.incarnation ?? 0) + 1 };
      turn.write("node", core.info);
      return;
    }
    case "replica":
      writeStatus(core, event.status.app, event.status.replica, event.status, turn.write);
      return;
    case "attempt":
      writeAttempt(core, event.run, event.status, turn.write);
      return;
    case "sealed":
      writeBoxes(core, event, turn.write);
      return;
    case "looked":
      takeLooked(core, event.schedule, event.seen, turn.now, turn.write, turn.effects);
      return;
    case "pushed":
      takePushed(core, event.schedule, event.push, turn.now, turn.write, turn.effects);
      return;
    case "upgrade":
      turn.write("upgraded", event.status);
      return;
    case "cached":
      turn.write("caches", { list: withCache(core.jobs, core.config.self, event.entry, turn.now) });
      return;
    case "gone":
      for (const app of core.apps.values()) {
        if (app.statuses.get(core.config.self)?.has(event.replica)) {
          writeGone(core, app.name, event.replica, turn.now, turn.write);
        }
      }
      return;
    case "audited":
      turn.write("audit", { count: event.count, head: event.head });
      return;
    case "rebuild":
      for (const topic of rebuild(core)) turn.topics.add(topic);
      return;
    case "leave":
      turn.write(`liveness/${core.config.self}`, {
        state: "left",
        incarnation: core.info?.incarnation ?? 0,
      });
      core.outboxSince = 0;
      return;
    case "submit":
      submit(turn, event.ref, event.command);
      return;
    case "join": {
      const checked = checkAdmission(core, event.admission, turn.now);
      if (!checked.ok) {
        turn.audit({
          actor: "stranger",
          action: "join",
          target: "realm",
          result: "refused",
          code: checked.code,
          detail: checked.message,
        });
        turn.effects.push({ t: "reply", ref: event.ref, reply: checked });
        return;
      }
      const { node, invite } = checked.value;
      if (!isMember(core.members, node)) turn.write(`member/${node}`, event.admission);
      turn.audit({ actor: node, action: "join", target: invite, result: "accepted" });
      const records = introduction(turn);
      turn.effects.push({
        t: "reply",
        ref: event.ref,
        reply: { ok: true, value: { id: invite, records } },
      });
      return;
    }
  }
}

/** Memberships first, each after that of who let it in: the other records' authors are among them. */
function load(turn: Turn, records: readonly RealmRecord[], fresh: boolean): void {
  const { admitted } = turn.core.members;
  const [members, others] = [
    records.filter((r) => r.kind === "member"),
    records.filter((r) => r.kind !== "member"),
  ];
  let waiting = members;
  for (let before = -1; waiting.length !== before;) {
    before = waiting.length;
    waiting = waiting.filter((record) => {
      if (!admitted.has(record.author) && record.key !== `member/${record.author}`) return true;
      turn.apply(record, undefined, fresh);
      return false;
    });
  }
  for (const record of [...waiting, ...others]) turn.apply(record, undefined, fresh);
}

/** What a new member starts from: who else is in, and who may command. The rest comes by sync. */
function introduction(turn: Turn): WireRecord[] {
  const wires: WireRecord[] = [];
  let bytes = 0;
  for (const record of allRecords(turn.core.store)) {
    if (record.kind !== "member" && record.kind !== "node") continue;
    bytes += record.wire.p.length;
    if (bytes > limits.messageBytes / 2) break;
    wires.push(record.wire);
  }
  return wires;
}

function submit(turn: Turn, ref: number, signed: SignedCommand): void {
  const core = turn.core;
  const checked = checkCommand(core, signed, turn.now);
  if (!checked.ok) {
    const id = openCommand(signed, core.config.realm, core.config.verifier, () => undefined);
    turn.audit({
      actor: signed.envelope.keyid,
      action: id.ok && id.value.known ? id.value.command.kind : "command",
      target: "realm",
      result: "refused",
      code: checked.code,
      detail: checked.message,
    });
    turn.effects.push({ t: "reply", ref, reply: checked });
    return;
  }
  const { id, kind, by } = checked.value;
  if (!hasRoom(core.store, core.config.self)) {
    const full = refuse(
      "limit_reached",
      "this node holds as many commands as it may; hand it in at another node, or wait until old ones end",
    );
    turn.effects.push({ t: "reply", ref, reply: full });
    return;
  }
  turn.write(`command/${id}`, signed);
  turn.audit({ actor: by, action: kind, target: checked.value.target, result: "accepted", command: id });
  turn.effects.push({ t: "reply", ref, reply: { ok: true, value: { id } } });
}

function tick(turn: Turn): void {
  const core = turn.core;
  act(turn, tickLiveness(core.liveness, factsOf(turn)));
  if (turn.now >= core.nextSyncAt) {
    core.nextSyncAt = turn.now + timing.syncIntervalMs;
    const far = core.syncs++ % timing.syncFarEvery === 0 || core.liveness.neighbours.length === 0;
    const others = far ? aliveNodes(core).filter((id) => id !== core.config.self) : core.liveness.neighbours;
    if (others.length > 0) sync(turn, others[(core.syncs * 7919 + core.liveness.turn) % others.length]);
  }
  if (core.returning && isOnItsOwn(core, core.returning, turn.now)) goOn(core, turn.now);
  if (turn.now >= core.retireAt) {
    core.retireAt = nextRetirement(core, turn.now);
    const gone = core.returning ? [] : retire(core, turn.now);
    turn.forget.push(...gone);
    if (gone.length > 0) {
      for (const topic of ["apps", "pins", "secrets", "commands"] as const) turn.topics.add(topic);
    }
  }
  for (const [id, at] of core.lastSync) if (turn.now - at > 60_000) core.lastSync.delete(id);
  for (const [key, declined] of core.declines) {
    for (const [node, { until }] of declined) {
      if (turn.now >= until + timing.declineMostMs) declined.delete(node);
    }
    if (declined.size === 0) core.declines.delete(key);
  }
}

function finish(turn: Turn): Effect[] {
  const core = turn.core;
  if (turn.topics.has("nodes") || turn.topics.has("members")) {
    for (const name of core.apps.keys()) core.dirtyApps.add(name);
  }
  if (["nodes", "members", "apps", "secrets"].some((t) => turn.topics.has(t as Topic))) {
    core.jobs.dirty = true;
  }
  if (turn.topics.has("members")) core.secrets.dirty = true;
  if (["nodes", "members", "apps"].some((t) => turn.topics.has(t as Topic))) core.upgrades.dirty = true;
  if (mayDecide(core, turn.now)) {
    controlUpgrades(core, turn.now, turn.write);
    controlSecrets(core, turn.now, turn.effects);
    controlJobs(core, turn.now, turn.write, turn.effects);
    control(core, turn.now, turn.write, turn.effects);
  }
  if (turn.topics.has("nodes") || turn.topics.has("members")) reconnect(turn);
  if (turn.topics.size > 0) {
    order(core, turn.effects);
    orderAttempts(core, turn.effects);
    if (["jobs", "nodes", "members"].some((t) => turn.topics.has(t as Topic))) {
      orderStatuses(core, turn.now, turn.effects);
    }
    orderUpgrade(core, turn.effects);
  }
  turn.effects.push(...flushOutbox(core, turn.now));
  const first: Effect[] = turn.persist.length > 0 ? [{ t: "persist", records: turn.persist }] : [];
  if (turn.forget.length > 0) first.push({ t: "forget", records: turn.forget });
  const last: Effect[] = turn.topics.size > 0 ? [{ t: "changed", topics: turn.topics }] : [];
  return [...first, ...turn.effects, ...last];
}

/** For shells: the refusal when a core is asked something before it started. */
export const notStarted = refuse("unavailable", "the agent is still starting; try again in a second");
