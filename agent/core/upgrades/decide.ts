/**
 * The controller's decision about a rollout of the fleet's executable: a pure function from what is wished, what was
 * decided, what the nodes say and how the apps are, to the next decision. Level-triggered: asked again with the same
 * facts it answers the same.
 *
 * Canaries stand in the signed command, so that no controller, on whichever side of a partition, can choose others: no
 * node changes before a canary of its platform has proved the release. Then batches, each when the one before has ended
 * and the apps are as well as they were. One node that returns to its old version stops the rollout.
 */
import type { Digest, NodeId } from "../../protocol/identity.ts";
import { artifactFor, mayFollow } from "../../protocol/release.ts";
import type { Quarantined, UpgradeDecision, UpgradeStatus } from "../../protocol/upgrade.ts";
import { upgradeLimits, upgradeTiming } from "../../protocol/upgrade_limits.ts";
import { rendezvousRank } from "../rendezvous.ts";
import type { DecidedUpgrade, Rollout, UpgradeWord } from "./rollouts.ts";

/** A member as a rollout sees it. */
export interface UpgradeNode {
  readonly id: NodeId;
  readonly name: string;
  readonly platform: string;
  /** That it runs now. */
  readonly version: string;
  /** Not known to be off. */
  readonly lives: boolean;
  /** What it says of itself, about whichever upgrade. */
  readonly status?: UpgradeStatus | undefined;
}

/** An app as a rollout sees it. */
export interface UpgradeApp {
  readonly name: string;
  /** All its replicas are healthy. */
  readonly well: boolean;
  /** Nodes with a healthy replica; one entry per replica. */
  readonly healthyOn: readonly NodeId[];
}

/** Facts for {@link decideUpgrade}. */
export interface UpgradeFacts {
  readonly rollout: Rollout;
  readonly word: UpgradeWord | undefined;
  readonly standing: DecidedUpgrade | undefined;
  readonly self: NodeId;
  readonly now: number;
  readonly nodes: readonly UpgradeNode[];
  readonly apps: readonly UpgradeApp[];
  /** Files that some member will not run again, as far as it counts after the last wish to try again. */
  readonly quarantined: ReadonlyMap<Digest, Quarantined & { readonly node: NodeId }>;
}

/** Where a node stands in a rollout. */
export type Standing =
  | { readonly is: "done" | "needs" }
  | { readonly is: "underway"; readonly status: UpgradeStatus }
  | { readonly is: "failed" | "skipped"; readonly reason: string };

/** What the controller should do now. */
export interface UpgradeVerdict {
  readonly next?: UpgradeDecision;
  readonly lookAgainAt?: number;
}

/** Failures and refusals of before this do not count any more. */
const retriedAt = (word: UpgradeWord | undefined): number =>
  word?.kind === "resume" && word.retry ? word.at : -Infinity;
/** A failure before this was known when somebody wished the rollout to go on: it stops nothing any more. */
const resumedAt = (word: UpgradeWord | undefined): number => word?.kind === "resume" ? word.at : -Infinity;

/** Where a node stands, and why. */
export function standingOf(
  { rollout, word, quarantined }: Pick<UpgradeFacts, "rollout" | "word" | "quarantined">,
  node: UpgradeNode,
): Standing {
  const { manifest } = rollout.release;
  const said = node.status?.upgrade === rollout.id && node.status.since > retriedAt(word)
    ? node.status
    : undefined;
  switch (said?.state) {
    case "done":
      return { is: "done" };
    case "rolled_back":
      return { is: "failed", reason: said.reason ?? "it gave no reason" };
    case "skipped":
      return { is: "skipped", reason: said.reason ?? "it gave no reason" };
    case "downloading":
    case "verifying":
    case "draining":
    case "switching":
    case "probation":
      return { is: "underway", status: said };
  }
  if (node.version === manifest.version) return { is: "done" };
  const artifact = artifactFor(manifest, node.platform);
  if (!artifact.ok) return { is: "skipped", reason: artifact.message };
  const may = mayFollow(manifest, node.version, rollout.wish.allow_downgrade);
  if (!may.ok) return { is: "skipped", reason: may.message };
  const bad = quarantined.get(artifact.value.sha256);
  if (bad) return { is: "skipped", reason: `quarantined for ${bad.platform}: ${bad.reason}` };
  return { is: "needs" };
}

