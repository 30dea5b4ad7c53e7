/** What queries about jobs answer. Times in ms since 1970. */
import type { CacheUse } from "./cache_use.ts";
import type { Digest, KeyId, NodeId } from "./identity.ts";
import type { Forge } from "./forge.ts";
import type { Change } from "./job_trigger.ts";
import type { Artifact, AttemptReport, RunPhase } from "./job_record.ts";
import type { WhyView } from "./views.ts";

/** One attempt of a run. */
export interface AttemptView {
  /** Unique for ever. */
  readonly id: string;
  /** From 1. */
  readonly number: number;
  /** Where it executes. */
  readonly node: NodeId;
  /** That node's name. */
  readonly node_name: string;
  /** Fencing token. */
  readonly epoch: number;
  /** Where it is in its life. */
  readonly state: RunPhase;
  /** Why. */
  readonly reason?: string;
  /** When it was decided. */
  readonly at: number;
  /** When its program started. */
  readonly started_at?: number;
  /** When it had ended. */
  readonly ended_at?: number;
  /** Bytes of inputs fetched. */
  readonly progress?: { readonly done: number; readonly total: number };
  /** How it ended and what it cost. */
  readonly report?: AttemptReport;
  /** What it had of its build cache. */
  readonly cache?: CacheUse;
  /** Its stored log. */
  readonly log?: { readonly digest: Digest; readonly bytes: number; readonly entries: number };
}

/** One run. */
export interface RunView {
  /** Unique for ever. */
  readonly id: string;
  /** Name of its job. */
  readonly job: string;
  /** Its combination of the matrix; empty without one. */
  readonly matrix: Readonly<Record<string, string>>;
  /** Where it is in its life. */
  readonly state: RunPhase;
  /** Why. */
  readonly reason?: string;
  /** Id of the command that submitted it. */
  readonly submission: Digest;
  /** All runs of that submission, in its order. */
  readonly runs: readonly string[];
  /** Run that it repeats. */
  readonly of?: string;
  /** The schedule that made it, and for which of its times or changes. */
  readonly schedule?: {
    readonly id: Digest;
    readonly name: string;
    readonly at: number;
    readonly change?: Readonly<Change>;
  };
  /** Who submitted it. */
  readonly by: KeyId;
  /** 0 to 100. */
  readonly priority: number;
  /** Words for people. */
  readonly labels: Readonly<Record<string, string>>;
  /** Jobs that must have succeeded before. */
  readonly needs: readonly string[];
  /** When it was submitted. */
  readonly submitted_at: number;
  /** When it had ended. */
  readonly ended_at?: number;
  /** Node that decides about it. */
  readonly controller?: NodeId;
  /** All attempts, the first first. */
  readonly attempts: readonly AttemptView[];
  /** Commits of its inputs by git, by mount. */
  readonly commits?: Readonly<Record<string, string>>;
  /** What its last attempt left. */
  readonly artifacts: readonly Artifact[];
}

/** One time of a schedule, or one change, about which was decided. */
export interface TickView {
  /** The time of the schedule; of a change, when it was seen. */
  readonly at: number;
  /** The change. */
  readonly change?: Readonly<Change>;
  /** `skipped`: nothing ran. */
  readonly state: "run" | "skipped";
  /** Why it was passed over, or why it ran late. */
  readonly reason?: string;
  /** Its runs with their states. */
  readonly runs: readonly { readonly id: string; readonly state: RunPhase }[];
}

/** What a schedule watches. */
export interface TriggerView {
  /** The repository. */
  readonly url: string;
  /** Patterns of branches that count; empty: all. */
  readonly branches: readonly string[];
  /** Patterns of files that count; empty: all. */
  readonly paths: readonly string[];
  /** How often it is looked at. */
  readonly poll_ms: number;
  /** Where forges tell pushes, at API and gateway of any node; absent when they may not. */
  readonly webhook?: string;
  /** Where anybody may see how the last run went; absent when they may not. */
  readonly badge?: string;
  /** The forge that is told how runs went; absent when none is. */
  readonly told?: Forge;
  /** When the answering node looked last, if it is the one that looks. */
  readonly looked_at?: number;
  /** When it looks next. */
  readonly next_look?: number;
  /** Branches as they are known, the newest change first. */
  readonly ends: readonly {
    readonly branch: string;
    readonly commit: string;
    /** When it was found there first. */
    readonly at: number;
    /** `known`: it was there before. `skipped`: no file that counts changed. */
    readonly as: "known" | "run" | "skipped";
  }[];
}

/** One schedule of jobs that run by themselves. */
export interface ScheduleView {
  /** Id of the command that made it. */
  readonly id: Digest;
  /** Unique among the schedules of whoever submitted it. */
  readonly name: string;
  /** `invalid`: this node cannot read its times; `failing`: its repository cannot be looked at. `reason` says why. */
  readonly state: "active" | "paused" | "invalid" | "failing";
  /** Why. */
  readonly reason?: string;
  /** Expression of its times, if it has any. */
  readonly cron?: string;
  /** Time zone of `cron`. */
  readonly timezone?: string;
  /** What happens when the runs before have not ended. */
  readonly overlap?: "skip" | "queue" | "replace";
  /** What happens with times that were missed. */
  readonly missed?: "skip" | "once";
  /** Starts are spread over this time. */
  readonly jitter_ms?: number;
  /** What it runs on instead of times. */
  readonly trigger?: TriggerView;
  /** Its jobs. */
  readonly jobs: readonly string[];
  /** Who submitted it. */
  readonly by: KeyId;
  /** When it was submitted. */
  readonly submitted_at: number;
  /** When it runs next, jitter included. */
  readonly next?: number;
  /** Node that decides about it. */
  readonly controller?: NodeId;
  /** That node's name. */
  readonly controller_name?: string;
  /** Its latest ticks, the newest first. */
  readonly ticks: readonly TickView[];
}

/** Where the runs of a submission could go if it were made now. */
export interface JobPlanView {
  /** Runs that fit the same nodes are told of together. */
  readonly kinds: readonly {
    /** Places of the runs in the submission, from 0. */
    readonly runs: readonly number[];
    /** Node by node, the likeliest first. */
    readonly nodes: WhyView["nodes"];
  }[];
}

/** One entry of a run's log. */
export interface RunLogView {
  /** The run. */
  readonly run: string;
  /** Its attempt, from 1. */
  readonly attempt: number;
  /** Rises by one within an attempt; with the attempt it is what `after` takes. */
  readonly seq: number;
  /** When it was written. */
  readonly at: number;
  /** `system` entries are by Realm. */
  readonly stream: "stdout" | "stderr" | "system";
  /** Name of the node. */
  readonly node: string;
  /** Without line end. */
  readonly text: string;
  /** The line goes on in the next entry of this stream. */
  readonly more?: boolean;
  /** Entries that are missing before this one, which says why. */
  readonly gap?: number;
}
