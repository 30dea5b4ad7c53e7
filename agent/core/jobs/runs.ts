/** Projection of runs: what was submitted, what the controllers decided, what the executing nodes say. */
import type { Command } from "../../protocol/command.ts";
import type { Digest, KeyId, NodeId } from "../../protocol/identity.ts";
import { jobLimits } from "../../protocol/job_limits.ts";
import {
  type Artifact,
  type AttemptStatus,
  type CacheEntry,
  type DecidedAttempt,
  isEnd,
  type RunDecision,
  type RunPhase,
} from "../../protocol/job_record.ts";
import { tickRunIdsOf } from "../../protocol/job_schedule.ts";
import { type JobRunSpec, runIdsOf } from "../../protocol/job_spec.ts";
import type { Change } from "../../protocol/job_trigger.ts";
import { limits } from "../../protocol/limits.ts";
import { forgetRerun, noteRerun, type Reruns } from "./reruns.ts";
import { clearSchedules, createSchedules, type Schedules } from "./schedules.ts";

/** One run. */
export interface RunState {
  readonly id: string;
  /** Id of the command that submitted it, or of the tick that made it: what its siblings have in common. */
  readonly submission: Digest;
  /** The command that asked for it. */
  readonly command: Digest;
  readonly spec: JobRunSpec;
  /** When it was signed, or the tick decided; and by whom. */
  at: number;
  readonly by: KeyId;
  /** The time of a schedule that made it, or the change. */
  readonly tick?: { readonly schedule: Digest; at: number; readonly change?: Change };
  /** Run that it repeats. */
  readonly of?: string;
  /** The earliest wish to end it. */
  cancel?: Cancel;
  decision?: { readonly value: RunDecision; readonly author: NodeId };
  /** Newest statuses by node, then by attempt: only what a node says of its own attempts counts. */
  readonly statuses: Map<NodeId, ReadonlyMap<string, AttemptStatus>>;
}

/** A wish to end a run. */
export interface Cancel {
  readonly id: Digest;
  readonly at: number;
  readonly by: KeyId;
  /** In words, when it is not the wish of a person. */
  readonly why?: string;
}

/** An offer that waits for its answer. */
export interface JobOffer {
  readonly id: string;
  readonly run: string;
  readonly node: NodeId;
  readonly expiresAt: number;
}

/** All that a core knows of jobs. */
export interface Jobs {
  readonly runs: Map<string, RunState>;
  /** Runs by submission, in its order. */
  readonly submissions: Map<Digest, readonly string[]>;
  readonly reruns: Reruns;
  /** Runs that have not ended. */
  readonly open: Set<string>;
  /** What came before the command that it is about. */
  readonly early: Map<string, Pick<RunState, "cancel" | "decision" | "statuses">>;
  readonly schedules: Schedules;
  /** Runs that have not ended by their concurrency group. */
  readonly groups: Map<string, { readonly open: Set<string>; freedAt: number }>;
  /** By run; only of runs that this node controls. */
  readonly offers: Map<string, JobOffer>;
  /** By run: nodes that declined, until when. */
  readonly declines: Map<string, Map<NodeId, { readonly reason: string; readonly until: number }>>;
  /** Offers accepted by this node and not decided yet. */
  readonly promised: Map<string, number>;
  /** Something changed that may need a decision. */
  dirty: boolean;
  /** A deadline to look at. */
  lookAgainAt: number;
  /** Build caches by the node that has them. */
  readonly caches: Map<NodeId, readonly CacheEntry[]>;
  /** Text of the last `statuses` effect. */
  lastStatuses: string;
  /** Text of the last `attempts` effect. */
  lastOrders: string;
}

/** Nothing known yet. */
export const createJobs = (): Jobs => ({
  runs: new Map(),
  submissions: new Map(),
  reruns: new Map(),
  open: new Set(),
  early: new Map(),
  schedules: createSchedules(),
  groups: new Map(),
  offers: new Map(),
  declines: new Map(),
  promised: new Map(),
  dirty: false,
  lookAgainAt: Infinity,
  caches: new Map(),
  lastStatuses: "[]",
  lastOrders: "[]",
});

