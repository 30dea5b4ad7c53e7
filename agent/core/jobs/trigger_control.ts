/** Schedules that watch a repository, under control of this node: when to look, and what is made of what was seen. */
import { canonicalJson } from "../../protocol/encoding.ts";
import { forgeLimits } from "../../protocol/forge_limits.ts";
import type { Digest, NodeId } from "../../protocol/identity.ts";
import { jobTiming } from "../../protocol/job_limits.ts";
import { changeIdOf, countsBranch } from "../../protocol/job_trigger.ts";
import { whyNotUsedFor } from "../../protocol/secret.ts";
import type { Write } from "../control.ts";
import type { Effect } from "../events.ts";
import { policyFor, whyNotGit } from "../policies.ts";
import { whyNoSecret } from "../secrets/sealing.ts";
import { type Core, deciders } from "../state.ts";
import { commitStatuses } from "./commit_statuses.ts";
import { isPaused, type Schedule, stands } from "./schedules.ts";
import { ticksEndBefore } from "./tick_retirement.ts";
import {
  decideChange,
  knownEnds,
  type Push,
  type Seen,
  sightAfter,
  takePush,
  undecidedEnds,
} from "./triggers.ts";

/** The controller of a schedule is chosen by this. */
export const scheduleKey = (schedule: Schedule): string => `schedule/${schedule.by}/${schedule.name}`;

/** Why a node cannot look at the repository of a schedule, and the command that would change that, where there is one. */
export function whyNotLook(
  core: Core,
  node: NodeId,
  { trigger, runs }: Schedule,
): { readonly reason: string; readonly fix?: string } | undefined {
  const info = core.infos.get(node);
  if (!trigger || !info) return { reason: "is still starting" };
  const policy = policyFor(core.policies, node);
  const input = { from: "git", url: trigger.url, depth: 1, submodules: false, mount: "/" } as const;
  const refused = whyNotGit({ ...info, policy }, [input]);
  if (refused || trigger.credential === undefined) return refused;
  const jobs = runs.map((r) => r.job);
  return whyNoSecret(core, node, trigger.credential, (scope) => whyNotUsedFor(scope, jobs));
}

/** Nodes that are asked first whether they can look: mostly the first one can. */
const FIRST = 8;

/** Who watches for a schedule: of those who may decide one that can look, or the first when none can. */
export function watcherOf(core: Core, schedule: Schedule): NodeId | undefined {
  const key = scheduleKey(schedule), able = (id: NodeId) => whyNotLook(core, id, schedule) === undefined;
  const all = deciders(core), first = all.rank(key, FIRST);
  return first.find(able) ?? all.rank(key).find(able) ?? first[0];
}

/** Decides about changes that were seen, and looks when it is time; returns when to come again. */
export function controlTrigger(
  core: Core,
  schedule: Schedule,
  now: number,
  write: Write,
  effects: Effect[],
): number | undefined {
  const { schedules } = core.jobs;
  const { trigger } = schedule;
  // Before it is told what this node is, nobody is there to look.
  if (!trigger || !core.info || isPaused(schedules, schedule)) return undefined;
  decideChanges(core, schedule, now, write);
  const look = schedules.looks.get(schedule.id);
  const due = look?.until ?? (look?.lookedAt ?? -Infinity) + trigger.poll_ms;
  if (now < due) return due;
  const why = whyNotLook(core, core.config.self, schedule);
  if (why !== undefined) {
    const problem = `no node can look; ${core.info.name}: ${why.reason}${why.fix ? `; fix: ${why.fix}` : ""}`;
    takeSight(core, schedule.id, { ends: [], problem }, now, write);
    return now + trigger.poll_ms;
  }
  effects.push({ t: "look", order: startLook(core, schedule, now) });
  return now + jobTiming.lookMs;
}

