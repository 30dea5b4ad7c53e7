/** Services on real nodes: programs kept running, reached through every gateway, under load while nodes are killed. */
import assert from "node:assert/strict";
import { Cluster, type ClusterNode, eventually } from "../cluster.ts";
import { buildWasmFixtures } from "../fixtures/build.ts";
import { linuxTest, perlServer } from "../native_jobs.ts";
import { provideSystemPackages } from "../provide.ts";

async function submit(cluster: Cluster, say: string, more = "", table = "", ...flags: string[]) {
  return await submitService(cluster, say, { more, table, flags });
}

async function submitService(
  cluster: Cluster,
  say: string,
  { more = "", table = "", restart = "always", flags = [] as readonly string[] },
) {
  await Deno.writeTextFile(`${cluster.root}/server.pl`, perlServer(`${say} $ENV{REALM_REPLICA}`, more));
  const path = `${cluster.root}/api.toml`;
  await Deno.writeTextFile(
    path,
    `[job]
name = "api"
type = "service"
[runtime]
type = "native"
memory_mb = 64
[execution]
command = ["/usr/bin/perl", "server.pl"]
working_dir = "/app"
[data]
inputs = [{ path = "server.pl", mount = "/app/server.pl" }]
[service]
replicas = 2
ports = [{ name = "http", port = 18080, route = "api.my-realm" }]
health = { http = "/healthz", interval_seconds = 0.5, start_seconds = 20 }
restart = { policy = "${restart}", backoff_seconds = 0.2, max_backoff_seconds = 1 }
stop = { signal = "SIGTERM", grace_seconds = 2 }
${table}`,
  );
  return await cluster.run(["job", "submit", path, "--timeout", "90s", ...flags]);
}

