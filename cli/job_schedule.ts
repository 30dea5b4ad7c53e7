/** `realm job schedules|pause|resume|unschedule`. */
import { changeText, type ScheduleView, shortId, type TriggerView, whenText } from "../mod.ts";
import { connect } from "./connection.ts";
import { ago, type Cell, moment, plain, print, stateCell, table } from "./display.ts";
import type { Handler, Invocation } from "./invocation.ts";
import { show } from "./watching.ts";

function nextText({ next, trigger }: ScheduleView): string {
  const at = next ?? trigger?.next_look;
  if (at !== undefined) return `${trigger ? "looks at " : ""}${moment(at)} UTC`;
  return trigger ? `looks every ${trigger.poll_ms / 1_000} s` : "";
}

function lastText({ ticks: [last] }: ScheduleView): string {
  if (!last) return "";
  const states = [...new Set(last.runs.map((r) => r.state.replace("_", " ")))];
  return `${ago(last.at)}: ${last.state === "skipped" ? "skipped" : states.join(", ")}`;
}

/** How the end of a branch is taken. */
const endText: Readonly<Record<TriggerView["ends"][number]["as"], string>> = {
  known: "was there before",
  run: "runs",
  skipped: "no file that counts changed",
};

/** Where others come in, or are told. */
function doorsText({ trigger, controller_name: looker, state }: ScheduleView): string {
  const lines = [
    // It tells when; other nodes know only that it does.
    trigger && looker !== undefined && state !== "paused" && `${looker} looks at the repository.`,
    trigger?.webhook && `Forges may tell pushes at ${trigger.webhook} of any node.`,
    trigger?.badge && `Anybody sees how the last run went at ${trigger.badge} of any node.`,
    trigger?.told && `Statuses of commits are told to ${trigger.told}.`,
  ].filter((line) => line);
  return lines.length === 0 ? "" : `\n${plain(lines.join("\n"))}\n`;
}

/** Schedules as a table. */
export const schedulesText = (i: Invocation, schedules: readonly ScheduleView[]): string =>
  table(
    i.terminal,
    ["SCHEDULE", "STATE", "RUNS", "OVERLAP", "NEXT", "LAST", "JOBS"],
    schedules.map((s): readonly Cell[] => [
      s.name,
      stateCell(s.state),
      whenText(s),
      s.overlap ?? "",
      nextText(s),
      lastText(s),
      s.jobs.join(" "),
    ]),
  );

/** One line about a schedule. */
export const scheduledLine = (i: Invocation, s: ScheduleView): string =>
  s.state === "active" || i.args.length === 0
    ? s.trigger
      ? `${plain(s.name)} runs ${plain(whenText(s))}; what is there now is not run\n`
      : `${plain(s.name)} is scheduled (${plain(whenText(s))}), next at ${nextText(s) || "no time"}\n`
    : `${plain(s.name)} is ${s.state}${s.reason ? `: ${plain(s.reason)}` : ""}\n`;

/** Schedules, or one of them with its latest ticks. */
export const schedules: Handler = async (i) => {
  const client = await connect(i, "read");
  const name = i.args[0];
  if (name === undefined) {
    return await show(
      i,
      () => client.schedules(),
      (all) =>
        all.length === 0
          ? "No schedules. Submit a job with [trigger], or of type \"recurring\", with 'realm job submit FILE'.\n"
          : schedulesText(i, all),
    );
  }
  await show(i, () => client.schedule(name), (s) =>
    schedulesText(i, [s]) +
    (s.reason ? `\n${plain(s.reason)}\n` : "") +
    doorsText(s) +
    (s.trigger && s.trigger.ends.length > 0
      ? "\n" + table(
        i.terminal,
        ["BRANCH", "COMMIT", "SEEN (UTC)", ""],
        s.trigger.ends.map((e): readonly Cell[] => [e.branch, e.commit, moment(e.at), endText[e.as]]),
      )
      : "") +
    (s.ticks.length === 0 ? "" : "\n" + table(
      i.terminal,
      ["TIME (UTC)", ...(s.trigger ? ["CHANGE"] : []), "STATE", "RUNS", "WHY"],
      s.ticks.map((t): readonly Cell[] => [
        moment(t.at),
        ...(s.trigger ? [t.change ? changeText(t.change) : ""] : []),
        stateCell(t.state === "skipped" ? "skipped" : t.runs[0]?.state ?? "run"),
        t.runs.map((r) => r.id).join(" "),
        t.reason ?? "",
      ]),
    )));
};

const change = (kind: "pause" | "resume" | "unschedule"): Handler => async (i) => {
  const client = await connect(i, "write");
  const found: ScheduleView[] = [];
  // All are looked up before the first is changed.
  for (const name of i.args) found.push(await client.schedule(name));
  for (const { id } of found) {
    if (kind === "unschedule") await client.command("job.unschedule", { schedule: id });
    else await client.command("job.pause", { schedule: id, paused: kind === "pause" });
  }
  const now = kind === "unschedule" ? [] : await Promise.all(found.map(({ id }) => client.schedule(id)));
  print(
    i,
    kind === "unschedule" ? found.map((s) => s.id) : now,
    () =>
      kind === "unschedule"
        ? found.map((s) =>
          `${plain(s.name)} (${shortId(s.id)}) runs at no more times; runs under way go on\n`
        ).join("")
        : now.map((s) => scheduledLine(i, s)).join(""),
  );
};

/** Lets schedules rest. */
export const pause: Handler = change("pause");
/** Lets schedules go on. */
export const resume: Handler = change("resume");
/** Ends schedules. */
export const unschedule: Handler = change("unschedule");
