/**
 * Which decision of an app stands. Each node holds the newest decision of every author; the highest epoch stands, and
 * what a removed node decided loses to whatever a member decided since: a decision names the removed authors whose
 * decisions it replaces. A function of the set of decisions and memberships, so that all nodes agree.
 */
import type { Digest, NodeId } from "../protocol/identity.ts";
import { limits } from "../protocol/limits.ts";
import type { Decision } from "../protocol/record.ts";
import { type AppState, revisionOf } from "./apps.ts";

/** A decision and who made it. */
export interface Decided {
  readonly value: Decision;
  readonly author: NodeId;
}

/** When a node's membership ended; `undefined` for a member. */
export type EndedAt = (node: NodeId) => number | undefined;

/**
 * Whether a decision can be meant: an epoch counts changes of controller, and there are not more of them than
 * milliseconds. So nobody uses the numbers up: the next millisecond has room for the next epoch.
 */
export const isPlausible = (value: Pick<Decision, "epoch">, at: number): boolean => value.epoch <= at;

/** Whether decision `a` outranks `b`: higher epoch, then later step, then author. */
function outranks(a: Decided, b: Decided | undefined): boolean {
  if (!b) return true;
  if (a.value.epoch !== b.value.epoch) return a.value.epoch > b.value.epoch;
  if (a.value.step !== b.value.step) return a.value.step > b.value.step;
  return a.author > b.author;
}

/** Replaced by a member, or by one that was a member for longer: removed nodes cannot speak each other out. */
function isReplaced(app: AppState, author: NodeId, endedAt: EndedAt): boolean {
  const ended = endedAt(author);
  if (ended === undefined) return false;
  for (const [by, decision] of app.decisions) {
    if (decision.over?.includes(author) && (endedAt(by) ?? Infinity) > ended) return true;
  }
  return false;
}

function highest(app: AppState, counts: (author: NodeId) => boolean): Decided | undefined {
  let best: Decided | undefined;
  for (const [author, value] of app.decisions) {
    if (outranks({ value, author }, best) && counts(author)) best = { value, author };
  }
  return best;
}

/** Derives the decision that stands; returns whether it is another one than before. */
export function settleDecision(app: AppState, endedAt: EndedAt): boolean {
  const before = app.decision;
  const best = highest(app, (author) => !isReplaced(app, author, endedAt));
  if (before?.value === best?.value && before?.author === best?.author) return false;
  if (best) app.decision = best;
  else delete app.decision;
  return true;
}

/** What the controller goes on from. */
export interface Footing {
  /** As the controller takes it over. */
  readonly decision: Decided | undefined;
  /** Removed authors whose decisions the next one replaces; sorted. */
  readonly over: readonly NodeId[];
}

/** An entry of a decision with its origin. */
interface Entry {
  readonly by?: NodeId | undefined;
}

/**
 * The standing decision as far as it is to be believed. What removed nodes rejected does not count. A slot's volumes
 * never move while its app is there: the controller believes itself first, then the standing decision, then the other
 * members', then the node that holds them, and last a node that was removed.
 */
export function footingOf(app: AppState, self: NodeId, endedAt: EndedAt, now: number): Footing {
  const isRemoved = (node: NodeId) => endedAt(node) !== undefined;
  const over = [...app.decisions.keys()].filter(isRemoved).sort().slice(-limits.decisionsReplaced);
  const standing = app.decision;
  if (!standing) return { decision: undefined, over };
  const members = [...app.decisions].map(([author, value]) => ({ author, value }))
    .filter(({ author }) => !isRemoved(author))
    .sort((a, b) => outranks(a, b) ? -1 : 1);
  const { over: _over, ...value } = standing.value;
  const past = isRemoved(standing.author);
  // A removed node's epochs bind nobody: with them used up, count on from the members'.
  const epoch = past && !isPlausible({ epoch: value.epoch + 1 }, now)
    ? members[0]?.value.epoch ?? 0
    : value.epoch;
  const good = past ? members[0]?.value.good ?? value.good : value.good;
  const rejected = value.rejected
    .map((r) => attribute(app, self, standing, r, (d) => d.rejected.some((o) => o.revision === r.revision)))
    .filter((r) => !isRemoved(r.by));
  const bindings = [...members.filter((m) => m.author === self), standing, ...members]
    .filter((d) => d === standing || isKept(app, d.value))
    .flatMap((d) =>
      d.value.volumes.map((b) =>
        attribute(app, self, d, b, (o) => o.volumes.some((v) => v.slot === b.slot && v.node === b.node))
      )
    );
  // Slots of an app that never had volumes are bound by nobody's word.
  const stateful = app.revisions.some((r) => r.spec.volumes.length > 0);
  const volumes = new Map<number, (typeof bindings)[number]>();
  const held = heldBy(app, isRemoved).map(({ slot, node }) => ({ slot, node, by: self }));
  for (const b of [...bindings.filter((b) => !isRemoved(b.by)), ...held, ...bindings]) {
    if (!volumes.has(b.slot)) volumes.set(b.slot, b);
  }
  return {
    decision: {
      author: standing.author,
      value: {
        ...value,
        epoch,
        ...(good === undefined ? {} : { good }),
        rejected,
        volumes: stateful ? [...volumes.values()].sort((a, b) => a.slot - b.slot) : [],
      },
    },
    over,
  };
}

/** Volumes by the members that hold them, the ones opened last first. */
function heldBy(app: AppState, isRemoved: (node: NodeId) => boolean): { slot: number; node: NodeId }[] {
  return [...app.held].filter(([node]) => !isRemoved(node))
    .flatMap(([node, held]) => held.map((h) => ({ ...h, node })))
    .filter((h) => isKept(app, h))
    .sort((a, b) => numberIn(app, b.revision) - numberIn(app, a.revision) || (a.node < b.node ? -1 : 1));
}

const numberIn = (app: AppState, revision: Digest): number => revisionOf(app, revision)?.number ?? 0;

/** Whether volumes that a deploy used are still wanted: no removal of volumes came after it. */
export const isKept = (app: AppState, { revision }: { readonly revision: Digest }): boolean =>
  numberIn(app, revision) > app.clearedAt;

/** Whose word an entry is: the one it names when that one says so itself, else the decision's author. */
function attribute<E extends Entry>(
  app: AppState,
  self: NodeId,
  { author, value }: Decided,
  entry: E,
  isIn: (other: Decision) => boolean,
): E & { by: NodeId } {
  const named = entry.by === undefined || entry.by === author ? undefined : app.decisions.get(entry.by);
  const vouched = author === self || (named !== undefined && named !== value && isIn(named));
  return { ...entry, by: vouched ? entry.by ?? author : author };
}
