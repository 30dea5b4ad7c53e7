/**
 * A run as it is submitted: everything that placement and execution need, with defaults filled in, a matrix expanded,
 * and every file named by its digest. The same spec gives the same run on every node, and again when it is repeated.
 */
import * as v from "valibot";
import { gitRefProblem, isCommit, parseGitAddress } from "./git_address.ts";
import { type Digest, isDigest, isNodeId, type NodeId } from "./identity.ts";
import { jobLimits } from "./job_limits.ts";
import { jobPlatforms, RETRY_ON } from "./job_schema.ts";
import { GUEST_PATH } from "./written_values.ts";
export { runIdsOf } from "./job_ids.ts";
import { type ScheduleTiming, ScheduleTimingSchema } from "./job_schedule.ts";
import { type Trigger, TriggerSchema } from "./job_trigger.ts";
import type { JobPlatform } from "./job_written.ts";
import { limits } from "./limits.ts";
import { nativeLimits } from "./native_limits.ts";
import { policySchemas, type SandboxLevel, sandboxLevels } from "./policy.ts";
import { type RunSecret, RunSecretSchema, secretLimits } from "./secret.ts";

const whole = (min: number, max: number) => v.pipe(v.number(), v.integer(), v.minValue(min), v.maxValue(max));
const size = whole(0, Number.MAX_SAFE_INTEGER);
const text = (max: number) => v.pipe(v.string(), v.maxLength(max));
const name = v.pipe(v.string(), v.regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/));
const artifactName = v.pipe(v.string(), v.regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/));
const path = v.pipe(v.string(), v.maxLength(limits.pathBytes), v.regex(GUEST_PATH));
const digest = v.pipe(v.string(), v.check(isDigest, "a SHA-256 in lower-case hex"));
const list = <S extends v.GenericSchema>(item: S, max: number) => v.pipe(v.array(item), v.maxLength(max));
const table = (key: RegExp, max: number, entries: number) =>
  v.pipe(
    v.record(v.pipe(v.string(), v.regex(key)), text(max)),
    v.check((t) => Object.keys(t).length <= entries, `at most ${entries} entries`),
  );
const milliseconds = whole(0, 400 * 24 * 3_600_000 * 10);

/** How content becomes files: as it is, or unpacked. */
const form = v.picklist(["file", "tar"]);

/** What a run finds in its file system. */
export const RunInputSchema = v.variant("from", [
  v.strictObject({
    from: v.literal("blob"),
    digest,
    form,
    mount: path,
    bytes: size,
    read_only: v.boolean(),
  }),
  v.strictObject({ from: v.literal("job"), job: name, output: artifactName, mount: path }),
  v.strictObject({
    from: v.literal("git"),
    url: v.pipe(text(2_048), v.check((url) => parseGitAddress(url).ok, "the address of a repository")),
    ref: v.optional(
      v.pipe(text(256), v.check((ref) => gitRefProblem(ref) === undefined, "a branch, tag or commit")),
    ),
    commit: v.optional(v.pipe(text(64), v.check(isCommit, "a commit"))),
    depth: whole(1, 1_000_000),
    submodules: v.boolean(),
    credential: v.optional(v.pipe(v.string(), v.regex(/^[A-Za-z0-9_.-]{1,128}$/))),
    mount: path,
  }),
]);

/** Where the program that a native run brings along stands in its files. */
export const PROGRAM_DIRECTORY = "/.program";

/** What a run of programs of the operating system does, and what it asks of its sandbox. */
export const NativeWorkSchema = v.strictObject({
  steps: v.pipe(
    v.array(v.strictObject({
      name: v.optional(text(128)),
      argv: v.pipe(
        v.array(text(jobLimits.scriptChars)),
        v.minLength(1),
        v.maxLength(jobLimits.arguments + 1),
      ),
      go_on: v.boolean(),
    })),
    v.minLength(1),
    v.maxLength(jobLimits.steps),
  ),
  cpu_cores: v.optional(v.pipe(v.number(), v.minValue(0.1), v.maxValue(1_024))),
  pids: whole(1, 1_000_000),
  network: v.union([
    v.picklist(["none", "full"]),
    v.strictObject({ connect: list(whole(1, 65_535), nativeLimits.ports) }),
  ]),
  read: policySchemas.native_read,
  minimum: v.picklist(sandboxLevels),
});

