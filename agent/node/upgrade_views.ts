/** Upgrades of the fleet as people see them. */
import {
  type Core,
  currentRollout,
  lastWord,
  type Rollout,
  standingOf,
  type UpgradeFacts,
  upgradeFacts,
  type UpgradeNode,
} from "../core/mod.ts";
import {
  shortId,
  type UpgradeNodeView,
  type UpgradePhase,
  type UpgradeView,
  type WhyView,
} from "../protocol/mod.ts";

function nodeView(facts: UpgradeFacts, node: UpgradeNode): UpgradeNodeView {
  const { rollout } = facts;
  const standing = standingOf(facts, node);
  const status = node.status?.upgrade === rollout.id ? node.status : undefined;
  const state = standing.is === "failed"
    ? "rolled_back"
    : standing.is === "underway"
    ? standing.status.state
    : standing.is === "needs"
    ? "waiting"
    : standing.is;
  const off = !node.lives && ["waiting", "downloading", "verifying", "draining"].includes(state);
  const reason = "reason" in standing
    ? standing.reason
    : off
    ? "is off; it gets the release when it returns"
    : undefined;
  return {
    id: node.id,
    name: node.name,
    platform: node.platform,
    version: node.version,
    lives: node.lives,
    canary: rollout.wish.canaries.includes(node.id),
    state,
    ...(reason === undefined ? {} : { reason }),
    ...(status?.progress && state === "downloading" ? { progress: status.progress } : {}),
    ...(status ? { since: status.since } : {}),
  };
}

function phaseOf(facts: UpgradeFacts, nodes: readonly UpgradeNodeView[]): UpgradePhase {
  if (facts.word?.kind === "abort") return "aborted";
  const { phase, since } = facts.standing?.value ?? { phase: "running" as const, since: 0 };
  // Somebody let it go on, and its controller has not said so yet.
  if (phase === "stopped" && facts.word !== undefined && facts.word.at > since) return "running";
  if (phase !== "running") return phase;
  const open = nodes.filter((n) => n.state !== "done" && n.state !== "skipped" && n.state !== "rolled_back");
  // Whoever restarts is away for a moment and was told to be.
  const restarting = (facts.standing?.value.told.length ?? 0) > 0;
  return !restarting && open.length > 0 && open.every((n) => !n.lives) ? "waiting" : "running";
}

/** One upgrade. */
export function upgradeView(core: Core, rollout: Rollout, now: number): UpgradeView {
  const facts = upgradeFacts(core, rollout, now);
  const isCurrent = currentRollout(core.upgrades)?.id === rollout.id;
  const nodes = isCurrent
    ? facts.nodes.map((n) => nodeView(facts, n)).sort((a, b) => a.name < b.name ? -1 : 1)
    : [];
  const { manifest, by: signedBy } = rollout.release;
  const decision = facts.standing?.value;
  const phase = phaseOf(facts, nodes);
  const ended = phase === "done" || phase === "aborted" || phase === "stopped";
  const off = nodes.filter((n) => !n.lives && n.state === "waiting").map((n) => n.name);
  const reason = phase === "stopped"
    ? decision?.reason
    : phase === "aborted"
    ? `aborted by ${shortId(facts.word!.by)}`
    : phase === "waiting"
    ? `${off.join(", ")} ${off.length === 1 ? "is" : "are"} off`
    : undefined;
  return {
    id: rollout.id,
    version: manifest.version,
    by: rollout.by,
    signed_by: signedBy,
    at: rollout.at,
    phase: isCurrent || ended ? phase : "superseded",
    ...(reason === undefined ? {} : { reason }),
    batch: decision?.batch ?? 0,
    batch_size: rollout.wish.batch,
    ...(manifest.expires === undefined ? {} : { expires: manifest.expires }),
    artifacts: manifest.artifacts.map(({ platform, size, sha256 }) => {
      const bad = facts.quarantined.get(sha256);
      return { platform, size, sha256, ...(bad ? { quarantined: bad.reason } : {}) };
    }),
    nodes,
  };
}

const newestFirst = (core: Core): Rollout[] =>
  [...core.upgrades.rollouts.values()].sort((a, b) => b.at - a.at || (a.id < b.id ? 1 : -1));

/** All upgrades that are remembered, newest first. */
export const upgradeViews = (core: Core, now: number): UpgradeView[] =>
  newestFirst(core).map((rollout) => upgradeView(core, rollout, now));

/** By a unique beginning of its id, of at least six digits, or `current`. */
export function findUpgrade(core: Core, name: string): Rollout | undefined {
  if (name === "current") return currentRollout(core.upgrades);
  const found = newestFirst(core).filter((r) => name.length >= 6 && r.id.startsWith(name));
  return found.length === 1 ? found[0] : undefined;
}

/** Why an upgrade is where it is. */
export function whyUpgrade(core: Core, rollout: Rollout, now: number): WhyView {
  const view = upgradeView(core, rollout, now);
  const isStopped = view.phase === "stopped" || view.phase === "aborted";
  const failed = lastWord(core.upgrades, rollout.id) === undefined &&
    view.artifacts.some((a) => a.quarantined);
  return {
    id: view.id,
    kind: "upgrade",
    state: view.phase,
    reasons: [
      `version ${view.version} for ${view.artifacts.map((a) => a.platform).join(", ")}`,
      ...(view.reason ? [view.reason] : []),
    ],
    nodes: view.nodes.map((n) => ({
      id: n.id,
      name: n.name,
      able: n.state !== "rolled_back" && n.state !== "skipped",
      reasons: [`${n.state.replace("_", " ")}, runs ${n.version}`, ...(n.reason ? [n.reason] : [])],
    })),
    ...(isStopped ? { fix: `realm upgrade resume${failed ? " --retry" : ""}` } : {}),
  };
}
