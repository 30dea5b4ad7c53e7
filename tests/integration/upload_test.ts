import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { limits } from "../../mod.ts";
import { Cluster, eventually } from "../cluster.ts";
import { noise } from "../content.ts";
import { createCuttingProxy } from "../cutting_proxy.ts";

const MB = 1 << 20;
/** One chunk is what an interruption may cost. */
const CHUNK = limits.chunkMaxBytes;
/** Headers and what is asked beside the content. */
const TALK = 64 * 1024;

async function fileOf(path: string, bytes: number, seed: number): Promise<string> {
  const content = noise(bytes, seed);
  await Deno.writeFile(path, content);
  return createHash("sha256").update(content).digest("hex");
}

Deno.test({
  name: "an upload whose agent is killed goes on by itself and sends at most one chunk again",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await using cluster = await Cluster.start({ nodes: 1 });
    const [n0] = cluster.nodes, path = `${cluster.root}/large.bin`;
    const size = 40 * MB, digest = await fileOf(path, size, 5);
    await using proxy = createCuttingProxy(n0.api);
    proxy.allow(0);
    const put = cluster.run(["storage", "put", path, "--connect", proxy.url, "--json"], n0);
    let reached = 0, again = 0;
    for (const until of [11 * MB, 26 * MB]) {
      // Passes what belongs to `until` and waits until the agent keeps all of it but the chunk that is not full.
      proxy.allow(until - proxy.passed());
      await eventually(`${until} bytes are kept`, async () => {
        reached = (await cluster.client(n0).uploadState(digest)).offset;
        return proxy.passed() >= until && reached >= until - CHUNK - TALK;
      }, 60_000);
      again += until - reached;
      assert.ok(until - reached <= CHUNK + TALK, `${until - reached} bytes have to be sent again`);
      await cluster.kill(n0);
      proxy.cut();
      await cluster.restart(n0);
      proxy.to(n0.api);
      assert.ok(
        (await cluster.client(n0).uploadState(digest)).offset >= reached,
        "what was kept survived the kill",
      );
    }
    proxy.allow(Infinity);
    const done = await put;
    assert.equal(done.code, 0, done.stderr);
    assert.match(done.stderr, /the connection broke; going on at/);
    assert.equal((JSON.parse(done.stdout) as { digest: string }).digest, digest);
    const sentAgain = proxy.passed() - size;
    console.log(`40 MiB over two kills: ${(sentAgain / 1e6).toFixed(2)} MB were sent again`);
    assert.ok(sentAgain <= 2 * (CHUNK + TALK) && sentAgain <= again + 4 * TALK, `${sentAgain} bytes`);
    const out = `${cluster.root}/out.bin`;
    await cluster.realm("storage", "get", digest, "-o", out);
    assert.equal(createHash("sha256").update(await Deno.readFile(out)).digest("hex"), digest);
  },
});

Deno.test({
  name: "an upload that was given up is gone on with by the next command, also after kill -9 at any moment",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await using cluster = await Cluster.start({ nodes: 1 });
    const [n0] = cluster.nodes, path = `${cluster.root}/large.bin`;
    const size = 32 * MB, digest = await fileOf(path, size, 6);
    await using proxy = createCuttingProxy(n0.api);
    const content = new Blob([await Deno.readFile(path)]);
    let sent = 0;
    for (let cut = 1; cut <= 4; cut++) {
      const before = (await cluster.client(n0).uploadState(digest)).offset, start = proxy.passed();
      assert.ok(before <= sent, "no more is kept than was sent");
      proxy.allow(7 * MB + cut * 12_345);
      const wanted = new AbortController();
      const put = cluster.client(n0, proxy.url).upload(digest, content, { signal: wanted.signal })
        .catch(() => {});
      // Whatever the agent is at then: receiving, hashing, writing, renaming.
      const moment = before + Math.floor(Math.random() * 3 * MB);
      await eventually(
        `more than ${moment} bytes are kept`,
        async () => (await cluster.client(n0).uploadState(digest)).offset > moment,
        60_000,
      );
      await cluster.kill(n0);
      wanted.abort();
      proxy.cut();
      await put;
      sent = before + proxy.passed() - start;
      await cluster.restart(n0);
      proxy.to(n0.api);
    }
    const { offset } = await cluster.client(n0).uploadState(digest);
    assert.ok(offset > 4 * limits.chunkMinBytes, "little was kept of four tries");
    proxy.allow(Infinity);
    await cluster.realm("storage", "put", path);
    const out = `${cluster.root}/out.bin`;
    await cluster.realm("storage", "get", digest, "-o", out);
    assert.equal(createHash("sha256").update(await Deno.readFile(out)).digest("hex"), digest);
  },
});
