/** What nodes say of runs: the controller's decision about each, and the word of the node that executes an attempt. */
import * as v from "valibot";
import { type CacheUse, CacheUseSchema } from "./cache_use.ts";
import { isCommit } from "./git_address.ts";
import { ChangeSchema } from "./job_trigger.ts";
import { type Digest, isDigest, isNodeId } from "./identity.ts";
import { jobLimits } from "./job_limits.ts";
import { limits } from "./limits.ts";

const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER));
const time = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(8.64e15));
const shortText = v.pipe(v.string(), v.maxLength(256));
const reason = v.pipe(v.string(), v.maxLength(2_000));
const digest = v.pipe(v.string(), v.check(isDigest, "a SHA-256 in lower-case hex"));
const commit = v.pipe(v.string(), v.check(isCommit, "a commit"));
const node = v.pipe(v.string(), v.check(isNodeId, "a node id (12D3KooW…)"));

/** How a run or an attempt can end. */
export type RunEnd = "succeeded" | "failed" | "cancelled" | "timed_out" | "lost";
/** State of an attempt. */
export type AttemptState = "preparing" | "running" | RunEnd;
const runEnds = [
  "succeeded",
  "failed",
  "cancelled",
  "timed_out",
  "lost",
] as const satisfies readonly RunEnd[];
const attemptStates = ["preparing", "running", ...runEnds] as const satisfies readonly AttemptState[];
/** States of a run as people see it. */
export type RunPhase = "pending" | "offered" | AttemptState;

/** Whether a state is an end. */
export const isEnd = (state: string): state is RunEnd => (runEnds as readonly string[]).includes(state);

/** One attempt as decided; its id is unique for ever. */
export const DecidedAttemptSchema = v.strictObject({
  id: shortText,
  /** From 1. */
  number: count,
  node,
  /** Fencing token: the decision's when the attempt was decided. */
  epoch: count,
  at: time,
  end: v.optional(
    v.strictObject({ state: v.picklist(runEnds), reason, code: v.optional(v.number()), at: time }),
  ),
});
/** See {@link DecidedAttemptSchema}. */
export type DecidedAttempt = v.InferOutput<typeof DecidedAttemptSchema>;

/** What the controller decided about one run. */
export const RunDecisionSchema = v.strictObject({
  run: shortText,
  submission: digest,
  epoch: count,
  /** Rises with each decision of one controller. */
  step: count,
  /** `open` until the run has ended. */
  state: v.picklist(["open", ...runEnds]),
  reason,
  attempts: v.pipe(v.array(DecidedAttemptSchema), v.maxLength(jobLimits.attempts)),
  /** A retry waits until then. */
  not_before: v.optional(time),
  since: time,
});
/** See {@link RunDecisionSchema}. */
export type RunDecision = v.InferOutput<typeof RunDecisionSchema>;

/** What was decided about one time of a schedule, or one change of the repository that it watches. */
export const TickSchema = v.strictObject({
  /** Id of the command that made the schedule. */
  schedule: digest,
  /** The time of the schedule, without jitter; of a change, when it was seen. */
  at: time,
  /** The change. */
  change: v.optional(ChangeSchema),
  /** `run`: its runs are there; their ids follow from schedule and time, or change. */
  state: v.picklist(["run", "skipped"]),
  /** Why it was passed over, or why it runs late. */
  reason,
});
/** See {@link TickSchema}. */
export type Tick = v.InferOutput<typeof TickSchema>;

/** What the author found when it looked at the repository of a schedule. */
export const SightSchema = v.strictObject({
  schedule: digest,
  /** Branches that count, and how their ends are taken. */
  ends: v.pipe(
    v.array(v.strictObject({
      ...ChangeSchema.entries,
      /** When it was found there first. */
      at: time,
      /** `known`: it was there before anybody watched. `run`: it starts runs. `skipped`: it does not, by its paths. */
      as: v.picklist(["known", "run", "skipped"]),
    })),
    v.maxLength(jobLimits.branchesWatched),
  ),
  /** Why it could not look. */
  problem: v.optional(reason),
});
/** See {@link SightSchema}. */
export type Sight = v.InferOutput<typeof SightSchema>;
/** The end of one branch. */
export type BranchEnd = Sight["ends"][number];

