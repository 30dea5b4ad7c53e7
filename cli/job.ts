/** `realm job list|status|logs|cancel|artifacts`. */
import {
  type AppView,
  artifactOf,
  type AttemptView,
  cacheText,
  changeText,
  type RunView,
  type ScheduleView,
  shortId,
} from "../mod.ts";
import { healthCell } from "./app.ts";
import { FOLLOW_MS } from "./app_change.ts";
import { connect } from "./connection.ts";
import { ago, bytes, type Cell, facts, moment, print, span, stateCell, table } from "./display.ts";
import { until } from "./following.ts";
import { duration, flag, type Handler, type Invocation, text, whole } from "./invocation.ts";
import { endLine, entryText, hasEnded } from "./job_following.ts";
import { schedulesText } from "./job_schedule.ts";
import { fetchBlob } from "./storage.ts";
import { show } from "./watching.ts";

const matrixText = (run: RunView): string =>
  Object.entries(run.matrix).map(([axis, value]) => `${axis}=${value}`).join(" ");

const row = (run: RunView): readonly Cell[] => {
  const last = run.attempts.at(-1);
  return [
    run.id,
    matrixText(run),
    stateCell(run.state),
    last?.node_name ?? "",
    String(run.attempts.length),
    ago(run.submitted_at),
    last?.report ? span(last.report.wall_ms) : "",
    run.state === "succeeded" ? "" : run.reason?.split("\n")[0] ?? "",
  ];
};

/** Services: apps that jobs are. */
const servicesText = (i: Invocation, services: readonly AppView[]): string =>
  table(
    i.terminal,
    ["SERVICE", "STATE", "REPLICAS", "ROUTES", "VERSION"],
    services.map((a): readonly Cell[] => [
      a.name,
      stateCell(a.phase),
      healthCell(a),
      a.routes.join(" "),
      a.version ?? "",
    ]),
  );

/** Services and schedules, then runs, newest first. */
export const list: Handler = async (i) => {
  const client = await connect(i, "read");
  const query = {
    limit: whole(i, "limit", 50, 1, 10_000),
    ...(text(i, "state") !== undefined && { state: text(i, "state")! }),
    ...(i.args[0] !== undefined && { job: i.args[0] }),
  };
  const json = flag(i, "json");
  let schedules: readonly ScheduleView[] = [], services: readonly AppView[] = [];
  await show(
    i,
    async () => {
      if (!json) {
        schedules = (await client.schedules()).filter((s) => !query.job || s.jobs.includes(query.job));
        services = (await client.apps()).filter((a) =>
          a.kind === "service" && (!query.job || a.name === query.job)
        );
      }
      return await client.runs(query);
    },
    (runs) =>
      (services.length === 0 ? "" : servicesText(i, services) + "\n") +
      (schedules.length === 0 ? "" : schedulesText(i, schedules) + "\n") +
      (runs.length === 0 ? "No runs. Submit a job with 'realm job submit FILE'.\n" : table(
        i.terminal,
        ["RUN", "MATRIX", "STATE", "NODE", "ATTEMPTS", "SUBMITTED", "TOOK", "WHY"],
        runs.map(row),
      )),
  );
};

const attemptRow = (a: AttemptView): readonly Cell[] => [
  String(a.number),
  a.node_name,
  stateCell(a.state),
  moment(a.at),
  a.report ? `${a.report.wall_ms} ms` : "",
  a.report?.cpu_ms === undefined ? "" : `${a.report.cpu_ms} ms`,
  a.report?.peak_bytes === undefined ? "" : bytes(a.report.peak_bytes),
  a.report?.code === undefined ? "" : String(a.report.code),
  a.reason?.split("\n")[0] ?? "",
];

