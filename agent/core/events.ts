/** What happens to a core, and what it wants done: plain data at the seam between the brain and the world. */
import type { Admission } from "../protocol/invite.ts";
import type { SignedCommand } from "../protocol/command.ts";
import type { ErrorCode, Result } from "../protocol/errors.ts";
import type { Digest, KeyId, NodeId } from "../protocol/identity.ts";
import type { AttemptStatus, CacheEntry } from "../protocol/job_record.ts";
import type { GitInput, JobRunSpec } from "../protocol/job_spec.ts";
import type { Trigger } from "../protocol/job_trigger.ts";
import type { Heads, Message } from "../protocol/message.ts";
import type { NodeInfo, RealmRecord, ReplicaStatus, WireRecord } from "../protocol/record.ts";
import type { SecretBox } from "../protocol/secret.ts";
import type { UpgradeStatus } from "../protocol/upgrade.ts";
import type { Revision } from "./apps.ts";
import type { Topic } from "./projections.ts";
import type { CommitStatus } from "./jobs/commit_statuses.ts";
import type { Notice } from "./jobs/notices.ts";
import type { Push, Seen } from "./jobs/triggers.ts";
import type { UpgradeOrder } from "./upgrades/control.ts";

/** Everything that can happen. */
export type Event =
  /** Time passed; see {@link Effect} `wake`. */
  | { readonly t: "tick" }
  | { readonly t: "message"; readonly from: NodeId; readonly message: Message }
  /** A connection to a member opened or closed. */
  | { readonly t: "peer"; readonly id: NodeId; readonly connected: boolean }
  /** Someone hands in a command; answered by `reply`. */
  | { readonly t: "submit"; readonly ref: number; readonly command: SignedCommand }
  /** A machine wants to join by way of this node; answered by `reply` with the records it starts from. */
  | { readonly t: "join"; readonly ref: number; readonly admission: Admission }
  /** The shell tells what this node is; `goOn`: attempts that run on from before its start. */
  | {
    readonly t: "info";
    readonly info: Omit<NodeInfo, "incarnation">;
    readonly goOn?: readonly string[];
  }
  /** State of a replica on this node. */
  | { readonly t: "replica"; readonly status: ReplicaStatus }
  /** A replica on this node has ended and left nothing behind. */
  | { readonly t: "gone"; readonly replica: string }
  /** State of an attempt of a run on this node. */
  | { readonly t: "attempt"; readonly run: string; readonly status: AttemptStatus }
  /** Boxes for a secret, as {@link Effect} `seal` wished; none: this node cannot open it. */
  | {
    readonly t: "sealed";
    readonly name: string;
    readonly version: string;
    readonly boxes: readonly SecretBox[];
  }
  /** What this node found when it looked at the repository of a schedule, as {@link Effect} `look` wished. */
  | { readonly t: "looked"; readonly schedule: Digest; readonly seen: Seen }
  /** A forge told this node of a push. */
  | { readonly t: "pushed"; readonly schedule: Digest; readonly push: Push }
  /** How far this node is with an upgrade. */
  | { readonly t: "upgrade"; readonly status: UpgradeStatus }
  /** This node keeps content for jobs to come, or used what it keeps. */
  | { readonly t: "cached"; readonly entry: CacheEntry }
  /** Verified records from disk at start, or (`fresh`: not on disk yet) from the member that let us join. */
  | {
    readonly t: "load";
    readonly records: readonly RealmRecord[];
    readonly fresh?: boolean;
    /** When this node was last in touch with the realm, by its own clock; absent for a new one. */
    readonly inTouchAt?: number;
    /** Heads as they were saved: up to there nothing was missing. */
    readonly heads?: Heads;
  }
  /** Head of this node's audit chain. */
  | { readonly t: "audited"; readonly count: number; readonly head: Digest }
  /** Everything derived from the records is to be derived anew. */
  | { readonly t: "rebuild" }
  /** This node is about to stop on purpose. */
  | { readonly t: "leave" };

