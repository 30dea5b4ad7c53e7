/**
 * From records to what they mean: each kind of record, and each command, changes one projection. Projections are
 * functions of the set of records; the order in which these came never matters.
 */
import type { SignedCommand } from "../protocol/command.ts";
import { open, payloadTypes } from "../protocol/envelope.ts";
import type { Result } from "../protocol/errors.ts";
import type { NodeId } from "../protocol/identity.ts";
import type { Decision, NodeInfo, RealmRecord, RecordBody } from "../protocol/record.ts";
import { type AppState, createApp, settleApp } from "./apps.ts";
import { chainOf, settleRevocations } from "./authority.ts";
import { isPlausible, settleDecision } from "./decisions.ts";
import { admissionOf, nobodyRevoked, openReplicated } from "./evidence.ts";
import { claim, endedAt, removeMember, settleMembers } from "./members.ts";
import { applyAttempts, applyCancel, applyRunDecision, applySubmit, clearJobs } from "./jobs/runs.ts";
import { applyScheduling, applyTick } from "./jobs/ticks.ts";
import { noteSight } from "./jobs/triggers.ts";
import { applyPolicy } from "./policies.ts";
import { applyUpgrade, applyUpgradeRecord, clearUpgrades } from "./upgrades/rollouts.ts";
import { allRecords } from "./record_store.ts";
import { applyBoxes, applySecret, clearSecrets } from "./secrets/secrets.ts";
import { type Core, forgetLives, incarnationOf, noteDecider, noteLife } from "./state.ts";

const allTopics = [
  "members",
  "nodes",
  "apps",
  "jobs",
  "keys",
  "pins",
  "secrets",
  "commands",
  "upgrades",
] as const;
/** Parts of the realm's state that a record changed. */
export type Topic = (typeof allTopics)[number];

/** Returns a refusal for a command that a revocation voids: it is kept, since another revocation may void that one. */
export function project(core: Core, record: RealmRecord, topics: Set<Topic>): Result<unknown> | void {
  if (record.body === null) {
    bury(core, record, topics);
    return;
  }
  switch (record.kind) {
    case "member": {
      const opened = admissionOf(core, record);
      if (!opened.ok) return;
      const came = claim(core.members, opened.value, record.author, opened.value.founder);
      if (came) { for (const id of came) noteLife(core, id); }
      else forgetLives(core);
      topics.add("members").add("nodes");
      return;
    }
    case "command":
      return projectCommand(core, record, topics);
    case "node": {
      const info = record.body as NodeInfo;
      // A node that started anew never got what was sent to it before: offer again at once.
      const known = incarnationOf(core, record.author);
      if (info.incarnation > known) forgetOffers(core, record.author);
      core.infos.set(record.author, info);
      // Verdicts about its life name an incarnation.
      if (info.incarnation !== known) noteLife(core, record.author);
      else noteDecider(core, record.author);
      topics.add("nodes");
      return;
    }
    case "liveness": {
      const subject = record.key.slice("liveness/".length);
      const body = record.body as RecordBody<"liveness">;
      if (body.state === "left" && subject !== record.author) return;
      const verdicts = core.verdicts.get(subject) ?? new Map();
      verdicts.set(record.author, { ...body, at: record.at });
      core.verdicts.set(subject, verdicts);
      noteLife(core, subject);
      topics.add("nodes");
      return;
    }
    case "decision": {
      const value = record.body as Decision;
      if (record.key !== `decision/${value.app}`) return;
      const app = appOf(core, value.app);
      if (isPlausible(value, record.at)) app.decisions.set(record.author, value);
      else app.decisions.delete(record.author);
      settle(core, app, topics);
      return;
    }
    case "run": {
      const value = record.body as RecordBody<"run">;
      if (record.key !== `run/${value.run}` || !isPlausible(value, record.at)) return;
      if (!applyRunDecision(core.jobs, value, record.author)) return;
      core.reserved = undefined;
      topics.add("jobs");
      return;
    }
    case "caches":
      core.jobs.caches.set(record.author, (record.body as RecordBody<"caches">).list);
      return;
    case "attempts": {
      const { run, list } = record.body as RecordBody<"attempts">;
      if (record.key !== `attempts/${run}`) return;
      applyAttempts(core.jobs, run, record.author, list);
      core.reserved = undefined;
      topics.add("jobs");
      return;
    }
    case "secret": {
      const body = record.body as RecordBody<"secret">;
      if (record.key !== `secret/${body.name}`) return;
      applyBoxes(core.secrets, record.author, body);
      topics.add("secrets");
      return;
    }
    case "tick":
      core.reserved = undefined;
      applyTick(
        core.jobs,
        record.key.slice("tick/".length),
        record.body as RecordBody<"tick">,
        record.author,
        record.at,
      );
      topics.add("jobs");
      return;
    case "sight": {
      const sight = record.body as RecordBody<"sight">;
      if (record.key !== `sight/${sight.schedule}`) return;
      noteSight(core.jobs.schedules, sight, record.author, record.at);
      core.jobs.dirty = true;
      topics.add("jobs");
      return;
    }
    case "upgrade":
    case "upgraded":
      if (applyUpgradeRecord(core.upgrades, record)) topics.add("upgrades").add("nodes");
      noteDecider(core, record.author);
      return;
    case "replicas": {
      const { app: name, list, held } = record.body as RecordBody<"replicas">;
      if (record.key !== `replicas/${name}`) return;
      const mine = new Map(
        list.filter((status) => status.app === name).map((status) => [status.replica, status]),
      );
      const app = appOf(core, name);
      app.statuses.set(record.author, mine);
      if (held) app.held.set(record.author, held);
      else app.held.delete(record.author);
      core.dirtyApps.add(name);
      topics.add("apps");
      return;
    }
  }
}

