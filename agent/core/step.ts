/**
 * The brain's one entry: `step(core, event, now)` changes the core's state and returns what is to be done. Pure in the
 * sense that matters: no clock, no randomness, no I/O; the same events at the same times give the same effects.
 */
import { openCommand, type SignedCommand } from "../protocol/command.ts";
import { refuse } from "../protocol/errors.ts";
import type { NodeId } from "../protocol/identity.ts";
import { limits, timing } from "../protocol/limits.ts";
import type { Message } from "../protocol/message.ts";
import { openRecord, type RealmRecord, sealRecord, type WireRecord } from "../protocol/record.ts";
import { applyRecord, rebuild, type Refused, type Topic } from "./apply.ts";
import { checkAdmission, checkCommand } from "./admission.ts";
import { answerReceived, consider, control, order } from "./control.ts";
import {
  considerJob,
  controlJobs,
  forgetAttempts,
  jobAnswered,
  orderAttempts,
  writeAttempt,
} from "./jobs/control.ts";
import type { Effect, Event } from "./events.ts";
import {
  answered,
  asked,
  heard,
  hint,
  type LivenessAction,
  type LivenessFacts,
  livenessWake,
  neighboursOf,
  suspected,
  tickLiveness,
} from "./liveness.ts";
import { isMember } from "./members.ts";
import { nextRetirement, retire } from "./retirement.ts";
import { arrive, dropEnded, goOn, type Returning, takeCopy } from "./returning.ts";
import {
  allRecords,
  closeGaps,
  hasRoom,
  headsOf,
  lacks,
  lastSeq,
  missingFrom,
  recordOf,
  storeDigest,
} from "./record_store.ts";
import { flushOutbox } from "./outbox.ts";
import { forgetStatuses, writeStatus } from "./own_statuses.ts";
import { aliveNodes, type Core, incarnationOf, nodeState } from "./state.ts";

/** One step; see the module's text. */
export function step(core: Core, event: Event, now: number): Effect[] {
  const run = new Step(core, now);
  run.handle(event);
  return run.finish();
}

/** When the core wants its next `tick`. */
export function wakeAt(core: Core): number {
  let at = Math.min(livenessWake(core.liveness), core.nextSyncAt, core.nextReconcileAt, core.retireAt);
  if (core.outbox.length > 0) at = Math.min(at, core.outboxSince + timing.gossipBatchMs);
  for (const deadline of core.lookAgain.values()) at = Math.min(at, deadline);
  at = Math.min(at, core.jobs.lookAgainAt);
  if (core.dirtyApps.size > 0 || core.jobs.dirty) at = 0;
  return at;
}

class Step {
  readonly #core: Core;
  readonly #now: number;
  readonly #effects: Effect[] = [];
  readonly #persist: RealmRecord[] = [];
  readonly #forget: RealmRecord[] = [];
  readonly #topics = new Set<Topic>();
  #accused = false;

  constructor(core: Core, now: number) {
    this.#core = core;
    this.#now = now;
  }

