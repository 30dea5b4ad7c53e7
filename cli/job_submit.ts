/** `realm job submit` and `rerun`: from a manifest, or a run, to runs that have ended. */
import { dirname, resolve } from "node:path";
import {
  filesOf,
  findJobFiles,
  type FoundFiles,
  type JobFile,
  type JobManifest,
  type JobPlanView,
  type JobRunSpec,
  type JobUpload,
  type JobWishes,
  jobWishes,
  type LocatedFile,
  type PackageWorld,
  parseRealmManifest,
  type RealmClient,
  RealmError,
  rerunFailedWish,
  rerunWish,
  runIdsOf,
  type ScheduleView,
  type SubmitWish,
  unwrap,
  type UploadOptions,
  whenText,
} from "../mod.ts";
import { FOLLOW_MS } from "./app_change.ts";
import { connect } from "./connection.ts";
import { carryOut } from "./deploy.ts";
import { bytes, type Cell, plain, print, table } from "./display.ts";
import { duration, flag, type Handler, type Invocation } from "./invocation.ts";
import { followRuns } from "./job_following.ts";
import { scheduledLine } from "./job_schedule.ts";
import { readNamed } from "./local_files.ts";
import { sayInterrupted } from "./storage.ts";

/** Where files that a manifest names are: relative ones start at its directory. */
export const filesFrom = (world: PackageWorld, directory: string) => ({ name }: JobFile): LocatedFile => ({
  world,
  path: resolve(directory, name),
});

/** A submission that is ready: its files found, nothing uploaded. */
export interface PreparedJobs {
  readonly wishes: JobWishes;
  readonly files: FoundFiles;
}

/** All runs, those of schedules last, each with when it runs. */
const runsOf = (wishes: JobWishes): readonly { readonly run: JobRunSpec; readonly when: string }[] => [
  ...(wishes.submit?.runs ?? []).map((run) => ({ run, when: "now" })),
  ...wishes.schedules.flatMap((wish) => wish.runs.map((run) => ({ run, when: whenText(wish) }))),
];

/** Finds the files of jobs and makes the submission. */
export async function prepareJobs(
  i: Invocation,
  client: RealmClient,
  jobs: JobManifest,
  file: string,
): Promise<PreparedJobs> {
  const locate = filesFrom(await i.host.packageWorld(), dirname(file));
  const files = await findJobFiles(() => Promise.resolve(client), filesOf(jobs), locate);
  return { wishes: jobWishes(jobs, files.found), files };
}

type Kind = JobPlanView["kinds"][number];

function whereText(kind: Kind | undefined): string {
  const able = kind?.nodes.filter((n) => n.able) ?? [];
  if (able.length === 0) return "no node now";
  return able.slice(0, 3).map((n) => n.name).join(" ") + (able.length > 3 ? ` +${able.length - 3}` : "");
}

/** Why no node can take runs of a kind, node by node; empty where one can. */
function unableText(kind: Kind, jobs: string): string {
  if (kind.nodes.some((n) => n.able)) return "";
  const lines = kind.nodes.map((n) => {
    const fix = n.fix === undefined ? "" : `; fix: ${n.fix}`;
    return `  ${plain(n.name)}: ${plain(n.reasons.join("; "))}${plain(fix)}\n`;
  });
  return `no node can take ${jobs} now, it would wait:\n${lines.join("")}`;
}

/** What would run, and where it could now: as text, and as data. */
export async function planOfJobs(
  i: Invocation,
  client: RealmClient,
  { wishes, files }: PreparedJobs,
): Promise<{ readonly text: string; readonly json: unknown }> {
  const runs = runsOf(wishes);
  const plan = runs.length === 0
    ? { kinds: [] }
    : await client.planJobs({ runs: runs.map(({ run }) => run) });
  const services = await Promise.all(
    wishes.services.map(async (wish) => ({ wish, plan: await client.plan(wish) })),
  );
  const row = (run: JobRunSpec, when: string, where: string): readonly Cell[] => [
    run.job,
    Object.entries(run.matrix).map(([axis, value]) => `${axis}=${value}`).join(" "),
    when,
    run.needs.join(" "),
    run.platform,
    run.tags.join(" "),
    `${run.memory_mb} MiB`,
    String(run.priority),
    where,
  ];
  const rows = [
    ...runs.map(({ run, when }, at) =>
      row(run, when, whereText(plan.kinds.find((k) => k.runs.includes(at))))
    ),
    ...services.map(({ wish, plan: { replicas } }) => {
      const names = [...new Set(replicas.flatMap((r) => r.node_name ?? []))];
      const { run, restart } = wish.spec.service!;
      const when = restart.policy === undefined
        ? "always"
        : restart.policy === "never"
        ? "once"
        : "until done";
      return row(run, `${when}, ${wish.replicas} of it`, names.join(" ") || "no node now");
    }),
  ];
  const names = (kind: Kind) => [...new Set(kind.runs.map((at) => runs[at].run.job))].join(", ");
  const head = ["JOB", "MATRIX", "WHEN", "NEEDS", "PLATFORM", "TAGS", "MEMORY", "PRIORITY", "WHERE"];
  const text = table(i.terminal, head, rows) +
    plan.kinds.map((kind) => unableText(kind, names(kind))).join("") +
    files.notes.map((n) => `note: ${plain(n)}\n`).join("");
  return { text, json: { ...wishes, where: plan.kinds, plans: services.map(({ plan }) => plan) } };
}

/** Uploads what the realm lacks; returns how many files and bytes that were. */
async function uploadFiles(
  client: RealmClient,
  uploads: readonly JobUpload[],
  onInterrupted: NonNullable<UploadOptions["onInterrupted"]>,
): Promise<{ files: number; bytes: number }> {
  const byDigest = new Map(uploads.map((u) => [u.digest, u]));
  const missing = await client.missing([...byDigest.keys()]);
  let bytes = 0;
  for (const digest of missing) {
    const upload = byDigest.get(digest)!;
    await client.upload(digest, { size: upload.bytes, from: upload.open }, { onInterrupted });
    bytes += upload.bytes;
  }
  return { files: missing.length, bytes };
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
  if (planning) {
    const { text, json } = await planOfJobs(i, client, prepared);
    return print(i, json, () => text);
  }
  return await carryOutJobs(i, client, prepared);
};

/** Runs the same again. What it took from jobs of its pipeline it takes as it was then. */
export const rerun: Handler = async (i) => {
  const client = await connect(i, "write");
  const run = await client.run(i.args[0]);
  const wish = await (flag(i, "failed") ? rerunFailedWish : rerunWish)(client, run);
  return await submitWish(i, client, wish, { files: 0, bytes: 0 });
};
