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
const schedule: ArgumentSpec = { name: "SCHEDULE", many: true };
const submitOptions: readonly OptionSpec[] = [
  { name: "plan", summary: "Show what would run, and where it could now; submit nothing" },
  detach,
  timeout,
];
const submitText =
  "Files that the manifest names are uploaded; relative paths start at the manifest. Prints the log as it is written\n" +
  "and ends with the run: 0 when all runs succeeded, 124 when one ran too long, else 1. Ctrl-C leaves the run alone.\n" +
  "A recurring job runs at the times of its schedule, which takes the place of your schedule of the same name.";

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
    words: ["job", "run"],
    args: [file],
    summary: "Run the jobs of a manifest on this machine, without submitting anything",
    text:
      "The same engine and sandbox as on a node, with the files as they are now: where a job takes the git repository that\n" +
      "the manifest lies in, it gets the present working tree (without what .gitignore names). Jobs run one after the\n" +
      "other. No node is needed, and no policy asked: the programs are yours.",
    options: [
      { name: "job", value: "NAME", summary: "Only this job, and those that it needs" },
      { name: "shell-on-failure", summary: "When steps fail, open a shell where they ran, in their sandbox" },
      { name: "out", short: "o", value: "DIR", summary: "Write the artifacts into this directory" },
    ],
    examples: [["realm job run ci.toml --shell-on-failure", "try the pipeline before pushing"]],
    load: async () => (await import("./job_run.ts")).runHere,
  },
  {
    words: ["job", "import"],
    args: [file],
    summary: "Make a manifest of a workflow of GitHub, Gitea or Forgejo Actions",
    text:
      "Prints the manifest, and on standard error whatever could not be converted, with its place. Checkouts take the\n" +
      "repository that the file lies in, or the one of --git.",
    options: [
      { name: "git", value: "ADDRESS", summary: "The repository that checkouts take" },
      { name: "out", short: "o", value: "FILE", summary: "Write the manifest to this file" },
    ],
    examples: [[
      "realm job import .github/workflows/ci.yml -o ci.toml",
      "then try it: realm job run ci.toml",
    ]],
    load: async () => (await import("./job_import.ts")).importFile,
  },
  {
    words: ["job", "list"],
    args: [{ name: "JOB", optional: true }],
    summary: "Services, schedules with their next time, and runs of jobs, newest first",
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
    words: ["job", "schedules"],
    args: [{ name: "SCHEDULE", optional: true }],
    summary:
      "Jobs that run by themselves: schedules with their next time, triggers with the commits they know",
    options: [watch],
    examples: [[
      "realm job schedules nightly",
      "when it ran, what was passed over and why, when it runs next",
    ]],
    load: async () => (await import("./job_schedule.ts")).schedules,
  },
  {
    words: ["job", "pause"],
    args: [schedule],
    summary: "Let schedules and triggers rest; runs under way go on",
    options: [],
    examples: [],
    load: async () => (await import("./job_schedule.ts")).pause,
  },
  {
    words: ["job", "resume"],
    args: [schedule],
    summary: "Let them go on; times and changes that passed meanwhile are not caught up",
    options: [],
    examples: [],
    load: async () => (await import("./job_schedule.ts")).resume,
  },
  {
    words: ["job", "unschedule"],
    args: [schedule],
    summary: "End schedules and triggers; runs under way go on",
    options: [],
    examples: [["realm job unschedule nightly", "no more runs of nightly"]],
    load: async () => (await import("./job_schedule.ts")).unschedule,
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
