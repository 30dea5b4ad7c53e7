import assert from "node:assert/strict";
import { Cluster, eventually } from "../cluster.ts";

Deno.test({
  name: "a pinned file has its copies, also after a holder died, and is read whole through any node",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await using cluster = await Cluster.start({ nodes: 4 });
    const [n0] = cluster.nodes;
    const content = crypto.getRandomValues(new Uint8Array(65_536));
    const path = `${cluster.root}/data.bin`;
    const file = await Deno.open(path, { write: true, create: true });
    for (let i = 0; i < 80; i++) {
      content[0] = i;
      await file.write(content);
    }
    file.close();
    await cluster.realm("storage", "put", path, "--name", "data", "--copies", "2");
    const holders = async (by = n0) => {
      const { holders } = await cluster.client(by).blob("data");
      return cluster.nodes.filter((n) => n.process).map((n) => n.name)
        .filter((name) => ids.get(name) !== undefined && holders.includes(ids.get(name)!));
    };
    const ids = new Map((await cluster.client(n0).nodes()).map((n) => [n.name, n.id]));
    const before = await eventually("two copies", async () => {
      const found = await holders();
      return found.length >= 2 && found;
    }, 20_000);
    const victim = cluster.nodes.find((n) => n !== n0 && before.includes(n.name))!;
    await cluster.kill(victim);
    await eventually("two copies without the dead holder", async () => (await holders()).length >= 2, 30_000);
    const reader = cluster.nodes.find((n) => n.process && n !== n0)!;
    const out = `${cluster.root}/out.bin`;
    const ran = await cluster.run(["storage", "get", "data", "-o", out, "--connect", reader.api]);
    assert.equal(ran.code, 0, ran.stderr);
    assert.deepEqual(await Deno.readFile(out), await Deno.readFile(path));
  },
});
