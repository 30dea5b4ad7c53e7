/**
 * The controller's decision about one run: a pure function from what is wanted, what was decided, what the executing
 * node says and which nodes live, to the next decision. Level-triggered: asked again with the same facts it answers
 * the same. Every state has a deadline.
 */
import type { NodeId } from "../../protocol/identity.ts";
import { jobLimits, jobTiming } from "../../protocol/job_limits.ts";
import { type DecidedAttempt, isEnd, type RunDecision, type RunEnd } from "../../protocol/job_record.ts";
import { cancelOf, cancelText } from "./cancelling.ts";
import { groupWait } from "./groups.ts";
import { finderFor } from "./commits.ts";
import { activeAttempt, attemptStatus, type Jobs, runsOfJob, type RunState } from "./runs.ts";
import { tickFreedAt, tickWait } from "./ticks.ts";

/** Facts for {@link decideRun}. */
export interface RunFacts {
  readonly jobs: Jobs;
  readonly run: RunState;
  readonly self: NodeId;
  readonly now: number;
  /** Whether work on a node goes on. */
  readonly lives: (node: NodeId) => boolean;
  /** Until when a node that is away is waited for, since what runs there goes on; `undefined`: it is not. */
  readonly returnsBy: (node: NodeId) => number | undefined;
  /** A node's name for people. */
  readonly nameOf: (node: NodeId) => string;
}

/** What the controller should do now. */
export interface RunVerdict {
  /** The next decision when it differs from the standing one. */
  readonly next?: RunDecision;
  /** It needs a node now. */
  readonly wants: boolean;
  /** Why it does not need one yet, or for whom it waits. */
  readonly waits?: string;
  /** When to look again although nothing happened. */
  readonly lookAgainAt?: number;
}

interface Ending {
  readonly state: RunEnd;
  readonly reason: string;
  readonly code?: number;
}

/** Decides. Only the run's controller acts on the verdict; anyone may compute it to explain. */
export function decideRun(facts: RunFacts): RunVerdict {
  const { run, now } = facts;
  const standing = run.decision?.value;
  if (standing && isEnd(standing.state)) return { wants: false };
  const attempt = activeAttempt(run);
  if (attempt) {
    const { ending, lookAgainAt, waits } = endOf(facts, attempt);
    if (!ending) {
      return {
        wants: false,
        ...(lookAgainAt === undefined ? {} : { lookAgainAt }),
        ...(waits === undefined ? {} : { waits }),
      };
    }
    return { wants: false, next: afterAttempt(facts, standing!, attempt, ending) };
  }
  const cancel = cancelOf(facts.jobs, run);
  if (cancel) return end(facts, { state: "cancelled", reason: cancelText(cancel) });
  const readySince = whenReady(facts);
  if (typeof readySince !== "number") {
    return "state" in readySince ? end(facts, readySince) : { wants: false, waits: readySince.waits };
  }
  const deadline = Math.max(readySince, standing?.since ?? 0) + jobTiming.pendingMs;
  if (now >= deadline) {
    return end(facts, {
      state: "timed_out",
      reason: `no node could take it within ${jobTiming.pendingMs / 3_600_000} h; see 'realm why ${run.id}'`,
    });
  }
  const notBefore = standing?.not_before ?? 0;
  if (now < notBefore) {
    return { wants: false, waits: "waits before its next attempt", lookAgainAt: notBefore };
  }
  return { wants: true, lookAgainAt: deadline };
}

/** Since when a run is ready; or why it waits; or why it will never start. */
type Readiness = number | Ending | { readonly waits: string };

/** Since when everything that it needs is there, and its group lets it. */
function whenReady(facts: RunFacts): Readiness {
  const { jobs, run } = facts;
  const alone = whenReadyAlone(facts);
  if (typeof alone !== "number") return alone;
  const waits = groupWait(jobs, run, (other) => {
    const notBefore = other.decision?.value.not_before ?? 0;
    return facts.now >= notBefore && !cancelOf(jobs, other) &&
      typeof whenReadyAlone({ ...facts, run: other }) === "number";
  });
  if (waits !== undefined) return { waits };
  return Math.max(alone, jobs.groups.get(run.spec.concurrency?.group ?? "")?.freedAt ?? 0);
}

