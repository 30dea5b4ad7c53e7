/**
 * What one step gathers: effects, records to be stored and dropped, topics that changed; and the ways in which a record
 * comes into the core.
 */
import type { NodeId } from "../protocol/identity.ts";
import { limits } from "../protocol/limits.ts";
import type { Message } from "../protocol/message.ts";
import { type RealmRecord, sealRecord } from "../protocol/record.ts";
import { applyRecord, type Refused } from "./apply.ts";
import type { Effect } from "./events.ts";
import { strained } from "./liveness.ts";
import { rebuild, type Topic } from "./projections.ts";
import { lastSeq } from "./record_store.ts";
import type { Core } from "./state.ts";

/** See the module's text. */
export class Turn {
  readonly core: Core;
  readonly now: number;
  readonly effects: Effect[] = [];
  readonly persist: RealmRecord[] = [];
  readonly forget: RealmRecord[] = [];
  readonly topics = new Set<Topic>();
  #accused = false;

  /** Nothing gathered yet. */
  constructor(core: Core, now: number) {
    this.core = core;
    this.now = now;
  }

  /** To one member. */
  send(to: NodeId, message: Message): void {
    this.effects.push({ t: "send", to, message });
  }

  /** For the audit. */
  audit(entry: Extract<Effect, { t: "audit" }>["entry"]): void {
    this.effects.push({ t: "audit", entry });
  }

  /** Writes a record of this node: store, projections, disk, gossip. */
  readonly write = (key: string, body: unknown): void => {
    const core = this.core;
    const { self, signer } = core.config;
    const prev = lastSeq(core.store, self);
    // Time in the seq: a node that lost its disk goes on above what others still hold of it.
    const seq = Math.max(prev + 1, this.now * 1_000);
    const plain = body === null ? null : JSON.parse(JSON.stringify(body));
    const record = sealRecord({ author: self, seq, prev, key, at: this.now, body: plain }, signer);
    if (core.outbox.length === 0) core.outboxSince = this.now;
    core.outbox.push(record);
    this.apply(record, undefined, true);
  };

  /** Takes a record in; `from`: the peer that handed it on. `persist`: it is not on disk yet. */
  apply(record: RealmRecord, from: NodeId | undefined, persist: boolean): void {
    const core = this.core;
    const applied = applyRecord(core, record, this.now, from === undefined);
    if (applied.refused && from) this.refuse(from, record.author, record.key, applied.refused);
    this.forget.push(...applied.dropped);
    this.persist.push(...applied.adopted);
    if (!applied.stored && applied.topics.size === 0) return;
    if (applied.stored && persist) this.persist.push(record);
    for (const topic of applied.topics) this.topics.add(topic);
    if (
      record.kind === "liveness" && record.key === `liveness/${core.config.self}` &&
      record.author !== core.config.self && record.body
    ) {
      this.refute((record.body as { incarnation: number }).incarnation);
    }
    if (
      record.kind === "command" && record.body &&
      core.commands.get(record.key.slice(8))?.via === record.author && persist && from
    ) {
      const command = core.commands.get(record.key.slice(8))?.command;
      if (command) {
        this.audit({
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
  refuse(from: NodeId, author: NodeId, target: string, refused: Refused): void {
    if (refused.forged && !this.#accused) {
      this.#accused = true;
      this.effects.push({ t: "misbehaved", peer: from, why: refused.message });
    }
    const { refusals } = this.core;
    const name = `${author} ${refused.code}`;
    if (this.now - (refusals.get(name) ?? -Infinity) < limits.refusalAuditMs) return;
    if (refusals.size >= limits.refusalsRemembered) refusals.delete(refusals.keys().next().value!);
    refusals.delete(name);
    refusals.set(name, this.now);
    this.audit({
      actor: author,
      action: "record",
      target,
      result: "refused",
      code: refused.code,
      detail: refused.message,
    });
  }

  /** Contradicts what others say of this node's present life. */
  refute(incarnation: number): void {
    const core = this.core;
    if (!core.info || incarnation < core.info.incarnation) return;
    // Others know only what this node announced; a number far beyond is meant to use the numbers up.
    if (incarnation > core.info.incarnation + limits.incarnationJump) return;
    strained(core.liveness);
    core.info = { ...core.info, incarnation: incarnation + 1 };
    this.write("node", core.info);
  }

  /** Records are not held any more, and what was derived from them is derived anew. */
  drop(records: readonly RealmRecord[]): void {
    if (records.length === 0) return;
    this.forget.push(...records);
    for (const topic of rebuild(this.core)) this.topics.add(topic);
  }
}
