/** The running agent as its API sees it. */
import { isCatchingUp, nodeState } from "../core/mod.ts";
import { createVerifier } from "../platform/mod.ts";
import { type Digest, type LogLineView, type NodeId, shortId, type WhyView } from "../protocol/mod.ts";
import type { Agent } from "./running_agent.ts";
import { blobService } from "./blob_views.ts";
import { exposition } from "./exposition.ts";
import { metricsView } from "./gateway_figures.ts";
import { mergeLogs, readRemoteLogs } from "./log_stream.ts";
import { planView, whyApp, whyNode } from "./explain.ts";
import { planJobs } from "./jobs/job_plan_view.ts";
import { findRun, runView, runViews, whyRun } from "./jobs/job_views.ts";
import { parsePlace } from "./jobs/run_log.ts";
import { findSchedule, scheduleView, scheduleViews, whySchedule } from "./jobs/schedule_views.ts";
import {
  appView,
  appViews,
  findNode,
  historyView,
  keyViews,
  nodeViews,
  policyView,
  realmView,
  type Surroundings,
} from "./queries.ts";
import { rebuildProjections } from "./rebuilding.ts";
import { recipientViews, secretView, secretViews } from "./secret_views.ts";
import type { AgentService } from "./service.ts";
import { findUpgrade, upgradeView, upgradeViews, whyUpgrade } from "./upgrade_views.ts";

