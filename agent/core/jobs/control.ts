/** Runs under control of this node: decisions, offers, answers. */
import type { NodeId } from "../../protocol/identity.ts";
import { jobLimits, jobTiming } from "../../protocol/job_limits.ts";
import { limits, timing } from "../../protocol/limits.ts";
import type { JobRunSpec } from "../../protocol/job_spec.ts";
import type { Message } from "../../protocol/message.ts";
import type { Write } from "../control.ts";
import type { Effect } from "../events.ts";
import type { Placement } from "../placement.ts";
import { policyFor, whyNotGit, whyNotNative } from "../policies.ts";
import { whyNoSecrets } from "../secrets/sealing.ts";
import {
  candidates,
  controllerOf,
  type Core,
  freshId,
  nodeState,
  schedulingOf,
  unreachableSince,
} from "../state.ts";
import { decideRun, type RunFacts, type RunVerdict, withAttempt } from "./decide.ts";
import { noticeOf } from "./notices.ts";
import { type JobNode, placeRun, planQueue, takenBy } from "./queue.ts";
import { upgradedBy } from "../upgrades/control.ts";
import type { RunState } from "./runs.ts";
import { standingSchedules } from "./schedules.ts";
import { decideTick } from "./ticks.ts";
import { controlTrigger, scheduleKey, watcherOf } from "./trigger_control.ts";

type JobOffer = Extract<Message, { t: "job_offer" }>;
type JobOffered = Extract<Message, { t: "job_offered" }>;

/** Rounds of decisions in one step; each changes something or is the last. */
const ROUNDS = 10;

/**
 * What the controller of a run is chosen by: its submission. One node decides about all runs of a concurrency group, so
 * that none starts beside those that another one started.
 */
export const controllerKey = (run: RunState): string =>
  run.spec.concurrency ? `group/${run.spec.concurrency.group}` : `job/${run.submission}`;

const factsOf = (core: Core, run: RunState, now: number): RunFacts => ({
  jobs: core.jobs,
  run,
  self: core.config.self,
  now,
  lives: (node) => {
    const state = nodeState(core, node);
    return state === "alive" || state === "suspect";
  },
  returnsBy: (node) => upgradedBy(core, node) ?? backBy(core, node, run.spec),
  nameOf: (node) => core.infos.get(node)?.name ?? node,
});

/** Until when a node that was found dead is waited for: a native program goes on without its agent, which starts again. */
function backBy(core: Core, node: NodeId, { runtime, retry }: JobRunSpec): number | undefined {
  const since = runtime === "native" ? unreachableSince(core, node) : undefined;
  return since === undefined ? undefined : since + (retry.lost_after_ms ?? jobTiming.awayMs);
}

/** What this node would decide about a run now, and where it could go; to explain. */
export function explainRun(
  core: Core,
  run: RunState,
  now: number,
): { verdict: RunVerdict; placement: Placement } {
  const verdict = decideRun(factsOf(core, run, now));
  return { verdict, placement: placeRun(core.jobs, run, jobNodes(core), takenBy(core.jobs), now) };
}

/** All members as the queue sees them; what attempts take is counted by the queue itself. */
function jobNodes(core: Core): JobNode[] {
  const attempts = takenBy(core.jobs);
  return candidates(core).map((node) => {
    const info = core.infos.get(node.id);
    return {
      ...node,
      reservedMb: node.reservedMb - (attempts.get(node.id)?.memoryMb ?? 0),
      platform: info?.platform ?? "",
      policy: policyFor(core.policies, node.id),
      ...(info?.native ? { native: info.native } : {}),
      ...(info?.git === undefined ? {} : { git: info.git }),
      places: placesOf(info?.cpu_cores ?? 0),
      whyNoSecrets: (spec) => whyNoSecrets(core, node.id, spec),
    };
  });
}

const placesOf = (cores: number): number => Math.max(1, cores * jobLimits.attemptsPerCore);

/** Looks at every open run, when something changed or a deadline passed. */
export function controlJobs(core: Core, now: number, write: Write, effects: Effect[]): void {
  const { jobs } = core;
  noticeAbsence(core, now);
  for (let round = 0; round < ROUNDS; round++) {
    if (!jobs.dirty && now < jobs.lookAgainAt) return;
    jobs.dirty = false;
    jobs.lookAgainAt = Infinity;
    decideTicks(core, now, write, effects);
    if (jobs.open.size > 0) decideAll(core, now, write, effects);
  }
}