function bury(core: Core, record: RealmRecord, topics: Set<Topic>): void {
  const [kind, ...rest] = record.key.split("/");
  const name = rest.join("/");
  if (kind === "liveness") {
    core.verdicts.get(name)?.delete(record.author);
    noteLife(core, name);
    topics.add("nodes");
  }
}

export function settle(core: Core, app: AppState, topics: Set<Topic>): void {
  if (!settleDecision(app, (id) => endedAt(core.members, id))) return;
  core.reserved = undefined;
  core.dirtyApps.add(app.name);
  topics.add("apps");
}

function forgetOffers(core: Core, node: NodeId): void {
  for (const [key, offer] of core.offers) if (offer.node === node) core.offers.delete(key);
  for (const declined of core.declines.values()) declined.delete(node);
}

/** The state of an app, made when it is not there. */
function appOf(core: Core, name: string) {
  let app = core.apps.get(name);
  if (!app) core.apps.set(name, app = createApp(name));
  return app;
}

/**
 * Notes a `key.revoke`, also one that a revocation voids now: which of them count depends on all of them together.
 * Returns whether the effective revocations changed, so that every projection must be derived anew.
 */
function takeRevocation(core: Core, record: RealmRecord, signed: SignedCommand): boolean {
  const opened = openReplicated(core, record, nobodyRevoked);
  const command = opened.ok ? opened.value.command : undefined;
  if (command?.kind !== "key.revoke" || core.authority.revokes.has(command.id)) return false;
  core.authority.revokes.set(command.id, { command, chain: chainOf(signed) });
  return settleRevocations(core.authority);
}

