/** What a running agent offers to its API: queries, commands, uploads, streams. Authorisation is the API's business. */
import type {
  AppView,
  AuditView,
  BlobView,
  CommandBody,
  ConnectionView,
  Digest,
  EventView,
  FindingView,
  JobPlanView,
  JobRunSpec,
  KeyId,
  KeyView,
  LogLineView,
  MetricsView,
  MountsView,
  NodeId,
  NodeRef,
  NodeView,
  PlanView,
  PolicyView,
  RealmId,
  RealmView,
  RebuiltView,
  Result,
  RevisionView,
  RunLogView,
  RunView,
  ScheduleView,
  SecretView,
  SignedCommand,
  UpgradeView,
  UploadStateView,
  Verifier,
  WhyView,
} from "../protocol/mod.ts";

/** Filters of the list of runs. */
export interface RunFilter {
  /** A state, or `open` for all that have not ended. */
  readonly state?: string;
  /** Name of a job. */
  readonly job?: string;
  readonly limit?: number;
}

/** Filters of the audit list. */
export interface AuditFilter {
  readonly since?: number;
  readonly actor?: string;
  readonly action?: string;
  readonly target?: string;
  readonly limit?: number;
}

/** See the module's text. */
export interface AgentService {
  readonly self: NodeId;
  readonly realm: RealmId;
  readonly version: string;
  readonly verifier: Verifier;
  now(): number;
  /** Whether there may be more than it knows, for it has just started. */
  catchingUp(): boolean;
  /** When a key was revoked. */
  revokedAt(key: KeyId): number | undefined;

  submit(command: SignedCommand): Result<{ readonly id: Digest }>;

  status(): RealmView;
  nodes(): readonly NodeView[];
  /** By id, unique prefix of the id's short form, or name. */
  node(name: string): NodeView | undefined;
  apps(): readonly AppView[];
  app(name: string): AppView | undefined;
  history(name: string): readonly RevisionView[] | undefined;
  plan(deploy: CommandBody<"app.deploy">): PlanView;
  /** Runs of jobs, newest first. */
  runs(filter: RunFilter): readonly RunView[];
  /** Schedules of recurring jobs, the one that is due first first. */
  schedules(): readonly ScheduleView[];
  /** By id, unique beginning of it, or name when only one has it. */
  schedule(name: string): ScheduleView | undefined;
  /** By id, unique beginning of it, or name of a job (its newest run). */
  run(name: string): RunView | undefined;
  /** What a run was asked to do. */
  runSpec(name: string): JobRunSpec | undefined;
  /** Where the runs of a submission could go if it were made now. */
  planJobs(wish: CommandBody<"job.submit">): JobPlanView;
  /** The log of a run, from whichever node has it. `run` is a full id. Ends when aborted. */
  runLogs(
    run: string,
    options: { follow: boolean; after?: string; attempt?: number },
    signal: AbortSignal,
  ): AsyncIterable<RunLogView>;
  /** Answers what forges and readers of their pages ask without a session; `undefined`: it is something else. */
  forge(request: Request, client: string): Promise<Response> | undefined;
  why(id: string): WhyView | undefined;
  /** Upgrades of the fleet, newest first. */
  upgrades(): readonly UpgradeView[];
  /** By the beginning of its id, or `current`. */
  upgrade(name: string): UpgradeView | undefined;
  keys(): readonly KeyView[];
  policy(): PolicyView;
  secrets(): readonly SecretView[];
  secret(name: string): SecretView | undefined;
  /** Nodes that a secret for nodes with these tags is to be sealed to. */
  secretRecipients(tags: readonly string[]): readonly NodeRef[];
  doctor(): Promise<readonly FindingView[]>;
  /** Derives everything anew from the records. */
  rebuild(): RebuiltView;
  /** Of any node, asked of it; `undefined`: there is no such node. Throws when it does not answer. */
  connections(node: string): Promise<readonly ConnectionView[] | undefined>;
  /** As {@link connections}. */
  diagnose(node: string): Promise<readonly FindingView[] | undefined>;
  /** As {@link connections}: the last `lastMs` milliseconds in at most `points` intervals. */
  nodeMetrics(node: string, lastMs: number, points: number): Promise<MetricsView | undefined>;
  /** Summed over the nodes that answer. */
  appMetrics(app: string, lastMs: number, points: number): Promise<MetricsView | undefined>;
  mounts(app: string): Promise<MountsView | undefined>;
  /** Counters as Prometheus text. */
  exposition(): string;

  blobs(): Promise<readonly BlobView[]>;
  blob(nameOrDigest: string): Promise<BlobView | undefined>;
  /** Content from here or from other holders. */
  readBlob(digest: Digest, signal: AbortSignal): Promise<ReadableStream<Uint8Array>>;
  /** Which of these contents the realm's holders known here lack at this node. */
  missing(digests: readonly Digest[]): Promise<readonly Digest[]>;
  /**
   * Stores content; refuses other content than `digest`. With `offset` it is the rest of an upload from that byte on, and
   * what arrives of it is kept when it breaks off.
   */
  upload(
    digest: Digest,
    content: ReadableStream<Uint8Array>,
    signal: AbortSignal,
    offset?: number,
  ): Promise<{ readonly size: number }>;
  /** How far an upload with an offset is. */
  uploadState(digest: Digest): Promise<UploadStateView>;

  audit(filter: AuditFilter): readonly AuditView[];
  auditVerify(): { readonly ok: boolean; readonly entries: number; readonly problem?: string };

  /** Lines of an app's replicas, from every node; then live when `follow`. Ends when aborted. */
  appLogs(
    name: string,
    options: { follow: boolean; tail: number; since?: number; grep?: string },
    signal: AbortSignal,
  ): AsyncIterable<LogLineView>;
  /** The newest events, oldest first. */
  pastEvents(limit: number): readonly EventView[];
  /** What happens from now on (or from event `after`, as far as remembered). */
  events(after: number | undefined, signal: AbortSignal): AsyncIterable<EventView>;
}
