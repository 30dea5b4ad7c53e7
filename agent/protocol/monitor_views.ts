/** What queries about figures, connections, diagnoses and mounts answer: plain JSON shapes. Times in ms since 1970. */
import type { NodeId } from "./identity.ts";

/** Figures that are kept over time of each node, with how they are shown. */
export const nodeFigures = {
  /** Share of the machine's processors in use, 0 to 1. */
  cpu: "share",
  /** Memory in use on the machine, bytes. */
  memory_bytes: "bytes",
  /** Share of one processor that the agent takes. */
  agent_cpu: "share",
  /** Resident memory of the agent, bytes. */
  agent_memory_bytes: "bytes",
  /** Free space of the data directory's disk, bytes. */
  disk_free_bytes: "bytes",
  /** Requests that its gateway took, per second. */
  requests_per_s: "rate",
  /** Connections to other members. */
  connections: "count",
} as const;
/** Figures that are kept over time of each app on each node. */
export const appFigures = {
  /** Requests that the gateway took, per second. */
  requests_per_s: "rate",
  /** Answers of 500 and above and those cut short, per second. */
  errors_per_s: "rate",
  /** Requests in work. */
  in_flight: "count",
  /** Median latency; over more than one interval or node, weighted by requests. */
  p50_ms: "ms",
  /** 99th percentile of latency; over more than one interval or node, the largest. */
  p99_ms: "ms",
  /** Bytes answered, per second. */
  bytes_out_per_s: "bytes_rate",
  /** Resident memory of the replicas' processes, bytes. */
  memory_bytes: "bytes",
  /** Processors that the replicas' processes take. */
  cpu: "cores",
} as const;
/** Name of a figure of nodes. */
export type NodeFigure = keyof typeof nodeFigures;
/** Name of a figure of apps. */
export type AppFigure = keyof typeof appFigures;

/** Figures of a node or an app over time. */
export interface MetricsView {
  /** Whose. */
  readonly kind: "node" | "app";
  /** Node id, or name of the app. */
  readonly subject: string;
  /** Length of one interval. */
  readonly step_ms: number;
  /** Start of each interval; evenly spaced. */
  readonly at: readonly number[];
  /** By name of the figure, one value per interval; `null` where nothing was measured. */
  readonly series: Readonly<Record<string, readonly (number | null)[]>>;
  /** Nodes that were asked; of an app's figures, the sum over those without a `problem`. */
  readonly nodes: readonly { readonly id: NodeId; readonly name: string; readonly problem?: string }[];
}

/** A connection of a node to another member. */
export interface ConnectionView {
  /** The other member. */
  readonly node: NodeId;
  /** Its name. */
  readonly name: string;
  /** Its multiaddress. */
  readonly address: string;
  /** Who dialled: `inbound` when the other did. */
  readonly direction: "inbound" | "outbound";
  /** Open since. */
  readonly since: number;
  /** Round trip now; absent when it did not answer in time. */
  readonly rtt_ms?: number;
}

/** A directory that a replica sees. */
export interface MountView {
  /** Id of the replica. */
  readonly replica: string;
  /** Where it runs. */
  readonly node: NodeId;
  /** That node's name. */
  readonly node_name: string;
  /** `static` and `config` come from the package, `work` ends with the replica, `state` stays. */
  readonly kind: "static" | "config" | "work" | "state";
  /** Path that the app sees. */
  readonly guest: string;
  /** Whether the app cannot write there. */
  readonly read_only: boolean;
  /** Name of the state volume. */
  readonly volume?: string;
  /** Directory inside the package. */
  readonly source?: string;
  /** Bytes in it; absent where it was not measured. */
  readonly used_bytes?: number;
  /** Bytes that may be in it; absent: no bound. */
  readonly quota_bytes?: number;
}

/** The mounts of an app's replicas. */
export interface MountsView {
  /** By replica, then path. */
  readonly mounts: readonly MountView[];
  /** Nodes that could not be asked, and why. */
  readonly missing: readonly { readonly node: NodeId; readonly name: string; readonly why: string }[];
}

/** A rollout under way. */
export interface RolloutView {
  /** What it replaces; absent for a first deploy. */
  readonly from?: { readonly version: string; readonly revision: string };
  /** What it brings. */
  readonly to: { readonly version: string; readonly revision: string };
  /** Replicas of the new revision that are healthy. */
  readonly done: number;
  /** Replicas wished. */
  readonly total: number;
  /** Since when. */
  readonly since: number;
}
