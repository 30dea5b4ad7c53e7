/**
 * The schema of a job as people write it in TOML: names, types, bounds and meaning of every key of the specification.
 * Combinations of keys are checked in `job_checks.ts`; which of them this version can carry out, in `job_support.ts`.
 */
import * as v from "valibot";
import { isNodeId } from "./identity.ts";
import { Cache, Data } from "./job_data_schema.ts";
import { limits } from "./limits.ts";
import { forges } from "./forge.ts";
import { jobLimits, jobTiming } from "./job_limits.ts";
import { policySchemas } from "./policy.ts";
import { secretLimits } from "./secret.ts";
import {
  anyText,
  choice,
  flag,
  guestPath,
  label,
  list,
  localPath,
  may,
  must,
  number,
  pattern,
  secretName,
  selectorTag,
  text,
  whole,
} from "./written_values.ts";
import type { JobEngine, JobPlatform, WrittenJob } from "./job_written.ts";

const name = label("a name");
const cron = text("a cron expression of five or six fields", 256);
const envName = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;
const duration = (unit: string, max: number) => number(0, max, ` (${unit})`);
const seconds = (max = 86_400) => duration("seconds", max);
const nodeId = v.pipe(v.string("a node id (12D3KooW…)"), v.check(isNodeId, "a node id (12D3KooW…)"));
const port = whole(1, 65_535);
const words = list(anyText(jobLimits.argumentChars), "a list of words", jobLimits.arguments);

/** Platforms that a job may name. */
export const jobPlatforms = [
  "any",
  "linux/amd64",
  "linux/arm64",
  "darwin/amd64",
  "darwin/arm64",
  "windows/amd64",
  "windows/arm64",
] as const satisfies readonly JobPlatform[];
/** Runtimes that a job may name. */
export const jobRuntimes = [
  "wasm",
  "native",
  "container",
  "qemu",
  "vm",
] as const satisfies readonly JobEngine[];

