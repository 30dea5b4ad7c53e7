/** `realm job submit` and `rerun`: from a manifest, or a run, to runs that have ended. */
import {
  filesOf,
  type JobManifest,
  type JobRunSpec,
  type JobWishes,
  jobWishes,
  parseRealmManifest,
  type RealmClient,
  RealmError,
  rerunWish,
  runIdsOf,
  type ScheduleView,
  type SubmitWish,
  unwrap,
} from "../mod.ts";
import { FOLLOW_MS } from "./app_change.ts";
import { connect } from "./connection.ts";
import { carryOut } from "./deploy.ts";
import { bytes, type Cell, plain, print, table } from "./display.ts";
import { duration, flag, type Handler, type Invocation } from "./invocation.ts";
import { findFiles, uploadFiles } from "./job_files.ts";
import { followRuns } from "./job_following.ts";
import { scheduledLine } from "./job_schedule.ts";
import { readNamed } from "./local_files.ts";
import { sayInterrupted } from "./storage.ts";

/** Directory that relative paths of a manifest start at. */
export const directoryOf = (file: string): string =>
  file.includes("/") ? file.replace(/\/[^/]*$/, "") || "/" : ".";

/** A submission that is ready: its files found, nothing uploaded. */
export interface PreparedJobs {
  readonly wishes: JobWishes;
  readonly files: Awaited<ReturnType<typeof findFiles>>;
}

/** Finds the files of jobs and makes the submission. */
export async function prepareJobs(
  i: Invocation,
  client: RealmClient,
  jobs: JobManifest,
  file: string,
): Promise<PreparedJobs> {
  const files = await findFiles(
    await i.host.packageWorld(),
    () => Promise.resolve(client),
    filesOf(jobs),
    directoryOf(file),
  );
  return { wishes: jobWishes(jobs, files.found), files };
}

/** What would run, as text. */
export function jobsText(i: Invocation, { wishes, files }: PreparedJobs): string {
  const row = (run: JobRunSpec, when: string): readonly Cell[] => [
    run.job,
    Object.entries(run.matrix).map(([axis, value]) => `${axis}=${value}`).join(" "),
    when,
    run.needs.join(" "),
    run.platform,
    run.tags.join(" "),
    `${run.memory_mb} MiB`,
    String(run.priority),
  ];
  const rows = [
    ...(wishes.submit?.runs ?? []).map((run) => row(run, "now")),
    ...wishes.services.map(({ spec, replicas }) => row(spec.service!.run, `always, ${replicas} of it`)),
    ...wishes.schedules.flatMap(({ timing, runs }) =>
      runs.map((run) => row(run, `${timing.cron} ${timing.timezone}`))
    ),
  ];
  return table(
    i.terminal,
    ["JOB", "MATRIX", "WHEN", "NEEDS", "PLATFORM", "TAGS", "MEMORY", "PRIORITY"],
    rows,
  ) +
    files.notes.map((n) => `note: ${plain(n)}\n`).join("");
}

/** Uploads, signs, submits and follows; the exit code. */
export async function carryOutJobs(
  i: Invocation,
  client: RealmClient,
  { wishes, files }: PreparedJobs,
): Promise<number> {
  for (const note of files.notes) i.terminal.err(`note: ${plain(note)}\n`);
  const uploaded = await uploadFiles(client, files.uploads, sayInterrupted(i));
  const schedules: ScheduleView[] = [];
  for (const wish of wishes.schedules) {
    const { id } = await client.command("job.schedule", wish);
    schedules.push(await client.schedule(id));
  }
  if (!flag(i, "json")) i.terminal.err(schedules.map((s) => scheduledLine(i, s)).join(""));
  for (const wish of wishes.services) {
    const code = await carryOut(i, client, undefined, wish);
    if (code !== 0) return code;
  }
  if (wishes.submit) return await submitWish(i, client, wishes.submit, uploaded);
  if (wishes.schedules.length === 0) return 0;
  print(i, { schedules, uploaded }, () => "");
  return 0;
}

async function submitWish(
  i: Invocation,
  client: RealmClient,
  wish: SubmitWish,
  uploaded: { files: number; bytes: number },
): Promise<number> {
  const { id } = await client.command("job.submit", wish);
  const runs = runIdsOf(id, wish.runs);
  const json = flag(i, "json");
  if (flag(i, "detach")) {
    print(i, { id, runs, uploaded }, () => runs.map((r) => `${r}\n`).join(""));
    return 0;
  }
  if (!json) {
    const moved = uploaded.files > 0 ? `, ${uploaded.files} files uploaded (${bytes(uploaded.bytes)})` : "";
    i.terminal.err(`${runs.length === 1 ? runs[0] : `${runs.length} runs`} submitted${moved}\n`);
  }
  return await followRuns(i, client, runs, duration(i, "timeout", FOLLOW_MS));
}

/** See the module's text. */
export const submit: Handler = async (i) => {
  const file = i.args[0];
  const manifest = unwrap(parseRealmManifest(await readNamed(file), { file }));
  const others = [manifest.apps, manifest.nodes, manifest.keys, manifest.pins].some((list) =>
    list.length > 0
  );
  if (manifest.jobs.length === 0 || others) {
    throw new RealmError(
      "bad_manifest",
      manifest.jobs.length === 0
        ? `${file} has no job: write [job], or [[jobs]] for a pipeline`
        : `${file} has tables besides its jobs; use 'realm apply ${file}'`,
    );
  }
  const planning = flag(i, "plan");
  const client = await connect(i, planning ? "read" : "write");
  const prepared = await prepareJobs(i, client, manifest.jobs, file);
  if (planning) return print(i, prepared.wishes, () => jobsText(i, prepared));
  return await carryOutJobs(i, client, prepared);
};

/** Runs the same again. What it took from jobs of its pipeline it takes as it was then. */
export const rerun: Handler = async (i) => {
  const client = await connect(i, "write");
  const wish = await rerunWish(client, await client.run(i.args[0]));
  return await submitWish(i, client, wish, { files: 0, bytes: 0 });
};
