/** What the schema of jobs cannot say: tables that contradict each other, mounts that overlap, needs that lead nowhere. */
import { gitRefProblem, parseGitAddress } from "./git_address.ts";
import { jobLimits } from "./job_limits.ts";
import { axesOf, expandMatrix } from "./job_matrix.ts";
import { timingProblem } from "./job_schedule.ts";
import { jobPlatforms } from "./job_schema.ts";
import { timingOf } from "./job_timing.ts";
import { checkTrigger } from "./job_trigger_checks.ts";
import { triggerOf } from "./job_trigger.ts";
import type { WrittenJob } from "./job_written.ts";
import { checkService } from "./job_service_checks.ts";
import { type DataProblem, nearest, showValue } from "./schema_problems.ts";
import type { KeyPath } from "./toml_positions.ts";

/** Tells one problem. */
export type ReportJob = (path: KeyPath, message: string, hint?: string) => void;

/** All contradictions of the jobs of one manifest; `places` are their paths in it. */
export function jobProblems(jobs: readonly WrittenJob[], places: readonly KeyPath[]): readonly DataProblem[] {
  const problems: DataProblem[] = [];
  jobs.forEach((job, i) => {
    const report: ReportJob = (path, message, hint) =>
      problems.push({ path: [...places[i], ...path], message, ...(hint !== undefined && { hint }) });
    checkType(job, report);
    checkRuntime(job, report);
    checkProgram(job, report);
    checkNames(job, report);
    checkMatrix(job, report);
    checkInputs(job, jobs, report);
    checkOutputs(job, report);
    checkCache(job, report);
    if (job.notify && !URL.canParse(job.notify.webhook)) {
      report(["notify", "webhook"], `${showValue(job.notify.webhook)} is no address`, "write https://…");
    }
    checkNeeds(job, i, jobs, report);
    checkTimes(job, jobs, report);
    checkTrigger(job, report);
  });
  checkCycles(jobs, places, problems);
  return problems;
}

function checkType(job: WrittenJob, report: ReportJob): void {
  const { type, schedule } = job.job;
  const recurring = type === "recurring";
  if (!recurring && schedule !== undefined) {
    report(["job", "schedule"], `stands on a job of type "${type}"`, 'set `type = "recurring"` or remove it');
  }
  if (!recurring && job.schedule) {
    report(["schedule"], `stands on a job of type "${type}"`, 'set `type = "recurring"` or remove the table');
  }
  if (recurring && schedule === undefined && job.schedule?.cron === undefined) {
    report(["job"], "a recurring job has no schedule", "set `schedule`, or `cron` in [schedule]");
  }
  if (schedule !== undefined && job.schedule?.cron !== undefined) {
    report(["schedule", "cron"], "stands beside `schedule` in [job]", "keep one of the two");
  }
  if (type !== "service" && job.service) {
    report(["service"], `stands on a job of type "${type}"`, 'set `type = "service"` or remove the table');
  }
  if (type === "service") {
    for (const table of ["matrix", "trigger"] as const) {
      if (job[table]) report([table], "stands on a service", "remove the table");
    }
    if ((job.job.needs ?? []).length > 0) {
      report(["job", "needs"], "stands on a service, which never ends its run", "remove it");
    }
  }
  if (type === "service") checkService(job, report);
  if (job.runtime.type === "wasm" && job.retry?.lost_after_seconds !== undefined) {
    report(["retry", "lost_after_seconds"], "a wasm job ends with the agent of its node", "remove it");
  }
  if (type === "recurring" && job.trigger) {
    report(["trigger"], "stands on a recurring job", "keep the schedule or the trigger");
  }
}

/** Times that never come, and jobs that are bound to one at another time. */
function checkTimes(job: WrittenJob, jobs: readonly WrittenJob[], report: ReportJob): void {
  const timing = timingOf(job);
  const others = (job.job.needs ?? []).map((need) => jobs.find((j) => j.job.name === need));
  others.forEach((other, i) => {
    const started = (j: WrittenJob) => JSON.stringify([timingOf(j), triggerOf(j)]);
    if (!other || started(other) === started(job)) return;
    report(
      ["job", "needs", i],
      `${other.job.name} does not run at the same times`,
      `give both the same type and the same ${job.trigger || other.trigger ? "[trigger]" : "[schedule]"}`,
    );
  });
  const problem = timing && timingProblem(timing);
  if (!problem) return;
  const { key, message } = problem;
  report(
    key === "cron" && job.job.schedule !== undefined ? ["job", "schedule"] : ["schedule", key],
    message,
    key === "cron" ? 'write minute, hour, day, month and weekday, as "30 2 * * *"' : undefined,
  );
}

