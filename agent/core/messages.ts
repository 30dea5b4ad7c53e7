/** Messages of members, and the exchange of records by which all come to hold the same. */
import type { NodeId } from "../protocol/identity.ts";
import { timing } from "../protocol/limits.ts";
import type { Message } from "../protocol/message.ts";
import { openRecord, type RealmRecord, type WireRecord } from "../protocol/record.ts";
import { answerReceived, consider } from "./control.ts";
import { considerJob, jobAnswered } from "./jobs/control.ts";
import { answered, asked, heard, suspected } from "./liveness.ts";
import { isMember } from "./members.ts";
import { toldBy } from "./catching_up.ts";
import { closeGaps, headsOf, lacks, missingFrom, recordOf, storeDigest } from "./record_store.ts";
import { dropEnded, type Returning, takeCopy, wasTold } from "./returning.ts";
import { incarnationOf, nodeState } from "./state.ts";
import type { Turn } from "./turn.ts";
import { act, factsOf } from "./watching.ts";

/** One message. */
export function receiveMessage(turn: Turn, from: NodeId, message: Message): void {
  const core = turn.core;
  const digest = storeDigest(core.store);
  switch (message.t) {
    case "probe":
      turn.send(from, { t: "ack", n: message.n, digest, incarnation: core.info?.incarnation ?? 0 });
      signOfLife(turn, from, message.digest, message.incarnation);
      return;
    case "ack": {
      const waiting = answered(core.liveness, from, message.n, turn.now);
      if (waiting) {
        turn.send(waiting.node, {
          t: "answer",
          n: waiting.n,
          target: from,
          incarnation: message.incarnation,
        });
      }
      signOfLife(turn, from, message.digest, message.incarnation);
      return;
    }
    case "ask":
      if (isMember(core.members, message.target)) {
        act(turn, asked(core.liveness, message.target, { node: from, n: message.n }, turn.now));
      }
      return;
    case "answer":
      answered(core.liveness, message.target, message.n, turn.now);
      return;
    case "suspect":
      if (message.target === core.config.self) turn.refute(message.incarnation);
      else act(turn, suspected(core.liveness, message.target, message.incarnation, factsOf(turn)));
      return;
    case "heads": {
      const own = recordOf(core.store, core.config.self, "node");
      if (core.info && own && (message.heads[core.config.self]?.[0] ?? 0) >= own.seq) {
        core.acknowledgedBy ??= from;
      }
      if (core.returning) {
        turn.send(from, { t: "have", records: [], upTo: {}, more: false, returning: true });
        return;
      }
      const { records, upTo, more } = missingFrom(core.store, message.heads);
      if (records.length > 0 || Object.keys(upTo).length > 0) {
        turn.send(from, { t: "have", records: records.map((r) => r.wire), upTo, more });
      }
      if (!lacks(core.store, message.heads)) toldBy(core, from);
      else if (!message.reply) turn.send(from, { t: "heads", heads: headsOf(core.store), reply: true });
      return;
    }
    case "have":
      if (message.returning) {
        core.returning?.others.add(from);
        return;
      }
      if (core.returning) {
        takeInCopy(turn, from, message, core.returning);
        return;
      }
      receive(turn, from, message.records, true);
      closeGaps(
        core.store,
        Object.fromEntries(Object.entries(message.upTo).filter(([id]) => core.members.admitted.has(id))),
      );
      if (message.more) turn.send(from, { t: "heads", heads: headsOf(core.store), reply: true });
      else wasTold(core, from);
      return;
    case "records":
      receive(turn, from, message.records, false);
      return;
    case "offer":
      turn.send(from, consider(core, message, turn.now, turn.effects));
      return;
    case "job_offer":
      turn.send(from, considerJob(core, message, turn.now, turn.effects));
      return;
    case "job_offered":
      jobAnswered(core, from, message, turn.now, turn.write);
      return;
    case "offered":
      answerReceived(core, from, message, turn.now, turn.write, turn.effects);
      return;
  }
}

/** While this node returns, what the others hold is taken in beside what it knew, until it has it all. */
function takeInCopy(
  turn: Turn,
  from: NodeId,
  message: Extract<Message, { t: "have" }>,
  returning: Returning,
): void {
  const core = turn.core;
  const records = receive(turn, from, message.records, true);
  if (!takeCopy(returning, records, message)) {
    if (message.more) turn.send(from, { t: "heads", heads: headsOf(returning.copy), reply: true });
    return;
  }
  turn.drop(dropEnded(core, returning, turn.now));
  closeGaps(core.store, headsOf(returning.copy));
  sync(turn, from);
}

/** A sign of life: it may contradict what the records say, and it tells whether our states differ. */
function signOfLife(turn: Turn, from: NodeId, digest: string, incarnation: number): void {
  const core = turn.core;
  answered(core.liveness, from, undefined, turn.now);
  heard(core.liveness, from, turn.now);
  const state = nodeState(core, from);
  if (state === "unreachable" || state === "left") {
    // It lives: let it say so with a higher incarnation, for all to see.
    turn.send(from, {
      t: "suspect",
      target: from,
      incarnation: Math.max(incarnation, incarnationOf(core, from)),
    });
  }
  if (digest !== storeDigest(core.store)) return catchUp(turn, from);
  wasTold(core, from);
  if (core.info) core.acknowledgedBy ??= from;
}

/** A peer's state differs: it is asked for what is missing, unless one was asked a moment ago. */
function catchUp(turn: Turn, peer: NodeId): void {
  const core = turn.core;
  if (turn.now < core.nextCatchUpAt) return;
  core.nextCatchUpAt = turn.now + timing.catchUpMs * (1 + core.liveness.strain);
  sync(turn, peer);
}

/** Asks a peer for what is missing, unless it was asked just now. */
export function sync(turn: Turn, peer: NodeId): void {
  const last = turn.core.lastSync.get(peer) ?? -Infinity;
  if (turn.now - last < timing.probeIntervalMs / 2) return;
  turn.core.lastSync.set(peer, turn.now);
  const { store, returning } = turn.core;
  turn.send(peer, {
    t: "heads",
    heads: headsOf(returning?.copy ?? store),
    reply: returning !== undefined,
  });
}

function receive(turn: Turn, from: NodeId, wires: readonly WireRecord[], bySync: boolean): RealmRecord[] {
  const opened: RealmRecord[] = [];
  for (const wire of wires) {
    const { open, verifier } = turn.core.config;
    const record = open ? open(wire) : openRecord(wire, verifier);
    if (record.ok) opened.push(record.value);
    // What has another form than ours may be of a later version; what has another's signature is of no version.
    else turn.refuse(from, from, "record", { ...record, forged: record.code === "bad_signature" });
  }
  // Memberships first: the other records' authors are among them.
  opened.sort((a, b) => Number(b.kind === "member") - Number(a.kind === "member") || a.seq - b.seq);
  for (const record of opened) turn.apply(record, from, true);
  if (!bySync && opened.length > 0 && turn.core.orphans.length > 0) sync(turn, from);
  return opened;
}