/** Forgets what is derived from records, to derive it anew. */
export function clearJobs(jobs: Jobs): void {
  for (const map of [jobs.runs, jobs.submissions, jobs.reruns, jobs.early, jobs.groups]) map.clear();
  jobs.caches.clear();
  jobs.open.clear();
  clearSchedules(jobs.schedules);
  jobs.dirty = true;
}

/** The run, or the place where what came too early waits for it. */
function placeOf(jobs: Jobs, run: string): Pick<RunState, "cancel" | "decision" | "statuses"> {
  const known = jobs.runs.get(run) ?? jobs.early.get(run);
  if (known) return known;
  const early = { statuses: new Map() };
  jobs.early.set(run, early);
  return early;
}

/** Takes in a submission. */
export function applySubmit(jobs: Jobs, command: Extract<Command, { kind: "job.submit" }>): void {
  const { runs, of } = command.body;
  const { id, at, by } = command;
  addRuns(jobs, id, runs, { command: id, at, by, ...(of === undefined ? {} : { of }) });
}

/** Makes runs known that one command or tick asks for. */
export function addRuns(
  jobs: Jobs,
  submission: Digest,
  specs: readonly JobRunSpec[],
  origin: Pick<RunState, "command" | "at" | "by" | "of" | "tick">,
): void {
  const ids = origin.tick ? tickRunIdsOf(submission, specs) : runIdsOf(submission, specs);
  jobs.submissions.set(submission, ids);
  if (origin.of !== undefined) noteRerun(jobs.reruns, origin.of, submission);
  ids.forEach((id, i) => {
    const early = jobs.early.get(id);
    jobs.early.delete(id);
    const run: RunState = { id, submission, spec: specs[i], ...origin, statuses: new Map(), ...early };
    jobs.runs.set(id, run);
    settle(jobs, run);
  });
}

/** The earlier first. */
export const byTime = (
  a: { readonly id: string; readonly at: number },
  b: { readonly id: string; readonly at: number },
): number => a.at - b.at || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);

/** Takes in a wish to end a run. Of several the earliest is named. */
export function applyCancel(jobs: Jobs, command: Extract<Command, { kind: "job.cancel" }>): void {
  const place = placeOf(jobs, command.body.run);
  const { id, at, by } = command;
  if (!place.cancel || byTime({ id, at }, place.cancel) < 0) place.cancel = { id, at, by };
  jobs.dirty = true;
}

/** Whether decision `a` outranks `b`: higher epoch, then later step, then author. */
export function outranksRun(
  a: { value: RunDecision; author: NodeId },
  b: { value: RunDecision; author: NodeId } | undefined,
): boolean {
  if (!b) return true;
  if (a.value.epoch !== b.value.epoch) return a.value.epoch > b.value.epoch;
  if (a.value.step !== b.value.step) return a.value.step > b.value.step;
  return a.author > b.author;
}

/** Takes in a controller's decision; returns whether it stands. */
export function applyRunDecision(jobs: Jobs, value: RunDecision, author: NodeId): boolean {
  const place = placeOf(jobs, value.run);
  const mine = { value, author };
  if (!outranksRun(mine, place.decision)) return false;
  place.decision = mine;
  const run = jobs.runs.get(value.run);
  if (run) settle(jobs, run);
  return true;
}

/** Takes in what a node says of its attempts of a run. */
export function applyAttempts(jobs: Jobs, run: string, author: NodeId, list: readonly AttemptStatus[]): void {
  placeOf(jobs, run).statuses.set(author, new Map(list.map((status) => [status.attempt, status])));
  jobs.dirty = true;
}

/** Forgets a submission; what is still said of its runs is kept as what came too early. */
export function forgetSubmission(jobs: Jobs, submission: Digest): void {
  for (const id of jobs.submissions.get(submission) ?? []) {
    const run = jobs.runs.get(id);
    if (!run) continue;
    jobs.runs.delete(id);
    if (run.of !== undefined) forgetRerun(jobs.reruns, run.of, submission);
    close(jobs, run);
    jobs.declines.delete(id);
    const { cancel, decision, statuses } = run;
    jobs.early.set(id, { statuses, ...(cancel && { cancel }), ...(decision && { decision }) });
    forgetPlace(jobs, id);
  }
  jobs.submissions.delete(submission);
}

