/** `realm job run`: the jobs of a manifest on this machine, from the present working tree, without submitting them. */
import { dirname } from "node:path";
import {
  filesOf,
  findJobFiles,
  type JobManifest,
  type JobRunSpec,
  jobWishes,
  type LocalEnd,
  type LocalJobs,
  parseGitAddress,
  parseRealmManifest,
  RealmError,
  unwrap,
} from "../mod.ts";
import { connect } from "./connection.ts";
import { bytes, paint, plain, stateCell } from "./display.ts";
import { flag, type Handler, type Invocation, text } from "./invocation.ts";
import { codeOf, entryText } from "./job_following.ts";
import { filesFrom } from "./job_submit.ts";
import { readNamed } from "./local_files.ts";

/** The same repository, however its address is written. */
const sameRepository = (a: string, b: string): boolean => {
  const core = (url: string) => url.replace(/^[a-z]+:\/\/([^/@]*@)?/, "").replace(/\.git$/, "").toLowerCase();
  return core(a) === core(b);
};

/** Jobs that take the working tree where they would take a clone of it; notes tell so. */
async function withWorkingTree(
  i: Invocation,
  jobs: JobManifest,
  directory: string,
): Promise<{ jobs: JobManifest; notes: readonly string[] }> {
  const inputsOf = (job: JobManifest[number]) => job.data?.inputs ?? [];
  if (!jobs.some((job) => inputsOf(job).some((input) => input.git !== undefined))) return { jobs, notes: [] };
  const tree = await i.host.workingTreeOf(directory);
  const notes = new Set<string>();
  const replaced = jobs.map((job) => ({
    ...job,
    ...(job.data && {
      data: {
        ...job.data,
        inputs: inputsOf(job).map((input) => {
          if (input.git === undefined || !tree) return input;
          const { url } = unwrap(parseGitAddress(input.git));
          if (!tree.remotes.some((remote) => sameRepository(remote, url))) return input;
          notes.add(
            `${url} is taken from the working tree ${tree.root}, not at ${input.ref ?? "its default branch"}`,
          );
          return { path: tree.root, mount: input.mount };
        }),
      },
    }),
  }));
  return { jobs: replaced, notes: [...notes] };
}

/** The job and what it needs; all without a name. */
function chosen(jobs: JobManifest, name: string | undefined): JobManifest {
  if (name === undefined) return jobs;
  const wanted = new Set<string>(), pending = [name];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const job = jobs.find((j) => j.job.name === next);
    if (!job) {
      const names = jobs.map((j) => j.job.name).join(", ");
      throw new RealmError("not_found", `there is no job ${next} in the manifest; it has ${names}`);
    }
    if (wanted.has(next)) continue;
    wanted.add(next);
    pending.push(...job.job.needs ?? []);
  }
  return jobs.filter((j) => wanted.has(j.job.name));
}

/** Runs in an order in which each comes after what it needs. */
function inOrder(runs: readonly JobRunSpec[]): readonly JobRunSpec[] {
  const ordered: JobRunSpec[] = [], waiting = [...runs];
  while (waiting.length > 0) {
    const next = waiting.findIndex((run) => run.needs.every((need) => !waiting.some((w) => w.job === need)));
    ordered.push(...waiting.splice(Math.max(0, next), 1));
  }
  return ordered;
}

const nameOf = (run: JobRunSpec): string =>
  [run.job, ...Object.entries(run.matrix).map(([axis, value]) => `${axis}=${value}`)].join(" ");

async function openShell(
  i: Invocation,
  run: JobRunSpec,
  shell: (stdin: ReadableStream<Uint8Array>, onLog: (chunk: { bytes: Uint8Array }) => void) => Promise<void>,
): Promise<void> {
  i.terminal.err(
    `${plain(nameOf(run))} failed; this shell is where it ran, in its sandbox. Ctrl-D ends it.\n`,
  );
  const decoder = new TextDecoder();
  await shell(Deno.stdin.readable, (chunk) => i.terminal.err(decoder.decode(chunk.bytes, { stream: true })));
}

/** Executes one run and shows its log. */
async function execute(
  i: Invocation,
  jobs: LocalJobs,
  run: JobRunSpec,
  signal: AbortSignal,
): Promise<LocalEnd> {
  const json = flag(i, "json");
  return await jobs.run(run, {
    signal,
    onEntry(stream, said, more) {
      if (json) return;
      const entry = {
        run: run.job,
        attempt: 1,
        seq: 0,
        at: 0,
        stream,
        node: "",
        text: said,
        ...(more ? { more } : {}),
      };
      const line = entryText(i, entry, "", false);
      if (stream === "stdout") i.terminal.out(line);
      else i.terminal.err(line);
    },
    ...(flag(i, "shell-on-failure") ? { onFailed: (shell) => openShell(i, run, shell) } : {}),
  });
}