/** See {@link AgentService}. */
export function serviceOf(agent: Agent): AgentService {
  const { core, loop, contents, self } = agent;
  const verifier = createVerifier();
  const around: Surroundings = {
    version: agent.options.version,
    now: () => Date.now(),
    peers: () => agent.mesh.peers(),
    gateway: () => agent.gatewayUrl,
    rttMs: (id) => agent.monitoring.rttMs(id),
    clockBehindMs: () => agent.monitoring.clockBehindMs(),
    metrics: (app) => metricsView(agent.gateway.metricsOf(app)),
  };
  const nameOf = (id: NodeId) => core.infos.get(id)?.name ?? shortId(id);

  function whyOf(id: string): WhyView | undefined {
    const app = core.apps.get(id);
    if (app) return whyApp(core, app, around);
    const schedule = findSchedule(core, id);
    if (schedule) return whySchedule(core, schedule);
    const run = findRun(core, id);
    if (run) return whyRun(core, run, Date.now());
    const node = findNode(core, id);
    if (node) return whyNode(core, node, around);
    const rollout = findUpgrade(core, id);
    if (rollout) return whyUpgrade(core, rollout, Date.now());
    const commands = [...core.commands.keys()].filter((c) => id.length >= 6 && c.startsWith(id));
    if (commands.length === 1) {
      const { command, via, at } = core.commands.get(commands[0])!;
      return {
        id: commands[0],
        kind: "command",
        state: "applied",
        reasons: [
          `${command?.kind ?? "a command of a later version"} signed by ${command?.by ?? "?"} at ${
            new Date(at).toISOString()
          }, accepted by ${nameOf(via)}`,
        ],
        nodes: [],
      };
    }
    const key = keyViews(core).find((k) => k.key === id);
    if (!key) return undefined;
    const state = key.revoked_at !== undefined
      ? "revoked"
      : (key.until ?? Infinity) < Date.now()
      ? "expired"
      : "valid";
    return {
      id,
      kind: "key",
      state,
      reasons: [`holds the role ${key.role}${key.issuer ? ` by the word of ${key.issuer}` : ""}`],
      nodes: [],
    };
  }

  return {
    self,
    realm: core.config.realm,
    version: agent.options.version,
    verifier,
    now: () => Date.now(),
    catchingUp: () => isCatchingUp(core, Date.now()),
    revokedAt: (key) => core.authority.revoked.get(key),
    submit(command) {
      const reply = loop.ask((ref) => ({ t: "submit", ref, command }));
      return reply.ok ? { ok: true, value: { id: reply.value.id } } : reply;
    },
    status: () => realmView(core, around),
    nodes: () => nodeViews(core, around),
    node(name) {
      const id = findNode(core, name);
      return id === undefined ? undefined : nodeViews(core, around).find((n) => n.id === id);
    },
    apps: () => appViews(core, around),
    app(name) {
      const app = core.apps.get(name);
      return app && appView(core, app, around);
    },
    history(name) {
      const app = core.apps.get(name);
      return app && app.revisions.length > 0 ? historyView(app) : undefined;
    },
    plan: (deploy) => planView(core, deploy, Date.now()),
    runs: (filter) => runViews(core, filter),
    schedules: () => scheduleViews(core),
    schedule(name) {
      const schedule = findSchedule(core, name);
      return schedule && scheduleView(core, schedule);
    },
    run(name) {
      const run = findRun(core, name);
      return run && runView(core, run);
    },
    planJobs: (wish) => planJobs(core, wish, Date.now()),
    runSpec: (name) => findRun(core, name)?.spec,
    runLogs: (run, { follow, after, attempt }, signal) =>
      agent.jobs.readLog(run, {
        follow,
        ...(after === undefined ? {} : { after: parsePlace(after) }),
        ...(attempt === undefined ? {} : { attempt }),
      }, signal),
    forge: (request, client) => agent.forge.answer(request, client),
    why: whyOf,
    upgrades: () => upgradeViews(core, Date.now()),
    upgrade(name) {
      const rollout = findUpgrade(core, name);
      return rollout && upgradeView(core, rollout, Date.now());
    },
    keys: () => keyViews(core),
    rebuild: () => rebuildProjections(core, loop),
    policy: () => policyView(core),
    secrets: () => secretViews(core),
    secret: (name) => secretView(core, name),
    secretRecipients: (tags) => recipientViews(core, tags),
    doctor: () => agent.monitoring.diagnose(self),
    async connections(name) {
      const id = findNode(core, name);
      return id === undefined ? undefined : await agent.monitoring.connections(id);
    },
    async diagnose(name) {
      const id = findNode(core, name);
      return id === undefined ? undefined : await agent.monitoring.diagnose(id);
    },
    async nodeMetrics(name, lastMs, points) {
      const id = findNode(core, name);
      return id === undefined ? undefined : await agent.monitoring.nodeMetrics(id, lastMs, points);
    },
    async appMetrics(name, lastMs, points) {
      const app = core.apps.get(name);
      return app && await agent.monitoring.appMetrics(app, lastMs, points);
    },
    async mounts(name) {
      const app = core.apps.get(name);
      return app && await agent.monitoring.mounts(app);
    },
    exposition: () => exposition(agent),
    ...blobService(agent),
    async missing(digests) {
      const lacking: Digest[] = [];
      for (const digest of digests) if (!await contents.store.has(digest)) lacking.push(digest);
      return lacking;
    },
    upload: (digest, content, signal, offset) =>
      offset === undefined
        ? contents.store.write(content, { expected: digest, signal })
        : contents.store.uploads.write(digest, offset, content, signal),
    uploadState: async (digest) => ({ digest, ...await contents.store.uploads.state(digest) }),
    audit: (filter) => agent.audit.list(filter),
    auditVerify: () => agent.audit.verify(),
    async *appLogs(name, options, signal) {
      const query = {
        app: name,
        follow: options.follow,
        tail: options.tail,
        ...(options.since === undefined ? {} : { since: options.since }),
      };
      const app = core.apps.get(name);
      const nodes = new Set<NodeId>([self]);
      for (const r of app?.decision?.value.replicas ?? []) nodes.add(r.node);
      for (const node of app?.statuses.keys() ?? []) nodes.add(node);
      const alive = [...nodes].filter((id) => id === self || nodeState(core, id) === "alive");
      const end = new AbortController();
      const either = AbortSignal.any([signal, end.signal]);
      const sources = alive.map((id) => ({
        node: nameOf(id),
        lines: id === self
          ? agent.logs.read(name, query, either)
          : readRemoteLogs(agent.mesh.streams, id, query, either),
      }));
      const wanted = options.grep?.toLowerCase();
      const lines: AsyncIterable<LogLineView> = mergeLogs(sources, !options.follow);
      try {
        for await (const line of lines) if (!wanted || line.text.toLowerCase().includes(wanted)) yield line;
      } finally {
        end.abort();
      }
    },
    pastEvents: (limit) => agent.events.past(limit),
    events: (after, signal) => agent.events.read(after, signal),
  };
}
