/** Views of runs for people and programs, and why a run is in its state. Pure reads. */
import {
  artifactsOf,
  attemptStatus,
  commitsOf,
  controllerKey,
  controllerOf,
  type Core,
  explainRun,
  lastAttempt,
  runPhase,
  type RunState,
} from "../../core/mod.ts";
import type { RunFilter } from "../service.ts";
import { type AttemptView, isEnd, type RunView, shortId, type WhyView } from "../../protocol/mod.ts";

const nameOf = (core: Core, id: string): string => core.infos.get(id)?.name ?? shortId(id);

function attemptViews(core: Core, run: RunState): AttemptView[] {
  return (run.decision?.value.attempts ?? []).map((attempt): AttemptView => {
    const said = attemptStatus(run, attempt);
    const state = attempt.end?.state ?? said?.state ?? "offered";
    const reason = attempt.end?.reason || said?.reason;
    const ended = attempt.end?.at ?? (said && isEnd(said.state) ? said.since : undefined);
    return {
      id: attempt.id,
      number: attempt.number,
      node: attempt.node,
      node_name: nameOf(core, attempt.node),
      epoch: attempt.epoch,
      state,
      at: attempt.at,
      ...(reason ? { reason } : {}),
      ...(said?.started_at === undefined ? {} : { started_at: said.started_at }),
      ...(ended === undefined ? {} : { ended_at: ended }),
      ...(said?.progress ? { progress: said.progress } : {}),
      ...(said?.report ? { report: said.report } : {}),
      ...(said?.cache ? { cache: said.cache } : {}),
      ...(said?.log ? { log: said.log } : {}),
    };
  });
}

function scheduleOf({ jobs }: Core, { tick }: RunState): Pick<RunView, "schedule"> {
  const schedule = tick && jobs.schedules.all.get(tick.schedule);
  if (!schedule) return {};
  const { at, change } = tick;
  return { schedule: { id: schedule.id, name: schedule.name, at, ...(change && { change }) } };
}

/** One run. */
export function runView(core: Core, run: RunState): RunView {
  const decision = run.decision?.value;
  const state = runPhase(core.jobs, run);
  const controller = controllerOf(core, controllerKey(run));
  const commits = commitsOf(run);
  return {
    id: run.id,
    job: run.spec.job,
    matrix: run.spec.matrix,
    state,
    ...(decision?.reason ? { reason: decision.reason } : {}),
    submission: run.submission,
    runs: core.jobs.submissions.get(run.submission) ?? [run.id],
    ...(run.of === undefined ? {} : { of: run.of }),
    ...scheduleOf(core, run),
    by: run.by,
    priority: run.spec.priority,
    labels: run.spec.labels,
    needs: run.spec.needs,
    submitted_at: run.at,
    ...(isEnd(state) && decision ? { ended_at: decision.since } : {}),
    ...(controller === undefined || isEnd(state) ? {} : { controller }),
    attempts: attemptViews(core, run),
    ...(Object.keys(commits).length === 0 ? {} : { commits }),
    artifacts: artifactsOf(run),
  };
}

/** Runs, newest first. */
export function runViews(core: Core, filter: RunFilter): RunView[] {
  const wanted = (run: RunState) => {
    if (filter.job !== undefined && run.spec.job !== filter.job) return false;
    if (filter.state === undefined) return true;
    const state = runPhase(core.jobs, run);
    return filter.state === "open" ? !isEnd(state) : state === filter.state;
  };
  return [...core.jobs.runs.values()]
    .filter(wanted)
    .sort((a, b) => b.at - a.at || (a.id < b.id ? -1 : 1))
    .slice(0, filter.limit ?? 200)
    .map((run) => runView(core, run));
}

/** A run by its id, by a unique beginning of it, or the newest run of a job. */
export function findRun(core: Core, name: string): RunState | undefined {
  const exact = core.jobs.runs.get(name);
  if (exact) return exact;
  const all = [...core.jobs.runs.values()];
  const newest = all.filter((r) => r.spec.job === name).sort((a, b) => b.at - a.at)[0];
  if (newest) return newest;
  const begun = name.length >= 4 ? all.filter((r) => r.id.startsWith(name)) : [];
  return begun.length === 1 ? begun[0] : undefined;
}

/** Why a run is in its state, node by node where it waits for one, with the nearest fix. */
export function whyRun(core: Core, run: RunState, now: number): WhyView {
  const view = runView(core, run);
  const reasons: string[] = [];
  let nodes: WhyView["nodes"] = [];
  let fix: string | undefined;
  if (view.reason) reasons.push(view.reason);
  const controller = controllerOf(core, controllerKey(run));
  if (controller && !isEnd(view.state)) {
    reasons.push(`decided by ${nameOf(core, controller)} (epoch ${run.decision?.value.epoch ?? 0})`);
  }
  for (const a of view.attempts) {
    reasons.push(
      `attempt ${a.number} on ${a.node_name} is ${a.state.replace("_", " ")}${
        a.reason ? `: ${a.reason}` : ""
      }`,
    );
  }
  if (!isEnd(view.state)) {
    const { verdict, placement } = explainRun(core, run, now);
    if (verdict.waits) reasons.unshift(verdict.waits);
    if (verdict.wants && (view.state === "pending" || !lastAttempt(run))) {
      const able = placement.verdicts.filter((v) => v.reasons.length === 0);
      reasons.unshift(
        able.length === 0
          ? "waits: no node can take it now"
          : `can go to ${able.map((v) => v.name).slice(0, 3).join(", ")}, when its turn comes`,
      );
      nodes = placement.verdicts.map((v) => ({
        id: v.id,
        name: v.name,
        able: v.reasons.length === 0,
        reasons: v.reasons,
        ...(v.fix === undefined ? {} : { fix: v.fix }),
      }));
      const nearest = nodes.filter((n) => n.fix).sort((a, b) => a.reasons.length - b.reasons.length)[0];
      if (able.length === 0) fix = nearest?.fix;
    }
  }
  if (view.state === "failed" || view.state === "timed_out") fix = `realm job logs ${run.id}`;
  if (view.state === "lost") fix = `realm job rerun ${run.id}`;
  return {
    id: run.id,
    kind: "run",
    state: view.state,
    reasons,
    nodes,
    ...(fix === undefined ? {} : { fix }),
  };
}