/** Something that a run left, stored as a blob. */
export const ArtifactSchema = v.strictObject({
  name: shortText,
  digest,
  bytes: count,
  /** `tar`: a directory. */
  form: v.picklist(["file", "tar"]),
  /** It is kept until then. */
  until: time,
});
/** Something that a run left, stored as a blob. */
export interface Artifact {
  /** Name in the job's outputs. */
  name: string;
  /** SHA-256 of the content. */
  digest: Digest;
  /** Bytes of the content. */
  bytes: number;
  /** `tar`: a directory. */
  form: "file" | "tar";
  /** It is kept until then. */
  until: number;
}

/** How an attempt ended and what it cost. */
export const AttemptReportSchema = v.strictObject({
  code: v.optional(v.number()),
  wall_ms: count,
  cpu_ms: v.optional(count),
  peak_bytes: v.optional(count),
  runtime: shortText,
  /** Sandbox level. */
  level: shortText,
  fetched_bytes: count,
  stored_bytes: count,
  out_of_memory: v.boolean(),
});
/** How an attempt ended and what it cost. */
export interface AttemptReport {
  /** Exit code, when it got that far. */
  code?: number | undefined;
  /** Time from start to end of the program. */
  wall_ms: number;
  /** Processor time. */
  cpu_ms?: number | undefined;
  /** Most memory of its process. */
  peak_bytes?: number | undefined;
  /** Engine that ran it. */
  runtime: string;
  /** Sandbox that it ran in. */
  level: string;
  /** Bytes of content that had to be fetched. */
  fetched_bytes: number;
  /** Bytes of artifacts and log that were stored. */
  stored_bytes: number;
  /** Whether it ended for want of memory. */
  out_of_memory: boolean;
}

/** Commits by the mount of an input. */
export const CommitsSchema = v.pipe(
  v.record(v.pipe(v.string(), v.maxLength(limits.pathBytes)), commit),
  v.check((t) => Object.keys(t).length <= jobLimits.inputs),
);

/** What a node says of an attempt that was decided to run there. */
export const AttemptStatusSchema = v.strictObject({
  attempt: shortText,
  epoch: count,
  state: v.picklist(attemptStates),
  reason: v.optional(reason),
  since: time,
  /** When the program started. */
  started_at: v.optional(time),
  progress: v.optional(v.strictObject({ done: count, total: count })),
  report: v.optional(AttemptReportSchema),
  /** Commits that inputs by git were found to stand for, by mount. */
  commits: v.optional(CommitsSchema),
  /** What it had of its build cache. */
  cache: v.optional(CacheUseSchema),
  artifacts: v.pipe(v.array(ArtifactSchema), v.maxLength(jobLimits.outputs)),
  /** The log as far as it is stored: whole when the attempt has ended. */
  log: v.optional(v.strictObject({ digest, bytes: count, entries: count })),
});
/** What a node says of an attempt. */
export interface AttemptStatus {
  /** Its id. */
  attempt: string;
  /** Epoch of the decision that it runs by. */
  epoch: number;
  /** Where it is in its life. */
  state: AttemptState;
  /** Why. */
  reason?: string | undefined;
  /** In this state since. */
  since: number;
  /** When the program started. */
  started_at?: number | undefined;
  /** Bytes of inputs fetched. */
  progress?: { done: number; total: number } | undefined;
  /** Once it has ended. */
  report?: AttemptReport | undefined;
  /** Commits of its inputs by git, by mount. */
  commits?: Record<string, string> | undefined;
  /** What it had of its build cache. */
  cache?: CacheUse | undefined;
  /** What it left. */
  artifacts: Artifact[];
  /** Its log as far as it is stored. */
  log?: { digest: Digest; bytes: number; entries: number } | undefined;
}

/** Content that the author keeps for jobs to come. */
export const CacheEntrySchema = v.strictObject({
  /** Who may use it, and on which platform. */
  scope: shortText,
  key: v.pipe(v.string(), v.minLength(1), v.maxLength(jobLimits.cacheKeyChars)),
  digest,
  bytes: count,
  /** When it was stored, or used last. */
  at: time,
});
/** See {@link CacheEntrySchema}. */
export type CacheEntry = v.InferOutput<typeof CacheEntrySchema>;

/** All attempts of a run on one node. */
export const AttemptsSchema = v.strictObject({
  run: shortText,
  list: v.pipe(v.array(AttemptStatusSchema), v.maxLength(jobLimits.attemptsPerNode)),
});
