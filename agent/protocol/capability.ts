/**
 * Every capability of Realm, declared once: the queries here, the commands in `command.ts`. API routes and the
 * OpenAPI document are made from this table; a test holds the command line against it.
 */
import * as v from "valibot";
import { type CommandKind, commandKinds, DigestSchema, SignedCommandSchema } from "./command.ts";
import type { Role } from "./grant.ts";
import { apiLimits, limits, monitorLimits } from "./limits.ts";
import { SignedSessionSchema } from "./session.ts";

/** How a query answers: one JSON value, a stream of JSON lines (NDJSON, or SSE when asked for), bytes, or plain text. */
export type AnswerKind = "json" | "lines" | "bytes" | "text";

/** One query, or another request that is no command. */
export interface Query<
  P extends v.GenericSchema = v.GenericSchema,
  B extends v.GenericSchema = v.GenericSchema,
> {
  readonly method: "GET" | "POST" | "PUT";
  /** Path with `{name}` for each parameter. */
  readonly path: string;
  /** Role that the session needs; `undefined` where none is needed. */
  readonly role?: Exclude<Role, "owner">;
  readonly summary: string;
  /** Parameters of the query string. */
  readonly params?: P;
  /** JSON body. */
  readonly body?: B;
  readonly bodyBytes?: number;
  /** The body is multipart/form-data that the answer reads itself. */
  readonly multipart?: boolean;
  readonly answer: AnswerKind;
  /** Name of the answer's type in `mod.ts`. */
  readonly type: string;
  /** The command lines that offer it; empty for what only programs need. */
  readonly cli: readonly string[];
}

const flag = v.optional(
  v.pipe(
    v.picklist(["", "1", "true", "0", "false"]),
    v.transform((s) => s === "" || s === "1" || s === "true"),
  ),
);
const whole = (max: number) =>
  v.optional(v.pipe(
    v.string(),
    v.regex(/^[0-9]{1,15}$/, "a whole number"),
    v.transform(Number),
    v.maxValue(max, `at most ${max}`),
  ));
/** Which stretch of time of some figures. */
const stretch = v.strictObject({
  last_ms: whole(monitorLimits.coarseMs),
  points: whole(monitorLimits.points),
});
const word = v.optional(v.pipe(v.string(), v.maxLength(256)));

/** Declares a query and keeps its exact type. */
const query = <P extends v.GenericSchema, B extends v.GenericSchema>(q: Query<P, B>): Query<P, B> => q;

