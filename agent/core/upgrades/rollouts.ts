/** Projection of upgrades of the fleet: what was wished, what controllers decided, what the nodes say. */
import type { Command } from "../../protocol/command.ts";
import type { Digest, KeyId, NodeId, Verifier } from "../../protocol/identity.ts";
import type { RealmRecord } from "../../protocol/record.ts";
import { readRelease, type Release } from "../../protocol/release.ts";
import type { Quarantined, UpgradeDecision, UpgradeStatus, UpgradeWish } from "../../protocol/upgrade.ts";
import { isPlausible } from "../decisions.ts";

type UpgradeCommand = Extract<Command, { kind: `upgrade.${string}` }>;

/** The last word on whether a rollout is to go on. */
export interface UpgradeWord {
  readonly id: Digest;
  readonly at: number;
  readonly by: KeyId;
  readonly kind: "abort" | "resume";
  /** Also where it failed. */
  readonly retry: boolean;
}

/** One wish to upgrade the fleet. */
export interface Rollout {
  /** Id of the command. */
  readonly id: Digest;
  readonly at: number;
  readonly by: KeyId;
  readonly wish: UpgradeWish;
  readonly release: Release;
}

/** A decision and who made it. */
export interface DecidedUpgrade {
  readonly value: UpgradeDecision;
  readonly author: NodeId;
}

/** All that a core knows of upgrades. */
export interface Upgrades {
  readonly rollouts: Map<Digest, Rollout>;
  /** By upgrade, all of them: the newest counts. What comes before its upgrade waits here for it. */
  readonly words: Map<Digest, Map<Digest, UpgradeWord>>;
  /** By upgrade: the newest decision of each author. */
  readonly decisions: Map<Digest, Map<NodeId, UpgradeDecision>>;
  readonly statuses: Map<NodeId, UpgradeStatus>;
  /** Something changed that may need a decision. */
  dirty: boolean;
  /** A deadline to look at. */
  lookAgainAt: number;
  /** Text of the last `upgrade` effect. */
  lastOrder: string;
}

/** Nothing known yet. */
export const createUpgrades = (): Upgrades => ({
  rollouts: new Map(),
  words: new Map(),
  decisions: new Map(),
  statuses: new Map(),
  dirty: false,
  lookAgainAt: Infinity,
  lastOrder: "null",
});

/** Forgets what is derived from records, to derive it anew. */
export function clearUpgrades(upgrades: Upgrades): void {
  for (const map of [upgrades.rollouts, upgrades.words, upgrades.decisions, upgrades.statuses]) map.clear();
  upgrades.dirty = true;
}

/** Takes a command in. A release that cannot be read changes nothing: whoever accepted the command did not look. */
export function applyUpgrade(upgrades: Upgrades, command: UpgradeCommand, verifier: Verifier): void {
  const { id, at, by } = command;
  upgrades.dirty = true;
  if (command.kind === "upgrade.start") {
    const release = readRelease(command.body.release, verifier);
    if (release.ok) upgrades.rollouts.set(id, { id, at, by, wish: command.body, release: release.value });
    return;
  }
  const { upgrade } = command.body;
  const words = upgrades.words.get(upgrade) ?? new Map<Digest, UpgradeWord>();
  upgrades.words.set(upgrade, words);
  words.set(id, {
    id,
    at,
    by,
    kind: command.kind === "upgrade.abort" ? "abort" : "resume",
    retry: command.kind === "upgrade.resume" && command.body.retry,
  });
}

/** Takes in what a controller decided or a node says of itself; whether it counts for anything. */
export function applyUpgradeRecord(
  upgrades: Upgrades,
  { kind, key, author, at, body }: RealmRecord,
): boolean {
  if (kind === "upgraded") upgrades.statuses.set(author, body as UpgradeStatus);
  else {
    const value = body as UpgradeDecision;
    if (key !== `upgrade/${value.upgrade}` || !isPlausible(value, at)) return false;
    const decisions = upgrades.decisions.get(value.upgrade) ?? new Map<NodeId, UpgradeDecision>();
    upgrades.decisions.set(value.upgrade, decisions);
    decisions.set(author, value);
  }
  upgrades.dirty = true;
  return true;
}

const later = (a: { at: number; id: Digest }, b: { at: number; id: Digest } | undefined): boolean =>
  !b || a.at > b.at || (a.at === b.at && a.id > b.id);

/** The wish that counts: the newest. */
export function currentRollout(upgrades: Upgrades): Rollout | undefined {
  let newest: Rollout | undefined;
  for (const rollout of upgrades.rollouts.values()) if (later(rollout, newest)) newest = rollout;
  return newest;
}

/** The last word on whether a rollout goes on. */
export function lastWord(upgrades: Upgrades, upgrade: Digest): UpgradeWord | undefined {
  let newest: UpgradeWord | undefined;
  for (const word of upgrades.words.get(upgrade)?.values() ?? []) if (later(word, newest)) newest = word;
  return newest;
}

/** The decision that stands: the highest epoch, then step, then author, among members. */
export function standingUpgrade(
  upgrades: Upgrades,
  upgrade: Digest,
  counts: (author: NodeId) => boolean,
): DecidedUpgrade | undefined {
  let best: DecidedUpgrade | undefined;
  for (const [author, value] of upgrades.decisions.get(upgrade) ?? []) {
    if (!counts(author)) continue;
    const order = best === undefined
      ? 1
      : value.epoch - best.value.epoch || value.step - best.value.step || (author > best.author ? 1 : -1);
    if (order > 0) best = { value, author };
  }
  return best;
}

/** Files that members put into quarantine after `from`, with who did so. */
export function quarantineOf(
  upgrades: Upgrades,
  counts: (author: NodeId) => boolean,
  from = -Infinity,
): ReadonlyMap<Digest, Quarantined & { readonly node: NodeId }> {
  const found = new Map<Digest, Quarantined & { readonly node: NodeId }>();
  for (const [node, { quarantined }] of upgrades.statuses) {
    if (!counts(node)) continue;
    for (const q of quarantined) {
      const known = found.get(q.sha256);
      if (q.at > from && (!known || q.at < known.at)) found.set(q.sha256, { ...q, node });
    }
  }
  return found;
}

/** Forgets a command that matters no more. */
export function forgetUpgrade(upgrades: Upgrades, command: UpgradeCommand): void {
  if (command.kind === "upgrade.start") upgrades.rollouts.delete(command.id);
  else upgrades.words.get(command.body.upgrade)?.delete(command.id);
}