const fieldsOfRun = {
  job: name,
  matrix: table(/^[a-z][a-z0-9_]{0,31}$/, 256, jobLimits.matrixAxes),
  priority: whole(0, 100),
  labels: table(/^[A-Za-z0-9_.-]{1,63}$/, 256, jobLimits.labels),
  needs: list(name, jobLimits.needs),
  runtime: v.picklist(["wasm", "native"]),
  program: v.optional(v.strictObject({ digest, bytes: size, name: text(256) })),
  native: v.optional(NativeWorkSchema),
  memory_mb: whole(1, 4_096),
  disk_mb: whole(1, jobLimits.diskMb),
  args: list(text(jobLimits.argumentChars), jobLimits.arguments),
  env: table(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, jobLimits.envChars, jobLimits.envNames + 16),
  secrets: v.optional(list(RunSecretSchema, secretLimits.perJob)),
  stdin: v.optional(v.strictObject({ digest, bytes: size })),
  working_dir: path,
  timeout_ms: whole(1, jobLimits.timeoutMinutes * 60_000),
  platform: v.picklist(jobPlatforms),
  tags: list(v.pipe(v.string(), v.regex(/^!?[A-Za-z0-9_.-]{1,63}(=[A-Za-z0-9_.-]{0,63})?$/)), 64),
  node_ids: list(v.pipe(v.string(), v.check(isNodeId, "a node id")), 1_000),
  spread: v.boolean(),
  inputs: list(RunInputSchema, jobLimits.inputs),
  outputs: list(
    v.strictObject({
      path,
      directory: v.optional(v.literal(true)),
      name: artifactName,
      retention_ms: milliseconds,
      when: v.picklist(["success", "failure", "always"]),
    }),
    jobLimits.outputs,
  ),
  cache: v.optional(v.strictObject({
    key: v.pipe(text(256), v.nonEmpty()),
    paths: list(path, 64),
    restore_keys: list(v.pipe(text(256), v.nonEmpty()), 16),
  })),
  notify: v.optional(v.strictObject({
    on: list(v.picklist(["failure", "recovered", "success"]), 3),
    webhook: v.pipe(text(2_048), v.regex(/^https?:\/\/\S+$/)),
  })),
  retry: v.strictObject({
    max: whole(0, jobLimits.retries),
    on: list(v.pipe(v.string(), v.regex(RETRY_ON)), 32),
    backoff_ms: milliseconds,
    lost_after_ms: v.optional(milliseconds),
  }),
  max_parallel: v.optional(whole(1, jobLimits.submissionRuns)),
  fail_fast: v.boolean(),
  concurrency: v.optional(v.strictObject({
    group: v.pipe(text(256), v.nonEmpty()),
    limit: whole(1, 10_000),
    policy: v.picklist(["queue", "latest", "cancel_running"]),
  })),
  log: v.strictObject({ retention_ms: milliseconds, max_bytes: size }),
};
/** One run. See the module's text. */
export const RunSpecSchema = v.pipe(
  v.strictObject(fieldsOfRun),
  v.check(
    ({ runtime, program, native }) =>
      runtime === "wasm" ? program !== undefined && !native : native !== undefined,
    "a wasm run has a program, a native one says what to run",
  ),
);

/** Content that a run finds as a file or a directory. */
export type RunInput =
  | {
    from: "blob";
    /** SHA-256 of the content. */
    digest: Digest;
    /** `tar`: unpacked at the mount. */
    form: "file" | "tar";
    /** Where it appears. */
    mount: string;
    /** Bytes of the content. */
    bytes: number;
    /** Whether the run may change its copy. */
    read_only: boolean;
  }
  | {
    from: "job";
    /** Job of the same submission. */
    job: string;
    /** Name of its artifact. */
    output: string;
    /** Where it appears. */
    mount: string;
  }
  | GitInput;

/** A checkout that a run finds. */
export interface GitInput {
  /** A git repository. */
  from: "git";
  /** Its address in the one form of `parseGitAddress`. */
  url: string;
  /** Branch, tag or commit; absent: the default branch. */
  ref?: string | undefined;
  /** What `ref` stands for, once that is known: then nothing else is taken. */
  commit?: string | undefined;
  /** Commits of history. */
  depth: number;
  /** Whether submodules come along. */
  submodules: boolean;
  /** Name of the secret that gives access. */
  credential?: string | undefined;
  /** Where it appears. */
  mount: string;
}

/** What is kept of a run's file system. */
export interface RunOutput {
  /** File or directory. */
  path: string;
  /** It is a directory, which is made before the start. */
  directory?: true | undefined;
  /** Name of the artifact. */
  name: string;
  /** How long it is kept. */
  retention_ms: number;
  /** When it is kept. */
  when: "success" | "failure" | "always";
}

/** See {@link NativeWorkSchema}. */
export interface NativeWork {
  /** Command lines, run one after the other. */
  steps: {
    /** Shown in the log. */
    name?: string | undefined;
    /** Program and arguments. */
    argv: string[];
    /** Whether the next is run when this one fails. */
    go_on: boolean;
  }[];
  /** Processor cores that it may use; absent: all. */
  cpu_cores?: number | undefined;
  /** Processes that it may have. */
  pids: number;
  /** What it may reach. */
  network: "none" | "full" | { connect: number[] };
  /** Trees of the node that it wants to read. */
  read: string[];
  /** The weakest sandbox that it takes. */
  minimum: SandboxLevel;
}

