import assert from "node:assert/strict";
import { Cluster, eventually } from "../cluster.ts";
import { startLoad } from "./load.ts";

const SITE = new URL("../../examples/hello-site/dist/app.realm", import.meta.url).pathname;

async function healthy(
  cluster: Cluster,
  app: string,
  count: number,
  by = cluster.nodes[0],
): Promise<boolean> {
  const view = await cluster.client(by).app(app);
  return view.phase === "steady" && view.healthy === count &&
    view.replicas.every((r) => r.state === "healthy");
}

for (const victim of ["a replica's node", "the controller"] as const) {
  Deno.test({
    name:
      `kill -9 of ${victim} under load through another gateway: no failed request, a replacement within 8 s`,
    sanitizeOps: false,
    sanitizeResources: false,
    async fn() {
      await using cluster = await Cluster.start({ nodes: 4 });
      await cluster.realm("deploy", SITE, "--replicas", "2");
      const before = await cluster.client(cluster.nodes[0]).app("hello-site");
      const hosts = new Set(before.replicas.map((r) => r.node_name));
      const controller = (await cluster.client(cluster.nodes[0]).nodes()).find((n) =>
        n.id === before.controller
      )!.name;
      const doomed = victim === "the controller"
        ? controller
        : [...hosts].find((n) => n !== controller) ?? [...hosts][0];
      const node = cluster.nodes.find((n) => n.name === doomed)!;
      const gateway = cluster.nodes.find((n) => n !== node && !hosts.has(n.name)) ??
        cluster.nodes.find((n) => n !== node)!;
      await eventually("the gateway serves it", async () => {
        const r = await cluster.fetch(gateway, "hello-site");
        await r.body?.cancel();
        return r.status === 200;
      });
      const stop = startLoad(gateway.gateway, "hello-site");
      await eventually("the load runs", () =>
        new Promise<true>((resolve) => setTimeout(() => resolve(true), 500)));
      const started = performance.now();
      await cluster.kill(node);
      await eventually("two replicas are healthy without it", async () => {
        const view = await cluster.client(gateway).app("hello-site");
        return view.phase === "steady" && view.replicas.length === 2 &&
          view.replicas.every((r) =>
            r.state === "healthy" && r.node_name !== doomed
          );
      }, 20_000);
      const took = performance.now() - started;
      const load = await stop();
      console.log(
        `${load.requests} requests, ${load.failures.length} failed, slowest ${
          Math.round(load.slowestMs)
        } ms; replaced after ${Math.round(took)} ms`,
      );
      assert.deepEqual(load.failures, []);
      assert.ok(took < 8_000 || !hosts.has(doomed), `${took} ms`);
      await cluster.restart(node);
      await eventually("the killed node is back", async () =>
        (await cluster.view(node, gateway)).state === "alive");
      assert.ok(await healthy(cluster, "hello-site", 2, gateway));
    },
  });
}

Deno.test({
  name: "a version swap under load never fails a request and never mixes versions",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const build = async (version: string, out: string) => {
      const script = new URL("../../examples/hello-site/build.ts", import.meta.url).pathname;
      const { success, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", script, "--version", version, "--out", out],
      }).output();
      assert.ok(success, new TextDecoder().decode(stderr));
    };
    await using cluster = await Cluster.start({ nodes: 3 });
    const [one, two] = [`${cluster.root}/one`, `${cluster.root}/two`];
    await build("1.0.0", one);
    await build("2.0.0", two);
    await cluster.realm("deploy", one, "--replicas", "2");
    const versionOf = (text: string) => [...new Set(text.match(/\b[12]\.0\.0\b/g) ?? [])].join("+");
    const stop = startLoad(cluster.nodes[1].gateway, "hello-site", 8, versionOf);
    await eventually(
      "the load runs",
      () => new Promise<true>((resolve) => setTimeout(() => resolve(true), 300)),
    );
    await cluster.realm("deploy", two, "--replicas", "2");
    await cluster.realm("app", "rollback", "hello-site", "1.0.0");
    const load = await stop();
    console.log(
      `${load.requests} requests, slowest ${Math.round(load.slowestMs)} ms, seen ${
        [...load.seen].map(([k, n]) => `${k}: ${n}`).join(", ")
      }`,
    );
    assert.deepEqual(load.failures, []);
    assert.deepEqual([...load.seen.keys()].sort(), ["1.0.0", "2.0.0"]);
  },
});
