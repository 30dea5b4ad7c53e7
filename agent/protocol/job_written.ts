/**
 * A job as people write it in TOML, as a type; what each key may hold is checked by `job_schema.ts`, which must agree.
 */
import type { Forge } from "./forge.ts";

/** Platforms that a job may name. */
export type JobPlatform =
  | "any"
  | "linux/amd64"
  | "linux/arm64"
  | "darwin/amd64"
  | "darwin/arm64"
  | "windows/amd64"
  | "windows/arm64";
/** Engines that a job may name. */
export type JobEngine = "wasm" | "native" | "container" | "qemu" | "vm";
/** What it is. */
export interface JobHead {
  /** Name of the job: a DNS label, unique in its pipeline. */
  name: string;
  /** What kind of work it is. */
  type: "one-shot" | "recurring" | "service";
  /** Recurring jobs only: short for `cron` in [schedule]. */
  schedule?: string | undefined;
  /** Higher runs first; default 50. */
  priority?: number | undefined;
  /** Words for people and for filters. */
  labels?: Record<string, string> | undefined;
  /** Jobs of the same pipeline whose runs must have succeeded before this one starts. */
  needs?: string[] | undefined;
}
/** When a recurring job runs. */
export interface JobSchedule {
  /** When it runs: minute, hour, day of month, month, day of week; seconds may stand in front. */
  cron?: string | undefined;
  /** Time zone of `cron`; default UTC. A time that occurs twice runs once, one that is skipped right after. */
  timezone?: string | undefined;
  /** What happens when the run before has not ended. */
  overlap?: "skip" | "queue" | "replace" | undefined;
  /** Whether to catch up one run after a time without nodes. */
  missed?: "skip" | "once" | undefined;
  /** Spreads the starts over this time. */
  jitter_seconds?: number | undefined;
}
/** What executes the job. */
export interface JobRuntime {
  /** The engine that executes the job. */
  type: JobEngine;
  /** Container: the image. */
  image?: string | undefined;
  /** Native and qemu: a file of this machine, which is uploaded; or `path:/usr/bin/x`, a program of the node. */
  binary?: string | undefined;
  /** Wasm: a core module (WASI preview 1) or a component (WASI 0.2), which is uploaded. */
  wasm?: string | undefined;
  /** Memory it may use; default 256. */
  memory_mb?: number | undefined;
  /** Processor cores it may use. */
  cpu_cores?: number | undefined;
  /** Space its working directory may take; default 1024. */
  disk_mb?: number | undefined;
  /** Processes it may have. */
  pids?: number | undefined;
  /** Number of GPUs it needs. */
  gpu?: number | undefined;
  /** Other runtimes that may be used when the first is not available. */
  fallback?: JobEngine[] | undefined;
}
/** What is executed. */
export interface JobExecution {
  /** The command line; for wasm (and `binary`) the arguments after the program's name. */
  command?: string[] | undefined;
  /** Directory in which it starts; default /. */
  working_dir?: string | undefined;
  /** Time after which an attempt is ended; default 60. */
  timeout_minutes?: number | undefined;
  /** A file of this machine that becomes standard input; default nothing. */
  stdin?: string | undefined;
}
/** One step. */
export interface JobStep {
  /** Shown in the log. */
  name: string;
  /** Run through sh on the node. */
  run?: string | undefined;
  /** A command line, instead of `run`. */
  command?: string[] | undefined;
  /** Go on with the next step when this one fails; default false. */
  continue_on_error?: boolean | undefined;
}
/** Where it may run. */
export interface JobTargeting {
  /** Platform of the node; default any. */
  platform?: JobPlatform | undefined;
  /** Tags that the node must have; `!tag` excludes. */
  tags?: string[] | undefined;
  /** Only these nodes; default all. */
  node_ids?: string[] | undefined;
  /** Several runs of this job go to different nodes as far as possible. */
  spread?: "node" | undefined;
  /** Prefer nodes that have the inputs already. */
  prefer_data?: boolean | undefined;
}
/** One run per combination of the values of all axes; each other key is an axis. */
export interface JobMatrix {
  /** Combinations that are left out: an entry excludes what agrees with all its values. */
  exclude?: Record<string, string | number | boolean>[] | undefined;
  /** Runs of this job at once; default all. */
  max_parallel?: number | undefined;
  /** Cancel the other runs when one has failed; default false. */
  fail_fast?: boolean | undefined;
  /** Values of an axis. */
  [axis: string]: unknown;
}
/** Inputs and outputs. */
export interface JobData {
  /** What the job finds in its file system. */
  inputs?: {
    /** A git repository: an URL, `host/path`, or a path on the node. */
    git?: string | undefined;
    /** Git: what to check out; default the default branch. */
    ref?: string | undefined;
    /** Git: commits of history; default 1. */
    depth?: number | undefined;
    /** Git: fetch submodules too. */
    submodules?: boolean | undefined;
    /** Git: the secret that gives access. */
    credential?: string | undefined;
    /** A stored blob by name or digest, as a read-only file. */
    asset?: string | undefined;
    /** A file or directory of this machine, which is uploaded; of a directory without what .gitignore names. */
    path?: string | undefined;
    /** A job of this pipeline, or a run by its id. */
    run?: string | undefined;
    /** With `run`: the name of its artifact. */
    output?: string | undefined;
    /** Where it appears in the job's file system. */
    mount: string;
  }[] | undefined;
  /** What is kept of its file system. */
  outputs?: {
    /** File or directory in the job's file system that is kept; one with `/` at its end is made before the start. */
    path: string;
    /** Name of the artifact. */
    name: string;
    /** How long it is kept; default 30. */
    retention_days?: number | undefined;
    /** When it is kept; default success. */
    if?: "success" | "failure" | "always" | undefined;
  }[] | undefined;
}
/** Directories kept between runs. */
export interface JobCache {
  /** Name of the cached content; {hash:FILE} stands for a file's hash. */
  key: string;
  /** What is cached. */
  paths: string[];
  /** Beginnings of keys to fall back to. */
  restore_keys?: string[] | undefined;
}
/** When it is tried again. */
export interface JobRetry {
  /** Retries after the first attempt; default 0. */
  max?: number | undefined;
  /** Ends that are tried again; default ["node_lost", "timeout", "failure"]. */
  on?: string[] | undefined;
  /** Wait before the first retry, doubled with each further one; default 10. */
  backoff_seconds?: number | undefined;
  /** How long its node may be away before a native program counts as lost; default 30. */
  lost_after_seconds?: number | undefined;
}
/** Runs that must not run together. */
export interface JobConcurrency {
  /** Runs with the same group count together. */
  group: string;
  /** Runs of the group at once; default 1. */
  limit?: number | undefined;
  /** What happens to more; default queue. */
  policy?: "queue" | "latest" | "cancel_running" | undefined;
}
/** What it may reach. */
export interface JobSandbox {
  /** What it may reach; default none. */
  network?: "none" | "full" | {
    /** Ports it may connect to. */
    connect: number[];
  } | undefined;
  /** More paths of the node, where its policy allows. */
  read?: string[] | undefined;
  /** Nodes that cannot isolate it this well are refused. */
  minimum?: "floor" | "namespaced" | "container" | undefined;
}
/** Services: replicas, ports, health. */
export interface JobService {
  /** How many run; default 1. */
  replicas?: number | undefined;
  /** Ports that it serves. */
  ports?: {
    /** Name of the port. */
    name: string;
    /** Port that it listens on. */
    port: number;
    /** Where the gateways serve it. */
    route?: string | undefined;
  }[] | undefined;
  /** How its health is checked. */
  health?: {
    /** Path that answers with 2xx when it is healthy. */
    http?: string | undefined;
    /** Time between two checks; default 5. */
    interval_seconds?: number | undefined;
    /** Time for an answer; default 2. */
    timeout_seconds?: number | undefined;
    /** Failures in a row that count; default 3. */
    failures?: number | undefined;
    /** Time to become healthy; default 30. */
    start_seconds?: number | undefined;
  } | undefined;
  /** How it is restarted. */
  restart?: {
    /** When it is started again; default always. */
    policy?: "always" | "on-failure" | "never" | undefined;
    /** First wait; doubled with each restart. Default 1. */
    backoff_seconds?: number | undefined;
    /** Longest wait; default 60. */
    max_backoff_seconds?: number | undefined;
  } | undefined;
  /** How it is stopped. */
  stop?: {
    /** How it is asked to end; default SIGTERM. */
    signal?: "SIGTERM" | "SIGINT" | "SIGHUP" | "SIGQUIT" | undefined;
    /** Time it gets to end; default 10. */
    grace_seconds?: number | undefined;
  } | undefined;
}
/** Run on change. */
export interface JobTrigger {
  /** Repository that is watched; default that of the first input by git. */
  git?: string | undefined;
  /** Patterns of branches that count; default all. */
  branches?: string[] | undefined;
  /** Patterns of files; changes of others alone do not count. */
  paths?: string[] | undefined;
  /** How often to look; default 60. */
  poll_seconds?: number | undefined;
  /** What serves the repository; default by its host. */
  forge?: Forge | undefined;
  /** Secret with a token by which the forge is told how runs went. */
  status_secret?: string | undefined;
  /** Whether anybody may see how the last run went; default false. */
  badge?: boolean | undefined;
  /** Secret of the forge's webhook. */
  webhook_secret?: string | undefined;
}
/** Who is told of an end. */
export interface JobNotify {
  /** Which ends are told. */
  on: ("failure" | "recovered" | "success")[];
  /** Where to. */
  webhook: string;
}
/** How its log is kept. */
export interface JobLogs {
  /** How long the run and its log are kept; default 14. */
  retention_days?: number | undefined;
  /** Size of one attempt's log; beyond, the middle goes. Default 100. */
  max_mb?: number | undefined;
}
/** A job as written. */
export interface WrittenJob {
  /** What it is. */
  job: JobHead;
  /** When a recurring job runs. */
  schedule?: JobSchedule | undefined;
  /** What executes the job. */
  runtime: JobRuntime;
  /** What is executed. */
  execution?: JobExecution | undefined;
  /** Named steps, run in order, instead of `command`. */
  step?: JobStep[] | undefined;
  /** Environment variables. */
  env?: Record<string, string> | undefined;
  /** Secrets of the realm, by the variable that carries them. */
  secrets?:
    | Record<string, {
      /** The secret's name in the realm. */
      name: string;
      /** As a variable, or as a file whose path is the variable's value; default env. */
      as?: "env" | "file" | undefined;
    }>
    | undefined;
  /** Where it may run. */
  targeting?: JobTargeting | undefined;
  /** One run per combination of the values of all axes; each other key is an axis. */
  matrix?: JobMatrix | undefined;
  /** Inputs and outputs. */
  data?: JobData | undefined;
  /** Directories kept between runs. */
  cache?: JobCache | undefined;
  /** When it is tried again. */
  retry?: JobRetry | undefined;
  /** Runs that must not run together. */
  concurrency?: JobConcurrency | undefined;
  /** What it may reach. */
  sandbox?: JobSandbox | undefined;
  /** Services: replicas, ports, health. */
  service?: JobService | undefined;
  /** Run on change. */
  trigger?: JobTrigger | undefined;
  /** Who is told of an end. */
  notify?: JobNotify | undefined;
  /** How its log is kept. */
  logs?: JobLogs | undefined;
}
