/**
 * The end of records that matter no more, so that a realm does not grow with its age. Which go is a function of the
 * records and the day: every node comes to the same, whatever came first. What is left derives the same state.
 *
 * Superseded commands go after `tombstoneMs`. A last word whose subject is gone (a removed app, an unpinned blob) stays
 * for `lastWordMs`: as long as a node may come back with what it ended. After that, commands so old that a node does
 * not hold yet are refused, so that what has ended cannot be handed in once more. Runs go with all that was said of them
 * when their submission is older than `tombstoneMs` and the time for which they are to be kept is over; one that is
 * handed in once more is past the deadline by which a run must have started.
 */
import type { Command } from "../protocol/command.ts";
import { open, payloadTypes } from "../protocol/envelope.ts";
import { decodeJson, GrantSchema } from "../protocol/grant.ts";
import type { Digest, NodeId } from "../protocol/identity.ts";
import { limits } from "../protocol/limits.ts";
import type { RealmRecord, RecordBody } from "../protocol/record.ts";
import { type AppState, keptRevisions, settleApp } from "./apps.ts";
import { settleDecision } from "./decisions.ts";
import { isForgettable } from "./jobs/keeping.ts";
import { forgetCancel, forgetSaid, forgetSubmission } from "./jobs/runs.ts";
import { isTickRun } from "../protocol/job_schedule.ts";
import { forgetSaidTick, forgetSchedule } from "./jobs/schedules.ts";
import {
  nextTickRetirement,
  schedulesToForget,
  ticksEndBefore,
  ticksToForget,
} from "./jobs/tick_retirement.ts";
import { forgetTick } from "./jobs/ticks.ts";
import { forgetSight } from "./jobs/triggers.ts";
import { endedAt } from "./members.ts";
import { forgetPolicy, policyCommand } from "./policies.ts";
import { drop } from "./record_store.ts";
import { areSpareBoxes, forgetBoxes, forgetSecret, isSpareSecret } from "./secrets/secrets.ts";
import { currentRollout, forgetUpgrade, lastWord } from "./upgrades/rollouts.ts";
import { type Core, forgetLives } from "./state.ts";

const DAY_MS = 24 * 3_600_000;
const dayStart = (at: number): number => Math.floor(at / DAY_MS) * DAY_MS;

/** Superseded commands of before this time go: whole days, so that all nodes do so at once. */
export const retireBefore = (now: number): number => dayStart(now - limits.tombstoneMs);
/** Last words of before this time go, and commands of before it are new to no node. */
export const forgetBefore = (now: number): number => dayStart(now - limits.lastWordMs);

/** The day after, or the next hour when there are ticks. */
export const nextRetirement = ({ jobs }: Core, now: number): number =>
  Math.min(dayStart(now) + DAY_MS, nextTickRetirement(jobs, now));

const inOrder = (a: { at: number; id: Digest }, b: { at: number; id: Digest }): number =>
  a.at - b.at || (a.id < b.id ? -1 : 1);

/** Commands about an app that its state does not rest on: the rest folds to the same. */
function spareOf(app: AppState, retire: number, forget: number): Digest[] {
  const commands = [...app.commands.values()].sort(inOrder);
  const last = commands.at(-1);
  const runs = (app.decision?.value.replicas.length ?? 0) > 0 ||
    (app.decision?.value.volumes.length ?? 0) > 0;
  // Gone for good: nothing runs, no volume is kept, and nobody can come back with what the removal ended.
  if (last && !app.desired && last.at < forget && !runs) return commands.map((c) => c.id);
  // Of a removed app only the removal matters, for those who have not heard of it.
  if (last && !app.desired && last.at < retire && !runs) {
    const word = commands.findLast((c) => c.kind === "app.remove");
    return commands.filter((c) => c !== word).map((c) => c.id);
  }
  const needed = new Set<Digest>(keptRevisions(app).map((r) => r.id));
  for (const { revision, good, replicas } of app.decisions.values()) {
    for (const id of [revision, good, ...replicas.map((r) => r.revision)]) if (id) needed.add(id);
  }
  if (app.desired) needed.add(app.desired.revision.id);
  for (const revision of app.revisions) if (revision.of && needed.has(revision.id)) needed.add(revision.of);
  const deploys = commands.filter((c) => c.kind === "app.deploy");
  const lastDeploy = deploys.at(-1);
  if (lastDeploy) needed.add(lastDeploy.id);
  const scale = commands.findLast((c) => c.kind === "app.scale");
  if (scale && lastDeploy && inOrder(scale, lastDeploy) > 0) needed.add(scale.id);
  // A removal ends what came before it: it stays while anything of that does, and the last one in any case.
  const kept = commands.filter((c) => needed.has(c.id));
  for (const c of commands) {
    if (c.kind === "app.remove" && (c === last || kept.some((k) => inOrder(k, c) < 0))) needed.add(c.id);
  }
  return commands.filter((c) => c.at < retire && !needed.has(c.id)).map((c) => c.id);
}