function projectCommand(core: Core, record: RealmRecord, topics: Set<Topic>): Result<unknown> | void {
  const signed = record.body as SignedCommand;
  if (takeRevocation(core, record, signed)) {
    for (const t of rebuild(core)) topics.add(t);
    return;
  }
  const opened = openReplicated(core, record);
  if (!opened.ok) return opened;
  const { command, id, at } = opened.value;
  const known = core.commands.get(id);
  const fresh = !known;
  // The same at every node: who accepted it first by its own clock.
  const first = !known || record.at < known.acceptedAt ||
    (record.at === known.acceptedAt && record.author < known.via);
  if (first) {
    core.commands.set(id, { signed, command, at, via: record.author, acceptedAt: record.at });
  }
  if (!fresh || !command) return;
  topics.add("commands");
  const later = (known: { at: number; id: string } | undefined) =>
    !known || command.at > known.at || (command.at === known.at && command.id > known.id);
  const stamp = { at: command.at, id: command.id };
  switch (command.kind) {
    case "app.deploy":
    case "app.scale":
    case "app.rollback":
    case "app.remove": {
      const app = appOf(core, command.body.app);
      app.commands.set(command.id, command);
      settleApp(app);
      core.reserved = undefined;
      core.dirtyApps.add(app.name);
      topics.add("apps");
      return;
    }
    case "job.submit":
      applySubmit(core.jobs, command);
      topics.add("jobs");
      return;
    case "job.cancel":
      applyCancel(core.jobs, command);
      topics.add("jobs");
      return;
    case "job.schedule":
    case "job.pause":
    case "job.unschedule":
      applyScheduling(core.jobs, command);
      core.reserved = undefined;
      topics.add("jobs");
      return;
    case "node.tag":
      if (later(core.tags.get(command.body.node))) {
        core.tags.set(command.body.node, { ...stamp, tags: command.body.tags });
        core.secrets.dirty = true;
      }
      topics.add("nodes");
      return;
    case "node.cordon":
    case "node.uncordon":
    case "node.drain": {
      const state = command.kind === "node.cordon"
        ? "cordoned"
        : command.kind === "node.drain"
        ? "draining"
        : "open";
      if (later(core.scheduling.get(command.body.node))) {
        core.scheduling.set(command.body.node, { ...stamp, state });
        noteDecider(core, command.body.node);
      }
      topics.add("nodes");
      return;
    }
    case "node.remove":
      removeMember(core.members, command.body.node, command.at);
      noteLife(core, command.body.node);
      topics.add("members").add("nodes");
      return;
    case "policy.set":
      applyPolicy(core.policies, command);
      core.jobs.dirty = true;
      for (const name of core.apps.keys()) core.dirtyApps.add(name);
      topics.add("nodes").add("jobs");
      return;
    case "secret.set":
    case "secret.scope":
    case "secret.remove":
      applySecret(core.secrets, command);
      topics.add("secrets");
      return;
    case "upgrade.start":
    case "upgrade.abort":
    case "upgrade.resume":
      applyUpgrade(core.upgrades, command, core.config.verifier);
      topics.add("upgrades");
      return;
    case "key.grant":
      if (!open(command.body.grant, payloadTypes.grant, core.config.verifier).ok) return;
      core.authority.grants.set(command.id, { envelope: command.body.grant, at: command.at });
      topics.add("keys");
      return;
    case "key.revoke":
      topics.add("keys");
      return;
    case "invite.revoke":
      core.members.revokedInvites.set(command.body.invite, command.at);
      settleMembers(core.members);
      forgetLives(core);
      topics.add("members");
      return;
    case "blob.pin":
    case "blob.unpin":
      if (later(core.pins.get(command.body.digest))) {
        core.pins.set(
          command.body.digest,
          command.kind === "blob.unpin" ? stamp : { ...stamp, pin: { ...command.body, at: command.at } },
        );
      }
      topics.add("pins");
      return;
  }
}

/** Derives every projection anew from the records: after a revocation, and for `realm doctor --rebuild`. */
export function rebuild(core: Core): ReadonlySet<Topic> {
  const topics = new Set<Topic>(allTopics);
  for (
    const map of [
      core.infos,
      core.verdicts,
      core.commands,
      core.tags,
      core.scheduling,
      core.policies,
      core.apps,
      core.pins,
    ]
  ) map.clear();
  for (const map of Object.values(core.members)) map.clear();
  core.authority.grants.clear();
  clearJobs(core.jobs);
  clearSecrets(core.secrets);
  clearUpgrades(core.upgrades);
  forgetLives(core);
  core.reserved = undefined;
  const records = [...allRecords(core.store)];
  const first = (kind: string) => records.filter((r) => r.kind === kind);
  const kinds = [
    "member",
    "command",
    "node",
    "liveness",
    "decision",
    "replicas",
    "tick",
    "sight",
    "run",
    "attempts",
    "caches",
    "secret",
    "upgrade",
    "upgraded",
  ];
  for (const kind of kinds) {
    for (const record of first(kind)) project(core, record, topics);
  }
  for (const app of core.apps.values()) settle(core, app, topics);
  for (const app of core.apps.keys()) core.dirtyApps.add(app);
  return topics;
}