  handle(event: Event): void {
    const core = this.#core;
    switch (event.t) {
      case "tick":
        this.#tick();
        return;
      case "message":
        if (isMember(core.members, event.from)) this.#message(event.from, event.message);
        return;
      case "peer":
        if (event.connected) this.#greet(event.id);
        else this.#act(hint(core.liveness, event.id, this.#facts()));
        return;
      case "load":
        if (!event.fresh || core.retireAt === Infinity) arrive(core, event.inTouchAt, this.#now);
        this.#load(event.records, event.fresh === true);
        closeGaps(core.store, event.heads ?? {});
        return;
      case "info": {
        const known = recordOf(core.store, core.config.self, "node")?.body as
          | { incarnation?: number }
          | undefined;
        if (!core.info) {
          forgetStatuses(core, this.#write);
          forgetAttempts(core, this.#now, this.#write);
        }
        core.info = { ...event.info, incarnation: core.info?.incarnation ?? (known?.incarnation ?? 0) + 1 };
        this.#write("node", core.info);
        return;
      }
      case "replica":
        writeStatus(core, event.status.app, event.status.replica, event.status, this.#write);
        return;
      case "attempt":
        writeAttempt(core, event.run, event.status, this.#write);
        return;
      case "gone":
        for (const app of core.apps.values()) {
          if (app.statuses.get(core.config.self)?.has(event.replica)) {
            writeStatus(core, app.name, event.replica, undefined, this.#write);
          }
        }
        return;
      case "audited":
        this.#write("audit", { count: event.count, head: event.head });
        return;
      case "rebuild":
        for (const topic of rebuild(core)) this.#topics.add(topic);
        return;
      case "leave":
        this.#write(`liveness/${core.config.self}`, {
          state: "left",
          incarnation: core.info?.incarnation ?? 0,
        });
        core.outboxSince = 0;
        return;
      case "submit":
        this.#submit(event.ref, event.command);
        return;
      case "join": {
        const checked = checkAdmission(core, event.admission, this.#now);
        if (!checked.ok) {
          this.#audit({
            actor: "stranger",
            action: "join",
            target: "realm",
            result: "refused",
            code: checked.code,
            detail: checked.message,
          });
          this.#effects.push({ t: "reply", ref: event.ref, reply: checked });
          return;
        }
        const { node, invite } = checked.value;
        if (!isMember(core.members, node)) this.#write(`member/${node}`, event.admission);
        this.#audit({ actor: node, action: "join", target: invite, result: "accepted" });
        const records = this.#introduction();
        this.#effects.push({
          t: "reply",
          ref: event.ref,
          reply: { ok: true, value: { id: invite, records } },
        });
        return;
      }
    }
  }

  /** Memberships first, each after that of who let it in: the other records' authors are among them. */
  #load(records: readonly RealmRecord[], fresh: boolean): void {
    const { admitted } = this.#core.members;
    const [members, others] = [
      records.filter((r) => r.kind === "member"),
      records.filter((r) => r.kind !== "member"),
    ];
    let waiting = members;
    for (let before = -1; waiting.length !== before;) {
      before = waiting.length;
      waiting = waiting.filter((record) => {
        if (!admitted.has(record.author) && record.key !== `member/${record.author}`) return true;
        this.#apply(record, undefined, fresh);
        return false;
      });
    }
    for (const record of [...waiting, ...others]) this.#apply(record, undefined, fresh);
  }

  /** What a new member starts from: who else is in, and who may command. The rest comes by sync. */
  #introduction(): WireRecord[] {
    const wires: WireRecord[] = [];
    let bytes = 0;
    for (const record of allRecords(this.#core.store)) {
      if (record.kind !== "member" && record.kind !== "node") continue;
      bytes += record.wire.p.length;
      if (bytes > limits.messageBytes / 2) break;
      wires.push(record.wire);
    }
    return wires;
  }