/** All requests that are no commands. */
export const queries = {
  "session.challenge": query({
    method: "GET",
    path: "/api/session",
    summary: "Ask for what to sign to open a session: this node's id and a fresh challenge",
    answer: "json",
    type: "SessionChallengeView",
    cli: [],
  }),
  "session.open": query({
    method: "POST",
    path: "/api/session",
    summary: "Open a session: a signed assertion gives a bearer token for reads",
    body: SignedSessionSchema,
    bodyBytes: apiLimits.sessionBodyBytes,
    answer: "json",
    type: "SessionView",
    cli: [],
  }),
  "command.submit": query({
    method: "POST",
    path: "/api/commands",
    summary: "Submit a signed command; its signature is its authority, no session is needed",
    body: SignedCommandSchema,
    bodyBytes: apiLimits.commandBodyBytes,
    answer: "json",
    type: "SubmittedView",
    cli: [],
  }),
  "openapi.show": query({
    method: "GET",
    path: "/api/openapi.json",
    summary: "This description",
    answer: "json",
    type: "object",
    cli: [],
  }),
  "realm.show": query({
    method: "GET",
    path: "/api/realm",
    role: "viewer",
    summary: "The realm at a glance",
    answer: "json",
    type: "RealmView",
    cli: ["status"],
  }),
  "node.list": query({
    method: "GET",
    path: "/api/nodes",
    role: "viewer",
    summary: "All nodes",
    answer: "json",
    type: "NodeView[]",
    cli: ["node list"],
  }),
  "node.show": query({
    method: "GET",
    path: "/api/nodes/{node}",
    role: "viewer",
    summary: "One node, by id, short id or name",
    answer: "json",
    type: "NodeView",
    cli: ["node show"],
  }),
  "node.connections": query({
    method: "GET",
    path: "/api/nodes/{node}/connections",
    role: "viewer",
    summary: "Connections of a node to other members, with the round trip measured now",
    answer: "json",
    type: "ConnectionView[]",
    cli: ["node show"],
  }),
  "node.diagnose": query({
    method: "GET",
    path: "/api/nodes/{node}/doctor",
    role: "viewer",
    summary: "What a node can do and what is missing there, asked of that node",
    answer: "json",
    type: "FindingView[]",
    cli: ["node diagnose"],
  }),
  "node.metrics": query({
    method: "GET",
    path: "/api/metrics/nodes/{node}",
    role: "viewer",
    summary: "Figures of a node over time: 10 s intervals for a day, 5 min for 30 days",
    params: stretch,
    answer: "json",
    type: "MetricsView",
    cli: ["node metrics"],
  }),
  "app.list": query({
    method: "GET",
    path: "/api/apps",
    role: "viewer",
    summary: "All apps",
    answer: "json",
    type: "AppView[]",
    cli: ["app list"],
  }),
  "app.show": query({
    method: "GET",
    path: "/api/apps/{app}",
    role: "viewer",
    summary: "One app with its replicas",
    answer: "json",
    type: "AppView",
    cli: ["app show"],
  }),
  "app.history": query({
    method: "GET",
    path: "/api/apps/{app}/history",
    role: "viewer",
    summary: "The deploys and rollbacks of an app, newest first",
    answer: "json",
    type: "RevisionView[]",
    cli: ["app history"],
  }),
  "app.metrics": query({
    method: "GET",
    path: "/api/metrics/apps/{app}",
    role: "viewer",
    summary: "Figures of an app over time, over all nodes that run it or take its requests",
    params: stretch,
    answer: "json",
    type: "MetricsView",
    cli: ["app metrics"],
  }),
  "app.mounts": query({
    method: "GET",
    path: "/api/apps/{app}/mounts",
    role: "viewer",
    summary: "Directories that an app's replicas see, and how much is in them",
    answer: "json",
    type: "MountsView",
    cli: ["app show"],
  }),
  "app.logs": query({
    method: "GET",
    path: "/api/apps/{app}/logs",
    role: "viewer",
    summary: "Log lines of an app's replicas, from every node; live with `follow`",
    params: v.strictObject({
      follow: flag,
      tail: whole(apiLimits.logTail),
      since: whole(8.64e15),
      grep: word,
    }),
    answer: "lines",
    type: "LogLineView",
    cli: ["app logs"],
  }),
  "app.plan": query({
    method: "POST",
    path: "/api/plan",
    role: "viewer",
    summary: "What a deploy would change, and where",
    body: commandKinds["app.deploy"].schema,
    bodyBytes: apiLimits.commandBodyBytes,
    answer: "json",
    type: "PlanView",
    cli: ["deploy"],
  }),
  "job.plan": query({
    method: "POST",
    path: "/api/jobs/plan",
    role: "viewer",
    summary: "Where the runs of a submission could go now, node by node with every reason against it",
    body: commandKinds["job.submit"].schema,
    bodyBytes: apiLimits.commandBodyBytes,
    answer: "json",
    type: "JobPlanView",
    cli: ["job submit"],
  }),
  "job.list": query({
    method: "GET",
    path: "/api/jobs",
    role: "viewer",
    summary: "Runs of jobs, newest first",
    params: v.strictObject({ state: word, job: word, limit: whole(apiLimits.runs) }),
    answer: "json",
    type: "RunView[]",
    cli: ["job list"],
  }),
  "schedule.list": query({
    method: "GET",
    path: "/api/schedules",
    role: "viewer",
    summary: "Schedules of recurring jobs, the one that is due first first",
    answer: "json",
    type: "ScheduleView[]",
    cli: ["job list", "job schedules"],
  }),
  "schedule.show": query({
    method: "GET",
    path: "/api/schedules/{schedule}",
    role: "viewer",
    summary: "One schedule with its next and its latest ticks",
    answer: "json",
    type: "ScheduleView",
    cli: ["job schedules"],
  }),
  "job.show": query({
    method: "GET",
    path: "/api/runs/{run}",
    role: "viewer",
    summary: "One run with its attempts and artifacts",
    answer: "json",
    type: "RunView",
    cli: ["job status", "job artifacts"],
  }),
  "job.spec": query({
    method: "GET",
    path: "/api/runs/{run}/spec",
    role: "viewer",
    summary: "What one run was asked to do, with every file by its digest",
    answer: "json",
    type: "JobRunSpec",
    cli: ["job rerun"],
  }),
  "job.logs": query({
    method: "GET",
    path: "/api/runs/{run}/logs",
    role: "viewer",
    summary:
      "The log of one run, from whichever node has it; live with `follow`, from `after` (`ATTEMPT:SEQ`) on",
    params: v.strictObject({ follow: flag, after: word, attempt: whole(apiLimits.runs) }),
    answer: "lines",
    type: "RunLogView",
    cli: ["job logs", "job submit", "submit"],
  }),
  "why.show": query({
    method: "GET",
    path: "/api/why/{id}",
    role: "viewer",
    summary:
      "Why an app, run, schedule, node, blob or command is in the state it is in, node by node, with the nearest fix",
    answer: "json",
    type: "WhyView",
    cli: ["why"],
  }),
  "upgrade.show": query({
    method: "GET",
    path: "/api/upgrades/{upgrade}",
    role: "viewer",
    summary: "One upgrade of the fleet, node by node, by the beginning of its id or as `current`",
    answer: "json",
    type: "UpgradeView",
    cli: ["upgrade status", "upgrade"],
  }),
  "upgrade.list": query({
    method: "GET",
    path: "/api/upgrades",
    role: "viewer",
    summary: "Upgrades of the fleet, newest first",
    answer: "json",
    type: "UpgradeView[]",
    cli: ["upgrade history"],
  }),
  "upgrade.upload": query({
    method: "POST",
    path: "/api/upgrade",
    role: "operator",
    summary: "Start an upgrade in one request: multipart/form-data with the part `command` (a signed " +
      "upgrade.start, first) and the executables under the file names that the release gives them",
    multipart: true,
    answer: "json",
    type: "SubmittedView",
    cli: ["upgrade"],
  }),
  "policy.show": query({
    method: "GET",
    path: "/api/policy",
    role: "viewer",
    summary: "What nodes may run: the realm's rules, those of single nodes, and what holds on each",
    answer: "json",
    type: "PolicyView",
    cli: ["policy show"],
  }),
  "secret.list": query({
    method: "GET",
    path: "/api/secrets",
    role: "viewer",
    summary: "All secrets: what they are for and who can open them, never their values",
    answer: "json",
    type: "SecretView[]",
    cli: ["secret list"],
  }),
  "secret.show": query({
    method: "GET",
    path: "/api/secrets/{secret}",
    role: "viewer",
    summary: "One secret, without its value",
    answer: "json",
    type: "SecretView",
    cli: ["secret show", "secret scope"],
  }),
  "secret.recipients": query({
    method: "GET",
    path: "/api/secret-recipients",
    role: "viewer",
    summary: "Nodes that a secret for nodes with these tags is to be sealed to",
    params: v.strictObject({ tags: v.optional(v.pipe(v.string(), v.maxLength(4_096))) }),
    answer: "json",
    type: "NodeRef[]",
    cli: ["secret set"],
  }),
  "key.list": query({
    method: "GET",
    path: "/api/keys",
    role: "viewer",
    summary: "Keys that hold or held a role",
    answer: "json",
    type: "KeyView[]",
    cli: ["key show"],
  }),
  "audit.list": query({
    method: "GET",
    path: "/api/audit",
    role: "viewer",
    summary: "Audit entries of the answering node, newest first",
    params: v.strictObject({
      since: whole(8.64e15),
      actor: word,
      action: word,
      target: word,
      limit: whole(apiLimits.auditEntries),
    }),
    answer: "json",
    type: "AuditView[]",
    cli: ["audit list", "audit export"],
  }),
  "audit.verify": query({
    method: "GET",
    path: "/api/audit/verify",
    role: "viewer",
    summary: "Check the audit chain of the answering node",
    answer: "json",
    type: "AuditCheckView",
    cli: ["audit verify"],
  }),
  "doctor.show": query({
    method: "GET",
    path: "/api/doctor",
    role: "viewer",
    summary: "What the answering node can do and what is missing",
    answer: "json",
    type: "FindingView[]",
    cli: ["doctor"],
  }),
  "doctor.rebuild": query({
    method: "POST",
    path: "/api/doctor/rebuild",
    role: "operator",
    summary:
      "Derive everything anew from the answering node's records, and say whether that changed anything",
    answer: "json",
    type: "RebuiltView",
    cli: ["doctor"],
  }),
  "blob.list": query({
    method: "GET",
    path: "/api/blobs",
    role: "viewer",
    summary: "Blobs that the answering node holds, and those that the realm keeps or runs",
    answer: "json",
    type: "BlobView[]",
    cli: ["storage list"],
  }),
  "blob.show": query({
    method: "GET",
    path: "/api/blobs/{blob}",
    role: "viewer",
    summary: "One blob, by digest, short digest or name",
    answer: "json",
    type: "BlobView",
    cli: ["storage show"],
  }),
  "blob.read": query({
    method: "GET",
    path: "/api/blobs/{digest}/content",
    role: "viewer",
    summary: "Content of a blob, from this node or another holder",
    answer: "bytes",
    type: "bytes",
    cli: ["storage get"],
  }),
  "upload.missing": query({
    method: "POST",
    path: "/api/uploads/missing",
    role: "operator",
    summary: "Which of these contents have to be uploaded",
    body: v.strictObject({ digests: v.pipe(v.array(DigestSchema), v.maxLength(apiLimits.missingDigests)) }),
    bodyBytes: apiLimits.jsonBodyBytes,
    answer: "json",
    type: "MissingView",
    cli: ["deploy", "storage put"],
  }),
  "upload.show": query({
    method: "GET",
    path: "/api/uploads/{digest}",
    role: "operator",
    summary: "How far an upload is: the byte to go on from after an interruption",
    answer: "json",
    type: "UploadStateView",
    cli: ["deploy", "storage put"],
  }),
  "upload.put": query({
    method: "PUT",
    path: "/api/uploads/{digest}",
    role: "operator",
    summary: "Upload content by its SHA-256; can be repeated. With `offset` what arrives is kept when the " +
      "connection breaks, and the next request goes on where GET says",
    params: v.strictObject({ offset: whole(limits.packageFileBytes) }),
    answer: "json",
    type: "UploadedView",
    cli: ["deploy", "storage put"],
  }),
  "events.follow": query({
    method: "GET",
    path: "/api/events",
    role: "viewer",
    summary: "What happens, as it happens: JSON lines, SSE, or WebSocket",
    params: v.strictObject({ after: whole(Number.MAX_SAFE_INTEGER) }),
    answer: "lines",
    type: "EventView",
    cli: ["status", "events"],
  }),
  "events.list": query({
    method: "GET",
    path: "/api/events/past",
    role: "viewer",
    summary: "What happened, as the answering node noticed it, oldest first",
    params: v.strictObject({ limit: whole(monitorLimits.events) }),
    answer: "json",
    type: "EventView[]",
    cli: ["events"],
  }),
  "metrics.scrape": query({
    method: "GET",
    path: "/metrics",
    role: "viewer",
    summary: "Counters of the answering node as Prometheus text",
    answer: "text",
    type: "text",
    cli: ["metrics"],
  }),
} as const;
/** Name of a query. */
export type QueryName = keyof typeof queries;
/** Parameters of a query as the server sees them. */
export type QueryParams<N extends QueryName> = (typeof queries)[N]["params"] extends infer S
  ? S extends v.GenericSchema ? v.InferOutput<S> : never
  : never;