function runText(i: Invocation, run: RunView): string {
  const t = i.terminal;
  const last = run.attempts.at(-1);
  const head = facts(t, [
    ["run", run.id],
    ["job", run.job],
    ["matrix", matrixText(run) || undefined],
    ["state", stateCell(run.state)],
    ["why", run.state === "succeeded" ? undefined : run.reason?.split("\n")[0]],
    ["submitted", `${moment(run.submitted_at)} UTC by ${shortId(run.by)}`],
    ["ended", run.ended_at === undefined ? undefined : `${moment(run.ended_at)} UTC`],
    [
      "commits",
      Object.entries(run.commits ?? {}).map(([mount, c]) => `${mount} ${c}`).join(", ") || undefined,
    ],
    ["repeats", run.of],
    [
      "schedule",
      run.schedule &&
      `${run.schedule.name}, for ${
        run.schedule.change ? changeText(run.schedule.change) : `${moment(run.schedule.at)} UTC`
      }`,
    ],
    ["needs", run.needs.join(" ") || undefined],
    ["priority", String(run.priority)],
    ["runtime", last?.report && `${last.report.runtime}, ${last.report.level}`],
    [
      "fetching",
      last?.progress && last.state === "preparing"
        ? `${bytes(last.progress.done)} of ${bytes(last.progress.total)}`
        : undefined,
    ],
    ["cache", last?.cache && cacheText(last.cache, bytes)],
    ["log", last?.log && `${last.log.entries} entries, ${bytes(last.log.bytes)}`],
  ]);
  const attempts = run.attempts.length === 0 ? "" : "\n" + table(
    t,
    ["ATTEMPT", "NODE", "STATE", "AT (UTC)", "WALL", "CPU", "MEMORY", "CODE", "WHY"],
    run.attempts.map(attemptRow),
  );
  return head + attempts + artifactsText(i, run);
}

const artifactsText = (i: Invocation, run: RunView): string =>
  run.artifacts.length === 0 ? "" : "\n" + table(
    i.terminal,
    ["ARTIFACT", "SIZE", "FORM", "DIGEST", "KEPT UNTIL (UTC)"],
    run.artifacts.map((
      a,
    ): readonly Cell[] => [a.name, bytes(a.bytes), a.form, shortId(a.digest), moment(a.until)]),
  );

/** One run. */
export const status: Handler = async (i) => {
  const client = await connect(i, "read");
  await show(i, () => client.run(i.args[0]), (run) => runText(i, run));
};

/** The log of a run. */
export const logs: Handler = async (i) => {
  const client = await connect(i, "read");
  const { id } = await client.run(i.args[0]);
  const attempt = text(i, "attempt");
  const after = text(i, "after");
  const query = {
    follow: flag(i, "follow"),
    ...(attempt !== undefined && { attempt: whole(i, "attempt", 1, 1, 100) }),
    ...(after !== undefined && { after }),
  };
  const times = flag(i, "times");
  const open = { stdout: false, stderr: false, system: false };
  for await (const entry of client.runLogs(id, query)) {
    if (flag(i, "json")) i.terminal.out(JSON.stringify(entry) + "\n");
    else i.terminal.out(entryText(i, entry, "", times && !open[entry.stream]));
    open[entry.stream] = entry.more === true;
  }
};

/** Ends runs. */
export const cancel: Handler = async (i) => {
  const client = await connect(i, "write");
  const ids: string[] = [];
  // All are looked up before the first is ended.
  for (const name of i.args) ids.push((await client.run(name)).id);
  for (const run of ids) await client.command("job.cancel", { run });
  const runs: RunView[] = [];
  if (!flag(i, "detach")) {
    await until(
      duration(i, "timeout", FOLLOW_MS),
      `not every run has ended; see 'realm job list'`,
      async () => {
        runs.splice(0, runs.length, ...await Promise.all(ids.map((id) => client.run(id))));
        return runs.every(hasEnded);
      },
    );
  }
  print(i, flag(i, "detach") ? ids : runs, () => runs.map((r) => endLine(i, r)).join(""));
};

/** What a run left. */
export const artifacts: Handler = async (i) => {
  const client = await connect(i, "read");
  const run = await client.run(i.args[0]);
  const name = i.args[1];
  if (name === undefined) {
    return print(
      i,
      run.artifacts,
      () => artifactsText(i, run).trimStart() || `${run.id} left no artifacts.\n`,
    );
  }
  await fetchBlob(i, client, artifactOf(run, name).digest, name);
};