/** A replica that this node is to run. */
export interface RunOrder {
  readonly replica: string;
  readonly app: string;
  readonly slot: number;
  readonly epoch: number;
  readonly revision: Revision;
  /** What its inputs by git stand for, by mount, when that is known. */
  readonly commits?: Readonly<Record<string, string>>;
}

/** Content that an attempt finds as a file or directory, or the name of what it should find and is not there. */
export type OrderedInput =
  | {
    readonly digest: Digest;
    readonly bytes: number;
    readonly form: "file" | "tar";
    readonly mount: string;
    readonly readOnly: boolean;
    /** Who surely has it. */
    readonly holder?: NodeId;
  }
  | { readonly git: GitInput; readonly mount: string }
  | { readonly missing: string; readonly mount: string };

/** An attempt of a run that this node is to execute. */
export interface AttemptOrder {
  readonly attempt: string;
  readonly run: string;
  /** From 1. */
  readonly number: number;
  readonly epoch: number;
  readonly spec: JobRunSpec;
  /** Who submitted it. */
  readonly by: KeyId;
  /** The member that accepted the submission, and with it took the uploads. */
  readonly via: NodeId;
  readonly inputs: readonly OrderedInput[];
  /** Set when the run is to end: why. */
  readonly cancelled?: string;
}

/** A repository that this node is to look at. */
export interface LookOrder {
  /** The schedule that watches it. */
  readonly schedule: Digest;
  readonly trigger: Trigger;
  /** Its jobs: who may use what gives access. */
  readonly jobs: readonly string[];
  /** Commits at the ends of branches, as they are known. */
  readonly known: ReadonlyMap<string, string>;
}

/** An entry for the audit chain. */
export interface AuditEntry {
  readonly actor: string;
  readonly action: string;
  readonly target: string;
  readonly result: "accepted" | "applied" | "refused";
  readonly code?: ErrorCode;
  readonly detail?: string;
  readonly command?: Digest;
}

/** Answer to `submit` and `join`. */
export type Reply = Result<{ readonly id: Digest; readonly records?: readonly WireRecord[] }>;

/** Everything that a core can want. The shell carries them out in order: persist before send. */
export type Effect =
  | { readonly t: "persist"; readonly records: readonly RealmRecord[] }
  /** These very records are not held any more; a newer one under the same key stays. */
  | { readonly t: "forget"; readonly records: readonly RealmRecord[] }
  | { readonly t: "send"; readonly to: NodeId; readonly message: Message }
  | { readonly t: "publish"; readonly message: Message }
  /** Keep connections to these. */
  | { readonly t: "connect"; readonly neighbours: readonly NodeId[] }
  /** Run exactly these replicas (level-triggered: the whole list each time). */
  | { readonly t: "run"; readonly orders: readonly RunOrder[] }
  /** Execute exactly these attempts (level-triggered: the whole list each time). */
  | { readonly t: "attempts"; readonly orders: readonly AttemptOrder[] }
  /** Seal the key of a secret to these nodes; answered by {@link Event} `sealed`. */
  | { readonly t: "seal"; readonly name: string; readonly version: string; readonly nodes: readonly NodeId[] }
  /** Look at a repository; answered by {@link Event} `looked`. */
  | { readonly t: "look"; readonly order: LookOrder }
  /** Install this, or nothing any more (level-triggered). */
  | { readonly t: "upgrade"; readonly order: UpgradeOrder | undefined }
  /** These blobs will likely be needed here soon. */
  | { readonly t: "prefetch_blobs"; readonly blobs: readonly Digest[] }
  /** These packages will likely be needed here soon. */
  | { readonly t: "prefetch"; readonly packages: readonly Digest[] }
  /** How the runs of commits go, for their forges (level-triggered: the whole list each time). */
  | { readonly t: "statuses"; readonly list: readonly CommitStatus[] }
  /** The end of a run is to be told. */
  | { readonly t: "notify"; readonly notice: Notice }
  | { readonly t: "changed"; readonly topics: ReadonlySet<Topic> }
  | { readonly t: "audit"; readonly entry: AuditEntry }
  | { readonly t: "misbehaved"; readonly peer: NodeId; readonly why: string }
  | { readonly t: "reply"; readonly ref: number; readonly reply: Reply };
