/**
 * An upgrade of the fleet under load: an app with two replicas answers every request, and one with a single replica too,
 * which moves before its node restarts. The client knows all gateways, as a
 * name with several addresses has them, and takes the next when one refuses the connection; nothing else is tried again.
 */
import assert from "node:assert/strict";
import { Cluster, type ClusterNode, eventually, fetchApp } from "../cluster.ts";
import { probePackage } from "../probe_package.ts";
import { makeExecutable, refreshAll, versions } from "../upgrade_bed.ts";

/** Apps, by their replicas. */
const APPS = { steadfast: 2, alone: 1 };
/** `REALM_UPGRADE_NODES` for more, `REALM_UPGRADE_TO` for a built executable with its version, as `0.2.0=FILE`. */
const NODES = Number(Deno.env.get("REALM_UPGRADE_NODES") ?? 4);
const [TO, BUILT] = Deno.env.get("REALM_UPGRADE_TO")?.split("=") ?? ["9.0.0"];
const CONNECTIONS = 4;

/** Requests over all gateways until stopped. */
function startLoad(
  gateways: readonly string[],
): () => Promise<{ requests: number; refused: number; failures: string[]; slowest: Record<string, number> }> {
  let running = true, requests = 0, refused = 0;
  const failures: string[] = [], slowest: Record<string, number> = {};
  const isRefused = (error: unknown) =>
    /refused|\(Connect\)/i.test(String((error as Error).cause ?? error) + String(error));
  const one = async (app: string, n: number, init: () => RequestInit, expected: RegExp, path: string) => {
    requests++;
    const started = performance.now();
    for (let tries = 0;; tries++) {
      try {
        const gateway = gateways[(n + tries) % gateways.length];
        const response = await fetchApp(gateway, app, path, {
          ...init(),
          signal: AbortSignal.timeout(30_000),
        });
        const text = await response.text();
        if (response.status !== 200 || !expected.test(text)) {
          failures.push(`${app}${path}: ${response.status} ${text.slice(0, 200)}`);
        }
        slowest[app] = Math.max(slowest[app] ?? 0, performance.now() - started);
        return;
      } catch (error) {
        if (!isRefused(error) || tries >= gateways.length) {
          failures.push(`${app}${path}: ${error}`);
          return;
        }
        refused++;
      }
    }
  };
  const loops = Array.from({ length: CONNECTIONS }, async (_, i) => {
    const apps = Object.keys(APPS);
    for (let n = i; running; n++) {
      const app = apps[n % apps.length];
      if (n % 3 === 0) await one(app, n, () => ({ method: "POST", body: "once" }), /^once$/, "/echo");
      else await one(app, n, () => ({}), /^1\.0\.0$/, "/env?arg=VERSION");
      // Constant, not maximal: the nodes under test share the machine.
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });
  return async () => {
    running = false;
    await Promise.all(loops);
    return { requests, refused, failures, slowest };
  };
}

/** Ports that are free now, one after the other. */
function freePorts(count: number): number {
  for (let from = 20_000 + Math.floor(Math.random() * 20_000);; from += count) {
    try {
      for (let i = 0; i < count; i++) Deno.listen({ hostname: "127.0.0.1", port: from + i }).close();
      return from;
    } catch { /* one is taken */ }
  }
}

Deno.test({
  name:
    `${NODES} nodes are upgraded in batches under load: no request of an app with two replicas or one fails`,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await using cluster = await Cluster.start({
      nodes: NODES,
      gatewayPort: freePorts(NODES),
      startMs: 120_000,
    });
    const from = (await versions(cluster))[0].split(" ")[1];
    const serves = (node: ClusterNode, app: string) =>
      eventually(`${node.name} serves ${app}`, async () => {
        const response = await cluster.fetch(node, app, "/count");
        await response.body?.cancel();
        return response.status === 200;
      }, 30_000);
    for (const [app, replicas] of Object.entries(APPS)) {
      const file = await probePackage(cluster.root, app, "1.0.0");
      await cluster.realm("deploy", file, "--replicas", String(replicas));
      for (const node of cluster.nodes) await serves(node, app);
    }
    const file = BUILT ?? await makeExecutable(`${cluster.root}/dist`, TO);
    const stop = startLoad(cluster.nodes.map((n) => n.gateway));
    const started = performance.now();
    const ran = await cluster.run([
      "upgrade",
      file,
      "--probation",
      "2s",
      "--batch",
      String(Math.ceil(NODES / 4)),
    ]);
    const seconds = (performance.now() - started) / 1000;
    const { requests, refused, failures, slowest } = await stop();
    console.log(
      `${NODES} nodes from ${from} to ${TO} in ${
        seconds.toFixed(0)
      } s: ${requests} requests, ${failures.length} failed, ` +
        `${refused} connections refused by a gateway that restarted; slowest ${
          Object.entries(slowest).map(([app, ms]) => `${app} ${ms.toFixed(0)} ms`).join(", ")
        }`,
    );
    assert.equal(ran.code, 0, `${ran.stdout}${ran.stderr}`);
    assert.deepEqual(failures, []);
    assert.ok(
      (await versions(cluster)).every((line) => line.endsWith(` ${TO} alive`)),
      (await versions(cluster)).join(),
    );
    await refreshAll(cluster);
  },
});
