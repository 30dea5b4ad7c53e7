/** What queries about apps answer: plain JSON shapes. Times in ms since 1970. */
import type { AppSpec } from "./app_spec.ts";
import type { Digest, KeyId, NodeId } from "./identity.ts";
import type { RolloutView } from "./monitor_views.ts";
import type { ReplicaState } from "./record.ts";
import type { WhyView } from "./views.ts";

/** One replica. */
export interface ReplicaView {
  /** Unique for ever. */
  readonly id: string;
  /** Place among the wished replicas, from 0. */
  readonly slot: number;
  /** Where it runs. */
  readonly node: NodeId;
  /** That node's name. */
  readonly node_name: string;
  /** Deploy that it runs. */
  readonly revision: Digest;
  /** That package's version. */
  readonly version: string;
  /** `pending`: decided, nothing heard yet; `node unreachable`: its node is gone. */
  readonly state: ReplicaState | "pending" | "node unreachable";
  /** Why it is not healthy; absent for one that ended well. */
  readonly reason?: string;
  /** Since it was decided. */
  readonly restarts: number;
  /** Bytes fetched. */
  readonly progress?: { readonly done: number; readonly total: number } | undefined;
  /** Last log lines of a failed replica. */
  readonly log?: string;
  /** In this state since. */
  readonly since: number;
}

/** One entry of an app's history. */
export interface RevisionView {
  /** Id of the command. */
  readonly id: Digest;
  /** From 1, in order. */
  readonly number: number;
  /** A rollback is a new revision with an old content. */
  readonly kind: "deploy" | "rollback";
  /** The package's version. */
  readonly version: string;
  /** The package's digest. */
  readonly package: Digest;
  /** When it was signed. */
  readonly at: number;
  /** Who signed it. */
  readonly by: KeyId;
  /** The revision that a rollback returns to. */
  readonly of?: Digest;
  /** `current`: wished and standing; `rejected`: its rollout failed, see `reason`. */
  readonly state: "current" | "rolling" | "rejected" | "past";
  /** Why it was rejected. */
  readonly reason?: string;
}

/** One app. */
export interface AppView {
  /** DNS label. */
  readonly name: string;
  /** Of the standing package. */
  readonly version?: string;
  /** What it is made of. */
  readonly kind?: AppSpec["kind"];
  /** The standing or rolling deploy. */
  readonly revision?: Digest;
  /** Digest of its package. */
  readonly package?: Digest;
  /** What its inputs by git stand for, by mount: all its replicas have these commits. */
  readonly commits?: Readonly<Record<string, string>>;
  /** `pending`: no controller has decided yet. */
  readonly phase: "rolling" | "steady" | "rolled_back" | "failed" | "removed" | "pending";
  /** Replicas wished. */
  readonly wanted: number | "all";
  /** Replicas that are healthy. */
  readonly healthy: number;
  /** All that are decided or not yet gone. */
  readonly replicas: readonly ReplicaView[];
  /** Selector of nodes. */
  readonly tags: readonly string[];
  /** How a new version replaces the old one. */
  readonly strategy?: string;
  /** `host[/path]` each. */
  readonly routes: readonly string[];
  /** Links that work from the answering node's gateway. */
  readonly links: readonly string[];
  /** State volumes and where they are. */
  readonly volumes: readonly {
    readonly name: string;
    readonly slot: number;
    readonly node: NodeId;
    readonly node_name: string;
  }[];
  /** Node that decides for it. */
  readonly controller?: NodeId;
  /** Fencing token of its decisions. */
  readonly epoch: number;
  /** In this phase since. */
  readonly since: number;
  /** Set while a new revision replaces the old one, or comes up for the first time. */
  readonly rollout?: RolloutView;
  /** The wish that failed last, while an older revision stands. */
  readonly rejected?: { readonly revision: Digest; readonly reason: string };
  /** Figures at the answering node's gateway. */
  readonly metrics?: AppMetricsView;
}

/** What an app's replicas come to. */
export interface ReplicaCount {
  /** Those that are healthy. */
  readonly healthy: number;
  /** Slots whose replica ended by itself and is not started again. */
  readonly ended: number;
  /** Those that are to be healthy: all that are wished, but for those that ended. */
  readonly wanted: number;
  /** As many as wished do what is wished. */
  readonly well: boolean;
}

/** See {@link ReplicaCount}. */
export function countReplicas(a: Pick<AppView, "wanted" | "replicas" | "healthy">): ReplicaCount {
  const slots = [...Map.groupBy(a.replicas, (r) => r.slot).values()];
  const ended = slots.filter((list) => list.every((r) => r.state === "ended")).length;
  const wanted = (a.wanted === "all" ? a.replicas.length : a.wanted) - ended;
  return { healthy: a.healthy, ended, wanted, well: a.healthy >= wanted };
}

/** Figures of an app at the answering node's gateway. */
export interface AppMetricsView {
  /** Since the node started. */
  readonly requests: number;
  /** Answers of 500 and above. */
  readonly errors: number;
  /** Now. */
  readonly in_flight: number;
  /** Median latency. */
  readonly p50_ms: number;
  /** 99th percentile of latency. */
  readonly p99_ms: number;
}

/** What a deploy would do. */
export interface PlanView {
  /** Name of the app. */
  readonly app: string;
  /** `same`: this package already stands. */
  readonly change: "install" | "upgrade" | "same";
  /** What stands now. */
  readonly from?: { readonly version: string; readonly package: Digest };
  /** What would stand. */
  readonly to: { readonly version: string; readonly package: Digest };
  /** Slot by slot. */
  readonly replicas: readonly {
    readonly slot: number;
    readonly node?: NodeId;
    readonly node_name?: string;
    readonly action: "start" | "replace" | "keep" | "stop";
    readonly reason?: string;
  }[];
  /** How it would be replaced. */
  readonly strategy: string;
  /** What the deployer should know. */
  readonly notes: readonly string[];
  /** Nodes that cannot take it, and why. */
  readonly rejected_nodes: WhyView["nodes"];
}

/** One line of a log. */
export interface LogLineView {
  /** Rises within one replica. */
  readonly seq: number;
  /** When it was written. */
  readonly at: number;
  /** `system` lines are by Realm. */
  readonly stream: "stdout" | "stderr" | "system";
  /** Who wrote it. */
  readonly replica: string;
  /** Where. */
  readonly node: string;
  /** Without line end. */
  readonly text: string;
}