/** Whether a command that is not about an app matters no more. */
function isSpare(core: Core, command: Command, retire: number, forget: number): boolean {
  switch (command.kind) {
    case "node.tag":
    case "node.cordon":
    case "node.uncordon":
    case "node.drain": {
      const { node } = command.body;
      const known = (command.kind === "node.tag" ? core.tags : core.scheduling).get(node);
      const gone = endedAt(core.members, node);
      return known?.id !== command.id ? command.at < retire : gone !== undefined && command.at < forget;
    }
    case "blob.pin":
    case "blob.unpin": {
      const known = core.pins.get(command.body.digest);
      return known?.id !== command.id ? command.at < retire : !known.pin && command.at < forget;
    }
    case "policy.set": {
      const { node } = command.body;
      const gone = node === undefined ? undefined : endedAt(core.members, node);
      return policyCommand(core.policies, command.body) !== command.id
        ? command.at < retire
        : gone !== undefined && command.at < forget;
    }
    case "secret.set":
    case "secret.scope":
    case "secret.remove":
      return isSpareSecret(core.secrets, command, retire, forget);
    // The last wish counts for nodes that return, whenever they do.
    case "upgrade.start":
      return command.at < retire && currentRollout(core.upgrades)?.id !== command.id;
    case "upgrade.abort":
    case "upgrade.resume": {
      const { upgrade } = command.body;
      const word = lastWord(core.upgrades, upgrade);
      return command.at < retire && (!core.upgrades.rollouts.has(upgrade) || word?.id !== command.id);
    }
    case "job.cancel":
      return command.at < retire && !core.jobs.runs.has(command.body.run);
    case "job.pause": {
      const { pauses, all } = core.jobs.schedules;
      const { schedule } = command.body;
      return pauses.get(schedule)?.id !== command.id
        ? command.at < retire
        : !all.has(schedule) && command.at < forget;
    }
    case "job.unschedule": {
      const { ends, all } = core.jobs.schedules;
      const { schedule } = command.body;
      return ends.get(schedule)?.id !== command.id
        ? command.at < retire
        : !all.has(schedule) && command.at < forget;
    }
    case "key.grant": {
      const bytes = open(command.body.grant, payloadTypes.grant, core.config.verifier);
      const grant = bytes.ok ? decodeJson(bytes.value, GrantSchema, "the grant") : undefined;
      return command.at < forget && grant?.ok === true && grant.value.until < retire;
    }
    default:
      // Who was removed and what was revoked is remembered for ever; commands that this version does not know may matter.
      return false;
  }
}

/** Takes a command out of the projections; what supersedes it is there. */
function unproject(core: Core, command: Command): void {
  core.commands.delete(command.id);
  switch (command.kind) {
    case "node.tag":
      if (core.tags.get(command.body.node)?.id === command.id) core.tags.delete(command.body.node);
      return;
    case "node.cordon":
    case "node.uncordon":
    case "node.drain":
      if (core.scheduling.get(command.body.node)?.id === command.id) {
        core.scheduling.delete(command.body.node);
      }
      return;
    case "blob.pin":
    case "blob.unpin":
      if (core.pins.get(command.body.digest)?.id === command.id) core.pins.delete(command.body.digest);
      return;
    case "policy.set":
      forgetPolicy(core.policies, command);
      return;
    case "secret.set":
    case "secret.scope":
    case "secret.remove":
      forgetSecret(core.secrets, command);
      return;
    case "upgrade.start":
    case "upgrade.abort":
    case "upgrade.resume":
      forgetUpgrade(core.upgrades, command);
      return;
    case "job.submit":
      forgetSubmission(core.jobs, command.id);
      return;
    case "job.cancel":
      forgetCancel(core.jobs, command.body.run, command.id);
      return;
    case "job.schedule":
      forgetSchedule(core.jobs.schedules, command.id);
      return;
    case "job.pause":
    case "job.unschedule": {
      const { pauses, ends } = core.jobs.schedules;
      const known = command.kind === "job.pause" ? pauses : ends;
      if (known.get(command.body.schedule)?.id === command.id) known.delete(command.body.schedule);
      return;
    }
    case "key.grant":
      core.authority.grants.delete(command.id);
      return;
  }
}

/** Takes another record out of the projections. */
function unprojectRecord(core: Core, { author, key, kind }: RealmRecord): void {
  const name = key.slice(key.indexOf("/") + 1);
  if (kind === "node") core.infos.delete(author);
  if (kind === "liveness") core.verdicts.get(name)?.delete(author);
  if (kind === "decision") core.apps.get(name)?.decisions.delete(author);
  if (kind === "upgrade") core.upgrades.decisions.get(name)?.delete(author);
  if (kind === "upgraded") core.upgrades.statuses.delete(author);
  if (kind === "replicas") {
    core.apps.get(name)?.statuses.delete(author);
    core.apps.get(name)?.held.delete(author);
  }
  if (kind === "secret") forgetBoxes(core.secrets, author, name);
  if (kind === "run" || kind === "attempts") forgetSaid(core.jobs, name, kind, author);
  if (kind === "caches") core.jobs.caches.delete(author);
  if (kind === "tick") forgetSaidTick(core.jobs.schedules, name, author);
  if (kind === "sight") forgetSight(core.jobs.schedules, name, author);
}