/** One run. See {@link RunSpecSchema}. */
export interface JobRunSpec {
  /** Name of its job. */
  job: string;
  /** Its combination of the matrix; empty without one. */
  matrix: Record<string, string>;
  /** 0 to 100, higher first. */
  priority: number;
  /** Words for people. */
  labels: Record<string, string>;
  /** Jobs of the submission whose runs must have succeeded. */
  needs: string[];
  /** Engine. */
  runtime: "wasm" | "native";
  /** A program that the run brings along: content, size, and its name as the program sees it. Always for wasm. */
  program?: { digest: Digest; bytes: number; name: string } | undefined;
  /** For native. */
  native?: NativeWork | undefined;
  /** Memory ceiling, MiB. */
  memory_mb: number;
  /** Space of its file system, MiB. */
  disk_mb: number;
  /** Arguments after the program's name. */
  args: string[];
  /** Environment. */
  env: Record<string, string>;
  /** Secrets of the realm that it is given. */
  secrets?: RunSecret[] | undefined;
  /** Standard input. */
  stdin?: { digest: Digest; bytes: number } | undefined;
  /** Where it starts. */
  working_dir: string;
  /** Time of one attempt, ms. */
  timeout_ms: number;
  /** Platform of the node, or `any`. */
  platform: JobPlatform;
  /** Node tags; `!tag` excludes. */
  tags: string[];
  /** Only these nodes; empty: all. */
  node_ids: NodeId[];
  /** Runs of the job go to different nodes as far as possible. */
  spread: boolean;
  /** What it finds. */
  inputs: RunInput[];
  /** What is kept. */
  outputs: RunOutput[];
  /** What is kept for the next run of its kind; `{hash:FILE}` in the key stands for a file's hash. */
  cache?: { key: string; paths: string[]; restore_keys: string[] } | undefined;
  /** Which ends are told, and where to. */
  notify?: { on: ("failure" | "recovered" | "success")[]; webhook: string } | undefined;
  /** When it is tried again. */
  retry: {
    max: number;
    on: string[];
    backoff_ms: number;
    /** How long its node may be away while its native program goes on; default `jobTiming.awayMs`. */
    lost_after_ms?: number | undefined;
  };
  /** Runs of the job at once. */
  max_parallel?: number | undefined;
  /** Cancel the job's other runs when one fails. */
  fail_fast: boolean;
  /** Runs of the realm with the same group that may be under way at once, and what happens to more. */
  concurrency?: { group: string; limit: number; policy: "queue" | "latest" | "cancel_running" } | undefined;
  /** How its log is kept. */
  log: { retention_ms: number; max_bytes: number };
}

/** Names of the secrets of the realm that a run needs, once each. */
export const secretsOf = ({ secrets = [], inputs }: JobRunSpec): readonly string[] => [
  ...new Set([
    ...secrets.map((s) => s.name),
    ...inputs.flatMap((i) => i.from === "git" && i.credential !== undefined ? [i.credential] : []),
  ]),
];

/** The branch that a run is made of: what its first repository names; none where that is a commit, or nothing. */
export function branchOf({ inputs }: Pick<JobRunSpec, "inputs">): string | undefined {
  const ref = inputs.find((i) => i.from === "git")?.ref;
  return ref === undefined || isCommit(ref) ? undefined : ref.replace(/^refs\/heads\//, "");
}

/** Body of `job.submit`. */
export const SubmitSchema = v.strictObject({
  runs: v.pipe(v.array(RunSpecSchema), v.minLength(1), v.maxLength(jobLimits.submissionRuns)),
  /** Run that this repeats. */
  of: v.optional(text(100)),
});
/** Body of `job.submit`: the runs of one pipeline. */
export interface SubmitWish {
  /** All runs, matrices expanded. */
  runs: JobRunSpec[];
  /** Run that this repeats. */
  of?: string | undefined;
}

/** Body of `job.schedule`. */
export const ScheduleSchema = v.pipe(
  v.strictObject({
    name,
    timing: v.optional(ScheduleTimingSchema),
    trigger: v.optional(TriggerSchema),
    runs: v.pipe(v.array(RunSpecSchema), v.minLength(1), v.maxLength(jobLimits.submissionRuns)),
  }),
  v.check(
    ({ timing, trigger }) => (timing === undefined) !== (trigger === undefined),
    "it has times or a trigger",
  ),
);
/**
 * Body of `job.schedule`: runs that are made at each of its times, or at each change that it watches for. It replaces its
 * submitter's of the same name.
 */
export interface ScheduleWish {
  /** Name of the schedule: that of its first job. */
  name: string;
  /** When. */
  timing?: ScheduleTiming | undefined;
  /** Or on what change. */
  trigger?: Trigger | undefined;
  /** The runs of each tick, matrices expanded. */
  runs: JobRunSpec[];
}
