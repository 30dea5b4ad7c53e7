/** From jobs as written to the runs of a submission: defaults, matrix, files by digest. Pure; uploads are others' work. */
import { unwrap } from "./errors.ts";
import { parseGitAddress } from "./git_address.ts";
import type { DeployWish } from "./app_spec.ts";
import { canonicalBytes } from "./encoding.ts";
import { type Digest, digestOf } from "./identity.ts";
import { type Combination, expandMatrix, fillIn } from "./job_matrix.ts";
import {
  branchOf,
  type JobRunSpec,
  type NativeWork,
  PROGRAM_DIRECTORY,
  type RunInput,
  type ScheduleWish,
  type SubmitWish,
} from "./job_spec.ts";
import { nativeLimits } from "./native_limits.ts";
import { parseRoute, type Route, showRoute } from "./routes.ts";
import type { ServiceSpec } from "./service_spec.ts";
import { timingOf } from "./job_timing.ts";
import { triggerOf, withRef } from "./job_trigger.ts";
import type { WrittenJob } from "./job_written.ts";

/** Something that a manifest names and that must be known by digest before the jobs can be submitted. */
export interface JobFile {
  /**
   * `file`: a file of the submitter's machine; `tree`: a file or directory of it; `asset`: a blob of the realm by name
   * or digest; `artifact`: what another run left.
   */
  readonly kind: "file" | "tree" | "asset" | "artifact";
  /** Path as written, name of the blob, or id of the run. */
  readonly name: string;
  /** Name of the artifact. */
  readonly output?: string;
}
/** What a {@link JobFile} turned out to be. */
export interface FoundFile {
  /** SHA-256 of the content. */
  readonly digest: Digest;
  /** Bytes of the content. */
  readonly bytes: number;
  /** `tar`: a directory, packed. */
  readonly form: "file" | "tar";
}

const DAY_MS = 24 * 3_600_000;
const DEFAULTS = {
  priority: 50,
  memoryMb: 256,
  diskMb: 1_024,
  timeoutMinutes: 60,
  outputDays: 30,
  logDays: 14,
  logMb: 100,
  backoffSeconds: 10,
  retryOn: ["node_lost", "timeout", "failure"],
  /** Of a recurring job, whose next run may be far: nobody stands by to repeat it when its node dies. */
  recurringRetries: 2,
} as const;

/** The jobs of one manifest, checked. */
export type JobManifest = readonly WrittenJob[];

/** Key of a file in the map that {@link submissionOf} is given. */
export const fileKey = (file: JobFile): string => JSON.stringify([file.kind, file.name, file.output ?? null]);

/** The name of a file without its directories. */
const baseName = (path: string): string => path.replace(/[\\/]+$/, "").replace(/^.*[\\/]/, "");

function inputFile(
  input: NonNullable<NonNullable<WrittenJob["data"]>["inputs"]>[number],
  names: readonly string[],
): JobFile | undefined {
  if (input.path !== undefined) return { kind: "tree", name: input.path };
  if (input.asset !== undefined) return { kind: "asset", name: input.asset };
  if (input.run === undefined || names.includes(input.run)) return undefined;
  return { kind: "artifact", name: input.run, output: input.output! };
}

/** Marks a `binary` that is a program of the node. */
const NODE_PATH = "path:";

/** The program that a job brings along. */
function programFileOf({ runtime: { type, wasm, binary } }: WrittenJob): JobFile | undefined {
  if (type === "wasm") return wasm === undefined ? undefined : { kind: "file", name: wasm };
  return binary === undefined || binary.startsWith(NODE_PATH) ? undefined : { kind: "file", name: binary };
}

/** What a native job does. */
function nativeOf(job: WrittenJob, made: Combination): NativeWork {
  const { runtime, execution = {}, step = [], sandbox = {} } = job;
  const words = (execution.command ?? []).map((word) => fillIn(word, made));
  const program = runtime.binary === undefined
    ? []
    : runtime.binary.startsWith(NODE_PATH)
    ? [runtime.binary.slice(NODE_PATH.length)]
    : [`${PROGRAM_DIRECTORY}/${baseName(runtime.binary).slice(0, 256)}`];
  return {
    steps: step.length === 0 ? [{ argv: [...program, ...words], go_on: false }] : step.map((s) => ({
      name: s.name,
      argv: s.run === undefined
        ? (s.command ?? []).map((word) => fillIn(word, made))
        : ["/bin/sh", "-ec", fillIn(s.run, made)],
      go_on: s.continue_on_error ?? false,
    })),
    ...(runtime.cpu_cores === undefined ? {} : { cpu_cores: runtime.cpu_cores }),
    pids: runtime.pids ?? nativeLimits.processes,
    network: sandbox.network ?? "none",
    read: sandbox.read ?? [],
    minimum: (sandbox.minimum ?? "floor") as NativeWork["minimum"],
  };
}

