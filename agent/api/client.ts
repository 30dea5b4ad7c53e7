/** A typed client of the API over `fetch`: for the command line, the dashboard and other programs. */
import type { CommandBody, CommandKind, SignedCommand } from "../protocol/command.ts";
import { sealCommand } from "../protocol/command.ts";
import type { Envelope } from "../protocol/envelope.ts";
import { RealmError } from "../protocol/errors.ts";
import type { Digest, NodeId, RealmId, Signer } from "../protocol/identity.ts";
import type { JobRunSpec } from "../protocol/job_spec.ts";
import type { JobPlanView, RunLogView, RunView, ScheduleView } from "../protocol/job_views.ts";
import type { NodeRef, SecretView } from "../protocol/secret.ts";
import { sealSession } from "../protocol/session.ts";
import type { SessionChallengeView, SessionView } from "../protocol/session.ts";
import type { AppView, LogLineView, PlanView, RevisionView } from "../protocol/app_views.ts";
import type { BlobView, MissingView, UploadedView, UploadStateView } from "../protocol/storage_views.ts";
import type {
  AuditCheckView,
  AuditView,
  EventView,
  FindingView,
  KeyView,
  NodeView,
  PolicyView,
  RealmView,
  RebuiltView,
  SubmittedView,
  WhyView,
} from "../protocol/views.ts";
import type { UpgradeView } from "../protocol/upgrade_views.ts";
import type { ConnectionView, MetricsView, MountsView } from "../protocol/monitor_views.ts";
import { failureOf, goodAnswer } from "./failures.ts";
import { readLines } from "./line_reader.ts";
import { sourceOf, upload, type UploadDoor, type UploadOptions, type UploadSource } from "./uploading.ts";

/** Who a client is: a key, and the grants that lead to it from the owner. */
export interface Credentials {
  /** Realm that the key belongs to. */
  readonly realm: RealmId;
  /** Signs sessions and commands. */
  readonly signer: Signer;
  /** Empty for the owner's key and a node's. */
  readonly grants: readonly Envelope[];
  /** `node` for a node's own key, which may read at that node; default `key`. */
  readonly as?: "key" | "node";
}

/** How to reach a node. */
export interface ClientOptions {
  /** Address of the API, for example `http://127.0.0.1:7481`. */
  readonly url: string;
  /** Asked only when something must be signed: a session when there is no valid token, and each command. */
  readonly credentials?: () => Credentials | Promise<Credentials>;
  /** Token of an earlier session. */
  readonly token?: string;
  /** Node that is meant: no session is signed for another that answers in its place. Default: whichever answers. */
  readonly node?: () => NodeId | undefined | Promise<NodeId | undefined>;
  /** Told of each new session, so that it can be kept. */
  readonly onSession?: (session: SessionView) => void | Promise<void>;
  /**
   * A node that answers that it is catching up, since it has just started, is asked again for this long, milliseconds;
   * default 0. It says so for ten seconds at most.
   */
  readonly patienceMs?: number;
  /** Wished life of sessions, milliseconds. */
  readonly sessionMs?: number;
  /** For tests and browsers with their own; default the global `fetch`. */
  readonly fetch?: (url: string, init?: RequestInit) => Promise<Response>;
  /** Ends all requests. */
  readonly signal?: AbortSignal;
}

/** Filters of audit entries. */
export interface AuditQuery {
  /** Not before, milliseconds since 1970. */
  readonly since?: number;
  /** Key or node that acted. */
  readonly actor?: string;
  /** What was done. */
  readonly action?: string;
  /** To what. */
  readonly target?: string;
  /** Entries at most. */
  readonly limit?: number;
}

/** Which log lines. */
export interface LogQuery {
  /** Also the lines to come. */
  readonly follow?: boolean;
  /** Lines of the past. */
  readonly tail?: number;
  /** Not before, milliseconds since 1970. */
  readonly since?: number;
  /** Only lines that contain this. */
  readonly grep?: string;
}

/** Which stretch of time of some figures. */
export interface MetricsQuery {
  /** So far back from now, milliseconds; default an hour, at most 30 days. */
  readonly lastMs?: number;
  /** Intervals at most; default 360. */
  readonly points?: number;
}

/** Which runs. */
export interface RunQuery {
  /** A state, or `open` for all that have not ended. */
  readonly state?: string;
  /** Name of a job. */
  readonly job?: string;
  /** Runs at most. */
  readonly limit?: number;
}

