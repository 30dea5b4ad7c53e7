/** Command lines: jobs. */
import {
  type ArgumentSpec,
  type CommandSpec,
  detach,
  file,
  type OptionSpec,
  timeout,
  watch,
} from "./command_spec.ts";

const run: ArgumentSpec = { name: "RUN" };
const submitOptions: readonly OptionSpec[] = [
  { name: "plan", summary: "Show what would run; submit nothing" },
  detach,
  timeout,
];
const submitText =
  "Files that the manifest names are uploaded; relative paths start at the manifest. Prints the log as it is written\n" +
  "and ends with the run: 0 when all runs succeeded, 124 when one ran too long, else 1. Ctrl-C leaves the run alone.";

/** See the module's text. A run is named by its id, a unique beginning of it, or its job (then the newest is meant). */
export const jobCommands: readonly CommandSpec[] = [
  {
    words: ["job", "submit"],
    args: [file],
    summary: "Run the job, or the pipeline of jobs, of a TOML manifest",
    text: submitText,
    options: submitOptions,
    examples: [["realm job submit build.toml", "run it and show its log"]],
    load: async () => (await import("./job_submit.ts")).submit,
  },
  {
    words: ["submit"],
    args: [file],
    summary: "Short for `realm job submit`",
    text: submitText,
    options: submitOptions,
    examples: [["realm submit build.toml --detach", "run it and print its id"]],
    load: async () => (await import("./job_submit.ts")).submit,
  },
  {
    words: ["job", "list"],
    args: [{ name: "JOB", optional: true }],
    summary: "Runs of jobs, newest first",
    options: [
      {
        name: "state",
        value: "STATE",
        summary: "Only runs in this state; `open`: that have not ended",
        choices: [
          "open",
          "pending",
          "offered",
          "preparing",
          "running",
          "succeeded",
          "failed",
          "cancelled",
          "timed_out",
          "lost",
        ],
      },
      { name: "limit", value: "N", summary: "Runs at most (default 50)" },
      watch,
    ],
    examples: [["realm job list --state open", "what waits and runs"]],
    load: async () => (await import("./job.ts")).list,
  },
  {
    words: ["job", "status"],
    args: [run],
    summary: "One run: attempts, how they ended, what they cost, artifacts",
    options: [watch],
    examples: [],
    load: async () => (await import("./job.ts")).status,
  },
  {
    words: ["job", "logs"],
    args: [run],
    summary: "The log of a run, from whichever node has it",
    options: [
      { name: "follow", short: "f", summary: "Also what is still to come, to the end of the run" },
      { name: "attempt", value: "N", summary: "Only this attempt" },
      { name: "after", value: "ATTEMPT:SEQ", summary: "Only entries after this one, as --json shows them" },
      { name: "times", summary: "With time and node of each line" },
    ],
    examples: [["realm job logs build --follow", "the newest run of the job build, live"]],
    load: async () => (await import("./job.ts")).logs,
  },
  {
    words: ["job", "cancel"],
    args: [{ name: "RUN", many: true }],
    summary: "End runs, wherever in their life they are",
    options: [detach, timeout],
    examples: [],
    load: async () => (await import("./job.ts")).cancel,
  },
  {
    words: ["job", "rerun"],
    args: [run],
    summary: "Run the same again, with the same inputs",
    text: "Every file is the one of the first run, by its digest. What the run needed is not run again.",
    options: [
      {
        name: "failed",
        summary: "All runs that were submitted with it and did not succeed, and only those",
      },
      detach,
      timeout,
    ],
    examples: [["realm job rerun build-1f2e3d --failed", "only the failed entries of a matrix"]],
    load: async () => (await import("./job_submit.ts")).rerun,
  },
  {
    words: ["job", "artifacts"],
    args: [run, { name: "NAME", optional: true }],
    summary: "List what a run left, or fetch one of it, verified",
    options: [{
      name: "out",
      short: "o",
      value: "PATH",
      summary: "Write the artifact to this file; a directory comes as a tar",
    }],
    examples: [["realm job artifacts build app -o ./app", "fetch the artifact app"]],
    load: async () => (await import("./job.ts")).artifacts,
  },
];
