/**
 * Failure detection after SWIM (Das, Gupta, Motivala 2002): probe a neighbour, then ask others to probe it, then
 * suspect it, and only when it does not refute with a higher incarnation declare it unreachable. A neighbour's closed
 * connection starts a probe at once. Only the last step becomes a record; suspicions are gossip.
 *
 * Who is slow itself must not accuse others (Dadgar, Phillips, Currey, "Lifeguard: Local Health Awareness for More
 * Accurate Failure Detection", 2018): time for which this node did not run does not count, and signs that it, or the
 * whole machine, is behind (`strain`) lengthen all its waits until probes are answered in time again.
 */
import type { NodeId } from "../protocol/identity.ts";
import { timing } from "../protocol/limits.ts";
import { shareOf } from "./neighbours.ts";

/** Watchers give their verdicts spread over this long. */
const VERDICT_SPREAD_MS = 400;
/** A tick this late tells that the node did not run; answers that came meanwhile are read within as long. */
const LATE_MS = 250;

interface Probe {
  readonly n: number;
  readonly target: NodeId;
  /** `asked`: probing for another node, which gets the answer. */
  readonly stage: "direct" | "indirect" | "asked";
  readonly askedBy?: { readonly node: NodeId; readonly n: number };
  readonly startedAt: number;
  readonly expiresAt: number;
  /** The connection to the target closed: that is no slowness of ours, so no wait is longer for it. */
  readonly closed?: boolean;
  /** It was given more time once, since this node ran late. */
  readonly graced?: boolean;
}

/** What one node knows of the others' lives beyond the records. */
export interface Liveness {
  readonly probes: Map<number, Probe>;
  readonly suspects: Map<
    NodeId,
    { readonly incarnation: number; readonly until: number; readonly graced?: boolean }
  >;
  /** When each neighbour last gave a sign of life or was probed. */
  readonly touched: Map<NodeId, number>;
  neighbours: readonly NodeId[];
  /** The living members from which those were chosen, and those of them that were near enough. */
  among: readonly NodeId[];
  nearest: readonly NodeId[];
  /** How far this node seems to be behind, from 0 to `timing.strainMost`: waits are this many times longer. */
  strain: number;
  nextN: number;
  turn: number;
  nextProbeAt: number;
  nextRetryAt: number;
}

/** Nothing probed yet. */
export const createLiveness = (): Liveness => ({
  probes: new Map(),
  suspects: new Map(),
  touched: new Map(),
  neighbours: [],
  among: [],
  nearest: [],
  strain: 0,
  nextN: 1,
  turn: 0,
  nextProbeAt: 0,
  nextRetryAt: 0,
});

/** What liveness asks its core to do. */
export type LivenessAction =
  | { readonly do: "probe"; readonly to: NodeId; readonly n: number }
  | { readonly do: "ask"; readonly to: NodeId; readonly n: number; readonly target: NodeId }
  | { readonly do: "suspect"; readonly target: NodeId; readonly incarnation: number }
  | { readonly do: "unreachable"; readonly target: NodeId; readonly incarnation: number };

/** Facts that the core passes in. */
export interface LivenessFacts {
  readonly self: NodeId;
  readonly now: number;
  readonly incarnationOf: (id: NodeId) => number;
  /** Members that nobody declared unreachable or left; this node may be among them. */
  readonly alive: ReadonlySet<NodeId>;
  readonly unreachable: readonly NodeId[];
}

/** A sign that this node is slow: others suspected it, it ran late, or who it probes does not answer. */
export function strained(state: Liveness): void {
  state.strain = Math.min(timing.strainMost, state.strain + 1);
}

/**
 * This node ran late: what came meanwhile lies there and is read next. All that waits is given the time for that, once: a
 * node that is late again and again must not wait for ever.
 */
