/**
 * Upgrades of a simulated machine: it downloads, verifies, drains, switches, restarts in probation, and keeps the release
 * or returns to its old version, as supervisor and agent do on a real one. What its disk says survives a crash.
 */
import { replicasToMove, type UpgradeOrder } from "../../agent/core/mod.ts";
import {
  type CommandBody,
  digestOf,
  type Quarantined,
  type ReleaseArtifact,
  releaseManifest,
  signRelease,
  type UpgradeNodeState,
  utf8,
} from "../../agent/protocol/mod.ts";
import type { SimNode, World } from "./world.ts";

/** How a release fails: at once, in probation, without a sign of life, alive and cut off from the others. */
export type BadRelease = "crashes" | "crashes_later" | "hangs" | "cannot_join";

/** What a disk says. */
export interface FakeInstallation {
  /** Switched to and not proved yet. */
  trial?: {
    readonly order: UpgradeOrder;
    readonly from: string;
    /** By when it must have proved itself. */
    readonly until: number;
    starts: number;
  };
  /** How the last upgrade ended here. */
  ended?: {
    readonly upgrade: string;
    readonly from: string;
    readonly state: "done" | "rolled_back";
    readonly reason?: string;
  };
  quarantined: Quarantined[];
  /** Not on disk: the order being carried out. */
  fetching: UpgradeOrder | undefined;
}

/** Starts of one trial: one more when the machine itself stopped. */
const TRIAL_STARTS = 2;

function report(
  world: World,
  node: SimNode,
  upgrade: string,
  state: UpgradeNodeState,
  from: string,
  reason?: string,
): void {
  world.event(node, {
    t: "upgrade",
    status: {
      upgrade,
      state,
      from,
      ...(reason === undefined ? {} : { reason }),
      since: world.now,
      quarantined: node.installation.quarantined,
    },
  });
}

/** Makes what a machine installs equal to what was ordered. */
export function reconcileUpgrade(world: World, node: SimNode, order: UpgradeOrder | undefined): void {
  const { installation, core } = node;
  if (installation.trial) return;
  if (!order) {
    const given = installation.fetching;
    if (!given) return;
    installation.fetching = undefined;
    world.at(world.now, () => report(world, node, given.upgrade, "waiting", node.version));
    return;
  }
  if (installation.fetching?.upgrade === order.upgrade || node.version === order.version) return;
  installation.fetching = order;
  const goesOn = () => node.core === core && node.installation.fetching === order;
  const steps: readonly (readonly [number, UpgradeNodeState])[] = [
    [0, "downloading"],
    [200 + world.random() * 1_500, "verifying"],
    [300, "draining"],
  ];
  let at = world.now;
  for (const [ms, state] of steps) {
    at += ms;
    world.at(at, () => goesOn() && report(world, node, order.upgrade, state, node.version));
  }
  const until = at + order.wish.drain_ms;
  const leave = () => {
    if (!goesOn()) return;
    if (world.now < until && replicasToMove(core!, world.now) > 0) return world.at(world.now + 100, leave);
    report(world, node, order.upgrade, "switching", node.version);
    switchOver(world, node, order);
  };
  world.at(at + 200, leave);
}

function switchOver(world: World, node: SimNode, order: UpgradeOrder): void {
  const until = world.now + order.wish.deadline_ms;
  node.installation.trial = { order, from: node.version, until, starts: 0 };
  world.event(node, { t: "leave" });
  const { core } = node;
  // What was said reaches the others before the process ends.
  world.at(world.now + 100, () => {
    if (node.core !== core) return;
    world.crash(node);
    world.at(world.now + 300, () => {
      if (!node.core && node.installation.trial?.order === order) world.start(node);
    });
  });
}

/** What the supervisor decides before an agent starts; `false`: none starts now. */
export function beginStart(world: World, node: SimNode): boolean {
  const { trial } = node.installation;
  if (!trial) return true;
  if (++trial.starts > TRIAL_STARTS) {
    giveBack(world, node, "the machine stopped during its probation");
    return true;
  }
  const { version } = trial.order;
  node.version = version;
  const ran = world.ran.get(version) ?? new Set();
  world.ran.set(version, ran.add(node.name));
  const bad = world.badReleases.get(version);
  const ends = bad === "crashes"
    ? world.now + 200
    : bad === "crashes_later"
    ? world.now + 10_000
    : trial.until;
  const start = trial.starts;
  world.at(ends, () => {
    const now = node.installation.trial;
    if (now !== trial || now.starts !== start) return;
    if (node.core) world.crash(node);
    giveBack(world, node, bad ?? "it was not acknowledged in time");
    world.start(node);
  });
  return bad !== "hangs" && bad !== "crashes";
}

function giveBack(world: World, node: SimNode, reason: string): void {
  const { trial, quarantined } = node.installation;
  const { order, from } = trial!;
  const { platform, sha256 } = order.artifact;
  quarantined.push({ sha256, platform, version: order.version, reason, at: world.now });
  node.version = from;
  delete node.installation.trial;
  node.installation.ended = { upgrade: order.upgrade, from, state: "rolled_back", reason };
}

/** What a machine says when it has started. */
export function reportStart(world: World, node: SimNode): void {
  const { trial, ended } = node.installation;
  const { core } = node;
  if (!trial) {
    const own = core!.upgrades.statuses.get(node.id);
    if (ended) report(world, node, ended.upgrade, ended.state, ended.from, ended.reason);
    else if (own) report(world, node, own.upgrade, "waiting", node.version);
    return;
  }
  const { order, from } = trial;
  report(world, node, order.upgrade, "probation", from);
  const bad = world.badReleases.get(order.version);
  const provedAt = world.now + order.wish.probation_ms;
  const alone = core!.members.admitted.size === 1;
  const look = () => {
    if (node.core !== core || node.installation.trial !== trial) return;
    const acknowledged = bad !== "cannot_join" && (alone || core!.acknowledgedBy !== undefined);
    if (!acknowledged || world.now < provedAt) {
      world.at(world.now + 250, look);
      return;
    }
    delete node.installation.trial;
    node.installation.ended = { upgrade: order.upgrade, from, state: "done" };
    report(world, node, order.upgrade, "done", from);
  };
  look();
}

/** A wish for a release that is good for the simulated machines. */
export function upgradeTo(
  world: World,
  version: string,
  canaries: readonly SimNode[],
  more: Partial<CommandBody<"upgrade.start">> = {},
): CommandBody<"upgrade.start"> {
  const artifact: ReleaseArtifact = {
    platform: "linux/amd64",
    file: `realm-${version}-linux-amd64`,
    sha256: digestOf(utf8(`${version} ${world.seed}`)),
    size: 45_000_000,
    builder: "portable",
  };
  return {
    release: signRelease(releaseManifest(version, [artifact]), world.owner),
    canaries: canaries.map((n) => n.id),
    batch: 2,
    probation_ms: 12_000,
    deadline_ms: 30_000,
    drain_ms: 1_000,
    allow_downgrade: false,
    ...more,
  };
}