/** Decides. Only the rollout's controller acts on the verdict; anyone may compute it to explain. */
export function decideUpgrade(facts: UpgradeFacts): UpgradeVerdict {
  const { word, standing, now } = facts;
  if (word?.kind === "abort") return {};
  const stopped = standing?.value.phase === "stopped";
  if (stopped && resumedAt(word) <= standing.value.since) return {};
  const draft: Draft = standing && !stopped ? standing.value : {
    phase: "running",
    told: [],
    batch: standing?.value.batch ?? 0,
    unwell: unwellNow(facts),
    since: now,
  };
  return { ...written(facts, consider(facts, draft)) };
}

const unwellNow = ({ apps }: UpgradeFacts): string[] =>
  apps.filter((a) => !a.well).map((a) => a.name).sort().slice(0, upgradeLimits.unwell);

type Draft = Pick<UpgradeDecision, "phase" | "reason" | "told" | "batch" | "unwell" | "passed" | "since">;
/** A draft, and when to look again although nothing happened. */
type Considered = Draft & { readonly lookAgainAt?: number };

function written({ rollout, standing, self }: UpgradeFacts, considered: Considered): UpgradeVerdict {
  const { lookAgainAt, phase, reason, told, batch, unwell, passed, since } = considered;
  const again = lookAgainAt === undefined ? {} : { lookAgainAt };
  const before = standing?.value;
  const same = before && before.phase === phase && before.since === since && before.batch === batch &&
    before.passed === passed &&
    before.told.map((t) => t.node).join() === told.map((t) => t.node).join();
  if (same) return again;
  const mine = standing?.author === self;
  return {
    ...again,
    next: {
      upgrade: rollout.id,
      epoch: (before?.epoch ?? 0) + (mine ? 0 : 1),
      step: mine ? before!.step + 1 : 1,
      phase,
      ...(reason === undefined ? {} : { reason }),
      told,
      batch,
      unwell,
      ...(passed === undefined ? {} : { passed }),
      since,
    },
  };
}

function consider(facts: UpgradeFacts, draft: Draft): Considered {
  const { rollout, word, now } = facts;
  const stop = (reason: string): Draft => ({ ...draft, phase: "stopped", reason, told: [], since: now });
  const nodes = facts.nodes.map((node) => {
    const standing = standingOf(facts, node);
    // It went away before it changed: it begins anew when it returns.
    const gone = standing.is === "underway" && !node.lives && !hasLeft(standing.status);
    return { ...node, standing: gone ? { is: "needs" } as const : standing };
  });
  const byId = new Map(nodes.map((n) => [n.id, n]));

  for (const { name, status, standing } of nodes) {
    if (standing.is === "failed" && status!.since > resumedAt(word)) {
      return stop(`${name} keeps version ${status!.from}: ${standing.reason}`);
    }
  }
  // What is under way goes on whoever told it: also a node that the former controller told.
  const told = nodes.filter(({ id, standing }) => {
    const isTold = draft.told.some((t) => t.node === id);
    return standing.is === "underway" || (isTold && standing.is === "needs");
  });
  const stay: typeof told = [];
  let lookAgainAt = Infinity;
  for (const node of told) {
    const at = draft.told.find((t) => t.node === node.id)?.at ?? now;
    const until = deadlineOf(facts, node, at);
    const switched = node.standing.is === "underway" && hasLeft(node.standing.status);
    // Whoever goes away before it was told much gets it when it returns.
    if (!node.lives && !switched) continue;
    if (now >= until) {
      return stop(
        switched ? `${node.name} did not come back` : `${node.name} takes too long to fetch the release`,
      );
    }
    lookAgainAt = Math.min(lookAgainAt, until);
    stay.push(node);
  }
  const goingOn = draft.told.filter((t) => stay.some((n) => n.id === t.node));
  for (const n of stay) if (!goingOn.some((t) => t.node === n.id)) goingOn.push({ node: n.id, at: now });
  if (stay.length > 0) return { ...draft, phase: "running", told: goingOn, lookAgainAt };
  // The batch has ended: the gate counts from now.
  const ended = draft.told.length > 0 ? { ...draft, told: [], since: now } : draft;
  const waits = gate(facts, ended);
  if (waits !== undefined) {
    if (now >= ended.since + upgradeTiming.gateMs) return stop(waits);
    return { ...ended, lookAgainAt: ended.since + upgradeTiming.gateMs };
  }

  const needs = nodes.filter((n) => n.standing.is === "needs");
  if (needs.length === 0) {
    return ended.phase === "done" ? ended : { ...ended, phase: "done", since: now };
  }
  const free: typeof nodes = [];
  for (const platform of [...new Set(needs.map((n) => n.platform))].sort()) {
    const mine = needs.filter((n) => n.platform === platform);
    const canaries = rollout.wish.canaries.flatMap((id) => byId.get(id) ?? []).filter((n) =>
      n.platform === platform
    );
    const untried = canaries.filter((n) => n.standing.is === "needs");
    const proved = canaries.some((n) => n.standing.is === "done");
    const ready = untried.filter((n) => n.lives);
    if (ready.length > 0) free.push(...ready);
    else if (proved) free.push(...mine.filter((n) => n.lives));
    else if (untried.length === 0) {
      return stop(`no canary of ${platform} can prove the release: ${whyNot(canaries)}`);
    } else {
      const until = ended.since + upgradeTiming.canaryWaitMs;
      if (now >= until) {
        return stop(
          `no canary of ${platform} can be reached (${
            untried.map((n) => n.name).join(", ")
          }); resume when one is back, or upgrade again with others`,
        );
      }
      lookAgainAt = Math.min(lookAgainAt, until);
    }
  }
  const ranked = rendezvousRank(`upgrade/${rollout.id}`, free.map((n) => n.id));
  // The controller itself comes last: then fewer rollouts change hands.
  const order = [...ranked.filter((id) => id !== facts.self), ...ranked.filter((id) => id === facts.self)];
  const chosen = choose(order, rollout.wish.batch, facts.apps);
  // Off, all of them: they get it when they return.
  if (chosen.length === 0) {
    return { ...ended, phase: "running", ...(ended.batch > 0 ? { passed: true } : {}), lookAgainAt };
  }
  const { passed, ...next } = ended;
  return {
    ...next,
    phase: "running",
    // What became of apps meanwhile is not due to the batch that begins.
    unwell: passed || ended.phase === "done" ? unwellNow(facts) : ended.unwell,
    told: chosen.map((node) => ({ node, at: now })),
    batch: ended.batch + 1,
    since: now,
  };
}