/** See {@link whenReady}; but for its group. */
function whenReadyAlone({ jobs, run }: RunFacts): Readiness {
  const behind = tickWait(jobs, run);
  if (behind !== undefined) return { waits: behind };
  let since = Math.max(run.at, tickFreedAt(jobs, run));
  for (const need of run.spec.needs) {
    for (const other of runsOfJob(jobs, run.submission, need)) {
      const decision = other.decision?.value;
      if (!decision || !isEnd(decision.state)) return { waits: `needs ${need}, which has not ended yet` };
      if (decision.state !== "succeeded") {
        return {
          state: "cancelled",
          reason: `needs ${need}, which ended as ${decision.state.replace("_", " ")}`,
        };
      }
      since = Math.max(since, decision.since);
    }
  }
  const finder = finderFor(jobs, run);
  if (finder) {
    const { run: { id }, input: { url, ref = "the default branch" } } = finder;
    return { waits: `${id} finds out what ${ref} of ${url} stands for, so that both take the same commit` };
  }
  const siblings = runsOfJob(jobs, run.submission, run.spec.job).filter((r) => r !== run);
  if (run.spec.fail_fast) {
    const failed = siblings.find((r) => {
      const state = r.decision?.value.state;
      return state === "failed" || state === "timed_out" || state === "lost";
    });
    if (failed) return { state: "cancelled", reason: `${failed.id} failed, and [matrix] says fail_fast` };
  }
  const max = run.spec.max_parallel;
  if (max !== undefined) {
    for (const r of siblings) {
      if (!jobs.open.has(r.id)) since = Math.max(since, r.decision?.value.since ?? 0);
    }
    // Those before it in the submission go first, so that all nodes agree on who waits.
    const busy = siblings.filter((r) => activeAttempt(r) || jobs.offers.has(r.id)).length;
    if (busy >= max) {
      return { waits: `${busy} runs of ${run.spec.job} are under way, [matrix] allows ${max}` };
    }
    const before = siblings.filter((r) =>
      jobs.open.has(r.id) && !activeAttempt(r) && earlier(jobs, r, run)
    ).length;
    if (busy + before >= max) return { waits: `${before} runs of ${run.spec.job} are before it` };
  }
  return since;
}

const earlier = (jobs: Jobs, a: RunState, b: RunState): boolean => {
  const ids = jobs.submissions.get(b.submission) ?? [];
  return ids.indexOf(a.id) < ids.indexOf(b.id);
};

/** Whether the attempt has ended, by its node's word, its node's death, or a deadline. */
function endOf(
  facts: RunFacts,
  attempt: DecidedAttempt,
): { readonly ending?: Ending; readonly lookAgainAt?: number; readonly waits?: string } {
  const { run, now } = facts;
  const node = facts.nameOf(attempt.node);
  const status = attemptStatus(run, attempt);
  if (status && isEnd(status.state)) {
    return {
      ending: {
        state: status.state,
        reason: status.reason ?? "",
        ...(status.report?.code === undefined ? {} : { code: status.report.code }),
      },
    };
  }
  const deadlines: [number, Ending][] = [];
  let waits: string | undefined;
  if (!facts.lives(attempt.node)) {
    const until = facts.returnsBy(attempt.node) ?? now, left = Math.ceil((until - now) / 1_000);
    deadlines.push([until, { state: "lost", reason: `the node ${node} is gone` }]);
    waits = `waits ${left} s more for ${node}, which is away: the program may go on there`;
  }
  const cancel = cancelOf(facts.jobs, run);
  if (cancel) {
    deadlines.push([
      cancel.at + jobTiming.cancelMs,
      { state: "cancelled", reason: `${cancelText(cancel)}; ${node} has not answered` },
    ]);
  }
  if (!status) {
    deadlines.push([
      attempt.at + jobTiming.startMs,
      { state: "lost", reason: `${node} did not start it within ${jobTiming.startMs / 1_000} s` },
    ]);
  } else if (status.state === "preparing") {
    deadlines.push([
      status.since + jobTiming.prepareMs,
      { state: "lost", reason: `${node} could not prepare it within ${jobTiming.prepareMs / 60_000} min` },
    ]);
  } else {
    // The node ends it by itself, in time; this is for a node that cannot.
    deadlines.push([
      (status.started_at ?? status.since) + run.spec.timeout_ms + jobTiming.finishMs,
      { state: "timed_out", reason: `${node} said nothing of its end` },
    ]);
  }
  deadlines.sort((a, b) => a[0] - b[0]);
  const [at, ending] = deadlines[0];
  return now >= at ? { ending } : { lookAgainAt: at, ...(waits === undefined ? {} : { waits }) };
}