/** Decides about the times of schedules that have come, and the changes that were seen. */
function decideTicks(
  core: Core,
  now: number,
  write: Write,
  effects: Effect[],
): void {
  const { jobs } = core;
  if (jobs.schedules.all.size === 0 || core.returning) return;
  if (now < jobs.schedules.decidesFrom) return lookAgain(core, jobs.schedules.decidesFrom);
  for (const schedule of standingSchedules(jobs.schedules)) {
    if (schedule.trigger) {
      const mine = watcherOf(core, schedule) === core.config.self;
      const at = mine ? controlTrigger(core, schedule, now, write, effects) : undefined;
      if (at !== undefined) lookAgain(core, at);
      continue;
    }
    if (controllerOf(core, scheduleKey(schedule)) !== core.config.self) continue;
    const { id, tick, lookAgainAt } = decideTick(jobs, schedule, now);
    if (tick) write(`tick/${id}`, tick);
    else if (lookAgainAt !== undefined) lookAgain(core, lookAgainAt);
  }
}

/** A node that was away may not know what others decided meanwhile: it lets them tell it first, if there are any. */
function noticeAbsence(core: Core, now: number): void {
  const { schedules } = core.jobs;
  if (now - schedules.lookedAt > jobTiming.stillMs) {
    schedules.decidesFrom = core.members.admitted.size > 1 ? now + jobTiming.tickSettleMs : now;
    core.jobs.dirty = true;
  }
  schedules.lookedAt = now;
}

function decideAll(
  core: Core,
  now: number,
  write: Write,
  effects: Effect[],
): void {
  const { jobs } = core;
  const { self } = core.config;
  const waiting: RunState[] = [];
  for (const id of [...jobs.open].sort()) {
    const run = jobs.runs.get(id)!;
    const mine = controllerOf(core, controllerKey(run)) === self;
    // While what others decided may still be on its way: their runs may have ended.
    if (run.tick && !run.decision && now < jobs.schedules.decidesFrom) {
      lookAgain(core, jobs.schedules.decidesFrom);
      continue;
    }
    const offer = jobs.offers.get(id);
    if (offer && (!mine || now >= offer.expiresAt)) {
      jobs.offers.delete(id);
      if (mine) decline(core, id, offer.node, "did not answer the offer", now + timing.offerTimeoutMs);
    }
    const verdict = decideRun(factsOf(core, run, now));
    if (mine && verdict.next) {
      const notice = noticeOf(jobs, run, verdict.next);
      if (notice) effects.push({ t: "notify", notice });
      write(`run/${id}`, verdict.next);
      continue;
    }
    if (!verdict.wants) jobs.offers.delete(id);
    else waiting.push(run);
    if (mine && verdict.lookAgainAt !== undefined) lookAgain(core, verdict.lookAgainAt);
  }
  // What was written may have made others ready: then the next round plans.
  if (jobs.dirty || waiting.length === 0) return;
  const plan = planQueue(jobs, waiting, jobNodes(core), now);
  for (const run of waiting) {
    if (controllerOf(core, controllerKey(run)) !== self) continue;
    const pending = jobs.offers.get(run.id);
    if (pending) lookAgain(core, pending.expiresAt);
    for (const { until } of jobs.declines.get(run.id)?.values() ?? []) {
      if (until > now) lookAgain(core, until);
    }
    const node = plan.get(run.id);
    if (node !== undefined && !pending) offerRun(core, run, node, now, write, effects);
  }
}

function lookAgain(core: Core, at: number): void {
  core.jobs.lookAgainAt = Math.min(core.jobs.lookAgainAt, at);
}

function offerRun(
  core: Core,
  run: RunState,
  node: NodeId,
  now: number,
  write: Write,
  effects: Effect[],
): void {
  const attempts = run.decision?.value.attempts.length ?? 0;
  const id = freshId(core, `${run.id}-${attempts + 1}`, now);
  const expiresAt = now + timing.offerTimeoutMs;
  core.jobs.offers.set(run.id, { id, run: run.id, node, expiresAt });
  lookAgain(core, expiresAt);
  const message: JobOffer = {
    t: "job_offer",
    id,
    run: run.id,
    epoch: (run.decision?.value.epoch ?? 0) + 1,
    memory_mb: run.spec.memory_mb,
    runtime: run.spec.runtime,
    ...(run.spec.program ? { program: run.spec.program.digest } : {}),
  };
  if (node === core.config.self) {
    jobAnswered(core, node, considerJob(core, message, now, effects), now, write);
  } else effects.push({ t: "send", to: node, message });
}