/** Notes that a look begins. */
function startLook({ jobs }: Core, schedule: Schedule, now: number): Extract<Effect, { t: "look" }>["order"] {
  const { looks } = jobs.schedules;
  const lookedAt = looks.get(schedule.id)?.lookedAt ?? -Infinity;
  looks.set(schedule.id, { lookedAt, until: now + jobTiming.lookMs });
  const known = new Map([...knownEnds(jobs.schedules, schedule)].map(([b, { commit }]) => [b, commit]));
  return {
    schedule: schedule.id,
    trigger: schedule.trigger!,
    jobs: [...new Set(schedule.runs.map((r) => r.job))],
    known,
  };
}

/** A schedule that this node may take changes in for now: who may not know what others saw takes nothing for new. */
function watching(core: Core, id: Digest, now: number): Schedule | undefined {
  const { schedules } = core.jobs;
  const schedule = schedules.all.get(id);
  if (!schedule?.trigger || core.returning || now < schedules.decidesFrom) return undefined;
  return stands(schedules, schedule) && !isPaused(schedules, schedule) ? schedule : undefined;
}

/** Tells the shell when what the forges of schedules that this node watches are to know has changed. */
export function orderStatuses(core: Core, now: number, effects: Effect[]): void {
  const { jobs } = core;
  if (!core.info) return;
  // Also of those that were ended or replaced: their runs go on.
  const told = [...jobs.schedules.all.values()].filter((s) => s.trigger?.status !== undefined)
    .sort((a, b) => a.id < b.id ? -1 : 1);
  if (told.length === 0 && jobs.lastStatuses === "[]") return;
  const list = told.filter((s) => watcherOf(core, s) === core.config.self)
    .flatMap((s) => commitStatuses(jobs, s, now - forgeLimits.statusMs));
  const text = canonicalJson(list);
  if (text === jobs.lastStatuses) return;
  jobs.lastStatuses = text;
  effects.push({ t: "statuses", list });
}

/** Takes in what a look found. */
export function takeLooked(
  core: Core,
  id: Digest,
  seen: Seen,
  now: number,
  write: Write,
  effects: Effect[],
): void {
  const again = core.jobs.schedules.looks.get(id)?.again;
  takeSight(core, id, seen, now, write);
  const schedule = again && watching(core, id, now);
  if (schedule) effects.push({ t: "look", order: startLook(core, schedule, now) });
}

/** Takes in a push that a forge told this node of, whichever node watches. */
export function takePushed(
  core: Core,
  id: Digest,
  push: Push,
  now: number,
  write: Write,
  effects: Effect[],
): void {
  const { schedules } = core.jobs;
  const schedule = watching(core, id, now);
  if (!schedule || !countsBranch(schedule.trigger!, push.branch)) return;
  const taken = takePush(schedules, schedule, push);
  if (taken === "change") {
    const change = { branch: push.branch, commit: push.commit, as: "run" } as const;
    write(`tick/${changeIdOf(id, change)}`, decideChange(core.jobs, schedule, change, now));
  }
  // A node that cannot look leaves it to the one that looks from time to time.
  if (taken !== "look" || whyNotLook(core, core.config.self, schedule) !== undefined) return;
  const look = schedules.looks.get(id);
  if (look?.until !== undefined && now < look.until) schedules.looks.set(id, { ...look, again: true });
  else effects.push({ t: "look", order: startLook(core, schedule, now) });
}

function takeSight(core: Core, id: Digest, seen: Seen, now: number, write: Write): void {
  const { schedules } = core.jobs;
  if (!schedules.all.has(id)) return;
  schedules.looks.set(id, { lookedAt: now });
  core.jobs.dirty = true;
  const schedule = watching(core, id, now);
  if (!schedule) return;
  const sight = sightAfter(schedules, schedule, seen, now);
  if (sight) write(`sight/${id}`, sight);
  decideChanges(core, schedule, now, write);
}

function decideChanges({ jobs }: Core, schedule: Schedule, now: number, write: Write): void {
  for (const end of undecidedEnds(jobs.schedules, schedule, ticksEndBefore(now))) {
    write(`tick/${changeIdOf(schedule.id, end)}`, decideChange(jobs, schedule, end, now));
  }
}