/** Everything that must be resolved before {@link submissionOf}, once each, in the order of the text. */
export function filesOf(jobs: readonly WrittenJob[]): readonly JobFile[] {
  const names = jobs.map((j) => j.job.name);
  const files = new Map<string, JobFile>();
  const add = (file: JobFile | undefined) => file && files.set(fileKey(file), file);
  for (const job of jobs) {
    add(programFileOf(job));
    const stdin = job.execution?.stdin;
    if (stdin) add({ kind: "file", name: stdin });
    for (const input of job.data?.inputs ?? []) add(inputFile(input, names));
  }
  return [...files.values()];
}

function inputsOf(
  job: WrittenJob,
  made: Combination,
  names: readonly string[],
  found: (file: JobFile) => FoundFile,
): RunInput[] {
  return (job.data?.inputs ?? []).map((input): RunInput => {
    if (input.git !== undefined) {
      const { git, ref, depth = 1, submodules = false, credential, mount } = input;
      return {
        from: "git",
        url: unwrap(parseGitAddress(git)).url,
        ...(ref === undefined ? {} : { ref: fillIn(ref, made) }),
        depth,
        submodules,
        ...(credential === undefined ? {} : { credential }),
        mount,
      };
    }
    const file = inputFile(input, names);
    if (!file) return { from: "job", job: input.run!, output: input.output!, mount: input.mount };
    const { digest, bytes, form } = found(file);
    return { from: "blob", digest, bytes, form, mount: input.mount, read_only: file.kind === "asset" };
  });
}

/** Name of a concurrency group. `{ref}` of a job with a trigger is known when it runs. */
const groupOf = (job: WrittenJob, group: string, inputs: RunInput[]): string =>
  job.trigger ? group : withRef(group, branchOf({ inputs }) ?? "");

function runOf(
  job: WrittenJob,
  made: Combination,
  names: readonly string[],
  found: (file: JobFile) => FoundFile,
): JobRunSpec {
  const { execution = {}, runtime, targeting = {}, retry, matrix, concurrency, logs = {} } = job;
  const recurring = job.job.type === "recurring";
  const file = programFileOf(job);
  const program = file && found(file);
  const stdin = execution.stdin ? found({ kind: "file", name: execution.stdin }) : undefined;
  const platform = (made.platform ?? targeting.platform ?? "any") as JobRunSpec["platform"];
  const inputs = inputsOf(job, made, names, found);
  const env = Object.fromEntries(
    Object.entries(job.env ?? {}).map(([name, value]) => [name, fillIn(value, made)]),
  );
  for (const [axis, value] of Object.entries(made)) env[`MATRIX_${axis.toUpperCase()}`] ??= value;
  return {
    job: job.job.name,
    matrix: { ...made },
    priority: job.job.priority ?? DEFAULTS.priority,
    labels: job.job.labels ?? {},
    needs: job.job.needs ?? [],
    runtime: runtime.type as JobRunSpec["runtime"],
    ...(file && program
      ? { program: { digest: program.digest, bytes: program.bytes, name: baseName(file.name).slice(0, 256) } }
      : {}),
    ...(runtime.type === "native" ? { native: nativeOf(job, made) } : {}),
    memory_mb: runtime.memory_mb ?? DEFAULTS.memoryMb,
    disk_mb: runtime.disk_mb ?? DEFAULTS.diskMb,
    args: runtime.type === "native" ? [] : (execution.command ?? []).map((word) => fillIn(word, made)),
    env,
    ...(job.secrets && {
      secrets: Object.entries(job.secrets).map(([variable, { name, as }]) => ({
        variable,
        name,
        as: as ?? "env",
      })),
    }),
    ...(stdin && { stdin: { digest: stdin.digest, bytes: stdin.bytes } }),
    working_dir: execution.working_dir ?? "/",
    timeout_ms: Math.max(1, Math.round((execution.timeout_minutes ?? DEFAULTS.timeoutMinutes) * 60_000)),
    platform,
    tags: targeting.tags ?? [],
    node_ids: targeting.node_ids ?? [],
    spread: targeting.spread === "node",
    inputs,
    outputs: (job.data?.outputs ?? []).map((output) => ({
      path: output.path.replace(/(?<=.)\/$/, ""),
      ...(output.path.endsWith("/") ? { directory: true as const } : {}),
      name: output.name,
      retention_ms: (output.retention_days ?? DEFAULTS.outputDays) * DAY_MS,
      when: output.if ?? "success",
    })),
    ...(job.notify && { notify: { on: [...job.notify.on], webhook: job.notify.webhook } }),
    ...(job.cache && {
      cache: {
        key: fillIn(job.cache.key, made).replaceAll("{platform}", platform),
        paths: [...job.cache.paths],
        restore_keys: (job.cache.restore_keys ?? []).map((k) =>
          fillIn(k, made).replaceAll("{platform}", platform)
        ),
      },
    }),
    retry: {
      max: retry?.max ?? (recurring ? DEFAULTS.recurringRetries : 0),
      on: retry?.on ?? (recurring ? ["node_lost"] : [...DEFAULTS.retryOn]),
      backoff_ms: Math.round((retry?.backoff_seconds ?? DEFAULTS.backoffSeconds) * 1_000),
      ...(retry?.lost_after_seconds !== undefined && {
        lost_after_ms: Math.round(retry.lost_after_seconds * 1_000),
      }),
    },
    ...(matrix?.max_parallel !== undefined && { max_parallel: matrix.max_parallel }),
    fail_fast: matrix?.fail_fast ?? false,
    ...(concurrency && {
      concurrency: {
        group: groupOf(job, fillIn(concurrency.group, made), inputs),
        limit: concurrency.limit ?? 1,
        policy: concurrency.policy ?? "queue",
      },
    }),
    log: {
      retention_ms: (logs.retention_days ?? DEFAULTS.logDays) * DAY_MS,
      max_bytes: (logs.max_mb ?? DEFAULTS.logMb) * 1024 * 1024,
    },
  };
}

