/** What queries answer: plain JSON shapes that API, CLI, dashboard and library share. Times in ms since 1970. */
import type { ErrorCode } from "./errors.ts";
import type { Policy, PolicySettings } from "./policy.ts";
import type { Role } from "./grant.ts";
import type { Digest, KeyId, NodeId, RealmId } from "./identity.ts";
import type { NodeInfo } from "./record.ts";

/** State of a node as the answering node sees it. */
export type NodeStateView = "alive" | "suspect" | "unreachable" | "left" | "removed";

/** One node. */
export interface NodeView {
  /** Node id. */
  readonly id: NodeId;
  /** Name for people; unique names are not promised. */
  readonly name: string;
  /** Whether it is the answering node. */
  readonly self: boolean;
  /** As the answering node sees it. */
  readonly state: NodeStateView;
  /** `cordoned`: no new work; `draining`: its work moves away too. */
  readonly scheduling: "open" | "cordoned" | "draining";
  /** By which deploys select nodes. */
  readonly tags: readonly string[];
  /** When it was admitted. */
  readonly joined_at: number;
  /** What it says of itself; absent until heard. */
  readonly info?: NodeInfo;
  /** Memory that decided replicas reserve, MiB. */
  readonly reserved_mb: number;
  /** Replicas decided to run here. */
  readonly replicas: number;
  /** Connection from the answering node. */
  readonly connection?: { readonly rtt_ms?: number; readonly address: string; readonly since: number };
}

/** Why something is as it is: sentences first, then node by node. */
export interface WhyView {
  /** What was asked for, in full. */
  readonly id: string;
  /** What it is. */
  readonly kind: "app" | "run" | "schedule" | "node" | "blob" | "command" | "key" | "upgrade";
  /** One word. */
  readonly state: string;
  /** Sentences, the weightiest first. */
  readonly reasons: readonly string[];
  /** Node by node. */
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

/** Something that is wrong in the realm. */
export interface ProblemFound {
  /** For example `node n2`. */
  readonly what: string;
  /** Why it is thought wrong. */
  readonly why: string;
  /** The nearest fix, as a command line. */
  readonly fix?: string;
  /** What it is about, to look at more closely. */
  readonly target?: { readonly kind: "node" | "app" | "key" | "secret"; readonly id: string };
}

/** The realm at a glance. */
export interface RealmView {
  /** The realm's id. */
  readonly realm: RealmId;
  /** The answering node. */
  readonly self: NodeId;
  /** Of the answering executable. */
  readonly version: string;
  /** The answering node's clock. */
  readonly now: number;
  /** Nodes by state. */
  readonly nodes: {
    readonly total: number;
    readonly alive: number;
    readonly suspect: number;
    readonly unreachable: number;
  };
  /** Apps by health. */
  readonly apps: { readonly total: number; readonly steady: number; readonly troubled: number };
  /** Live records held. */
  readonly records: number;
  /** Of the replicated state; equal on nodes that agree. */
  readonly digest: string;
  /** What is wrong, why, and what to do. */
  readonly problems: readonly ProblemFound[];
  /** Set while the answering node, which has just started, still hears what it missed: there may be more. */
  readonly catching_up?: true;
}

/** One audit entry. */
export interface AuditView {
  /** Place in the chain, from 1. */
  readonly n: number;
  /** When. */
  readonly at: number;
  /** Key or node that acted. */
  readonly actor: string;
  /** What was done. */
  readonly action: string;
  /** To what. */
  readonly target: string;
  /** Node that wrote the entry. */
  readonly node: NodeId;
  /** `ok`, or what became of it. */
  readonly result: string;
  /** Error code of a refusal. */
  readonly code?: string;
  /** A sentence. */
  readonly detail?: string;
  /** Id of the command. */
  readonly command?: Digest;
  /** Of this entry and the one before it. */
  readonly hash: Digest;
}

/** A key that holds a role. */
export interface KeyView {
  /** Key id. */
  readonly key: KeyId;
  /** What it may do. */
  readonly role: Role;
  /** For people. */
  readonly name?: string;
  /** Who granted it. */
  readonly issuer?: KeyId;
  /** Valid from. */
  readonly from?: number;
  /** Valid until, exclusive. */
  readonly until?: number;
  /** When it was revoked. */
  readonly revoked_at?: number;
}

/** One finding of `realm doctor`. */
export interface FindingView {
  /** What was looked at. */
  readonly subject: string;
  /** `missing`: something does not work without it. */
  readonly state: "ok" | "warning" | "missing";
  /** What was found. */
  readonly detail: string;
  /** What to do. */
  readonly fix?: string;
}

/** Something that happened in the realm, as the answering node noticed it. */
export interface EventView {
  /** Rises, also over restarts of the node; what `after` counts. */
  readonly n: number;
  /** When. */
  readonly at: number;
  /** For example `app`, `node`, `command`. */
  readonly topic: string;
  /** One sentence; `changed` where only views must be read anew: such an event is not kept. */
  readonly what: string;
  /** App, node or other thing that it is about. */
  readonly target?: string;
  /** Whether somebody should look; absent: normal life. */
  readonly severity?: "warning" | "error";
}

/** A command that was accepted; the realm now works on it. */
export interface SubmittedView {
  /** Id of the command. */
  readonly id: Digest;
}

/** Result of checking an audit chain. */
export interface AuditCheckView {
  /** Whether the whole chain holds. */
  readonly ok: boolean;
  /** Entries checked. */
  readonly entries: number;
  /** The first break. */
  readonly problem?: string;
}

/** What came of deriving everything anew from the records. */
export interface RebuiltView {
  /** Records that it was derived from. */
  readonly records: number;
  /** Digest of them: nodes with the same one derive the same. */
  readonly digest: string;
  /** What was wrong before: `nodes`, `apps`, `pins`, `members`, `keys`, `commands`. Empty when all was right. */
  readonly changed: readonly string[];
}

/** An error as the API answers it (RFC 9457, `application/problem+json`). */
export interface ProblemView {
  /** `urn:realm:problem:CODE`. */
  readonly type: string;
  /** The code in words. */
  readonly title: string;
  /** HTTP status. */
  readonly status: number;
  /** One sentence: what, why, what to do. */
  readonly detail: string;
  /** Stable code; see `errorTable`. */
  readonly code: ErrorCode;
  /** Structured data, where there is some. */
  readonly data?: unknown;
}

/** What nodes may run. */
export interface PolicyView {
  /** What was set for all nodes. */
  readonly realm: PolicySettings;
  /** What holds where nobody said anything. */
  readonly defaults: Policy;
  /** Each node. */
  readonly nodes: readonly {
    /** Its id. */
    readonly node: NodeId;
    /** Its name. */
    readonly name: string;
    /** What was set for it. */
    readonly own: PolicySettings;
    /** What its own file narrows, as far as it was heard of. */
    readonly file?: PolicySettings;
    /** What holds there. */
    readonly effective: Policy;
  }[];
}
