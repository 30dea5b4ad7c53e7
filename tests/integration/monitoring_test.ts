/** Figures, connections, diagnoses, mounts and events of one node as another tells them. */
import assert from "node:assert/strict";
import { Cluster, eventually } from "../cluster.ts";

const root = new URL("../../", import.meta.url).pathname;

Deno.test({
  name:
    "each node tells of every other: connections, diagnosis, figures, mounts; of a dead one why it cannot",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await using cluster = await Cluster.start({ nodes: 3 });
    const [n0, n1, n2] = cluster.nodes;
    const out = `${cluster.root}/site`;
    const built = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", "examples/hello-site/build.ts", "--version", "1.0.0", "--out", out],
      cwd: root,
    }).output();
    const file = new TextDecoder().decode(built.stdout).trim().split("\n").at(-1)!;
    await cluster.realm("deploy", file, "--replicas", "2");
    const client = cluster.client(n0);
    const asked = Promise.all(Array.from({ length: 90 }, async (_, i) => {
      const response = await cluster.fetch(cluster.nodes[i % 3], "hello-site");
      await response.body?.cancel();
    }));

    const connections = await client.connections("n1");
    assert.deepEqual(new Set(connections.map((c) => c.name)), new Set(["n0", "n2"]));
    for (const c of connections) assert.ok(c.rtt_ms !== undefined && c.rtt_ms >= 0 && c.rtt_ms < 2_000);
    const findings = await client.diagnose("n2");
    assert.equal(findings.find((f) => f.subject === "audit")?.state, "ok");
    const clock = findings.find((f) => f.subject === "clock");
    assert.equal(clock?.state, "ok");
    assert.match(clock!.detail, /^\d+\.\d s from its peers'$/);
    assert.match(await cluster.realm("node", "diagnose", "n2"), /the chain holds/);
    for (const node of cluster.nodes) {
      const { records, changed } = await cluster.client(node).rebuild();
      assert.ok(records > 0);
      assert.deepEqual(changed, [], `${node.name} had derived something else than its records say`);
    }
    assert.match(await cluster.realm("doctor", "--rebuild"), /nothing changed/);
    assert.match(await cluster.realm("node", "show", "n1"), /ROUND TRIP/);
    const { mounts, missing } = await client.mounts("hello-site");
    assert.deepEqual(missing, []);
    const app = await client.app("hello-site");
    assert.deepEqual(
      new Set(mounts.map((m) => m.node_name)),
      new Set(app.replicas.map((r) => r.node_name)),
    );
    for (const m of mounts) assert.ok(m.read_only && m.used_bytes! > 0, JSON.stringify(m));

    await asked;
    const counted = await eventually("requests of all three gateways are in the app's figures", async () => {
      const view = await client.appMetrics("hello-site", { lastMs: 120_000 });
      const total = view.series.requests_per_s.reduce<number>((n, v) => n + (v ?? 0), 0) * view.step_ms /
        1_000;
      return total > 85 ? { view, total } : undefined;
    }, 40_000);
    assert.ok(counted.total < 95, `${counted.total} of 90 requests`);
    assert.deepEqual(counted.view.nodes.map((n) => n.problem), [undefined, undefined, undefined]);
    const far = await client.nodeMetrics("n2", { lastMs: 120_000 });
    assert.equal(far.series.connections.findLast((v) => v !== null), 2);
    assert.ok(far.series.agent_memory_bytes.findLast((v) => v !== null)! > 10e6);
    assert.match(await client.exposition(), /^realm_app_requests_total\{app="hello-site"\} 30$/m);
    assert.match(await cluster.realm("app", "metrics", "hello-site", "--last", "5m"), /requests.*\/s/);

    await cluster.kill(n2);
    await eventually("n2 is missed", async () => (await cluster.view(n2, n0)).state === "unreachable");
    await assert.rejects(client.diagnose("n2"), /n2 is unreachable/);
    const rest = await client.appMetrics("hello-site", { lastMs: 60_000 });
    const dead = rest.nodes.find((n) => n.name === "n2");
    assert.ok(
      dead === undefined || /unreachable/.test(dead.problem!),
      "its figures are not counted in silence",
    );
    const told = await eventually(
      "it is told as an event",
      async () => (await client.pastEvents()).find((e) => e.what === "n2 is unreachable"),
    );
    assert.equal(told.severity, "error");

    const before = (await cluster.client(n1).pastEvents()).length;
    await cluster.kill(n1);
    await cluster.restart(n1);
    const after = await cluster.client(n1).pastEvents();
    assert.ok(after.length > 0 && after.some((e) => /started/.test(e.what)), `${before} before`);
    assert.match(await cluster.realm("events", "--limit", "1000"), /n2 is unreachable/);
  },
});