const Job = v.strictObject({
  name: must(name, "Name of the job: a DNS label, unique in its pipeline."),
  type: must(choice("one-shot", "recurring", "service"), "What kind of work it is."),
  schedule: may(cron, "Recurring jobs only: short for `cron` in [schedule]."),
  priority: may(whole(0, 100), "Higher runs first; default 50."),
  labels: may(
    v.pipe(
      v.record(
        pattern("a label's name", /^[A-Za-z0-9_.-]{1,63}$/, 63),
        anyText(256),
        "a table of texts",
      ),
      v.check((t) => Object.keys(t).length <= jobLimits.labels, `at most ${jobLimits.labels} labels`),
    ),
    "Words for people and for filters.",
  ),
  needs: may(
    list(name, "a list of names of jobs", jobLimits.needs),
    "Jobs of the same pipeline whose runs must have succeeded before this one starts.",
  ),
});
const Schedule = v.strictObject({
  cron: may(
    cron,
    "When it runs: minute, hour, day of month, month, day of week; seconds may stand in front.",
  ),
  timezone: may(
    text('a time zone such as "Europe/Berlin"', 64),
    "Time zone of `cron`; default UTC. A time that occurs twice runs once, one that is skipped right after.",
  ),
  overlap: may(
    choice("skip", "queue", "replace"),
    "What happens when the run before has not ended: nothing runs, the new run waits, or it takes its place. Default skip.",
  ),
  missed: may(
    choice("skip", "once"),
    "What happens when times passed while no node could decide: nothing, or one run for all of them. Default once.",
  ),
  jitter_seconds: may(
    seconds(),
    "Spreads the starts over this time, each tick the same at every node; default 0.",
  ),
});
const Runtime = v.strictObject({
  type: must(choice(...jobRuntimes), "The engine that executes the job."),
  image: may(text("the name of an image", 512), "Container: the image."),
  binary: may(
    localPath,
    "Native and qemu: a file of this machine, which is uploaded; or `path:/usr/bin/x`, a program of the node.",
  ),
  wasm: may(localPath, "Wasm: a core module (WASI preview 1) or a component (WASI 0.2), which is uploaded."),
  memory_mb: may(whole(1, jobLimits.memoryMb, " (MiB)"), "Memory it may use; default 256."),
  cpu_cores: may(number(0.1, 1_024), "Processor cores it may use."),
  disk_mb: may(whole(1, jobLimits.diskMb, " (MiB)"), "Space its working directory may take; default 1024."),
  pids: may(whole(1, 1_000_000), "Processes it may have."),
  gpu: may(whole(0, 64), "Number of GPUs it needs."),
  fallback: may(
    list(choice(...jobRuntimes), "a list of runtimes", 4),
    "Other runtimes that may be used when the first is not available.",
  ),
});
const Execution = v.strictObject({
  command: may(words, "The command line; for wasm (and `binary`) the arguments after the program's name."),
  working_dir: may(guestPath("/src"), "Directory in which it starts; default /."),
  timeout_minutes: may(
    v.pipe(
      v.number(`a number up to ${jobLimits.timeoutMinutes} (minutes)`),
      v.minValue(0.01, `a number above 0 and up to ${jobLimits.timeoutMinutes} (minutes)`),
      v.maxValue(jobLimits.timeoutMinutes, `a number up to ${jobLimits.timeoutMinutes} (minutes)`),
    ),
    "Time after which an attempt is ended; default 60.",
  ),
  stdin: may(anyText(4_096), "A file of this machine that becomes standard input; default nothing."),
});
const Step = v.strictObject({
  name: must(text("a name", 128), "Shown in the log."),
  run: may(text("a line for sh", 64 * 1024), "Run through sh on the node."),
  command: may(words, "A command line, instead of `run`."),
  continue_on_error: may(flag, "Go on with the next step when this one fails; default false."),
});
const Env = v.pipe(
  v.record(
    pattern("a name of a variable: letters, digits and _", envName, 128),
    anyText(jobLimits.envChars),
    "a table of texts",
  ),
  v.check((t) => Object.keys(t).length <= jobLimits.envNames, `at most ${jobLimits.envNames} variables`),
);
const Secrets = v.pipe(
  v.record(
    pattern("a name of a variable: letters, digits and _", envName, 128),
    v.strictObject({
      name: must(secretName, "The secret's name in the realm."),
      as: may(
        choice("env", "file"),
        "As a variable, or as a file whose path is the variable's value; default env.",
      ),
    }),
    "a table",
  ),
  v.check(
    (t) => Object.keys(t).length <= secretLimits.perJob,
    `at most ${secretLimits.perJob} secrets`,
  ),
);
const Targeting = v.strictObject({
  platform: may(choice(...jobPlatforms), "Platform of the node; default any."),
  tags: may(list(selectorTag, "a list of tags", 64), "Tags that the node must have; `!tag` excludes."),
  node_ids: may(list(nodeId, "a list of node ids", 1_000), "Only these nodes; default all."),
  spread: may(choice("node"), "Several runs of this job go to different nodes as far as possible."),
  prefer_data: may(flag, "Prefer nodes that have the inputs already."),
});
const axisValue = v.union(
  [anyText(256), v.number("a text, number or truth value"), v.boolean("a text, number or truth value")],
  "a text, number or truth value",
);
const Matrix = v.objectWithRest(
  {
    exclude: may(
      list(
        v.record(v.string(), axisValue, "a table of axes and values"),
        "a list of tables",
        jobLimits.matrixExcludes,
      ),
      "Combinations that are left out: an entry excludes what agrees with all its values.",
    ),
    max_parallel: may(whole(1, jobLimits.submissionRuns), "Runs of this job at once; default all."),
    fail_fast: may(flag, "Cancel the other runs when one has failed; default false."),
  },
  v.pipe(
    v.array(axisValue, "a list of values"),
    v.minLength(1, "at least one value"),
    v.maxLength(jobLimits.matrixValues, `at most ${jobLimits.matrixValues} values`),
  ),
);
/** What a retry may be for. */
export const RETRY_ON = /^(node_lost|timeout|failure|out_of_memory|exit:(25[0-5]|2[0-4][0-9]|1?[0-9]{1,2}))$/;
const Retry = v.strictObject({
  max: may(whole(0, jobLimits.retries), "Retries after the first attempt; default 0."),
  on: may(
    list(
      pattern('"node_lost", "timeout", "failure", "out_of_memory" or "exit:75"', RETRY_ON, 16),
      "a list of reasons",
      32,
    ),
    'Ends that are tried again; default ["node_lost", "timeout", "failure"].',
  ),
  backoff_seconds: may(seconds(), "Wait before the first retry, doubled with each further one; default 10."),
  lost_after_seconds: may(
    seconds(),
    `How long its node may be away before a native program, which goes on without its agent, counts as lost; default ${
      jobTiming.awayMs / 1_000
    }.`,
  ),
});
const Concurrency = v.strictObject({
  group: must(text("a name", 256), "Runs with the same group count together."),
  limit: may(whole(1, 10_000), "Runs of the group at once; default 1."),
  policy: may(choice("queue", "latest", "cancel_running"), "What happens to more; default queue."),
});
const Sandbox = v.strictObject({
  network: may(
    v.union(
      [
        choice("none", "full"),
        v.strictObject({ connect: must(list(port, "a list of ports", 64), "Ports it may connect to.") }),
      ],
      '"none", "full" or a table with `connect`',
    ),
    "What it may reach; default none.",
  ),
  read: may(
    policySchemas.native_read,
    "More paths of the node, where its policy allows.",
  ),
  minimum: may(
    choice("floor", "namespaced", "container"),
    "Nodes that cannot isolate it this well are refused.",
  ),
});
const Service = v.strictObject({
  replicas: may(whole(0, limits.replicas), "How many run; default 1."),
  ports: may(
    list(
      v.strictObject({
        name: must(name, "Name of the port."),
        port: must(port, "Port that it listens on."),
        route: may(text("a route", 512), "Where the gateways serve it."),
      }),
      "a list of tables",
      32,
    ),
    "Ports that it serves.",
  ),
  health: may(
    v.strictObject({
      http: may(
        pattern('a path such as "/healthz"', /^\/(?!\/)\S*$/, 512),
        "Path that answers with 2xx when it is healthy.",
      ),
      interval_seconds: may(seconds(), "Time between two checks; default 5."),
      timeout_seconds: may(seconds(), "Time for an answer; default 2."),
      failures: may(whole(1, 100), "Failures in a row that count; default 3."),
      start_seconds: may(seconds(), "Time to become healthy; default 30."),
    }),
    "How its health is checked.",
  ),
  restart: may(
    v.strictObject({
      policy: may(
        choice("always", "on-failure", "never"),
        "When it is started again: always, unless it exited with code 0, or never. What ended stays so, also when its " +
          "node goes, until the job is submitted again; default always.",
      ),
      backoff_seconds: may(seconds(), "First wait; doubled with each restart. Default 1."),
      max_backoff_seconds: may(seconds(), "Longest wait; default 60."),
    }),
    "How it is restarted.",
  ),
  stop: may(
    v.strictObject({
      signal: may(
        choice("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"),
        "How it is asked to end; default SIGTERM.",
      ),
      grace_seconds: may(seconds(), "Time it gets to end; default 10."),
    }),
    "How it is stopped.",
  ),
});
const Trigger = v.strictObject({
  git: may(
    text("the address of a repository", 2_048),
    "Repository that is watched; default that of the first input by git.",
  ),
  branches: may(
    list(text("a branch", 256), "a list of branches", 64),
    "Patterns of branches that count (`*`, `**`, `!` excludes); default all.",
  ),
  paths: may(
    list(text("a path pattern", 512), "a list of path patterns", 64),
    "Patterns of files; changes of others alone do not count.",
  ),
  poll_seconds: may(whole(10, 86_400, " (seconds)"), "How often to look; default 60."),
  forge: may(
    choice(...forges),
    "What serves the repository; default by its host for github.com, gitlab.com and codeberg.org. Forgejo is `gitea`.",
  ),
  status_secret: may(
    secretName,
    "Secret with a token by which the forge is told how the runs of each commit went.",
  ),
  badge: may(flag, "Whether anybody may see at `/badge/<job>.svg` how the last run went; default false."),
  webhook_secret: may(
    secretName,
    "Secret by which a forge proves the pushes that it tells at `/hooks/<job>` of any node.",
  ),
});
const Notify = v.strictObject({
  on: must(list(choice("failure", "recovered", "success"), "a list of ends", 3), "Which ends are told."),
  webhook: must(pattern("an https address", /^https?:\/\/\S+$/, 2_048), "Where to."),
});
const Logs = v.strictObject({
  retention_days: may(
    whole(1, jobLimits.retentionDays, " (days)"),
    "How long the run and its log are kept; default 14.",
  ),
  max_mb: may(
    whole(1, jobLimits.logMb, " (MiB)"),
    "Size of one attempt's log; beyond, the middle goes. Default 100.",
  ),
});

