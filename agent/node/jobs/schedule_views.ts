/** Views of schedules for people and programs. Pure reads. */
import {
  controllerOf,
  type Core,
  deciders,
  isPaused,
  knownEnds,
  nextTick,
  runPhase,
  type Schedule,
  scheduleKey,
  sightsOf,
  standingSchedules,
  startOf,
  tickVerdict,
  watcherOf,
  whyNotLook,
} from "../../core/mod.ts";
import {
  changeText,
  type NodeId,
  type ScheduleView,
  type TickView,
  whenText,
  type WhyView,
} from "../../protocol/mod.ts";
import { nameOf } from "../names.ts";

/** Ticks shown with a schedule. */
const TICKS = 20;

function tickViews({ jobs }: Core, schedule: Schedule): TickView[] {
  const newest = [...schedule.ticks.values()].sort((a, b) => b.at - a.at).slice(0, TICKS);
  return newest.map((tick): TickView => {
    const { state, reason } = tickVerdict(tick);
    const runs = (jobs.submissions.get(tick.id) ?? []).map((id) => ({
      id,
      state: runPhase(jobs, jobs.runs.get(id)!),
    }));
    const { at, change } = tick;
    return { at, ...(change && { change }), state, runs, ...(reason ? { reason } : {}) };
  });
}

function triggerView(
  { jobs: { schedules }, config }: Core,
  schedule: Schedule,
  watcher: NodeId | undefined,
): Pick<ScheduleView, "trigger"> {
  const { trigger } = schedule;
  if (!trigger) return {};
  const { url, branches, paths, poll_ms, webhook, badge, status } = trigger;
  const { job } = schedule.runs[0];
  const looked = schedules.looks.get(schedule.id)?.lookedAt;
  const looks = looked !== undefined && looked > 0 && watcher === config.self &&
    !isPaused(schedules, schedule);
  return {
    trigger: {
      url,
      branches,
      paths,
      poll_ms,
      ...(webhook === undefined ? {} : { webhook: `/hooks/${job}` }),
      ...(badge ? { badge: `/badge/${job}.svg` } : {}),
      ...(status && { told: status.forge }),
      ...(looks ? { looked_at: looked, next_look: looked + poll_ms } : {}),
      ends: [...knownEnds(schedules, schedule).values()].sort((a, b) => b.at - a.at),
    },
  };
}

/** One schedule. */
export function scheduleView(core: Core, schedule: Schedule): ScheduleView {
  const { schedules } = core.jobs;
  const paused = isPaused(schedules, schedule);
  const next = paused ? undefined : nextTick(schedules, schedule);
  const controller = schedule.trigger ? watcherOf(core, schedule) : controllerOf(core, scheduleKey(schedule));
  const failing = schedule.trigger && sightsOf(schedules, schedule)[0]?.value.problem;
  const reason = schedule.problem ?? failing;
  return {
    id: schedule.id,
    name: schedule.name,
    state: schedule.problem !== undefined
      ? "invalid"
      : paused
      ? "paused"
      : failing === undefined
      ? "active"
      : "failing",
    ...(reason === undefined ? {} : { reason }),
    ...schedule.timing,
    ...triggerView(core, schedule, controller),
    jobs: [...new Set(schedule.runs.map((r) => r.job))],
    by: schedule.by,
    submitted_at: schedule.at,
    ...(next === undefined ? {} : { next: startOf(schedule, next) }),
    ...(controller === undefined ? {} : { controller, controller_name: nameOf(core, controller) }),
    ticks: tickViews(core, schedule),
  };
}

/** All schedules that stand, the one that is due first first. */
export function scheduleViews(core: Core): ScheduleView[] {
  return standingSchedules(core.jobs.schedules).map((s) => scheduleView(core, s))
    .sort((a, b) => (a.next ?? Infinity) - (b.next ?? Infinity) || (a.name < b.name ? -1 : 1));
}

/** A schedule by its id, a unique beginning of it, or its name when only one has it. */
export function findSchedule(core: Core, name: string): Schedule | undefined {
  const all = standingSchedules(core.jobs.schedules);
  const named = all.filter((s) => s.id === name || s.name === name);
  const found = named.length > 0 || name.length < 4 ? named : all.filter((s) => s.id.startsWith(name));
  return found.length === 1 ? found[0] : undefined;
}

/** Which members can look at a schedule's repository, and why the others cannot. */
const watchers = (core: Core, schedule: Schedule): WhyView["nodes"] =>
  [...deciders(core).rank(scheduleKey(schedule))].map((id) => {
    const why = whyNotLook(core, id, schedule);
    return {
      id,
      name: nameOf(core, id),
      able: why === undefined,
      reasons: why ? [why.reason] : [],
      ...(why?.fix === undefined ? {} : { fix: why.fix }),
    };
  });

/** Why a schedule is in its state, and what became of its latest times. */
export function whySchedule(core: Core, schedule: Schedule): WhyView {
  const view = scheduleView(core, schedule);
  const time = (at: number) => `${new Date(at).toISOString().slice(0, 19).replace("T", " ")} UTC`;
  const reasons = [
    view.reason ??
      `runs ${view.trigger ? whenText(view) : `at "${view.cron}" ${view.timezone}`}${
        view.next ? `, next at ${time(view.next)}` : ""
      }`,
    ...(view.trigger?.next_look === undefined ? [] : [`looks again at ${time(view.trigger.next_look)}`]),
    ...(view.controller_name === undefined ? [] : [`decided by ${view.controller_name}`]),
    ...view.ticks.map(({ at, change, state, reason, runs }) =>
      `${time(at)}${change ? `, ${changeText(change)}` : ""}: ${
        state === "run" ? runs.map((r) => `${r.id} ${r.state.replace("_", " ")}`).join(", ") : "skipped"
      }${reason ? `: ${reason}` : ""}`
    ),
  ];
  const nodes = view.trigger && view.state === "failing" ? watchers(core, schedule) : [];
  const fix = view.state === "paused"
    ? `realm job resume ${view.name}`
    : nodes.some((n) => n.able)
    ? undefined
    : nodes.find((n) => n.fix)?.fix;
  return { id: view.name, kind: "schedule", state: view.state, reasons, nodes, ...(fix ? { fix } : {}) };
}
