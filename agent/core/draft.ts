/** A decision for one app while it is being made, from the standing one to the next. */
import { canonicalJson } from "../protocol/encoding.ts";
import type { Digest, NodeId } from "../protocol/identity.ts";
import type { DecidedReplica, Decision } from "../protocol/record.ts";
import { type DesiredApp, numberOf, type Revision, statusOf } from "./apps.ts";
import type { AppFacts, Verdict, Want } from "./rollout.ts";
import { learnCommits, needsCommits, originOf } from "./service_commits.ts";

/** What of a decision goes on into the next. */
export function without({ over: _over, ...decision }: Decision): Decision {
  return decision;
}

/** Which decision the next one is. */
export function stamp(
  facts: AppFacts,
  standing: Decision | undefined,
): Pick<Decision, "epoch" | "step"> & { over?: NodeId[] } {
  const over = facts.over.length > 0 ? { over: [...facts.over] } : {};
  if (!standing) return { epoch: 1, step: 1, ...over };
  const mine = facts.app.decision?.author === facts.self;
  return mine
    ? { epoch: standing.epoch, step: standing.step + 1, ...over }
    : { epoch: standing.epoch + 1, step: 1, ...over };
}

/** A decision being made; starts from the standing one. */
export class Draft {
  replicas: readonly DecidedReplica[];
  #rejected: Decision["rejected"];
  volumes: Decision["volumes"];
  readonly #commits: NonNullable<Decision["commits"]>;
  readonly #facts: AppFacts;
  readonly #standing: Decision | undefined;

  constructor(facts: AppFacts, standing: Decision | undefined, desired: DesiredApp) {
    this.#facts = facts;
    this.#standing = standing;
    this.replicas = standing?.replicas ?? [];
    this.#rejected = standing?.rejected ?? [];
    this.#commits = learnCommits(facts.app, standing);
    this.volumes = desired.revision.spec.volumes.length > 0 || standing?.volumes.length
      ? standing?.volumes ?? []
      : [];
  }
  at(slot: number): readonly DecidedReplica[] {
    return this.replicas.filter((r) => r.slot === slot);
  }
  drop(replica: DecidedReplica): void {
    this.replicas = this.replicas.filter((r) => r !== replica);
  }
  /** Its slot is done with, whatever becomes of its node. */
  end(replica: DecidedReplica): void {
    if (replica.ended) return;
    const { reason, restarts = 0, since = this.#facts.now } = statusOf(this.#facts.app, replica) ?? {};
    const ended = { at: since, restarts, ...(reason === undefined ? {} : { reason }) };
    this.replicas = this.replicas.map((r) => r === replica ? { ...r, ended } : r);
  }
  boundNode(slot: number): NodeId | undefined {
    return this.volumes.find((v) => v.slot === slot)?.node;
  }
  isBound(slot: number): boolean {
    return this.boundNode(slot) !== undefined;
  }
  /** Whether it is not known yet what a revision's repositories stand for, and a replica is finding it out. */
  isResolving(revision: Revision): boolean {
    return this.lacksCommits(revision) && this.replicas.some((r) => r.revision === revision.id);
  }
  lacksCommits(revision: Revision): boolean {
    return needsCommits(revision) && !this.#commits.some((c) => c.revision === originOf(revision));
  }
  reject(revision: Digest, reason: string): void {
    const entry = { revision, reason, at: this.#facts.now, by: this.#facts.self };
    this.#rejected = [...this.#rejected.filter((r) => r.revision !== revision), entry].slice(-16);
    this.replicas = this.replicas.filter((r) => r.revision !== revision);
  }
  value(phase: Decision["phase"], target: Revision): Decision {
    const standing = this.#standing;
    const good = phase === "steady" || phase === "rolled_back" ? target.id : standing?.good;
    const changedPhase = standing?.phase !== phase || standing.revision !== target.id;
    return {
      app: this.#facts.app.name,
      phase,
      revision: target.id,
      number: numberOf(this.#facts.app, target),
      ...(good === undefined ? {} : { good }),
      replicas: [...this.replicas],
      volumes: [...this.volumes],
      rejected: [...this.#rejected],
      ...(this.#commits.length > 0 ? { commits: this.#commits } : {}),
      since: changedPhase ? this.#facts.now : standing.since,
      ...stamp(this.#facts, standing),
    };
  }
  finish(phase: Decision["phase"], target: Revision, wants: readonly Want[]): Verdict {
    const replicas = phase === "failed" ? [] : this.replicas;
    this.replicas = replicas;
    const next = this.value(phase, target);
    return sameDecision(next, this.#facts.standing) ? { wants } : { next, wants };
  }
}

/** Whether two decisions say the same, apart from their stamps. */
function sameDecision(a: Decision, b: Decision | undefined): boolean {
  const plain = (d: Decision) => canonicalJson({ ...d, epoch: 0, step: 0, since: 0 });
  return b !== undefined && plain(a) === plain(b);
}