/** One request through a node's gateway. */
async function ask(node: ClusterNode): Promise<string> {
  const [hostname, port] = node.gateway.replace(/^http:\/\//, "").split(":");
  const connection = await Deno.connect({ hostname, port: Number(port) });
  try {
    await connection.write(
      new TextEncoder().encode("GET / HTTP/1.1\r\nhost: api.my-realm\r\nconnection: close\r\n\r\n"),
    );
    let text = "";
    for await (const piece of connection.readable) text += new TextDecoder().decode(piece);
    return text;
  } catch (error) {
    return String(error);
  }
}

/** Asks these nodes in turn until told to end; counts what was not answered as it should be. */
function load(nodes: readonly ClusterNode[]) {
  let ended = false;
  const answers = new Map<string, number>(), failures: string[] = [];
  const worker = async (node: ClusterNode) => {
    while (!ended) {
      const text = await ask(node).catch(String);
      const said = /\r\n\r\n(?:[0-9a-f]+\r\n)?(one|two) /.exec(text)?.[1];
      if (said && text.startsWith("HTTP/1.1 200")) answers.set(said, (answers.get(said) ?? 0) + 1);
      else failures.push(text.slice(0, 300));
    }
  };
  const all = Promise.all(nodes.map(worker));
  return {
    answers,
    async end() {
      ended = true;
      await all;
      return failures;
    },
  };
}

const healthy = (cluster: Cluster, by: ClusterNode) =>
  eventually("two replicas are healthy", async () => {
    const app = await cluster.client(by).app("api");
    const up = app.replicas.filter((r) => r.state === "healthy");
    return app.phase === "steady" && up.length === 2 && up;
  }, 60_000);

linuxTest(
  "a native service is reached through every gateway, kept at its replicas when a node is killed under load, and replaced rolling",
  async () => {
    await using cluster = await Cluster.start({ nodes: 3 });
    // One that no node can take yet, for two reasons.
    await submit(cluster, "none", "", '[targeting]\ntags = ["nowhere"]\n', "--detach");
    const reasons = async () =>
      (await cluster.client(cluster.nodes[0]).why("api")).nodes.map((n) => n.reasons.join());
    await eventually("nobody may run it", async () => {
      const all = await reasons();
      return all.length === 3 &&
        all.every((r) => /nowhere.*allow_native_execution = false refuses it/.test(r));
    });
    await cluster.realm("policy", "set", "allow_native_execution=true");
    await eventually(
      "all may, and have a sandbox",
      async () => (await reasons()).every((r) => !/refuses|sandbox/.test(r)),
    );
    const deployed = await submit(cluster, "one");
    assert.equal(deployed.code, 0, deployed.stderr);
    const up = await healthy(cluster, cluster.nodes[0]);
    assert.equal(new Set(up.map((r) => r.node)).size, 2);
    for (const node of cluster.nodes) {
      await eventually(`${node.name} routes to it`, async () => (await ask(node)).includes("one api-"));
    }
    assert.match(await cluster.realm("app", "logs", "api"), /listens at \d+/);
    // A kill of a node that has a replica, under load through the others.
    const nodes = await cluster.client(cluster.nodes[0]).nodes();
    const names = up.map((r) => nodes.find((n) => n.id === r.node)!.name);
    const victim = cluster.nodes.find((n) => names.includes(n.name) && n !== cluster.nodes[0])!;
    const others = cluster.nodes.filter((n) => n !== victim);
    const first = load([...others, ...others]);
    await eventually("requests are answered", () => (first.answers.get("one") ?? 0) > 20);
    await cluster.kill(victim);
    await healthy(cluster, others[0]);
    const after = first.answers.get("one")!;
    await eventually("requests are still answered", () => first.answers.get("one")! > after + 20);
    const lost = await first.end();
    console.log(
      `${first.answers.get("one")} requests over a kill -9 of a node with a replica, ${lost.length} lost`,
    );
    assert.deepEqual(lost, []);
    // A new version takes the place of the old one, replica by replica.
    const second = load(others);
    const replaced = await submit(cluster, "two");
    assert.equal(replaced.code, 0, replaced.stderr);
    await eventually("the new one answers", () => (second.answers.get("two") ?? 0) > 10);
    const broken = await second.end();
    console.log(
      `${JSON.stringify(Object.fromEntries(second.answers))} over a replacement, ${broken.length} lost`,
    );
    assert.deepEqual(broken, []);
    assert.ok((await ask(others[0])).includes("two api-"));
    await cluster.realm("app", "remove", "api", "--yes");
    await eventually("it is gone", async () => !(await ask(others[0])).includes("HTTP/1.1 200"));
  },
);

linuxTest(
  "a service that crashes is started again with back-off, and named as in a crash loop; one that never listens is not rolled out",
  async () => {
    await using cluster = await Cluster.start({ nodes: 1 });
    const [node] = cluster.nodes;
    await cluster.realm("policy", "set", "allow_native_execution=true");
    const first = await submit(
      cluster,
      "one",
      'alarm 1; $SIG{ALRM} = sub { print STDERR "had enough\\n"; exit 3 };',
    );
    assert.equal(first.code, 0, first.stderr);
    const looping = await eventually("it is in a crash loop", async () => {
      const { replicas } = await cluster.client(node).app("api");
      return replicas.find((r) => r.reason?.includes("crash loop"));
    }, 60_000);
    assert.ok(looping.restarts >= 4);
    assert.match(looping.reason!, /exited with code 3.*crash loop: \d+ short lives in a row/);
    const second = await submit(cluster, "two", "exit 5;");
    assert.equal(second.code, 1, second.stderr);
    assert.match(second.stderr, /exited with code 5/);
  },
);

linuxTest(
  "a service whose restart policy leaves it ended stays so over restarts of its node, and runs again when it is submitted again",
  async () => {
    await using cluster = await Cluster.start({ nodes: 1 });
    const [node] = cluster.nodes;
    await cluster.realm("policy", "set", "allow_native_execution=true");
    const ends = (how: string) => `alarm 2; $SIG{ALRM} = sub { print "done\\n"; exit ${how} };`;
    const ended = (reason: string | undefined) =>
      eventually(`both ended: ${reason ?? "well"}`, async () => {
        const { replicas, phase } = await cluster.client(node).app("api");
        return phase === "steady" && replicas.length === 2 &&
          replicas.every((r) => r.state === "ended" && r.reason === reason) && replicas;
      }, 60_000);
    const first = await submitService(cluster, "one", { more: ends("0"), restart: "on-failure" });
    assert.equal(first.code, 0, first.stderr);
    const were = await ended(undefined);
    assert.match(await cluster.realm("job", "list"), /api +steady +0\/0, 2 ended/);
    assert.match(await cluster.realm("why", "api"), /is ended[^]*restart.policy/);
    assert.match(await cluster.realm("events"), /api on n0 has ended/);
    assert.deepEqual((await cluster.client(node).realm()).problems, []);
    assert.equal((await cluster.client(node).nodes())[0].reserved_mb, 0);
    await cluster.kill(node);
    await cluster.restart(node);
    await eventually(
      "the node is back",
      async () => (await cluster.client(node).nodes())[0].state === "alive",
    );
    assert.deepEqual((await cluster.client(node).app("api")).replicas, were);
    const second = await submitService(cluster, "two", { more: ends("3"), restart: "never" });
    assert.equal(second.code, 0, second.stderr);
    const after = await ended("It exited with code 3.");
    assert.ok(after.every((r) => r.restarts === 0 && !were.some((w) => w.id === r.id)));
    const third = await submitService(cluster, "three", { restart: "never" });
    assert.equal(third.code, 0, third.stderr);
    await healthy(cluster, node);
  },
);

Deno.test({
  name: "a wasm service answers through every gateway, from its own copy of its files",
  ignore: !await provideSystemPackages("wasi", () => {}),
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await using cluster = await Cluster.start({ nodes: 2 });
    await Deno.copyFile((await buildWasmFixtures()).hello, `${cluster.root}/hello.wasm`);
    await Deno.writeTextFile(`${cluster.root}/value`, "hunter22");
    await cluster.realm("secret", "set", "token", "--file", `${cluster.root}/value`);
    const path = `${cluster.root}/hello.toml`;
    await Deno.writeTextFile(
      path,
      `[job]
name = "hello"
type = "service"
[runtime]
type = "wasm"
wasm = "hello.wasm"
[secrets]
TOKEN = { name = "token" }
KEY = { name = "token", as = "file" }
[service]
replicas = 1
ports = [{ name = "http", port = 8080, route = "hello" }]
health = { http = "/", interval_seconds = 1 }
`,
    );
    const ran = await cluster.run(["job", "submit", path, "--timeout", "90s"]);
    assert.equal(ran.code, 0, ran.stderr);
    for (const node of cluster.nodes) {
      await eventually(`${node.name} routes to it`, async () => {
        const response = await cluster.fetch(node, "hello");
        return response.status === 200 && /hello/i.test(await response.text());
      });
    }
    assert.match(await cluster.realm("job", "list"), /hello +steady +1\/1 +hello/);
  },
});