/** Keys of [runtime] that say what runs, and the runtimes that they are for. */
const PROGRAMS = {
  image: ["container"],
  binary: ["native", "qemu"],
  wasm: ["wasm"],
} as const;

function checkRuntime(job: WrittenJob, report: ReportJob): void {
  const { type, fallback = [] } = job.runtime;
  for (const key of ["image", "binary", "wasm"] as const) {
    const kinds = PROGRAMS[key] as readonly string[];
    if (job.runtime[key] !== undefined && ![type, ...fallback].some((t) => kinds.includes(t))) {
      report(["runtime", key], `stands on a runtime of type "${type}"`, `it is for ${kinds.join(" and ")}`);
    }
  }
  const missing = (key: keyof typeof PROGRAMS) =>
    report(["runtime"], `type "${type}" without \`${key}\``, `set \`${key}\``);
  if (type === "container" && job.runtime.image === undefined) missing("image");
  if (type === "wasm" && job.runtime.wasm === undefined) missing("wasm");
  if (type === "qemu" && job.runtime.binary === undefined) missing("binary");
  if (fallback.includes(type)) {
    report(["runtime", "fallback"], `names the type "${type}" itself`, "remove it there");
  }
  if (type === "wasm" && (job.runtime.memory_mb ?? 0) > 4_096) {
    report(["runtime", "memory_mb"], `expected at most 4096 for wasm, got ${job.runtime.memory_mb}`);
  }
}

function checkProgram(job: WrittenJob, report: ReportJob): void {
  const { step = [], execution } = job;
  const { type, binary } = job.runtime;
  if (step.length > 0 && execution?.command !== undefined) {
    report(["execution", "command"], "stands beside [[step]]", "keep one of the two");
  }
  if (step.length > 0 && type === "wasm") {
    report(["step"], "a wasm job runs its module, not steps", "remove [[step]]");
  }
  if (type === "native" && binary === undefined && step.length === 0 && !execution?.command?.length) {
    report(["runtime"], "there is nothing to run", "set `command` in [execution], [[step]] or `binary`");
  }
  step.forEach((s, i) => {
    if ((s.run === undefined) === (s.command === undefined)) {
      const both = s.run !== undefined;
      report(["step", i], both ? "has `run` and `command`" : "has neither `run` nor `command`", "give one");
    }
  });
}

function checkNames(job: WrittenJob, report: ReportJob): void {
  for (const name of Object.keys(job.secrets ?? {})) {
    if (job.env && Object.hasOwn(job.env, name)) {
      report(["secrets", name], "is a variable of [env] too", "keep one of the two");
    }
  }
}