/** Records beside commands that nobody needs: of nodes long removed, about such nodes, of apps and runs that are forgotten. */
function isSpareRecord(
  core: Core,
  author: NodeId,
  record: RealmRecord,
  now: number,
): boolean {
  const [retire, forget] = [retireBefore(now), forgetBefore(now)];
  if (record.kind === "member" || record.kind === "command") return false;
  const name = record.key.slice(record.key.indexOf("/") + 1);
  // What is still said of a run whose tick has ended.
  if (
    (record.kind === "run" || record.kind === "attempts") && isTickRun(name) &&
    record.at < ticksEndBefore(now)
  ) {
    return !core.jobs.runs.has(name);
  }
  if (record.at >= retire) return false;
  if (record.kind === "tick") {
    const tick = core.jobs.schedules.ticks.get(name);
    return !tick || !core.jobs.schedules.all.has(tick.schedule);
  }
  if (record.kind === "sight") return !core.jobs.schedules.all.has(name);
  // What was decided about a run, and its end, count for as long as the run is known, whoever said it.
  if (record.kind === "run" || record.kind === "attempts") {
    return !core.jobs.runs.has(name);
  }
  // As long as the value stands, they tell who knows it.
  if (record.kind === "secret" && record.body !== null) {
    return areSpareBoxes(core.secrets, record.body as RecordBody<"secret">);
  }
  if (record.kind === "upgrade") return !core.upgrades.rollouts.has(record.key.slice("upgrade/".length));
  const isLongGone = (node: NodeId) => (endedAt(core.members, node) ?? Infinity) < forget;
  if (isLongGone(author)) return true;
  if (record.body === null) return record.at < forget;
  if (record.kind === "liveness") return isLongGone(record.key.slice("liveness/".length));
  if (record.kind !== "decision" && record.kind !== "replicas") return false;
  const app = core.apps.get(name);
  if (app && app.commands.size > 0) return false;
  if (record.kind === "replicas") return (record.body as RecordBody<"replicas">).list.length === 0;
  return app?.decision?.author !== author || app.decision.value.volumes.length === 0;
}

/** Forgets ticks with their runs; returns the keys of all that was said of them. */
function endTicks({ jobs }: Core, now: number, before: number): ReadonlySet<string> {
  const keys = new Set<string>();
  const forgettable = (id: Digest, at: number) => at < before && isForgettable(jobs, id, dayStart(now));
  for (const tick of ticksToForget(jobs, now, forgettable)) {
    keys.add(`tick/${tick.id}`);
    for (const run of jobs.submissions.get(tick.id) ?? []) keys.add(`run/${run}`).add(`attempts/${run}`);
    forgetTick(jobs, tick);
  }
  return keys;
}

/** Drops what matters no more; returns the records. */
export function retire(core: Core, now: number): RealmRecord[] {
  const [before, forget] = [retireBefore(now), forgetBefore(now)];
  const spare = new Set<Digest>();
  const end = (id: Digest) => {
    spare.add(id);
    unproject(core, core.commands.get(id)!.command!);
  };
  for (const app of core.apps.values()) for (const id of spareOf(app, before, forget)) end(id);
  for (const id of [...core.jobs.submissions.keys()]) {
    const at = core.commands.get(id)?.command?.at ?? now;
    if (at < before && isForgettable(core.jobs, id, dayStart(now))) end(id);
  }
  const ended = endTicks(core, now, before);
  for (const id of schedulesToForget(core.jobs, before)) end(id);
  for (const [id, { command }] of [...core.commands]) {
    if (command && command.at < before && isSpare(core, command, before, forget)) end(id);
  }
  for (const app of core.apps.values()) {
    const all = app.commands.size;
    for (const id of app.commands.keys()) if (spare.has(id)) app.commands.delete(id);
    if (app.commands.size !== all) settleApp(app);
  }
  const dropped: RealmRecord[] = [];
  for (const [author, log] of core.store.authors) {
    const gone = [...log.live.values()].filter((record) =>
      record.kind === "command"
        ? spare.has(record.key.slice("command/".length))
        : ended.has(record.key) || isSpareRecord(core, author, record, now)
    );
    drop(core.store, author, gone);
    for (const record of gone) if (record.kind !== "command") unprojectRecord(core, record);
    dropped.push(...gone);
  }
  if (dropped.length === 0) return dropped;
  forgetLives(core);
  core.reserved = undefined;
  for (const [name, app] of core.apps) {
    settleDecision(app, (id) => endedAt(core.members, id));
    if (app.commands.size === 0 && app.decisions.size === 0 && app.statuses.size === 0) {
      core.apps.delete(name);
    }
  }
  return dropped;
}
