/** An agent in memory behind the API's interface: real signatures, a few apps and nodes, no mesh. For tests only. */
import {
  type AppView,
  type AuditView,
  type CommandKind,
  concatBytes,
  defaultPolicy,
  type Digest,
  digestOf,
  limits,
  type LogLineView,
  type MetricsView,
  type NodeView,
  ok,
  openCommand,
  RealmError,
  refuse,
  type RunLogView,
  type RunView,
  type SecretView,
  type UpgradeView,
} from "../agent/protocol/mod.ts";
import type { AgentService } from "../agent/node/mod.ts";
import { createVerifier } from "../agent/platform/mod.ts";
import { realm, self } from "./test_keys.ts";
import { EPOCH, testApp, testNode, testRun, testSchedule, testSecret, testSpec } from "./test_views.ts";

/** What a test can look at and change. */
export interface FakeAgent extends AgentService {
  readonly commands: { readonly kind: CommandKind; readonly body: unknown; readonly id: Digest }[];
  readonly store: Map<Digest, Uint8Array>;
  readonly revoked: Map<string, number>;
  readonly appViews: Map<string, AppView>;
  readonly nodeViews: NodeView[];
  readonly runViews: Map<string, RunView>;
  readonly secretViews: Map<string, SecretView>;
  readonly upgradeViews: UpgradeView[];
  /** Milliseconds that the fake's clock is ahead. */
  skew: number;
  /** What happens on a command, after it was accepted. */
  onCommand?: (kind: CommandKind, body: unknown, id: Digest) => void;
}

const noFigures = (kind: MetricsView["kind"], subject: string): MetricsView => ({
  kind,
  subject,
  step_ms: 10_000,
  at: [EPOCH],
  series: { requests_per_s: [null] },
  nodes: [{ id: self, name: "node-2" }],
});