/** Forgets a wish to end a run that is not known. */
export function forgetCancel(jobs: Jobs, run: string, id: Digest): void {
  const place = jobs.early.get(run);
  if (place?.cancel?.id === id) delete place.cancel;
  forgetPlace(jobs, run);
}

/** Forgets what a node decided (`run`) or said (`attempts`) about a run that is not known. */
export function forgetSaid(jobs: Jobs, run: string, kind: "run" | "attempts", author: NodeId): void {
  const place = jobs.early.get(run);
  if (kind === "attempts") place?.statuses.delete(author);
  else if (place?.decision?.author === author) delete place.decision;
  forgetPlace(jobs, run);
}

function forgetPlace(jobs: Jobs, run: string): void {
  const place = jobs.early.get(run);
  if (place && !place.cancel && !place.decision && place.statuses.size === 0) jobs.early.delete(run);
}

function settle(jobs: Jobs, run: RunState): void {
  jobs.dirty = true;
  if (run.decision && isEnd(run.decision.value.state)) close(jobs, run);
  else {
    jobs.open.add(run.id);
    const group = run.spec.concurrency?.group;
    if (group === undefined) return;
    const known = jobs.groups.get(group) ?? { open: new Set(), freedAt: 0 };
    known.open.add(run.id);
    jobs.groups.set(group, known);
  }
}

function close(jobs: Jobs, run: RunState): void {
  jobs.open.delete(run.id);
  const name = run.spec.concurrency?.group;
  const group = name === undefined ? undefined : jobs.groups.get(name);
  if (name === undefined || !group?.open.delete(run.id)) return;
  group.freedAt = Math.max(group.freedAt, run.decision?.value.since ?? 0);
  if (group.open.size === 0) jobs.groups.delete(name);
}

/** The attempt that is under way by the standing decision. */
export function activeAttempt(run: RunState): DecidedAttempt | undefined {
  const decision = run.decision?.value;
  if (!decision || decision.state !== "open") return undefined;
  const last = decision.attempts.at(-1);
  return last && !last.end ? last : undefined;
}

/** What its node says of an attempt. */
export const attemptStatus = (run: RunState, attempt: DecidedAttempt): AttemptStatus | undefined =>
  run.statuses.get(attempt.node)?.get(attempt.id);

/** State of a run as people see it. */
export function runPhase(jobs: Jobs, run: RunState): RunPhase {
  const state = run.decision?.value.state;
  if (state !== undefined && state !== "open") return state;
  const attempt = activeAttempt(run);
  if (!attempt) return jobs.offers.has(run.id) ? "offered" : "pending";
  const said = attemptStatus(run, attempt)?.state;
  // An attempt that has ended is the run's end only when its controller says so: it may be tried again.
  return said === undefined ? "offered" : isEnd(said) ? "running" : said;
}

/** The attempt by which a run ended, or the newest one. */
export const lastAttempt = (run: RunState): DecidedAttempt | undefined => run.decision?.value.attempts.at(-1);

/** What a run left: the artifacts of its last attempt. */
export function artifactsOf(run: RunState): readonly Artifact[] {
  const attempt = lastAttempt(run);
  return attempt ? attemptStatus(run, attempt)?.artifacts ?? [] : [];
}

/** Runs of a job in a submission. */
export const runsOfJob = (jobs: Jobs, submission: Digest, job: string): readonly RunState[] =>
  (jobs.submissions.get(submission) ?? []).map((id) => jobs.runs.get(id)!).filter((r) => r.spec.job === job);

/** Why no further runs may be submitted now, if they may not. Those of schedules have bounds of their own. */
export function tooManyRuns(jobs: Jobs, more: number): string | undefined {
  if (jobs.open.size + more > jobLimits.openRuns) {
    return `${jobs.open.size} runs wait or run already; wait until some have ended`;
  }
  const known = jobs.runs.size - jobs.schedules.runs;
  if (known + more > jobLimits.knownRuns) {
    return `the realm remembers ${known} runs already; the oldest go ${
      limits.tombstoneMs / 86_400_000
    } days after their submission, or when what they left need not be kept any more`;
  }
}