/** The command lines that offer each command kind. */
export const commandLines: { readonly [K in CommandKind]: readonly string[] } = {
  "app.deploy": ["deploy", "apply"],
  "app.scale": ["app scale", "apply"],
  "app.rollback": ["app rollback"],
  "app.remove": ["app remove"],
  "job.submit": ["job submit", "submit", "job rerun", "apply"],
  "job.cancel": ["job cancel"],
  "job.schedule": ["job submit", "submit", "apply"],
  "job.pause": ["job pause", "job resume"],
  "job.unschedule": ["job unschedule"],
  "node.tag": ["node tag", "apply"],
  "node.cordon": ["node cordon", "apply"],
  "node.uncordon": ["node uncordon", "apply"],
  "node.drain": ["node drain", "apply"],
  "policy.set": ["policy set", "apply"],
  "secret.set": ["secret set", "apply"],
  "secret.scope": ["secret scope", "apply"],
  "secret.remove": ["secret remove"],
  "node.remove": ["node remove"],
  "key.grant": ["key grant", "apply"],
  "key.revoke": ["key revoke", "apply"],
  "invite.revoke": ["invite"],
  "blob.pin": ["storage pin", "storage put", "apply"],
  "blob.unpin": ["storage unpin"],
  "upgrade.start": ["upgrade"],
  "upgrade.abort": ["upgrade abort"],
  "upgrade.resume": ["upgrade resume"],
};

/** One thing that Realm can do, as every surface shows it. */
export interface Capability {
  /** Name of the query or kind of the command. */
  readonly name: string;
  /** `command`: signed and submitted to `POST /api/commands`; `query`: a request of its own. */
  readonly form: "query" | "command";
  /** One line for people. */
  readonly summary: string;
  /** Role that it needs; `undefined` where none is needed. */
  readonly role: Role | undefined;
  /** The command lines that offer it. */
  readonly cli: readonly string[];
}

/** All capabilities, queries first. */
export function capabilities(): readonly Capability[] {
  const asked = Object.entries(queries).map(([name, query]): Capability => ({
    name,
    form: "query",
    summary: query.summary,
    role: (query as Query).role,
    cli: query.cli,
  }));
  const signed = Object.entries(commandKinds).map(([name, kind]): Capability => ({
    name,
    form: "command",
    summary: kind.summary,
    role: kind.role,
    cli: commandLines[name as CommandKind],
  }));
  return [...asked, ...signed];
}