/** Tables that make one job. */
export const jobTables = {
  job: Job,
  schedule: may(Schedule, "When a recurring job runs."),
  runtime: must(Runtime, "What executes the job."),
  execution: may(Execution, "What is executed."),
  step: may(
    list(Step, "a list of tables: [[step]]", jobLimits.steps),
    "Named steps, run in order, instead of `command`.",
  ),
  env: may(Env, "Environment variables."),
  secrets: may(Secrets, "Secrets of the realm, by the variable that carries them."),
  targeting: may(Targeting, "Where it may run."),
  matrix: may(Matrix, "One run per combination of the values of all axes; each other key is an axis."),
  data: may(Data, "Inputs and outputs."),
  cache: may(Cache, "Directories kept between runs."),
  retry: may(Retry, "When it is tried again."),
  concurrency: may(Concurrency, "Runs that must not run together."),
  sandbox: may(Sandbox, "What it may reach."),
  service: may(Service, "Services: replicas, ports, health."),
  trigger: may(Trigger, "Run on change."),
  notify: may(Notify, "Who is told of an end."),
  logs: may(Logs, "How its log is kept."),
} as const;
/** Names of {@link jobTables}. */
export const jobTableNames = Object.keys(jobTables) as readonly (keyof typeof jobTables)[];

/** One job with all its tables. */
export const JobSchema = v.strictObject(jobTables) satisfies v.GenericSchema<unknown, WrittenJob>;
/** The jobs of a pipeline: `[[jobs]]`. */
export const PipelineSchema = v.pipe(
  v.array(JobSchema, "a list of tables: [[jobs]]"),
  v.minLength(1, "at least one job"),
  v.maxLength(jobLimits.pipelineJobs, `at most ${jobLimits.pipelineJobs} jobs`),
);
