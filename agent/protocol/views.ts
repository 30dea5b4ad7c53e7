/** What queries answer: plain JSON shapes that API, CLI, dashboard and library share. Times in ms since 1970. */
import type { AppSpec } from "./command.ts";
import type { ErrorCode } from "./errors.ts";
import type { Role } from "./grant.ts";
import type { Digest, KeyId, NodeId, RealmId } from "./identity.ts";
import type { NodeInfo, ReplicaState } from "./record.ts";

/** State of a node as the answering node sees it. */
export type NodeStateView = "alive" | "suspect" | "unreachable" | "left" | "removed";

/** One node. */
export interface NodeView {
  readonly id: NodeId;
  readonly name: string;
  readonly self: boolean;
  readonly state: NodeStateView;
  readonly scheduling: "open" | "cordoned" | "draining";
  readonly tags: readonly string[];
  readonly joined_at: number;
  readonly info?: NodeInfo;
  readonly reserved_mb: number;
  readonly replicas: number;
  /** Connection from the answering node. */
  readonly connection?: { readonly rtt_ms?: number; readonly address: string; readonly since: number };
}

/** One replica. */
export interface ReplicaView {
  readonly id: string;
  readonly slot: number;
  readonly node: NodeId;
  readonly node_name: string;
  readonly revision: Digest;
  readonly version: string;
  /** `pending`: decided, nothing heard yet; `node unreachable`: its node is gone. */
  readonly state: ReplicaState | "pending" | "node unreachable";
  readonly reason?: string;
  readonly restarts: number;
  /** Bytes fetched. */
  readonly progress?: { readonly done: number; readonly total: number } | undefined;
  /** Last log lines of a failed replica. */
  readonly log?: string;
  readonly since: number;
}

/** One entry of an app's history. */
export interface RevisionView {
  readonly id: Digest;
  readonly number: number;
  readonly kind: "deploy" | "rollback";
  readonly version: string;
  readonly package: Digest;
  readonly at: number;
  readonly by: KeyId;
  readonly of?: Digest;
  /** `current`: wished and standing; `rejected`: its rollout failed, see `reason`. */
  readonly state: "current" | "rolling" | "rejected" | "past";
  readonly reason?: string;
}

/** One app. */
export interface AppView {
  readonly name: string;
  readonly version?: string;
  readonly kind?: AppSpec["kind"];
  readonly revision?: Digest;
  readonly phase: "rolling" | "steady" | "rolled_back" | "failed" | "removed" | "pending";
  readonly wanted: number | "all";
  readonly healthy: number;
  readonly replicas: readonly ReplicaView[];
  readonly tags: readonly string[];
  readonly strategy?: string;
  /** `host[/path]` each. */
  readonly routes: readonly string[];
  /** Links that work from the answering node's gateway. */
  readonly links: readonly string[];
  readonly volumes: readonly {
    readonly name: string;
    readonly slot: number;
    readonly node: NodeId;
    readonly node_name: string;
  }[];
  readonly controller?: NodeId;
  readonly epoch: number;
  readonly since: number;
  /** The wish that failed last, while an older revision stands. */
  readonly rejected?: { readonly revision: Digest; readonly reason: string };
  readonly metrics?: AppMetricsView;
}

/** Figures of an app at the answering node's gateway. */
export interface AppMetricsView {
  readonly requests: number;
  readonly errors: number;
  readonly in_flight: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
}

/** Why something is as it is: sentences first, then node by node. */
export interface WhyView {
  readonly id: string;
  readonly kind: "app" | "node" | "blob" | "command" | "key";
  readonly state: string;
  readonly reasons: readonly string[];
  readonly nodes: readonly {
    readonly id: NodeId;
    readonly name: string;
    readonly able: boolean;
    readonly reasons: readonly string[];
    readonly fix?: string;
  }[];
  /** The nearest fix, as a command line. */
  readonly fix?: string;
}

/** What a deploy would do. */
export interface PlanView {
  readonly app: string;
  readonly change: "install" | "upgrade" | "same";
  readonly from?: { readonly version: string; readonly package: Digest };
  readonly to: { readonly version: string; readonly package: Digest };
  readonly replicas: readonly {
    readonly slot: number;
    readonly node?: NodeId;
    readonly node_name?: string;
    readonly action: "start" | "replace" | "keep" | "stop";
    readonly reason?: string;
  }[];
  readonly strategy: string;
  readonly notes: readonly string[];
  readonly rejected_nodes: WhyView["nodes"];
}

/** The realm at a glance. */
export interface RealmView {
  readonly realm: RealmId;
  readonly self: NodeId;
  readonly version: string;
  readonly now: number;
  readonly nodes: {
    readonly total: number;
    readonly alive: number;
    readonly suspect: number;
    readonly unreachable: number;
  };
  readonly apps: { readonly total: number; readonly steady: number; readonly troubled: number };
  readonly records: number;
  readonly digest: string;
  readonly problems: readonly { readonly what: string; readonly why: string; readonly fix?: string }[];
}

/** One audit entry. */
export interface AuditView {
  readonly n: number;
  readonly at: number;
  readonly actor: string;
  readonly action: string;
  readonly target: string;
  readonly node: NodeId;
  readonly result: string;
  readonly code?: string;
  readonly detail?: string;
  readonly command?: Digest;
  readonly hash: Digest;
}

/** A key that holds a role. */
export interface KeyView {
  readonly key: KeyId;
  readonly role: Role;
  readonly name?: string;
  readonly issuer?: KeyId;
  readonly from?: number;
  readonly until?: number;
  readonly revoked_at?: number;
}

/** A blob at the answering node. */
export interface BlobView {
  readonly digest: Digest;
  readonly size: number;
  readonly name?: string;
  readonly chunks?: number;
  readonly holders: readonly NodeId[];
  readonly references: readonly string[];
  readonly pin?: { readonly copies: number; readonly tags: readonly string[] };
  readonly here: boolean;
}

/** One finding of `realm doctor`. */
export interface FindingView {
  readonly subject: string;
  readonly state: "ok" | "warning" | "missing";
  readonly detail: string;
  readonly fix?: string;
}

/** Something that happened in the realm, as the answering node noticed it. */
export interface EventView {
  readonly n: number;
  readonly at: number;
  readonly topic: string;
  readonly what: string;
  readonly target?: string;
}

/** One line of a log. */
export interface LogLineView {
  readonly seq: number;
  readonly at: number;
  readonly stream: "stdout" | "stderr" | "system";
  readonly replica: string;
  readonly node: string;
  readonly text: string;
}

/** A command that was accepted; the realm now works on it. */
export interface SubmittedView {
  readonly id: Digest;
}

/** Result of checking an audit chain. */
export interface AuditCheckView {
  readonly ok: boolean;
  readonly entries: number;
  readonly problem?: string;
}

/** Contents that have to be uploaded. */
export interface MissingView {
  readonly missing: readonly Digest[];
}

/** Content that was stored. */
export interface UploadedView {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

/** An error as the API answers it (RFC 9457, `application/problem+json`). */
export interface ProblemView {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** One sentence: what, why, what to do. */
  readonly detail: string;
  /** Stable code; see `errorTable`. */
  readonly code: ErrorCode;
  /** Structured data, where there is some. */
  readonly data?: unknown;
}
