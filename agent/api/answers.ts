/** What each query answers: one function per entry of the capability table, so that none can be left out. */
import {
  apiLimits,
  type CommandBody,
  type Digest,
  isDigest,
  limits,
  type QueryName,
  type QueryParams,
  RealmError,
  type SignedCommand,
  type SignedSession,
  unwrap,
} from "../protocol/mod.ts";
import type { AgentService } from "../node/mod.ts";
import { watchedUpload } from "./body.ts";
import type { SessionTable } from "./session_table.ts";

/** A request whose form, parameters, body and role were checked. */
export interface Call {
  /** From the path, decoded. */
  readonly path: Readonly<Record<string, string>>;
  readonly params: unknown;
  readonly body: unknown;
  readonly request: Request;
  /** Whether the client can have reached this node under an origin. */
  readonly isOwnAddress: (origin: string) => boolean;
  /** Aborted when the client is gone or time is up. */
  readonly signal: AbortSignal;
}

/** An answer that is no plain JSON value. */
export type Special =
  | { readonly lines: AsyncIterable<unknown> }
  | { readonly text: string; readonly contentType: string }
  | { readonly bytes: ReadableStream<Uint8Array>; readonly size?: number; readonly name: string };
/** One query's answer: a JSON value, or a `Special` where the capability table says so. */
export type Answer = (call: Call) => unknown;

const found = <T>(value: T | undefined, what: string, name: string, list: string): T => {
  if (value !== undefined) return value;
  throw new RealmError("not_found", `there is no ${what} ${name.slice(0, 80)}; see '${list}'`);
};
const digestIn = (text: string): Digest => {
  if (isDigest(text)) return text;
  throw new RealmError("bad_request", "a digest has 64 lower-case hex digits");
};
const params = <N extends QueryName>(call: Call) => call.params as QueryParams<N>;

/** What is answered when a question does not say how much. */
const HOUR_MS = 3_600_000, POINTS = 360, EVENTS = 1_000;

async function upload(agent: AgentService, call: Call) {
  const { path, request, signal } = call, { offset } = params<"upload.put">(call);
  const digest = digestIn(path.digest);
  const max = limits.packageFileBytes - (offset ?? 0);
  if (Number(request.headers.get("content-length") ?? 0) > max) {
    throw new RealmError("too_large", `the upload exceeds ${max} bytes`);
  }
  const source = request.body ?? new Blob([]).stream();
  const watched = watchedUpload(source, max, apiLimits.uploadIdleMs);
  const { size } = await agent.upload(digest, watched, signal, offset);
  return { digest, size };
}

