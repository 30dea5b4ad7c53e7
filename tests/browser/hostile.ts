/** An agent in memory whose every free text wants to be more than a text. */
import { defaultPolicy } from "../../agent/protocol/mod.ts";
import { keyIdOf } from "../../mod.ts";
import { createFakeAgent, type FakeAgent } from "../fake_agent.ts";
import { realm, testSigner } from "../test_keys.ts";
import { testApp, testNode, testRun, testSchedule, testSecret } from "../test_views.ts";

/** Markup that would set `pwned`. */
export const IMG = '<img src=x onerror="pwned=1">';
/** Markup, turns of direction and controls, and 10 KB without a space. */
export const HOSTILE = [IMG, "\u202eeman\u202d\u0007", "x".repeat(10_000)] as const;

/** A realm of three nodes, three apps and one blob; `digest` is the blob's. */
export function hostileAgent(): { readonly agent: FakeAgent; readonly digest: string } {
  const agent = createFakeAgent();
  const text = HOSTILE.join(" "), at = Date.now();
  agent.nodeViews.splice(
    0,
    agent.nodeViews.length,
    ...HOSTILE.map((name, i) => testNode(i + 2, { name, self: i === 0, tags: [IMG.slice(0, 20)] })),
  );
  agent.appViews.clear();
  for (const [i, version] of HOSTILE.entries()) {
    const app = testApp(`app-${i}`, {
      version,
      phase: "failed",
      rejected: { revision: "c".repeat(64), reason: text },
    });
    const replicas = app.replicas.map((r) => ({ ...r, node_name: HOSTILE[i], reason: text, log: text }));
    agent.appViews.set(app.name, { ...app, replicas, links: ["javascript:pwned=1", ...app.links] });
  }
  const digest = "d".repeat(64);
  const granted = keyIdOf(testSigner(9).publicKey);
  const blob = {
    digest,
    size: 5,
    name: HOSTILE[0],
    holders: [agent.self],
    references: HOSTILE.map((h) => `app-0 ${h}`),
    pin: { copies: 2, tags: [] },
    here: true,
  };
  agent.runViews.clear();
  const report = {
    wall_ms: 5,
    runtime: text,
    level: text,
    fetched_bytes: 0,
    stored_bytes: 0,
    out_of_memory: false,
  };
  for (const [i, job] of HOSTILE.entries()) {
    const attempt = {
      id: `attempt-${i}`,
      number: 1,
      node: agent.self,
      node_name: job,
      epoch: 1,
      state: "failed" as const,
      reason: text,
      at,
      report,
    };
    const run = testRun(`run-${i}`, job, {
      state: "failed",
      reason: text,
      matrix: { [IMG]: job },
      labels: { [IMG]: job },
      needs: HOSTILE.slice(0, i),
      runs: HOSTILE.map((_, n) => `run-${n}`),
      attempts: [attempt],
      artifacts: HOSTILE.map((name) => ({ name, digest, bytes: 1, form: "file" as const, until: at })),
    });
    agent.runViews.set(run.id, run);
  }
  agent.secretViews.clear();
  const named = HOSTILE.map((name) => ({ node: agent.self, name }));
  for (const name of HOSTILE) {
    const scope = { jobs: [IMG], branches: [...HOSTILE], tags: [IMG] };
    const exposed = named.map((n) => ({ ...n, why: "removed" as const }));
    agent.secretViews.set(
      name,
      testSecret(name, { scope, exposed, holders: named, waiting: named, runs: [...HOSTILE], version: text }),
    );
  }
  const hostileRules = { ...defaultPolicy, native_read: [...HOSTILE] };
  const status = agent.status();
  const findings = HOSTILE.map((h) => ({ subject: h, state: "missing" as const, detail: h, fix: h }));
  const revisions = HOSTILE.map((version, i) => ({
    id: String(i).repeat(64),
    number: 3 - i,
    kind: "deploy" as const,
    version,
    package: "b".repeat(64),
    at,
    by: realm,
    state: i === 0 ? "rejected" as const : "past" as const,
    reason: text,
  }));
  Object.assign(
    agent,
    {
      status: () => ({
        ...status,
        problems: HOSTILE.map((what) => ({ what, why: text, fix: `realm why ${IMG}` })),
      }),
      policy: () => ({
        realm: hostileRules,
        defaults: hostileRules,
        nodes: named.map((n) => ({ ...n, own: hostileRules, file: hostileRules, effective: hostileRules })),
      }),
      keys: () => [
        { key: realm, role: "owner", name: text },
        { key: granted, role: "viewer", name: IMG, issuer: realm, from: at, until: at + 3_600_000 },
      ],
      blobs: () => Promise.resolve([blob]),
      blob: () => Promise.resolve(blob),
      history: () => revisions,
      why: (id) => ({
        id,
        kind: "app",
        state: "failed",
        reasons: HOSTILE,
        nodes: agent.nodeViews.map((n) => ({
          id: n.id,
          name: n.name,
          able: false,
          reasons: HOSTILE,
          fix: text,
        })),
        fix: text,
      }),
      doctor: () => Promise.resolve(findings),
      diagnose: () => Promise.resolve(findings),
      schedules: () =>
        HOSTILE.map((name, i) =>
          testSchedule(name, {
            id: String(i).repeat(64),
            state: "invalid",
            reason: text,
            cron: name,
            timezone: name,
            jobs: HOSTILE,
            ticks: [{ at, state: "skipped", reason: text, runs: [{ id: name, state: "failed" }] }],
          })
        ),
      pastEvents: () =>
        HOSTILE.map((what, i) => ({ n: i + 1, at, topic: "node", what, target: what, severity: "error" })),
      connections: () =>
        Promise.resolve(
          agent.nodeViews.slice(1).map((n, i) => ({
            node: n.id,
            name: n.name,
            address: HOSTILE[i],
            direction: "inbound",
            since: at,
            rtt_ms: 1,
          })),
        ),
      mounts: () =>
        Promise.resolve({
          mounts: HOSTILE.map((name, i) => ({
            replica: name,
            node: agent.self,
            node_name: name,
            guest: `/${name}`,
            kind: "state" as const,
            volume: name,
            read_only: false,
            used_bytes: i,
            quota_bytes: 1,
          })),
          missing: HOSTILE.map((name) => ({ node: agent.self, name, why: text })),
        }),
      audit: () =>
        HOSTILE.map((h, i) => ({
          n: i + 1,
          at,
          actor: realm,
          action: h,
          target: h,
          node: agent.self,
          result: h as "ok",
          detail: h,
          hash: "0".repeat(64),
        })),
    } satisfies Partial<FakeAgent>,
  );
  return { agent, digest };
}