  #submit(ref: number, signed: SignedCommand): void {
    const core = this.#core;
    const checked = checkCommand(core, signed, this.#now);
    if (!checked.ok) {
      const id = openCommand(signed, core.config.realm, core.config.verifier, () => undefined);
      this.#audit({
        actor: signed.envelope.keyid,
        action: id.ok && id.value.known ? id.value.command.kind : "command",
        target: "realm",
        result: "refused",
        code: checked.code,
        detail: checked.message,
      });
      this.#effects.push({ t: "reply", ref, reply: checked });
      return;
    }
    const { id, kind, by } = checked.value;
    if (!hasRoom(core.store, core.config.self)) {
      const full = refuse(
        "limit_reached",
        "this node holds as many commands as it may; hand it in at another node, or wait until old ones end",
      );
      this.#effects.push({ t: "reply", ref, reply: full });
      return;
    }
    this.#write(`command/${id}`, signed);
    this.#audit({ actor: by, action: kind, target: checked.value.target, result: "accepted", command: id });
    this.#effects.push({ t: "reply", ref, reply: { ok: true, value: { id } } });
  }

  #message(from: NodeId, message: Message): void {
    const core = this.#core;
    const digest = storeDigest(core.store);
    switch (message.t) {
      case "probe":
        this.#send(from, { t: "ack", n: message.n, digest, incarnation: core.info?.incarnation ?? 0 });
        this.#heard(from, message.digest, message.incarnation);
        return;
      case "ack": {
        const waiting = answered(core.liveness, from, message.n);
        if (waiting) {
          this.#send(waiting.node, {
            t: "answer",
            n: waiting.n,
            target: from,
            incarnation: message.incarnation,
          });
        }
        this.#heard(from, message.digest, message.incarnation);
        return;
      }
      case "ask":
        if (isMember(core.members, message.target)) {
          this.#act(asked(core.liveness, message.target, { node: from, n: message.n }, this.#now));
        }
        return;
      case "answer":
        answered(core.liveness, message.target, message.n);
        return;
      case "suspect":
        if (message.target === core.config.self) this.#refute(message.incarnation);
        else this.#act(suspected(core.liveness, message.target, message.incarnation, this.#facts()));
        return;
      case "heads": {
        if (core.returning) {
          this.#send(from, { t: "have", records: [], upTo: {}, more: false, returning: true });
          return;
        }
        const { records, upTo, more } = missingFrom(core.store, message.heads);
        if (records.length > 0 || Object.keys(upTo).length > 0) {
          this.#send(from, { t: "have", records: records.map((r) => r.wire), upTo, more });
        }
        if (!message.reply && lacks(core.store, message.heads)) {
          this.#send(from, { t: "heads", heads: headsOf(core.store), reply: true });
        }
        return;
      }
      case "have":
        if (message.returning) {
          core.returning?.others.add(from);
          return;
        }
        if (core.returning) {
          this.#copy(from, message, core.returning);
          return;
        }
        this.#receive(from, message.records, true);
        closeGaps(
          core.store,
          Object.fromEntries(Object.entries(message.upTo).filter(([id]) => core.members.admitted.has(id))),
        );
        if (message.more) this.#send(from, { t: "heads", heads: headsOf(core.store), reply: true });
        return;
      case "records":
        this.#receive(from, message.records, false);
        return;
      case "offer":
        this.#send(from, consider(core, message, this.#now, this.#effects));
        return;
      case "job_offer":
        this.#send(from, considerJob(core, message, this.#now, this.#effects));
        return;
      case "job_offered":
        jobAnswered(core, from, message, this.#now, this.#write);
        return;
      case "offered":
        answerReceived(core, from, message, this.#now, this.#write, this.#effects);
        return;
    }
  }

  /** While this node returns, what the others hold is taken in beside what it knew, until it has it all. */
  #copy(from: NodeId, message: Extract<Message, { t: "have" }>, returning: Returning): void {
    const core = this.#core;
    const records = this.#receive(from, message.records, true);
    if (!takeCopy(returning, records, message)) {
      if (message.more) this.#send(from, { t: "heads", heads: headsOf(returning.copy), reply: true });
      return;
    }
    this.#drop(dropEnded(core, returning, this.#now));
    closeGaps(core.store, headsOf(returning.copy));
    this.#sync(from);
  }

  /** Records are not held any more, and what was derived from them is derived anew. */
  #drop(records: readonly RealmRecord[]): void {
    if (records.length === 0) return;
    this.#forget.push(...records);
    for (const topic of rebuild(this.#core)) this.#topics.add(topic);
  }

  /** A sign of life: it may contradict what the records say, and it tells whether our states differ. */
  #heard(from: NodeId, digest: string, incarnation: number): void {
    const core = this.#core;
    answered(core.liveness, from, undefined);
    heard(core.liveness, from, this.#now);
    const state = nodeState(core, from);
    if (state === "unreachable" || state === "left") {
      // It lives: let it say so with a higher incarnation, for all to see.
      this.#send(from, {
        t: "suspect",
        target: from,
        incarnation: Math.max(incarnation, incarnationOf(core, from)),
      });
    }
    if (digest !== storeDigest(core.store)) this.#sync(from);
  }

  #sync(peer: NodeId): void {
    const last = this.#core.lastSync.get(peer) ?? -Infinity;
    if (this.#now - last < timing.probeIntervalMs / 2) return;
    this.#core.lastSync.set(peer, this.#now);
    const { store, returning } = this.#core;
    this.#send(peer, {
      t: "heads",
      heads: headsOf(returning?.copy ?? store),
      reply: returning !== undefined,
    });
  }

  #greet(peer: NodeId): void {
    if (isMember(this.#core.members, peer)) this.#sync(peer);
  }

  #receive(from: NodeId, wires: readonly WireRecord[], bySync: boolean): RealmRecord[] {
    const opened: RealmRecord[] = [];
    for (const wire of wires) {
      const { open, verifier } = this.#core.config;
      const record = open ? open(wire) : openRecord(wire, verifier);
      if (record.ok) opened.push(record.value);
      // What has another form than ours may be of a later version; what has another's signature is of no version.
      else this.#refuse(from, from, "record", { ...record, forged: record.code === "bad_signature" });
    }
    // Memberships first: the other records' authors are among them.
    opened.sort((a, b) => Number(b.kind === "member") - Number(a.kind === "member") || a.seq - b.seq);
    for (const record of opened) this.#apply(record, from, true);
    if (!bySync && opened.length > 0 && this.#core.orphans.length > 0) this.#sync(from);
    return opened;
  }

  #apply(record: RealmRecord, from: NodeId | undefined, persist: boolean): void {
    const core = this.#core;
    const applied = applyRecord(core, record, this.#now, from === undefined);
    if (applied.refused && from) this.#refuse(from, record.author, record.key, applied.refused);
    this.#forget.push(...applied.dropped);
    this.#persist.push(...applied.adopted);
    if (!applied.stored && applied.topics.size === 0) return;
    if (applied.stored && persist) this.#persist.push(record);
    for (const topic of applied.topics) this.#topics.add(topic);
    if (
      record.kind === "liveness" && record.key === `liveness/${core.config.self}` &&
      record.author !== core.config.self && record.body
    ) {
      this.#refute((record.body as { incarnation: number }).incarnation);
    }
    if (
      record.kind === "command" && record.body &&
      core.commands.get(record.key.slice(8))?.via === record.author && persist && from
    ) {
      const command = core.commands.get(record.key.slice(8))?.command;
      if (command) {
        this.#audit({
          actor: command.by,
          action: command.kind,
          target: record.author,
          result: "applied",
          command: command.id,
        });
      }
    }
  }

  /** A record that a peer handed on counts for nothing: that is audited, and a forger is scored down. */
  #refuse(from: NodeId, author: NodeId, target: string, refused: Refused): void {
    if (refused.forged && !this.#accused) {
      this.#accused = true;
      this.#effects.push({ t: "misbehaved", peer: from, why: refused.message });
    }
    const { refusals } = this.#core;
    const name = `${author} ${refused.code}`;
    if (this.#now - (refusals.get(name) ?? -Infinity) < limits.refusalAuditMs) return;
    if (refusals.size >= limits.refusalsRemembered) refusals.delete(refusals.keys().next().value!);
    refusals.delete(name);
    refusals.set(name, this.#now);
    this.#audit({
      actor: author,
      action: "record",
      target,
      result: "refused",
      code: refused.code,
      detail: refused.message,
    });
  }

  #refute(incarnation: number): void {
    const core = this.#core;
    if (!core.info || incarnation < core.info.incarnation) return;
    // Others know only what this node announced; a number far beyond is meant to use the numbers up.
    if (incarnation > core.info.incarnation + limits.incarnationJump) return;
    core.info = { ...core.info, incarnation: incarnation + 1 };
    this.#write("node", core.info);
  }

  #tick(): void {
    const core = this.#core;
    this.#act(tickLiveness(core.liveness, this.#facts()));
    if (this.#now >= core.nextSyncAt) {
      core.nextSyncAt = this.#now + timing.syncIntervalMs;
      const others = aliveNodes(core).filter((id) => id !== core.config.self);
      if (others.length > 0) this.#sync(others[(core.counter++ * 7919 + core.liveness.turn) % others.length]);
    }
    const { returning } = core;
    if (returning && returning.others.size > 0 && this.#now - returning.since > limits.returnMs) {
      if (returning.copy.authors.size === 0) goOn(core, this.#now);
    }
    if (this.#now >= core.retireAt) {
      core.retireAt = nextRetirement(this.#now);
      const gone = core.returning ? [] : retire(core, this.#now);
      this.#forget.push(...gone);
      if (gone.length > 0) {
        for (const topic of ["apps", "pins", "commands"] as const) this.#topics.add(topic);
      }
    }
    for (const [id, at] of core.lastSync) if (this.#now - at > 60_000) core.lastSync.delete(id);
    for (const [key, declined] of core.declines) {
      for (const [node, { until }] of declined) if (this.#now >= until) declined.delete(node);
      if (declined.size === 0) core.declines.delete(key);
    }
  }

  #act(actions: readonly LivenessAction[]): void {
    const core = this.#core;
    for (const action of actions) {
      switch (action.do) {
        case "probe":
          this.#send(action.to, {
            t: "probe",
            n: action.n,
            digest: storeDigest(core.store),
            incarnation: core.info?.incarnation ?? 0,
          });
          break;
        case "ask":
          this.#send(action.to, { t: "ask", n: action.n, target: action.target });
          break;
        case "suspect":
          this.#effects.push({
            t: "publish",
            message: { t: "suspect", target: action.target, incarnation: action.incarnation },
          });
          core.alive = undefined;
          this.#topics.add("nodes");
          break;
        case "unreachable":
          this.#write(`liveness/${action.target}`, { state: "unreachable", incarnation: action.incarnation });
          break;
      }
    }
  }

  #facts(): LivenessFacts {
    const core = this.#core;
    const self = core.config.self;
    const alive = aliveNodes(core);
    const unreachable = [...core.members.admitted.keys()].filter((id) =>
      id !== self && isMember(core.members, id) && !alive.includes(id)
    );
    return {
      self,
      now: this.#now,
      incarnationOf: (id) => incarnationOf(core, id),
      alive: alive.filter((id) => id !== self),
      unreachable,
    };
  }

  #send(to: NodeId, message: Message): void {
    this.#effects.push({ t: "send", to, message });
  }

  #audit(entry: Extract<Effect, { t: "audit" }>["entry"]): void {
    this.#effects.push({ t: "audit", entry });
  }

  /** Writes a record of this node: store, projections, disk, gossip. */
  readonly #write = (key: string, body: unknown): void => {
    const core = this.#core;
    const { self, signer } = core.config;
    const prev = lastSeq(core.store, self);
    // Time in the seq: a node that lost its disk goes on above what others still hold of it.
    const seq = Math.max(prev + 1, this.#now * 1_000);
    const plain = body === null ? null : JSON.parse(JSON.stringify(body));
    const record = sealRecord({ author: self, seq, prev, key, at: this.#now, body: plain }, signer);
    if (core.outbox.length === 0) core.outboxSince = this.#now;
    core.outbox.push(record);
    this.#apply(record, undefined, true);
  };

  finish(): Effect[] {
    const core = this.#core;
    if (this.#topics.has("nodes") || this.#topics.has("members")) {
      for (const name of core.apps.keys()) core.dirtyApps.add(name);
    }
    if (["nodes", "members", "apps"].some((t) => this.#topics.has(t as Topic))) core.jobs.dirty = true;
    controlJobs(core, this.#now, this.#write, this.#effects);
    control(core, this.#now, this.#write, this.#effects);
    if (this.#topics.has("nodes") || this.#topics.has("members")) this.#reconnect();
    if (this.#topics.size > 0) {
      order(core, this.#effects);
      orderAttempts(core, this.#effects);
    }
    this.#effects.push(...flushOutbox(core, this.#now));
    const first: Effect[] = this.#persist.length > 0 ? [{ t: "persist", records: this.#persist }] : [];
    if (this.#forget.length > 0) first.push({ t: "forget", records: this.#forget });
    const last: Effect[] = this.#topics.size > 0 ? [{ t: "changed", topics: this.#topics }] : [];
    return [...first, ...this.#effects, ...last];
  }

  #reconnect(): void {
    const core = this.#core;
    const self = core.config.self;
    const neighbours = isMember(core.members, self) ? neighboursOf(self, aliveNodes(core)) : [];
    if (neighbours.join() === core.liveness.neighbours.join()) return;
    core.liveness.neighbours = neighbours;
    this.#effects.push({ t: "connect", neighbours });
  }
}

/** For shells: the refusal when a core is asked something before it started. */
export const notStarted = refuse("unavailable", "the agent is still starting; try again in a second");