/** Whether the job wishes another attempt after such an end. */
export function triesAgain(
  run: RunState,
  ending: { state: RunEnd; code?: number; out_of_memory?: boolean },
): boolean {
  const { on } = run.spec.retry;
  switch (ending.state) {
    case "lost":
      return on.includes("node_lost");
    case "timed_out":
      return on.includes("timeout");
    case "failed":
      return on.includes("failure") ||
        (ending.code !== undefined && on.includes(`exit:${ending.code}`)) ||
        (ending.out_of_memory === true && on.includes("out_of_memory"));
    default:
      return false;
  }
}

function afterAttempt(
  facts: RunFacts,
  standing: RunDecision,
  attempt: DecidedAttempt,
  ending: Ending,
): RunDecision {
  const { run, now } = facts;
  const ended = { ...attempt, end: { ...ending, reason: ending.reason.slice(0, 2_000), at: now } };
  const attempts = [...standing.attempts.slice(0, -1), ended];
  const outOfMemory = attemptStatus(run, attempt)?.report?.out_of_memory === true;
  const cancel = cancelOf(facts.jobs, run);
  const again = !cancel && attempts.length <= run.spec.retry.max &&
    attempts.length < jobLimits.attempts &&
    triesAgain(run, { ...ending, out_of_memory: outOfMemory });
  const { not_before: _, ...rest } = standing;
  if (again) {
    const wait = run.spec.retry.backoff_ms * 2 ** (attempts.length - 1);
    return {
      ...rest,
      attempts,
      state: "open",
      reason: `attempt ${attempt.number} ended as ${ending.state.replace("_", " ")}: ${ending.reason}`.slice(
        0,
        2_000,
      ),
      not_before: now + wait,
      since: now,
      ...stamp(facts),
    };
  }
  // A program that was told to end and ended by itself was cancelled all the same.
  const cancelled = cancel && ending.state !== "succeeded" && ending.state !== "cancelled";
  return {
    ...rest,
    attempts,
    state: cancelled ? "cancelled" : ending.state,
    reason: (cancelled ? cancelText(cancel) : ending.reason).slice(0, 2_000),
    since: now,
    ...stamp(facts),
  };
}

function end(facts: RunFacts, ending: Ending): RunVerdict {
  const { run, now } = facts;
  return {
    wants: false,
    next: {
      run: run.id,
      submission: run.submission,
      attempts: run.decision?.value.attempts ?? [],
      state: ending.state,
      reason: ending.reason.slice(0, 2_000),
      since: now,
      ...stamp(facts),
    },
  };
}

/** Epoch and step of the next decision: the epoch rises when another node decided before. */
export function stamp({ run, self }: Pick<RunFacts, "run" | "self">): { epoch: number; step: number } {
  const standing = run.decision;
  if (!standing) return { epoch: 1, step: 1 };
  const { epoch, step } = standing.value;
  return standing.author === self ? { epoch, step: step + 1 } : { epoch: epoch + 1, step: 1 };
}

/** The decision that a node which accepted runs the next attempt; `undefined` when that is not wanted any more. */
export function withAttempt(facts: RunFacts, id: string, node: NodeId): RunDecision | undefined {
  const { run, now } = facts;
  const standing = run.decision?.value;
  if (activeAttempt(run) || cancelOf(facts.jobs, run) || (standing && isEnd(standing.state))) {
    return undefined;
  }
  const made = stamp(facts);
  const attempts = standing?.attempts ?? [];
  return {
    run: run.id,
    submission: run.submission,
    state: "open",
    reason: "",
    attempts: [...attempts, { id, number: attempts.length + 1, node, epoch: made.epoch, at: now }],
    since: now,
    ...made,
  };
}