/** Writes artifacts into a directory; a directory among them as a tar. */
async function writeOut(jobs: LocalJobs, end: LocalEnd, directory: string): Promise<void> {
  await Deno.mkdir(directory, { recursive: true });
  for (const { name, form, digest } of end.artifacts) {
    const path = `${directory}/${name}${form === "tar" && !name.endsWith(".tar") ? ".tar" : ""}`;
    const file = await Deno.open(path, { write: true, create: true, truncate: true });
    await jobs.read(digest).pipeTo(file.writable);
  }
}

function endText(i: Invocation, run: JobRunSpec, end: LocalEnd): string {
  const cell = stateCell(end.state) as { text: string; colour: "red" };
  const { report } = end;
  const facts = report
    ? ` in ${report.wall_ms} ms, ${report.level}${
      report.peak_bytes ? `, ${bytes(report.peak_bytes)} of memory` : ""
    }`
    : "";
  const why = end.state === "succeeded" || !end.reason ? "" : `: ${plain(end.reason)}`;
  return `${plain(nameOf(run))} ${paint(i.terminal, cell.colour, cell.text)}${facts}${why}\n`;
}

/** See the module's text. */
export const runHere: Handler = async (i) => {
  const file = i.args[0];
  const directory = dirname(file);
  const manifest = unwrap(parseRealmManifest(await readNamed(file), { file }));
  if (manifest.jobs.length === 0) {
    throw new RealmError("bad_manifest", `${file} has no job: write [job], or [[jobs]] for a pipeline`);
  }
  const wanted = chosen(manifest.jobs, text(i, "job"));
  const service = wanted.find((j) => j.job.type === "service");
  if (service) {
    throw new RealmError(
      "bad_manifest",
      `${service.job.name} is a service, which never ends; start it in the realm with 'realm job submit ${file}', ` +
        "or name another job with --job",
    );
  }
  const { jobs, notes } = await withWorkingTree(i, wanted, directory);
  const locate = filesFrom(await i.host.packageWorld(), directory);
  const files = await findJobFiles(() => connect(i, "read"), filesOf(jobs), locate);
  for (const note of [...notes, ...files.notes]) i.terminal.err(`note: ${plain(note)}\n`);
  const { submit, schedules } = jobWishes(jobs, files.found);
  const runs = inOrder([...submit?.runs ?? [], ...schedules.flatMap((s) => s.runs)]);
  return await i.host.withLocalJobs(async (local, signal) => {
    for (const { open } of files.uploads) await local.write(open(0));
    await bringFromRealm(i, local, runs, new Set(files.uploads.map((u) => u.digest)));
    const ends: { run: JobRunSpec; end: LocalEnd }[] = [];
    for (const run of runs) {
      const lacking = run.needs.find((need) =>
        ends.some((e) => e.run.job === need && e.end.state !== "succeeded")
      );
      const end: LocalEnd = lacking === undefined
        ? await execute(i, local, run, signal)
        : { state: "cancelled", reason: `needs ${lacking}, which did not succeed`, artifacts: [] };
      ends.push({ run, end });
      if (!flag(i, "json")) i.terminal.err(endText(i, run, end));
      const out = text(i, "out");
      if (out !== undefined) await writeOut(local, end, out);
    }
    if (flag(i, "json")) {
      const shown = ends.map(({ run, end }) => ({ job: run.job, matrix: run.matrix, ...end }));
      i.terminal.out(JSON.stringify(shown, null, 2) + "\n");
    }
    return codeOf(ends.map((e) => e.end));
  });
};

/** What the jobs take from the realm: assets, and artifacts of its runs. */
async function bringFromRealm(
  i: Invocation,
  local: LocalJobs,
  runs: readonly JobRunSpec[],
  here: Set<string>,
): Promise<void> {
  for (const input of runs.flatMap((run) => run.inputs)) {
    if (input.from !== "blob" || here.has(input.digest)) continue;
    here.add(input.digest);
    const client = await connect(i, "read");
    const { digest } = await local.write(await client.readBlob(input.digest));
    if (digest !== input.digest) {
      throw new RealmError("bad_digest", `the content of ${input.mount} is not what it should be`);
    }
  }
}