function allowFor(state: Liveness, lateMs: number, now: number): void {
  if (lateMs <= LATE_MS) return;
  strained(state);
  const later = now + LATE_MS;
  for (const [n, probe] of state.probes) {
    if (!probe.graced) {
      state.probes.set(n, { ...probe, expiresAt: Math.max(probe.expiresAt, later), graced: true });
    }
  }
  for (const [id, s] of state.suspects) {
    if (!s.graced) state.suspects.set(id, { ...s, until: Math.max(s.until, later), graced: true });
  }
}

/** How many times longer something waits. */
const patience = (state: Liveness, closed?: boolean): number => closed ? 1 : 1 + state.strain;

function startProbe(
  state: Liveness,
  target: NodeId,
  now: number,
  stage: Probe["stage"],
  more: Pick<Probe, "askedBy" | "closed"> = {},
): LivenessAction {
  const n = state.nextN++;
  state.probes.set(n, {
    n,
    target,
    stage,
    startedAt: now,
    expiresAt: now + timing.probeTimeoutMs * patience(state, more.closed),
    ...more,
  });
  return { do: "probe", to: target, n };
}

/**
 * A neighbour's connection closed: probe it now, unless that is under way. Others close theirs when nothing was asked for
 * a while; to probe them would open one again, on and on.
 */
export function hint(state: Liveness, target: NodeId, facts: LivenessFacts): LivenessAction[] {
  if (!facts.alive.has(target) || !state.neighbours.includes(target)) return [];
  const { now } = facts;
  const suspicion = state.suspects.get(target);
  if (suspicion) {
    state.suspects.set(target, { ...suspicion, until: Math.min(suspicion.until, now + timing.suspectMs) });
  }
  for (const [n, probe] of state.probes) {
    if (probe.target !== target || probe.stage === "asked") continue;
    const expiresAt = Math.min(probe.expiresAt, now + timing.probeTimeoutMs);
    state.probes.set(n, { ...probe, expiresAt, closed: true });
    return [];
  }
  return [startProbe(state, target, now, "direct", { closed: true })];
}

/** Another node asks us to probe `target`. */
export function asked(
  state: Liveness,
  target: NodeId,
  by: { node: NodeId; n: number },
  now: number,
): LivenessAction[] {
  if (state.probes.size > 1_000) return [];
  return [startProbe(state, target, now, "asked", { askedBy: by })];
}

/** A message came from `id` itself: within this round there is no need to probe it. */
export function heard(state: Liveness, id: NodeId, now: number): void {
  if (state.neighbours.includes(id)) state.touched.set(id, now);
}

/**
 * The neighbour whose turn it is: the one of which nothing was heard for longest, when that is about a round of probes.
 * Where two nodes watch each other, one probe so tells both that the other lives.
 */
function nextTarget(state: Liveness, alive: readonly NodeId[], now: number): NodeId | undefined {
  for (const id of state.touched.keys()) if (!alive.includes(id)) state.touched.delete(id);
  const due = now - (alive.length - 0.5) * timing.probeIntervalMs;
  let target: NodeId | undefined, oldest = due;
  for (const id of alive) {
    const at = state.touched.get(id) ?? 0;
    if (at <= oldest && (target === undefined || at < oldest)) [target, oldest] = [id, at];
  }
  if (target !== undefined) state.touched.set(target, now);
  return target;
}

/**
 * `target` lives (it answered us, or another that we asked). Returns who waits for the news. Only an answer within the
 * time of a node that is not behind tells that this one is not.
 */
export function answered(
  state: Liveness,
  target: NodeId,
  n: number | undefined,
  now: number,
): { node: NodeId; n: number } | undefined {
  state.suspects.delete(target);
  if (n === undefined) return undefined;
  const probe = state.probes.get(n);
  if (!probe || probe.target !== target) return undefined;
  state.probes.delete(n);
  const inTime = probe.stage === "direct" && now - probe.startedAt <= timing.probeTimeoutMs;
  if (inTime) state.strain = Math.max(0, state.strain - 1);
  for (const other of [...state.probes.values()]) {
    if (other.target === target && other.stage !== "asked") state.probes.delete(other.n);
  }
  return probe.askedBy;
}

