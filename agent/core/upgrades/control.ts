/** Rollouts of the fleet's executable under control of this node, and what this node itself is to install. */
import { canonicalJson } from "../../protocol/encoding.ts";
import type { Digest, NodeId } from "../../protocol/identity.ts";
import { timing } from "../../protocol/limits.ts";
import { artifactFor, type ReleaseArtifact } from "../../protocol/release.ts";
import type { UpgradeWish } from "../../protocol/upgrade.ts";
import { upgradeTiming } from "../../protocol/upgrade_limits.ts";
import { statusOf } from "../apps.ts";
import type { Write } from "../control.ts";
import { isPlausible } from "../decisions.ts";
import type { Effect } from "../events.ts";
import { isMember } from "../members.ts";
import { controllerOf, type Core, nodeState } from "../state.ts";
import { decideUpgrade, standingOf, type UpgradeApp, type UpgradeFacts, type UpgradeNode } from "./decide.ts";
import { currentRollout, lastWord, quarantineOf, type Rollout, standingUpgrade } from "./rollouts.ts";

/** What this node is to install. */
export interface UpgradeOrder {
  /** Id of the command. */
  readonly upgrade: Digest;
  readonly version: string;
  readonly artifact: ReleaseArtifact;
  readonly wish: UpgradeWish;
  /** Who surely has the file. */
  readonly holder: NodeId | undefined;
}

/** An app that controls nothing of itself while it is being rolled out is left to its own rollout. */
function upgradeApps(core: Core): UpgradeApp[] {
  const apps: UpgradeApp[] = [];
  for (const app of core.apps.values()) {
    const decision = app.decision?.value;
    if (!app.desired || !decision) continue;
    const healthyOn: NodeId[] = [];
    const lasting = decision.replicas.filter((r) => !r.ended);
    for (const replica of lasting) {
      const state = nodeState(core, replica.node);
      const healthy = statusOf(app, replica)?.state === "healthy";
      if (healthy && (state === "alive" || state === "suspect")) healthyOn.push(replica.node);
    }
    const { replicas } = app.desired;
    const ended = decision.replicas.length - lasting.length;
    const wanted = replicas === "all" ? lasting.length : replicas - ended;
    apps.push({
      name: app.name,
      well: decision.phase !== "rolling" && healthyOn.length >= wanted,
      healthyOn,
    });
  }
  return apps;
}

function upgradeNodes(core: Core): UpgradeNode[] {
  const nodes: UpgradeNode[] = [];
  for (const { id, removedAt } of core.members.admitted.values()) {
    const info = core.infos.get(id);
    if (removedAt !== undefined || !info) continue;
    const state = nodeState(core, id);
    nodes.push({
      id,
      name: info.name,
      platform: info.platform,
      version: info.version,
      lives: state === "alive" || state === "suspect",
      status: core.upgrades.statuses.get(id),
    });
  }
  return nodes.sort((a, b) => a.id < b.id ? -1 : 1);
}

/** The facts on which this node would decide about a rollout now; to explain. */
export function upgradeFacts(core: Core, rollout: Rollout, now: number): UpgradeFacts {
  const counts = (node: NodeId) => isMember(core.members, node);
  const word = lastWord(core.upgrades, rollout.id);
  return {
    rollout,
    word,
    standing: standingUpgrade(core.upgrades, rollout.id, counts),
    self: core.config.self,
    now,
    nodes: upgradeNodes(core),
    apps: upgradeApps(core),
    quarantined: quarantineOf(
      core.upgrades,
      counts,
      word?.kind === "resume" && word.retry ? word.at : undefined,
    ),
  };
}

/** When a node that restarts for an upgrade is back at the latest, on its new version or the old one. */
export function upgradedBy(core: Core, node: NodeId): number | undefined {
  const status = core.upgrades.statuses.get(node);
  if (status?.state !== "switching") return undefined;
  const deadlineMs = core.upgrades.rollouts.get(status.upgrade)?.wish.deadline_ms;
  return deadlineMs === undefined ? undefined : status.since + deadlineMs + upgradeTiming.absenceMs;
}

/** Looks at the current rollout, when something changed or a deadline passed. */
export function controlUpgrades(core: Core, now: number, write: Write): void {
  const { upgrades } = core;
  if (!upgrades.dirty && now < upgrades.lookAgainAt) return;
  upgrades.dirty = false;
  upgrades.lookAgainAt = Infinity;
  const rollout = currentRollout(upgrades);
  if (!rollout || controllerOf(core, `upgrade/${rollout.id}`) !== core.config.self) return;
  const { next, lookAgainAt } = decideUpgrade(upgradeFacts(core, rollout, now));
  if (lookAgainAt !== undefined) upgrades.lookAgainAt = lookAgainAt;
  if (!next) return;
  if (isPlausible(next, now)) write(`upgrade/${rollout.id}`, next);
  else upgrades.lookAgainAt = Math.min(upgrades.lookAgainAt, now + timing.reconcileIntervalMs);
}

/** What this node is to install now; nothing while nobody told it, and not before a canary of its platform proved it. */
export function upgradeOrder(core: Core): UpgradeOrder | undefined {
  const { self } = core.config;
  const rollout = currentRollout(core.upgrades);
  const { info } = core;
  // Before it has said how its last upgrade ended it would begin that anew.
  if (!rollout || !info) return undefined;
  const facts = upgradeFacts(core, rollout, 0);
  if (facts.word?.kind === "abort" || facts.standing?.value.phase !== "running") return undefined;
  if (!facts.standing.value.told.some((t) => t.node === self)) return undefined;
  const own = facts.nodes.find((n) => n.id === self);
  const standing = own && standingOf(facts, own).is;
  if (standing !== "needs" && standing !== "underway") return undefined;
  const artifact = artifactFor(rollout.release.manifest, info.platform);
  const { wish } = rollout;
  const proved = facts.nodes.some((n) =>
    wish.canaries.includes(n.id) && n.platform === info.platform && standingOf(facts, n).is === "done"
  );
  if (!artifact.ok || (!proved && !wish.canaries.includes(self))) return undefined;
  return {
    upgrade: rollout.id,
    version: rollout.release.manifest.version,
    artifact: artifact.value,
    wish,
    holder: core.commands.get(rollout.id)?.via,
  };
}

/** Tells the shell when what it is to install has changed. */
export function orderUpgrade(core: Core, effects: Effect[]): void {
  if (core.upgrades.rollouts.size === 0) return;
  const order = upgradeOrder(core);
  const text = canonicalJson(order === undefined ? null : [order.upgrade, order.artifact.sha256]);
  if (text === core.upgrades.lastOrder) return;
  core.upgrades.lastOrder = text;
  effects.push({ t: "upgrade", order });
}