/** What checked jobs make. */
export interface JobWishes {
  /** Runs that are wanted now; absent when all jobs run by themselves. */
  readonly submit?: SubmitWish;
  /** Runs that are wanted at times to come, or on changes. */
  readonly schedules: readonly ScheduleWish[];
  /** What is to be kept running. */
  readonly services: readonly DeployWish[];
}

/** The deploy that a service is. */
function serviceOf(job: WrittenJob, run: JobRunSpec): DeployWish {
  const { replicas = 1, ports = [], health = {}, restart = {}, stop = {} } = job.service ?? {};
  const ms = (seconds: number) => Math.round(seconds * 1_000);
  const service: ServiceSpec = {
    run,
    ports: ports.map(({ name, port }) => ({ name, port })),
    health: {
      ...(health.http === undefined ? {} : { path: health.http }),
      interval_ms: ms(health.interval_seconds ?? 5),
      timeout_ms: ms(health.timeout_seconds ?? 2),
      failures: health.failures ?? 3,
      start_ms: ms(health.start_seconds ?? 30),
    },
    restart: {
      ...(restart.policy === undefined || restart.policy === "always" ? {} : { policy: restart.policy }),
      backoff_ms: ms(restart.backoff_seconds ?? 1),
      max_backoff_ms: ms(restart.max_backoff_seconds ?? 60),
    },
    stop: { signal: stop.signal ?? "SIGTERM", grace_ms: ms(stop.grace_seconds ?? 10) },
  };
  const digest = digestOf(canonicalBytes(service));
  const inputs = run.inputs.map((input) => input.from === "blob" ? input.bytes : 0);
  return {
    app: job.job.name,
    spec: {
      package: digest,
      version: digest.slice(0, 12),
      kind: "service",
      memory_mb: run.memory_mb,
      routes: ports.flatMap(({ route }) =>
        route === undefined ? [] : [showRoute(parseRoute(route) as Route)]
      ),
      volumes: [],
      bytes: inputs.reduce((sum, n) => sum + n, run.program?.bytes ?? 0),
      service,
    },
    replicas,
    tags: [...run.tags],
    strategy: "rolling",
  };
}

/** Whether a job runs by itself, at times or on changes. */
const runsByItself = (job: WrittenJob): boolean => timingOf(job) !== undefined || job.trigger !== undefined;

/** Jobs that run by themselves and need each other, directly or not, in the order of the text; each list is one schedule. */
function scheduleGroups(jobs: readonly WrittenJob[]): readonly (readonly WrittenJob[])[] {
  const groups: WrittenJob[][] = [];
  for (const job of jobs.filter(runsByItself)) {
    const bound = groups.filter((group) =>
      group.some(({ job: other }) =>
        (job.job.needs ?? []).includes(other.name) || (other.needs ?? []).includes(job.job.name)
      )
    );
    const merged = [...bound.flat(), job];
    groups.splice(0, groups.length, ...groups.filter((g) => !bound.includes(g)), merged);
  }
  const place = (job: WrittenJob) => jobs.indexOf(job);
  return groups.map((group) => group.toSorted((a, b) => place(a) - place(b)))
    .sort(([a], [b]) => place(a) - place(b));
}

/**
 * The wishes of checked jobs. `found` holds every one of {@link filesOf} under its {@link fileKey}; the same jobs and
 * files give the same wishes.
 */
export function jobWishes(jobs: readonly WrittenJob[], found: ReadonlyMap<string, FoundFile>): JobWishes {
  const names = jobs.map((j) => j.job.name);
  const lookUp = (file: JobFile): FoundFile => {
    const known = found.get(fileKey(file));
    if (!known) throw new RangeError(`${file.name} was not resolved`);
    return known;
  };
  const runsOf = (some: readonly WrittenJob[]) =>
    some.flatMap((job) => expandMatrix(job.matrix).map((made) => runOf(job, made, names, lookUp)));
  const now = jobs.filter((j) => j.job.type === "one-shot" && !runsByItself(j));
  return {
    ...(now.length > 0 && { submit: { runs: runsOf(now) } }),
    schedules: scheduleGroups(jobs).map((group) => {
      const timing = timingOf(group[0]), trigger = triggerOf(group[0]);
      return {
        name: group[0].job.name,
        ...(timing && { timing }),
        ...(trigger && { trigger }),
        runs: runsOf(group),
      };
    }),
    services: jobs.filter((j) => j.job.type === "service").map((job) => serviceOf(job, runsOf([job])[0])),
  };
}