const hasLeft = ({ state }: UpgradeStatus): boolean => state === "switching" || state === "probation";

function whyNot(canaries: readonly { readonly name: string; readonly standing: Standing }[]): string {
  if (canaries.length === 0) return "it names none of them";
  return canaries.map((n) => `${n.name}: ${"reason" in n.standing ? n.standing.reason : n.standing.is}`).join(
    "; ",
  );
}

/** By when a node that was told must have ended. */
function deadlineOf(
  { rollout: { wish } }: UpgradeFacts,
  { standing }: { readonly standing: Standing },
  toldAt: number,
): number {
  if (standing.is !== "underway" || standing.status.state === "waiting") {
    return toldAt + upgradeTiming.fetchMs;
  }
  const { state, since } = standing.status;
  switch (state) {
    case "draining":
      return since + wish.drain_ms + wish.deadline_ms + upgradeTiming.absenceMs;
    case "switching":
    case "probation":
      return since + wish.deadline_ms + upgradeTiming.absenceMs;
    default:
      return toldAt + upgradeTiming.fetchMs;
  }
}

/** Which app is not as well as it was before; nothing when all are. */
function gate({ apps }: UpgradeFacts, { phase, batch, unwell, passed }: Draft): string | undefined {
  if (batch === 0 || passed || phase === "done") return undefined;
  const worse = apps.filter((a) => !a.well && !unwell.includes(a.name)).map((a) => a.name).sort();
  if (worse.length === 0) return undefined;
  return `after batch ${batch} not all replicas of ${worse.slice(0, 5).join(", ")} are healthy`;
}

/** Up to `batch` nodes of `order` that together do not hold all healthy replicas of an app; the first in any case. */
function choose(order: readonly NodeId[], batch: number, apps: readonly UpgradeApp[]): NodeId[] {
  const chosen: NodeId[] = [];
  for (const id of order) {
    if (chosen.length >= batch) break;
    const gone = new Set([...chosen, id]);
    const takesLast = apps.some((a) => a.healthyOn.includes(id) && a.healthyOn.every((n) => gone.has(n)));
    if (chosen.length === 0 || !takesLast) chosen.push(id);
  }
  return chosen;
}