/** Which entries of a run's log. */
export interface RunLogQuery {
  /** Also the entries to come, to the run's end. */
  readonly follow?: boolean;
  /** Only entries after this one, `ATTEMPT:SEQ`. */
  readonly after?: string;
  /** Only this attempt, from 1. */
  readonly attempt?: number;
}

/** A node of a realm as a client sees it. Every call throws {@link RealmError}. */
export interface RealmClient {
  /** Signs a wish and submits it; the answer means accepted, not done. */
  command<K extends CommandKind>(kind: K, body: CommandBody<K>): Promise<SubmittedView>;
  /** Submits a command signed elsewhere. */
  submit(command: SignedCommand): Promise<SubmittedView>;
  /** The realm at a glance. */
  realm(): Promise<RealmView>;
  /** All nodes. */
  nodes(): Promise<readonly NodeView[]>;
  /** One node by id, short id or name. */
  node(name: string): Promise<NodeView>;
  /** All apps. */
  apps(): Promise<readonly AppView[]>;
  /** One app. */
  app(name: string): Promise<AppView>;
  /** Deploys and rollbacks of an app, newest first. */
  history(app: string): Promise<readonly RevisionView[]>;
  /** Log lines of an app. */
  logs(app: string, query?: LogQuery, signal?: AbortSignal): AsyncIterable<LogLineView>;
  /** What a deploy would do. */
  plan(deploy: CommandBody<"app.deploy">): Promise<PlanView>;
  /** Runs of jobs, newest first. */
  runs(query?: RunQuery): Promise<readonly RunView[]>;
  /** Schedules of recurring jobs, the one that is due first first. */
  schedules(): Promise<readonly ScheduleView[]>;
  /** One schedule by id, by a unique beginning of it, or by its name when only one has it. */
  schedule(name: string): Promise<ScheduleView>;
  /** Where the runs of a submission could go if it were made now. */
  planJobs(wish: CommandBody<"job.submit">): Promise<JobPlanView>;
  /** One run by id, by a unique beginning of it, or the newest run of a job. */
  run(name: string): Promise<RunView>;
  /** What a run was asked to do. */
  runSpec(name: string): Promise<JobRunSpec>;
  /** The log of a run, from whichever node has it. */
  runLogs(run: string, query?: RunLogQuery, signal?: AbortSignal): AsyncIterable<RunLogView>;
  /** Why something is as it is. */
  why(id: string): Promise<WhyView>;
  /** Upgrades of the fleet, newest first. */
  upgrades(): Promise<readonly UpgradeView[]>;
  /** One upgrade by the beginning of its id, or `current`. */
  upgrade(name: string): Promise<UpgradeView>;
  /** Keys with a role. */
  keys(): Promise<readonly KeyView[]>;
  /** What nodes may run. */
  policy(): Promise<PolicyView>;
  /** All secrets, without their values. */
  secrets(): Promise<readonly SecretView[]>;
  /** One secret. */
  secret(name: string): Promise<SecretView>;
  /** Nodes that a secret for nodes with these tags is to be sealed to. */
  secretRecipients(tags: readonly string[]): Promise<readonly NodeRef[]>;
  /** Audit entries of the answering node, newest first. */
  audit(query?: AuditQuery): Promise<readonly AuditView[]>;
  /** Checks the audit chain of the answering node. */
  auditVerify(): Promise<AuditCheckView>;
  /** What the answering node can do. */
  doctor(): Promise<readonly FindingView[]>;
  /** Derives everything anew from the answering node's records. */
  rebuild(): Promise<RebuiltView>;
  /** Connections of a node, with round trips measured now. */
  connections(node: string): Promise<readonly ConnectionView[]>;
  /** What a node can do and what is missing there. */
  diagnose(node: string): Promise<readonly FindingView[]>;
  /** Figures of a node over time. */
  nodeMetrics(node: string, query?: MetricsQuery): Promise<MetricsView>;
  /** Figures of an app over time, over all nodes. */
  appMetrics(app: string, query?: MetricsQuery): Promise<MetricsView>;
  /** Directories that an app's replicas see. */
  mounts(app: string): Promise<MountsView>;
  /** Counters of the answering node as Prometheus text. */
  exposition(): Promise<string>;
  /** Blobs that the answering node knows. */
  blobs(): Promise<readonly BlobView[]>;
  /** One blob by digest, short digest or name. */
  blob(name: string): Promise<BlobView>;
  /** Content of a blob. */
  readBlob(digest: Digest, signal?: AbortSignal): Promise<ReadableStream<Uint8Array>>;
  /** Which contents have to be uploaded. */
  missing(digests: readonly Digest[]): Promise<readonly Digest[]>;
  /**
   * Uploads content. When the connection breaks or the node is started again it goes on where the node stands, also in
   * a later call. Not so a stream, which can be sent only once: open the session before with any read.
   */
  upload(
    digest: Digest,
    content: Uint8Array | Blob | UploadSource | ReadableStream<Uint8Array>,
    options?: UploadOptions,
  ): Promise<UploadedView>;
  /** How far an upload is. */
  uploadState(digest: Digest): Promise<UploadStateView>;
  /** What happened, oldest first; the newest `limit`. */
  pastEvents(limit?: number): Promise<readonly EventView[]>;
  /** What happens from now on, or from event `after`. */
  events(after?: number, signal?: AbortSignal): AsyncIterable<EventView>;
}