function checkMatrix(job: WrittenJob, report: ReportJob): void {
  if (!job.matrix) return;
  const axes = axesOf(job.matrix);
  const names = Object.keys(axes);
  if (names.length === 0) return report(["matrix"], "has no axis", 'add one, as `profile = ["debug"]`');
  if (names.length > jobLimits.matrixAxes) {
    return report(["matrix"], `has ${names.length} axes, at most ${jobLimits.matrixAxes} are possible`);
  }
  for (const name of names) {
    if (!/^[a-z][a-z0-9_]{0,31}$/.test(name)) {
      report(["matrix", name], "is no name of an axis", "use lower-case letters, digits and _");
    }
    const seen = new Set<string>();
    axes[name].forEach((value, i) => {
      if (seen.has(value)) report(["matrix", name, i], `${showValue(value)} stands twice`, "remove one");
      seen.add(value);
      if (name === "platform" && !(jobPlatforms as readonly string[]).includes(value)) {
        const near = nearest(value, jobPlatforms);
        report(
          ["matrix", name, i],
          `expected a platform, got ${showValue(value)}`,
          near ? `did you mean "${near}"?` : `there are ${jobPlatforms.join(", ")}`,
        );
      }
    });
  }
  if (axes.platform && job.targeting?.platform !== undefined) {
    report(["targeting", "platform"], "stands beside the axis `platform` of [matrix]", "keep one of the two");
  }
  (job.matrix.exclude ?? []).forEach((entry, i) => {
    for (const [axis, value] of Object.entries(entry)) {
      const path = ["matrix", "exclude", i, axis];
      if (!Object.hasOwn(axes, axis)) {
        const near = nearest(axis, names);
        report(path, "is no axis", near ? `did you mean \`${near}\`?` : `there are ${names.join(", ")}`);
      } else if (!axes[axis].includes(String(value))) {
        report(path, `${showValue(value)} is no value of that axis`, "remove the entry or correct it");
      }
    }
  });
  const combinations = Object.values(axes).reduce((n, values) => n * values.length, 1);
  if (combinations > 16 * jobLimits.submissionRuns) {
    return report(
      ["matrix"],
      `has ${combinations} combinations`,
      `at most ${jobLimits.submissionRuns} may run`,
    );
  }
  const runs = expandMatrix(job.matrix).length;
  if (runs === 0) report(["matrix", "exclude"], "leaves no combination", "exclude less");
  if (runs > jobLimits.submissionRuns) {
    report(
      ["matrix"],
      `makes ${runs} runs, at most ${jobLimits.submissionRuns} are possible`,
      "exclude more",
    );
  }
}

/** Whether one path lies in the other or is the same. */
const overlaps = (a: string, b: string): boolean =>
  a === b || a === "/" || b === "/" || a.startsWith(`${b}/`) || b.startsWith(`${a}/`);

/** Which keys go with which kind of input. */
const GIT_KEYS = ["ref", "depth", "submodules", "credential"] as const;

function checkInputs(job: WrittenJob, jobs: readonly WrittenJob[], report: ReportJob): void {
  const inputs = job.data?.inputs ?? [];
  inputs.forEach((input, i) => {
    const path = (key: string) => ["data", "inputs", i, key];
    const kinds = (["git", "asset", "path", "run"] as const).filter((k) => input[k] !== undefined);
    if (kinds.length !== 1) {
      report(
        ["data", "inputs", i],
        kinds.length === 0 ? "has no source" : `has several sources: ${kinds.join(", ")}`,
        "give one of `git`, `asset`, `path`, `run`",
      );
    }
    for (const key of GIT_KEYS) {
      if (input[key] !== undefined && input.git === undefined) {
        report(path(key), "stands without `git`", "remove it");
      }
    }
    const address = input.git === undefined ? undefined : parseGitAddress(input.git);
    if (address && !address.ok) report(path("git"), address.message);
    const odd = input.ref === undefined
      ? undefined
      : gitRefProblem(input.ref.replace(/\{matrix\.[a-z0-9_]+\}/g, "x"));
    if (odd !== undefined) report(path("ref"), `${showValue(input.ref)} ${odd}`);
    if ((input.run === undefined) !== (input.output === undefined) && kinds.length === 1) {
      const lacking = input.run === undefined ? "run" : "output";
      report(["data", "inputs", i], `has no \`${lacking}\``, "an artifact is named by `run` and `output`");
    }
    if (input.mount === "/") {
      report(path("mount"), "hides the whole file system of the job", "mount it deeper");
    }
    for (let j = 0; j < i; j++) {
      if (overlaps(inputs[j].mount, input.mount)) {
        report(
          path("mount"),
          `overlaps with the mount ${inputs[j].mount} of input ${j + 1}`,
          "choose another place",
        );
      }
    }
    const maker = input.run === undefined ? undefined : jobs.find((j) => j.job.name === input.run);
    if (maker && !(job.job.needs ?? []).includes(maker.job.name)) {
      report(path("run"), `${maker.job.name} need not have ended before`, "add it to `needs` in [job]");
    }
    if (maker && input.output !== undefined) {
      const outputs = (maker.data?.outputs ?? []).map((o) => o.name);
      if (!outputs.includes(input.output)) {
        const near = nearest(input.output, outputs);
        report(
          path("output"),
          `${maker.job.name} has no such output`,
          near ? `did you mean "${near}"?` : `it has ${outputs.join(", ") || "none"}`,
        );
      } else if (maker.matrix) {
        report(path("run"), `${maker.job.name} has a matrix: which of its runs is meant is not clear`);
      }
    }
  });
}

