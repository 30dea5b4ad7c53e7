/** What happens at the times and changes of schedules: a pure decision, and what is made of it everywhere. */
import type { Command } from "../../protocol/command.ts";
import type { Digest, NodeId } from "../../protocol/identity.ts";
import { jobLimits, jobTiming } from "../../protocol/job_limits.ts";
import type { Tick } from "../../protocol/job_record.ts";
import { tickIdOf } from "../../protocol/job_schedule.ts";
import { runOfChange } from "../../protocol/job_trigger.ts";
import { addRuns, forgetSubmission, type Jobs, type RunState } from "./runs.ts";
import {
  addSchedule,
  applyPause,
  applyUnschedule,
  decidedUntil,
  isPaused,
  lineFrom,
  nextTick,
  noteTick,
  overlapOf,
  type Schedule,
  stands,
  startOf,
  type TickState,
  tickVerdict,
} from "./schedules.ts";

/** Takes in a command about a schedule. */
export function applyScheduling(
  jobs: Jobs,
  command: Extract<Command, { kind: "job.schedule" | "job.pause" | "job.unschedule" }>,
): void {
  jobs.dirty = true;
  if (command.kind === "job.pause") return applyPause(jobs.schedules, command);
  if (command.kind === "job.unschedule") return applyUnschedule(jobs.schedules, command);
  // Ticks may have come before it.
  const schedule = addSchedule(jobs.schedules, command);
  for (const tick of [...jobs.schedules.ticks.values()]) {
    if (tick.schedule !== schedule.id) continue;
    schedule.ticks.set(tick.id, tick);
    settleTick(jobs, tick);
  }
}

/** Takes in what a member decided about a tick. */
export function applyTick(jobs: Jobs, id: string, value: Tick, author: NodeId, at: number): void {
  // Nobody decides about what is still to come.
  if (value.at > at) return;
  const tick = noteTick(jobs.schedules, id, value, author, at);
  if (tick) settleTick(jobs, tick);
  jobs.dirty = true;
}

/** Makes the runs of a tick known, when it is one of a schedule that is known. */
function settleTick(jobs: Jobs, tick: TickState): void {
  const schedule = jobs.schedules.all.get(tick.schedule);
  if (!schedule) return;
  const { table, trigger } = schedule;
  const isOne = tick.change
    ? trigger !== undefined
    : !trigger && (table?.next(tick.at - 1) ?? tick.at) === tick.at;
  if (!isOne) {
    schedule.ticks.delete(tick.id);
    jobs.schedules.ticks.delete(tick.id);
    return;
  }
  const { state, at } = tickVerdict(tick);
  if (state !== "run") return;
  for (const id of jobs.submissions.get(tick.id) ?? []) {
    const run = jobs.runs.get(id)!;
    run.at = Math.min(run.at, at);
    run.tick!.at = tick.at;
  }
  if (jobs.submissions.has(tick.id)) return;
  const { id, by } = schedule;
  const { change } = tick;
  const runs = change && trigger ? schedule.runs.map((r) => runOfChange(r, trigger, change)) : schedule.runs;
  const of = { schedule: id, at: tick.at, ...(change && { change }) };
  addRuns(jobs, tick.id, runs, { command: id, at, by, tick: of });
  jobs.schedules.runs += runs.length;
}

/** Forgets a tick and its runs. */
export function forgetTick(jobs: Jobs, tick: TickState): void {
  jobs.schedules.runs -= jobs.submissions.get(tick.id)?.length ?? 0;
  forgetSubmission(jobs, tick.id);
  jobs.schedules.ticks.delete(tick.id);
  jobs.schedules.all.get(tick.schedule)?.ticks.delete(tick.id);
}

/** Runs of ticks of the same line before this time that have not ended, the oldest first. */
export function runsBefore(jobs: Jobs, schedule: Schedule, at: number): readonly RunState[] {
  const ticks = lineFrom(jobs.schedules, schedule).flatMap((s) =>
    [...s.ticks.values()].filter((t) => t.at < at)
  );
  return ticks.sort((a, b) => a.at - b.at)
    .flatMap((t) => (jobs.submissions.get(t.id) ?? []).filter((id) => jobs.open.has(id)))
    .map((id) => jobs.runs.get(id)!);
}

/** Why a run waits for those of the ticks before it. */
export function tickWait(jobs: Jobs, run: RunState): string | undefined {
  const schedule = run.tick && jobs.schedules.all.get(run.tick.schedule);
  if (!schedule || overlapOf(schedule) === "skip") return undefined;
  const [first] = runsBefore(jobs, schedule, run.tick!.at);
  return first && `${first.id}, of an earlier time of the schedule, has not ended`;
}

/** When the last run of the ticks before a run's ended; 0 without any. */
export function tickFreedAt(jobs: Jobs, run: RunState): number {
  const schedule = run.tick && jobs.schedules.all.get(run.tick.schedule);
  if (!schedule || overlapOf(schedule) === "skip") return 0;
  let at = 0;
  for (const tick of lineFrom(jobs.schedules, schedule).flatMap((s) => [...s.ticks.values()])) {
    if (tick.at >= run.tick!.at) continue;
    for (const id of jobs.submissions.get(tick.id) ?? []) {
      at = Math.max(at, jobs.runs.get(id)?.decision?.value.since ?? 0);
    }
  }
  return at;
}

/** What the controller of a schedule should do now. */
export interface TickDecision {
  readonly id?: Digest;
  readonly tick?: Tick;
  /** When to look again. */
  readonly lookAgainAt?: number;
}

/** Decides about the newest time that has come; those before it that nobody decided about are passed over with it. */
export function decideTick(jobs: Jobs, schedule: Schedule, now: number): TickDecision {
  const { schedules } = jobs;
  const { table, timing } = schedule;
  if (!table || !timing || !stands(schedules, schedule) || isPaused(schedules, schedule)) return {};
  const next = nextTick(schedules, schedule);
  if (next === undefined) return {};
  if (startOf(schedule, next) > now) return { lookAgainAt: startOf(schedule, next) };
  const after = decidedUntil(schedules, schedule);
  let at = table.latest(after, now) ?? next;
  // Jitter is shorter than the time between two: of the last two one has started.
  if (startOf(schedule, at) > now) at = table.latest(after, at - 1) ?? next;
  const decided = (state: Tick["state"], reason: string): TickDecision => ({
    id: tickIdOf(schedule.id, at),
    tick: { schedule: schedule.id, at, state, reason },
  });
  const late = now - startOf(schedule, at) > jobTiming.tickLateMs;
  if (late && timing.missed === "skip") {
    return decided("skipped", "no node could decide at its time");
  }
  const open = runsBefore(jobs, schedule, at);
  if (open.length > 0 && timing.overlap === "skip") {
    return decided("skipped", `${open[0].id}, of an earlier time, had not ended`);
  }
  const waiting = new Set(open.map((run) => run.submission)).size;
  if (waiting >= jobLimits.ticksQueued) return decided("skipped", `${waiting} earlier times wait already`);
  const full = jobs.open.size + schedule.runs.length > jobLimits.openRuns ||
    schedules.runs + schedule.runs.length > jobLimits.scheduledRuns;
  if (full) return decided("skipped", "the realm has as many runs as it may");
  return decided("run", late ? "no node could decide at its time" : "");
}