type Parameters = Readonly<Record<string, string | number | boolean | undefined>>;
const q = (path: string, parameters: Parameters): string => {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) search.set(name, String(value));
  }
  return search.size === 0 ? path : `${path}?${search}`;
};
const segment = encodeURIComponent;

/** Makes a client. Nothing is sent before the first call. */
export function createClient(options: ClientOptions): RealmClient {
  const { url, credentials, onSession, sessionMs, signal } = options;
  const send = options.fetch ?? ((at: string, init?: RequestInit) => fetch(at, init));
  let token = options.token, answered = false;

  const reach = async (path: string, init: RequestInit): Promise<Response> => {
    try {
      const response = await send(url + path, { ...init, redirect: "error" });
      answered = true;
      return response;
    } catch (cause) {
      if (init.signal?.aborted) throw new RealmError("timed_out", "the request was given up", { cause });
      throw new RealmError("unreachable", `no node answers at ${url}; start one with 'realm up'`, { cause });
    }
  };
  const need = async (): Promise<Credentials> => {
    if (credentials) return await credentials();
    throw new RealmError("unauthenticated", "this needs a key; give one with --key FILE");
  };
  const authenticate = async (): Promise<string> => {
    // Before the challenge: a passphrase may have to be typed.
    const { realm, signer, grants, as } = await need();
    const asked = await reach("/api/session", { signal });
    if (!asked.ok) throw await failureOf(asked);
    const { node, challenge } = await asked.json() as SessionChallengeView;
    const meant = await options.node?.();
    if (meant !== undefined && meant !== node) {
      throw new RealmError(
        "bad_origin",
        `another node answers at ${url}: ${node} instead of ${meant}; name the one that is meant with --connect`,
      );
    }
    const wish = { realm, node, address: new URL(url).origin, challenge, ttlMs: sessionMs };
    const assertion = sealSession(wish, signer, grants, as);
    const response = await reach("/api/session", post(assertion, signal));
    if (!response.ok) throw await failureOf(response);
    const session = await response.json() as SessionView;
    token = session.token;
    await onSession?.(session);
    return session.token;
  };
  const askOnce = async (path: string, init: RequestInit): Promise<Response> => {
    const authorised = async (bearer: string) =>
      await reach(path, {
        ...init,
        signal: both(init.signal, signal),
        headers: { ...init.headers as Record<string, string>, authorization: `Bearer ${bearer}` },
      });
    const kept = token;
    let response = await authorised(kept ?? await authenticate());
    // The node was restarted or the session ended: prove the key again, once.
    if (
      response.status === 401 && kept !== undefined && credentials && !(init.body instanceof ReadableStream)
    ) {
      await response.body?.cancel();
      response = await authorised(await authenticate());
    }
    return response;
  };
  /** A body that is a stream is gone after the first try. */
  const good = (sending: () => Promise<Response>, body?: unknown): Promise<Response> =>
    goodAnswer(sending, body instanceof ReadableStream ? 0 : options.patienceMs ?? 0, signal);
  const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
    good(() => askOnce(path, init), init.body);
  const get = async <T>(path: string): Promise<T> => await (await ask(path)).json() as T;
  const postJson = async <T>(path: string, body: unknown): Promise<T> =>
    await (await ask(path, post(body))).json() as T;
  const lines = async function* <T>(path: string, until?: AbortSignal): AsyncIterable<T> {
    const response = await ask(path, { signal: until, headers: { accept: "application/x-ndjson" } });
    yield* readLines<T>(response.body!, until);
  };
  const submit = async (command: SignedCommand): Promise<SubmittedView> => {
    const response = await good(() => reach("/api/commands", post(command, signal)));
    return await response.json() as SubmittedView;
  };

  return {
    async command(kind, body) {
      const { realm, signer, grants } = await need();
      const nonce = crypto.getRandomValues(new Uint8Array(16));
      return await submit(sealCommand({ kind, body, realm, at: Date.now(), nonce }, signer, grants));
    },
    submit,
    realm: () => get("/api/realm"),
    nodes: () => get("/api/nodes"),
    node: (name) => get(`/api/nodes/${segment(name)}`),
    apps: () => get("/api/apps"),
    app: (name) => get(`/api/apps/${segment(name)}`),
    history: (app) => get(`/api/apps/${segment(app)}/history`),
    logs: (app, query = {}, until) => lines(q(`/api/apps/${segment(app)}/logs`, { ...query }), until),
    plan: (deploy) => postJson("/api/plan", deploy),
    runs: (query = {}) => get(q("/api/jobs", { ...query })),
    schedules: () => get("/api/schedules"),
    schedule: (name) => get(`/api/schedules/${segment(name)}`),
    planJobs: (wish) => postJson("/api/jobs/plan", wish),
    run: (name) => get(`/api/runs/${segment(name)}`),
    runSpec: (name) => get(`/api/runs/${segment(name)}/spec`),
    runLogs: (run, query = {}, until) => lines(q(`/api/runs/${segment(run)}/logs`, { ...query }), until),
    why: (id) => get(`/api/why/${segment(id)}`),
    upgrades: () => get("/api/upgrades"),
    upgrade: (name) => get(`/api/upgrades/${segment(name)}`),
    keys: () => get("/api/keys"),
    policy: () => get("/api/policy"),
    secrets: () => get("/api/secrets"),
    secret: (name) => get(`/api/secrets/${segment(name)}`),
    secretRecipients: (tags) => get(q("/api/secret-recipients", { tags: tags.join(",") })),
    audit: (query = {}) => get(q("/api/audit", { ...query })),
    auditVerify: () => get("/api/audit/verify"),
    doctor: () => get("/api/doctor"),
    rebuild: async () => await (await ask("/api/doctor/rebuild", { method: "POST" })).json() as RebuiltView,
    connections: (node) => get(`/api/nodes/${segment(node)}/connections`),
    diagnose: (node) => get(`/api/nodes/${segment(node)}/doctor`),
    nodeMetrics: (node, { lastMs, points } = {}) =>
      get(q(`/api/metrics/nodes/${segment(node)}`, { last_ms: lastMs, points })),
    appMetrics: (app, { lastMs, points } = {}) =>
      get(q(`/api/metrics/apps/${segment(app)}`, { last_ms: lastMs, points })),
    mounts: (app) => get(`/api/apps/${segment(app)}/mounts`),
    exposition: async () => await (await ask("/metrics")).text(),
    pastEvents: (limit) => get(q("/api/events/past", { limit })),
    blobs: () => get("/api/blobs"),
    blob: (name) => get(`/api/blobs/${segment(name)}`),
    readBlob: async (digest, until) =>
      (await ask(`/api/blobs/${segment(digest)}/content`, { signal: until })).body ?? new Blob([]).stream(),
    missing: async (digests) => (await postJson<MissingView>("/api/uploads/missing", { digests })).missing,
    upload(digest, content, how = {}) {
      const path = `/api/uploads/${segment(digest)}`;
      const put = async (body: BodyInit, offset?: number): Promise<UploadedView> => {
        const headers = { "content-type": "application/octet-stream" };
        const init = { method: "PUT", body, headers, signal: how.signal };
        return await (await ask(q(path, { offset }), init)).json() as UploadedView;
      };
      if (content instanceof ReadableStream) return put(content);
      const door: UploadDoor = {
        put,
        state: () => get(path),
        answered: () => answered,
      };
      const source = content instanceof Uint8Array || content instanceof Blob ? sourceOf(content) : content;
      return upload(door, digest, source, { ...how, signal: both(how.signal, signal) });
    },
    uploadState: (digest) => get(`/api/uploads/${segment(digest)}`),
    events: (after, until) => lines(q("/api/events", { after }), until),
  };
}

const post = (body: unknown, signal?: AbortSignal): RequestInit => ({
  method: "POST",
  body: JSON.stringify(body),
  headers: { "content-type": "application/json" },
  signal,
});
const both = (a: AbortSignal | null | undefined, b: AbortSignal | undefined): AbortSignal | undefined =>
  a && b ? AbortSignal.any([a, b]) : a ?? b;