function checkCache(job: WrittenJob, report: ReportJob): void {
  const { paths = [] } = job.cache ?? {};
  if (job.cache && paths.length === 0) report(["cache", "paths"], "is empty", "name what is to be kept");
  paths.forEach((path, i) => {
    if (path === "/") {
      report(["cache", "paths", i], "is the whole file system of the job", "name a part of it");
    }
    const other = paths.findIndex((p, j) => j < i && overlaps(p, path));
    if (other >= 0) report(["cache", "paths", i], `overlaps with ${paths[other]}`, "keep one of the two");
    const input = (job.data?.inputs ?? []).find(({ mount }) =>
      mount === path || mount.startsWith(`${path}/`)
    );
    if (input) {
      report(["cache", "paths", i], `would hide the input at ${input.mount}`, "choose another place");
    }
  });
}

function checkOutputs(job: WrittenJob, report: ReportJob): void {
  const seen = new Set<string>();
  (job.data?.outputs ?? []).forEach((output, i) => {
    const at = (key: string) => ["data", "outputs", i, key];
    if (seen.has(output.name)) report(at("name"), "stands twice", "choose another name");
    seen.add(output.name);
  });
}

function checkNeeds(job: WrittenJob, index: number, jobs: readonly WrittenJob[], report: ReportJob): void {
  const names = jobs.map((j) => j.job.name);
  if (names.indexOf(job.job.name) < index) {
    report(["job", "name"], `${job.job.name} is the name of another job of this manifest`, "choose another");
  }
  const seen = new Set<string>();
  (job.job.needs ?? []).forEach((need, i) => {
    const path = ["job", "needs", i];
    if (seen.has(need)) report(path, `${need} stands twice`, "remove one");
    seen.add(need);
    if (need === job.job.name) return report(path, "names the job itself", "remove it");
    if (names.includes(need)) return;
    const others = names.filter((n) => n !== job.job.name);
    const near = nearest(need, others);
    const hint = near
      ? `did you mean "${near}"?`
      : others.length > 0
      ? `there are ${others.slice(0, 14).join(", ")}`
      : "a job alone can need none: make a pipeline of [[jobs]]";
    report(path, `there is no job ${showValue(need)} in this manifest`, hint);
  });
}

/** Jobs that wait for each other in a ring: none of them could ever start. */
function checkCycles(jobs: readonly WrittenJob[], places: readonly KeyPath[], out: DataProblem[]): void {
  const cycle = findCycle(new Map(jobs.map((j) => [j.job.name, j.job.needs ?? []])));
  if (!cycle) return;
  const index = jobs.findIndex((j) => j.job.name === cycle[0]);
  out.push({
    path: [...places[index], "job", "needs"],
    message: `makes a cycle: ${[...cycle, cycle[0]].join(" needs ")}`,
    hint: "remove one of these needs",
  });
}

/** The first cycle of a graph of needs, in the order of names; `undefined` when there is none. Needs of the name itself are left out. */
export function findCycle(needs: ReadonlyMap<string, readonly string[]>): readonly string[] | undefined {
  const done = new Set<string>();
  for (const start of [...needs.keys()].sort()) {
    // Depth first without recursion: a chain may be as long as a pipeline.
    const path: string[] = [], next: number[] = [];
    if (!done.has(start)) {
      path.push(start);
      next.push(0);
    }
    while (path.length > 0) {
      const name = path.at(-1)!;
      const wanted = (needs.get(name) ?? []).filter((n) => n !== name && needs.has(n));
      const to = wanted[next[next.length - 1]++];
      if (to === undefined) {
        done.add(name);
        path.pop();
        next.pop();
      } else if (path.includes(to)) return path.slice(path.indexOf(to));
      else if (!done.has(to)) {
        path.push(to);
        next.push(0);
      }
    }
  }
  return undefined;
}
