/** What happened in upgrades of the fleet, in sentences. */
import { type Core, isMember, lastWord, type Rollout, standingUpgrade } from "../core/mod.ts";
import type { Digest, EventView, NodeId } from "../protocol/mod.ts";
import { nameOf } from "./names.ts";

/** An event before it has a number and a time. */
export type UpgradeHappening = Pick<EventView, "topic" | "what" | "target" | "severity">;

/** What was seen of upgrades at a look. */
export interface SeenUpgrades {
  /** By upgrade: what its controller says of it, or a person's last word against that. */
  readonly phases: ReadonlyMap<Digest, string>;
  /** By node: the upgrade that it took part in last, and its state there. */
  readonly nodes: ReadonlyMap<NodeId, string>;
}

const phaseOf = (core: Core, { id }: Rollout): string => {
  const phase = standingUpgrade(core.upgrades, id, (author) => isMember(core.members, author))?.value.phase;
  return phase !== "done" && lastWord(core.upgrades, id)?.kind === "abort" ? "aborted" : phase ?? "begun";
};

/** Looks. */
export const lookAtUpgrades = (core: Core): SeenUpgrades => ({
  phases: new Map([...core.upgrades.rollouts].map(([id, rollout]) => [id, phaseOf(core, rollout)])),
  nodes: new Map([...core.upgrades.statuses].map(([node, s]) => [node, `${s.upgrade} ${s.state}`])),
});

/** What happened between two looks: of nodes first, then of the whole. */
export function upgradeHappenings(core: Core, before: SeenUpgrades, now: SeenUpgrades): UpgradeHappening[] {
  const found: UpgradeHappening[] = [];
  const tell = (what: string, target: string, severity?: EventView["severity"]) =>
    found.push({ topic: "upgrade", what, target, ...(severity ? { severity } : {}) });
  for (const [node, seen] of now.nodes) {
    if (before.nodes.get(node) === seen) continue;
    const status = core.upgrades.statuses.get(node)!, name = nameOf(core, node);
    const version = core.upgrades.rollouts.get(status.upgrade)?.release.manifest.version ?? "another";
    const why = status.reason?.split("\n")[0] ?? "it gave no reason";
    if (status.state === "switching") tell(`${name} restarts as version ${version}`, node);
    if (status.state === "done") tell(`${name} keeps version ${version}, which proved itself`, node);
    if (status.state === "rolled_back") {
      tell(`${name} is back at version ${status.from}: ${why}`, node, "error");
    }
    if (status.state === "skipped") tell(`${name} stays at version ${status.from}: ${why}`, node, "warning");
  }
  for (const [id, phase] of now.phases) {
    const old = before.phases.get(id);
    if (old === phase) continue;
    const { version } = core.upgrades.rollouts.get(id)!.release.manifest;
    const standing = standingUpgrade(core.upgrades, id, (author) => isMember(core.members, author))?.value;
    if (old === undefined) tell(`the upgrade to version ${version} begins`, id);
    else if (phase === "running" && old !== "begun") tell(`the upgrade to version ${version} goes on`, id);
    if (phase === "aborted") tell(`the upgrade to version ${version} is aborted`, id, "warning");
    if (phase === "done") tell(`the upgrade to version ${version} is done`, id);
    if (phase === "stopped") {
      tell(
        `the upgrade to version ${version} is stopped: ${standing?.reason ?? "no reason given"}`,
        id,
        "error",
      );
    }
  }
  return found;
}