function decline(core: Core, run: string, node: NodeId, reason: string, until: number): void {
  const declined = core.jobs.declines.get(run) ?? new Map();
  declined.set(node, { reason, until });
  core.jobs.declines.set(run, declined);
  lookAgain(core, until);
}

/** A node answered an offer of ours: decide, or go on to the next candidate. */
export function jobAnswered(core: Core, from: NodeId, answer: JobOffered, now: number, write: Write): void {
  const { jobs } = core;
  const offer = jobs.offers.get(answer.run);
  const run = jobs.runs.get(answer.run);
  if (!run || offer?.id !== answer.id || offer.node !== from) return;
  jobs.offers.delete(answer.run);
  jobs.dirty = true;
  if (!answer.accepted) {
    decline(core, run.id, from, answer.reason ?? "declined", now + jobTiming.declineMs);
    return;
  }
  jobs.declines.delete(run.id);
  const decision = withAttempt(factsOf(core, run, now), answer.id, from);
  if (!decision) return;
  // From here on the decision takes the room that was promised.
  if (from === core.config.self) releasePromise(core, answer.id);
  write(`run/${run.id}`, decision);
}

/** Memory that was promised to an attempt is its own from now on. */
export function releasePromise(core: Core, attempt: string): void {
  core.reservations.delete(attempt);
  core.jobs.promised.delete(attempt);
}

/** Would this node execute it? Accepting reserves memory and a place for a while. */
export function considerJob(core: Core, offered: JobOffer, now: number, effects: Effect[]): JobOffered {
  const answer = (reason?: string): JobOffered => ({
    t: "job_offered",
    id: offered.id,
    run: offered.run,
    accepted: reason === undefined,
    ...(reason === undefined ? {} : { reason }),
  });
  const { self } = core.config;
  const { info, jobs } = core;
  if (!info) return answer("is still starting");
  if (schedulingOf(core, self) !== "open") return answer(`is ${schedulingOf(core, self)}`);
  if (nodeState(core, self) === "removed") return answer("is no member any more");
  if (!info.runtimes.includes(offered.runtime)) return answer(`has no ${offered.runtime} runtime`);
  const spec = jobs.runs.get(offered.run)?.spec;
  const { native } = spec ?? {};
  const secretless = spec && whyNoSecrets(core, self, spec);
  if (secretless) return answer(secretless.reason);
  const refused = native && whyNotNative(
    {
      name: info.name,
      policy: policyFor(core.policies, self),
      ...(info.native ? { native: info.native } : {}),
    },
    native,
  );
  if (refused) return answer(refused.reason);
  const inputs = jobs.runs.get(offered.run)?.spec.inputs ?? [];
  const unread = whyNotGit({ ...info, policy: policyFor(core.policies, self) }, inputs);
  if (unread) return answer(unread.reason);
  for (const [id, r] of core.reservations) if (now >= r.until) core.reservations.delete(id);
  for (const [id, until] of jobs.promised) if (now >= until) jobs.promised.delete(id);
  const own = candidates(core).find((c) => c.id === self);
  const promisedMb = [...core.reservations.values()].reduce((mb, r) => mb + r.memoryMb, 0);
  const free = (own?.memoryMb ?? 0) - (own?.reservedMb ?? 0) - promisedMb;
  if (offered.memory_mb > free) {
    return answer(`has ${Math.max(0, free)} MiB of memory free, ${offered.memory_mb} needed`);
  }
  const busy = (takenBy(jobs).get(self)?.attempts ?? 0) + jobs.promised.size;
  if (busy >= placesOf(info.cpu_cores)) return answer(`runs ${busy} jobs already, as many as it takes`);
  if (core.reservations.size >= limits.replicas) return answer("has too many offers open");
  const until = now + 2 * timing.offerTimeoutMs;
  core.reservations.set(offered.id, { memoryMb: offered.memory_mb, until });
  jobs.promised.set(offered.id, until);
  if (offered.program) effects.push({ t: "prefetch_blobs", blobs: [offered.program] });
  return answer();
}