/** Somebody suspects `target`: probe it ourselves when we are one of its watchers. */
export function suspected(
  state: Liveness,
  target: NodeId,
  incarnation: number,
  facts: LivenessFacts,
): LivenessAction[] {
  if (incarnation < facts.incarnationOf(target) || state.suspects.has(target)) return [];
  if (!state.neighbours.includes(target) || !facts.alive.has(target)) return [];
  for (const probe of state.probes.values()) {
    if (probe.target === target && probe.stage !== "asked") return [];
  }
  return [startProbe(state, target, facts.now, "direct")];
}

/** Starts what is due: probes, indirect probes, suspicions, verdicts. */
export function tickLiveness(state: Liveness, facts: LivenessFacts): LivenessAction[] {
  const { now } = facts;
  const actions: LivenessAction[] = [];
  if (state.nextProbeAt > 0) allowFor(state, now - livenessWake(state), now);
  for (const probe of [...state.probes.values()]) {
    if (now < probe.expiresAt) continue;
    state.probes.delete(probe.n);
    if (probe.stage === "asked" || !facts.alive.has(probe.target)) continue;
    const helpers = state.neighbours.filter((id) => id !== probe.target && facts.alive.has(id))
      .slice(0, timing.indirectProbes);
    if (probe.stage === "direct" && helpers.length > 0) {
      state.probes.set(probe.n, {
        ...probe,
        stage: "indirect",
        expiresAt: now + 2 * timing.probeTimeoutMs * patience(state, probe.closed),
      });
      for (const to of helpers) actions.push({ do: "ask", to, n: probe.n, target: probe.target });
      actions.push({ do: "probe", to: probe.target, n: probe.n });
      continue;
    }
    if (state.suspects.has(probe.target)) continue;
    const incarnation = facts.incarnationOf(probe.target);
    // Watchers find out at about the same time; a spread of their verdicts lets one record do for all.
    const spread = Math.floor(shareOf(facts.self + probe.target) * VERDICT_SPREAD_MS);
    const until = now + timing.suspectMs * patience(state, probe.closed) + spread;
    state.suspects.set(probe.target, { incarnation, until });
    strained(state);
    actions.push({ do: "suspect", target: probe.target, incarnation });
  }
  for (const [target, suspicion] of [...state.suspects]) {
    if (!facts.alive.has(target) || facts.incarnationOf(target) > suspicion.incarnation) {
      state.suspects.delete(target);
      continue;
    }
    if (now < suspicion.until) continue;
    state.suspects.delete(target);
    actions.push({ do: "unreachable", target, incarnation: suspicion.incarnation });
  }
  if (now >= state.nextProbeAt) {
    state.nextProbeAt = now + timing.probeIntervalMs;
    const target = nextTarget(state, state.neighbours.filter((id) => facts.alive.has(id)), now);
    if (
      target !== undefined &&
      ![...state.probes.values()].some((p) => p.target === target && p.stage !== "asked")
    ) {
      actions.push(startProbe(state, target, now, "direct"));
    }
    // A suspect is probed on and on: its answer is what clears it.
    for (const suspect of state.suspects.keys()) {
      if (suspect !== target) actions.push(startProbe(state, suspect, now, "direct"));
    }
  }
  if (now >= state.nextRetryAt && facts.unreachable.length > 0) {
    state.nextRetryAt = now + 5 * timing.probeIntervalMs;
    const target = facts.unreachable[state.turn++ % facts.unreachable.length];
    actions.push(startProbe(state, target, now, "asked"));
  }
  return actions;
}

/** When {@link tickLiveness} has something to do next. */
export function livenessWake(state: Liveness): number {
  let at = state.nextProbeAt;
  for (const probe of state.probes.values()) at = Math.min(at, probe.expiresAt);
  for (const s of state.suspects.values()) at = Math.min(at, s.until);
  return at;
}
