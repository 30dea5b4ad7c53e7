import assert from "node:assert/strict";
import { Cluster, type ClusterNode, eventually } from "../cluster.ts";

const GUESTBOOK = new URL("../../examples/guestbook/", import.meta.url).pathname;

async function build(version: string, out: string): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", `${GUESTBOOK}build.ts`, "--version", version, "--out", out],
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim().split("\n").at(-1)!;
}

async function write(cluster: Cluster, node: ClusterNode, message: string): Promise<void> {
  const response = await cluster.fetch(node, "guestbook", "/api/entries", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name: "test", message }),
  });
  const text = await response.text();
  assert.ok(response.status < 300, `${response.status} ${text}`);
}

async function read(cluster: Cluster, node: ClusterNode): Promise<string> {
  const response = await cluster.fetch(node, "guestbook", "/api/entries?limit=100");
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return text;
}

Deno.test({
  name: "a state volume keeps its data over restart, upgrade, rollback, scale and kill -9 of its node",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn(t) {
    await using cluster = await Cluster.start({ nodes: 3 });
    const [n0] = cluster.nodes;
    const one = await build("1.0.0", `${cluster.root}/one`);
    const two = await build("2.0.0", `${cluster.root}/two`);
    await cluster.realm("deploy", one);
    const written: string[] = [];
    const note = async (text: string) => {
      await write(cluster, n0, text);
      written.push(text);
    };
    const allThere = async (by = n0) => {
      const text = await read(cluster, by);
      for (const entry of written) assert.ok(text.includes(entry), `${entry} is gone: ${text.slice(0, 500)}`);
    };
    const home = async () => {
      const view = await cluster.client(n0).app("guestbook");
      return cluster.nodes.find((n) => n.name === view.replicas[0]?.node_name)!;
    };
    const first = await home();
    await note("before anything");
    await t.step("upgrade", async () => {
      await cluster.realm("deploy", two);
      await allThere();
      await note("after the upgrade");
    });
    await t.step("rollback", async () => {
      await cluster.realm("app", "rollback", "guestbook", "1.0.0");
      await allThere();
      await note("after the rollback");
    });
    await t.step("kill -9 of its node, and its return", async () => {
      const node = await home();
      assert.equal(node.name, first.name, "the volume moved by itself");
      await cluster.kill(node);
      await cluster.restart(node);
      const by = cluster.nodes.find((n) => n !== node)!;
      await eventually("it serves again", async () => {
        await allThere(by);
        return true;
      }, 30_000);
    });
    await t.step("orderly restart", async () => {
      const node = await home();
      await cluster.stop(node);
      await cluster.restart(node);
      const by = cluster.nodes.find((n) => n !== node)!;
      await eventually("it serves again", async () => {
        await allThere(by);
        return true;
      }, 30_000);
    });
    await t.step("removed without volumes and deployed again", async () => {
      await cluster.realm("app", "remove", "guestbook", "--yes");
      await cluster.realm("deploy", one);
      await eventually("it serves again", async () => {
        await allThere();
        return true;
      });
    });
  },
});