/** Makes one with two nodes and one app, `site`. */
export function createFakeAgent(): FakeAgent {
  const verifier = createVerifier();
  const commands: FakeAgent["commands"] = [];
  const store = new Map<Digest, Uint8Array>();
  /** What arrived of uploads that broke off. */
  const partials = new Map<Digest, Uint8Array>();
  const revoked = new Map<string, number>();
  const appViews = new Map([["site", testApp("site")]]);
  const nodeViews = [testNode(2), testNode(3, { tags: ["edge"], scheduling: "cordoned" })];
  const runViews = new Map([["build-0", testRun("build-0", "build")]]);
  const secretViews = new Map([["token", testSecret("token")]]);
  const schedules = [testSchedule("nightly")];
  const seen = new Set<Digest>();
  const entry: AuditView = {
    n: 1,
    at: EPOCH,
    actor: realm,
    action: "app.deploy",
    target: "site",
    node: self,
    result: "ok",
    hash: "0".repeat(64),
  };
  const upgradeViews: UpgradeView[] = [{
    id: "4".repeat(64),
    version: "1.2.3",
    by: realm,
    signed_by: realm,
    at: EPOCH,
    phase: "done",
    batch: 1,
    batch_size: 2,
    artifacts: [],
    nodes: [],
  }];
  const view = (digest: Digest) => ({
    digest,
    size: store.get(digest)!.length,
    holders: [self],
    references: [],
    here: true,
  });
  const fake: FakeAgent = {
    commands,
    store,
    revoked,
    appViews,
    nodeViews,
    runViews,
    secretViews,
    upgradeViews,
    upgrades: () => upgradeViews,
    upgrade: (name) => name === "current" ? upgradeViews[0] : upgradeViews.find((u) => u.id.startsWith(name)),
    skew: 0,
    self,
    realm,
    version: "0.1.0",
    verifier,
    now: () => Date.now() + fake.skew,
    catchingUp: () => false,
    revokedAt: (key) => revoked.get(key),
    submit(signed) {
      const opened = openCommand(signed, realm, verifier, fake.revokedAt);
      if (!opened.ok) return opened;
      if (!opened.value.known) return refuse("bad_request", "unknown kind of command");
      const { id, at, kind, body, by } = opened.value.command;
      if (Math.abs(at - fake.now()) > limits.commandSkewMs) {
        return refuse("stale_command", "the command is too old or too new; check both clocks");
      }
      if (seen.has(id)) return refuse("replayed", "this command was accepted before");
      seen.add(id);
      if (kind === "key.revoke") revoked.set(body.key, at);
      void by;
      commands.push({ kind, body, id });
      fake.onCommand?.(kind, body, id);
      return ok({ id });
    },
    status: () => ({
      realm,
      self,
      version: "0.1.0",
      now: fake.now(),
      nodes: { total: 2, alive: 2, suspect: 0, unreachable: 0 },
      apps: { total: 1, steady: 1, troubled: 0 },
      records: 7,
      digest: "abc",
      problems: [],
    }),
    nodes: () => nodeViews,
    node: (name) => nodeViews.find((n) => n.id === name || n.name === name || n.id.slice(8).startsWith(name)),
    apps: () => [...appViews.values()],
    app: (name) => appViews.get(name),
    history: (name) =>
      appViews.has(name)
        ? [{
          id: "a".repeat(64),
          number: 1,
          kind: "deploy",
          version: "1.0.0",
          package: "b".repeat(64),
          at: EPOCH,
          by: realm,
          state: "current",
        }]
        : undefined,
    plan: (wish) => ({
      app: wish.app,
      change: "install",
      to: { version: wish.spec.version, package: wish.spec.package },
      replicas: [{ slot: 0, node: self, node_name: "node-2", action: "start" }],
      strategy: wish.strategy,
      notes: [],
      rejected_nodes: [{
        id: nodeViews[1].id,
        name: "node-3",
        able: false,
        reasons: ["it is cordoned"],
        fix: "realm node uncordon node-3",
      }],
    }),
    why: (id) =>
      id === "site"
        ? { id, kind: "app", state: "steady", reasons: ["all replicas are healthy"], nodes: [] }
        : nodeViews.some((n) => n.id === id)
        ? { id, kind: "node", state: "alive", reasons: ["it answers"], nodes: [] }
        : undefined,
    schedules: () => schedules,
    forge: () => undefined,
    schedule: (name) => schedules.find((s) => s.name === name || s.id === name),
    runs: ({ state, job }) =>
      [...runViews.values()].filter((r) => (!state || r.state === state) && (!job || r.job === job)),
    run: (name) => runViews.get(name),
    runSpec: (name) => runViews.has(name) ? testSpec(runViews.get(name)!.job) : undefined,
    planJobs: (wish) => ({
      kinds: [{
        runs: [...wish.runs.keys()],
        nodes: nodeViews.map(({ id, name, scheduling }) => {
          const able = scheduling === "open";
          const why = { reasons: [scheduling], fix: `realm node uncordon ${name}` };
          return { id, name, able, ...(able ? { reasons: [] } : why) };
        }),
      }],
    }),
    async *runLogs(run, { follow }, signal) {
      const entry = (seq: number, text: string): RunLogView => ({
        run,
        attempt: 1,
        seq,
        at: EPOCH + seq,
        stream: "stdout",
        node: "node-2",
        text,
      });
      yield entry(1, "hello");
      yield entry(2, "from a job");
      if (follow && !runViews.get(run)?.ended_at) await untilAborted(signal);
    },
    keys: () => [{ key: realm, role: "owner" }],
    secrets: () => [...secretViews.values()],
    secret: (name) => secretViews.get(name),
    secretRecipients: () => nodeViews.map((n) => ({ node: n.id, name: n.name })),
    policy: () => ({ realm: {}, defaults: defaultPolicy, nodes: [] }),
    doctor: () => Promise.resolve([{ subject: "clock", state: "ok", detail: "in step with its peers" }]),
    rebuild: () => ({ records: 7, digest: "abc", changed: [] }),
    connections: () => Promise.resolve([]),
    diagnose: () => fake.doctor(),
    nodeMetrics: (node) => Promise.resolve(noFigures("node", node)),
    appMetrics: (app) => Promise.resolve(appViews.has(app) ? noFigures("app", app) : undefined),
    mounts: (app) => Promise.resolve(appViews.has(app) ? { mounts: [], missing: [] } : undefined),
    exposition: () => "# nothing\n",
    pastEvents: () => [],
    blobs: () => Promise.resolve([...store.keys()].map(view)),
    blob: (name) => {
      const digest = [...store.keys()].find((d) => d.startsWith(name));
      return Promise.resolve(digest === undefined ? undefined : view(digest));
    },
    readBlob(digest) {
      const bytes = store.get(digest);
      if (!bytes) return Promise.reject(new RealmError("not_found", "no holder has this blob"));
      return Promise.resolve(new Blob([Uint8Array.from(bytes)]).stream());
    },
    missing: (digests) => Promise.resolve(digests.filter((d) => !store.has(d))),
    async upload(digest, content, _, offset) {
      const before = (offset !== undefined && partials.get(digest)) || new Uint8Array();
      if (offset !== undefined && offset !== before.length) {
        throw new RealmError("conflict", "the upload stands elsewhere", {
          detail: { offset: before.length },
        });
      }
      const parts = [before];
      try {
        for await (const part of content) parts.push(part);
      } catch (error) {
        partials.set(digest, concatBytes(...parts));
        throw error;
      }
      const bytes = concatBytes(...parts);
      if (digestOf(bytes) !== digest) {
        throw new RealmError("bad_digest", "the content is not what its digest says; upload it again");
      }
      store.set(digest, bytes);
      return { size: bytes.length };
    },
    uploadState: (digest) =>
      Promise.resolve({
        digest,
        offset: partials.get(digest)?.length ?? 0,
        whole: store.has(digest),
        busy: false,
      }),
    audit: () => [entry],
    auditVerify: () => ({ ok: true, entries: 1 }),
    async *appLogs(name, { follow }, signal) {
      const line = (seq: number, text: string): LogLineView => ({
        seq,
        at: EPOCH + seq,
        stream: "stdout",
        replica: `${name}-0`,
        node: "node-2",
        text,
      });
      yield line(1, "hello");
      yield line(2, "world");
      if (follow) await untilAborted(signal);
    },
    async *events(after, signal) {
      yield { n: (after ?? 0) + 1, at: EPOCH, topic: "app", what: "site is healthy", target: "site" };
      await untilAborted(signal);
    },
  };
  return fake;
}

const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