/** Answers of all queries. */
export function createAnswers(
  agent: AgentService,
  sessions: SessionTable,
): { readonly [N in QueryName]: Answer } {
  const nodeFound = <T>(value: T | undefined, name: string) => found(value, "node", name, "realm node list");
  const runOf = (name: string) => found(agent.run(name), "run", name, "realm job list");
  const appOf = (name: string) => found(agent.app(name), "app", name, "realm app list");
  return {
    "session.challenge": () => sessions.challenge(),
    "session.open": ({ body, isOwnAddress }) => unwrap(sessions.open(body as SignedSession, isOwnAddress)),
    "command.submit": ({ body }) => unwrap(agent.submit(body as SignedCommand)),
    // Loaded when asked for: an idle agent does without its description and what makes it.
    "openapi.show": async () => (await import("./openapi.ts")).openApi(agent.version),
    "realm.show": () => agent.status(),
    "node.list": () => agent.nodes(),
    "node.show": ({ path }) => found(agent.node(path.node), "node", path.node, "realm node list"),
    "node.connections": async ({ path }) => nodeFound(await agent.connections(path.node), path.node),
    "node.diagnose": async ({ path }) => nodeFound(await agent.diagnose(path.node), path.node),
    "node.metrics": async (call) => {
      const { last_ms = HOUR_MS, points = POINTS } = params<"node.metrics">(call);
      return nodeFound(await agent.nodeMetrics(call.path.node, last_ms, points), call.path.node);
    },
    "app.list": () => agent.apps(),
    "app.show": ({ path }) => appOf(path.app),
    "app.history": ({ path }) => found(agent.history(path.app), "app", path.app, "realm app list"),
    "app.metrics": async (call) => {
      const { last_ms = HOUR_MS, points = POINTS } = params<"app.metrics">(call);
      const { app } = call.path;
      return found(await agent.appMetrics(app, last_ms, points), "app", app, "realm app list");
    },
    "app.mounts": async ({ path }) => found(await agent.mounts(path.app), "app", path.app, "realm app list"),
    "app.logs": (call) => {
      const { follow = false, tail = 100, since, grep } = params<"app.logs">(call);
      appOf(call.path.app);
      return { lines: agent.appLogs(call.path.app, { follow, tail, since, grep }, call.signal) };
    },
    "app.plan": ({ body }) => agent.plan(body as CommandBody<"app.deploy">),
    "job.plan": ({ body }) => agent.planJobs(body as CommandBody<"job.submit">),
    "job.list": (call) => agent.runs(params<"job.list">(call)),
    "schedule.list": () => agent.schedules(),
    "schedule.show": ({ path }) =>
      found(agent.schedule(path.schedule), "schedule", path.schedule, "realm job schedules"),
    "job.show": ({ path }) => runOf(path.run),
    "job.spec": ({ path }) => found(agent.runSpec(path.run), "run", path.run, "realm job list"),
    "job.logs": (call) => {
      const { follow = false, after, attempt } = params<"job.logs">(call);
      const { id } = runOf(call.path.run);
      return { lines: agent.runLogs(id, { follow, after, attempt }, call.signal) };
    },
    "why.show": ({ path }) =>
      found(
        agent.why(path.id),
        "app, run, schedule, node, blob, upgrade or command",
        path.id,
        "realm status",
      ),
    "upgrade.show": ({ path }) =>
      found(agent.upgrade(path.upgrade), "upgrade", path.upgrade, "realm upgrade history"),
    "upgrade.list": () => agent.upgrades(),
    "upgrade.upload": async ({ request, signal }) =>
      await (await import("./upgrade_upload.ts")).uploadUpgrade(agent, request, signal),
    "key.list": () => agent.keys(),
    "policy.show": () => agent.policy(),
    "secret.list": () => agent.secrets(),
    "secret.show": ({ path: { secret } }) =>
      found(agent.secret(secret), "secret", secret, "realm secret list"),
    "secret.recipients": (call) =>
      agent.secretRecipients(
        (params<"secret.recipients">(call).tags ?? "").split(",").filter((t) => t !== ""),
      ),
    "audit.list": (call) =>
      agent.audit({ limit: 100, ...params<"audit.list">(call) }).toSorted((a, b) => b.n - a.n),
    "audit.verify": () => agent.auditVerify(),
    "doctor.show": () => agent.doctor(),
    "doctor.rebuild": () => agent.rebuild(),
    "blob.list": () => agent.blobs(),
    "blob.show": async ({ path }) =>
      found(await agent.blob(path.blob), "blob", path.blob, "realm storage list"),
    "blob.read": async ({ path, signal }) => {
      const digest = digestIn(path.digest);
      const bytes = await agent.readBlob(digest, signal);
      // Only now is it here: before, its size may not be known.
      return { bytes, size: (await agent.blob(digest))?.size, name: digest };
    },
    "upload.missing": async ({ body }) => ({
      missing: await agent.missing((body as { digests: readonly Digest[] }).digests),
    }),
    "upload.show": ({ path }) => agent.uploadState(digestIn(path.digest)),
    "upload.put": (call) => upload(agent, call),
    "events.list": (call) => agent.pastEvents(params<"events.list">(call).limit ?? EVENTS),
    "metrics.scrape": () => ({ text: agent.exposition(), contentType: "text/plain; version=0.0.4" }),
    "events.follow": (call) => ({
      lines: agent.events(params<"events.follow">(call).after, call.signal),
    }),
  };
}
