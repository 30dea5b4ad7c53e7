import assert from "node:assert/strict";
import { bytesOf, eventually, noise, seeded, sha256, silentLog, streamOf } from "../../tests/content.ts";
import { createFaultyDisk, type FaultyDisk } from "../../tests/faulty_disk.ts";
import { createMemoryMesh, type MemoryMesh } from "../../tests/peer_streams.ts";
import { createHasher } from "../platform/hash.ts";
import {
  type BlobExchange,
  type BlobExchangeOptions,
  type BlobStore,
  createBlobExchange,
  openBlobStore,
} from "./mod.ts";
import { BLOB_PROTOCOL, createFrameReader, createFrameWriter } from "./frames.ts";

const MB = 1 << 20;

interface Node {
  readonly id: string;
  readonly disk: FaultyDisk;
  readonly store: BlobStore;
  readonly exchange: BlobExchange;
  readonly accused: string[];
  stop(): Promise<void>;
}

async function nodeOn(
  mesh: MemoryMesh,
  id: string,
  options: Partial<BlobExchangeOptions> & { disk?: FaultyDisk; quotaBytes?: number } = {},
): Promise<Node> {
  const disk = options.disk ?? createFaultyDisk(), accused: string[] = [];
  const random = seeded(id.charCodeAt(id.length - 1));
  const store = await openBlobStore({
    disk,
    hasher: createHasher(),
    directory: "/blobs",
    now: () => 1_000,
    log: silentLog,
    quotaBytes: () => options.quotaBytes ?? 2 ** 30,
    onStored: (digest) => exchange.noteStored(digest),
    onRemoved: (digest) => exchange.noteRemoved(digest),
  });
  const exchange: BlobExchange = createBlobExchange({
    store,
    streams: mesh.node(id),
    members: () => mesh.members(),
    clock: { now: () => 1_000, monotonic: () => performance.now() },
    random: { next: random, bytes: (n) => new Uint8Array(n) },
    log: silentLog,
    onMisbehaviour: (peer) => void accused.push(peer),
    stallMs: 300,
    ...options,
  });
  async function stop() {
    await exchange[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
    await eventually(() => store.transfer.buffers.lent() === 0, `${id} gives all buffers back`);
  }
  return { id, disk, store, exchange, accused, stop };
}

/** `count` nodes a, b, c … that know each other. */
async function realm(count: number, options: Parameters<typeof nodeOn>[2] = {}) {
  const mesh = createMemoryMesh(), nodes: Node[] = [];
  for (let i = 0; i < count; i++) nodes.push(await nodeOn(mesh, String.fromCharCode(97 + i), options));
  for (const node of nodes) node.exchange.membersChanged();
  return {
    mesh,
    nodes,
    async [Symbol.asyncDispose]() {
      for (const node of nodes) await node.stop();
    },
  };
}

const put = async (node: Node, content: Uint8Array) => {
  const { digest } = await node.store.write(streamOf(content));
  await node.exchange.flush();
  return digest;
};
const contentAt = (node: Node, digest: string) => bytesOf(node.store.read(digest));

for (const size of [0, 5000, 7 * MB]) {
  Deno.test(`a blob of ${size} bytes is found through its homes and fetched`, async () => {
    await using net = await realm(4);
    const [a, , c] = net.nodes, content = noise(size), digest = await put(a, content);
    assert.deepEqual((await c.exchange.look(digest)).holders, ["a"]);
    const seen: number[] = [];
    await c.exchange.fetch(digest, { onProgress: (p) => seen.push(p.doneBytes) });
    assert.deepEqual(await contentAt(c, digest), content);
    assert.equal(seen.at(-1), size);
    assert.deepEqual(seen, [...seen].sort((x, y) => x - y));
    await c.exchange.flush();
    assert.deepEqual([...(await net.nodes[1].exchange.look(digest)).holders].sort(), ["a", "c"]);
    await c.exchange.fetch(digest); // at once
  });
}

Deno.test("a blob nobody holds ends with an error that says so", async () => {
  await using net = await realm(2);
  await assert.rejects(net.nodes[0].exchange.fetch("0".repeat(64)), (error: Error & { code: string }) => {
    assert.equal(error.code, "unavailable");
    assert.match(error.message, /no member is known to hold it|does not hold/);
    return true;
  });
  await assert.rejects(net.nodes[0].exchange.fetch("nonsense"), { code: "bad_request" });
});

Deno.test("many small blobs share a few streams", async () => {
  await using net = await realm(3);
  const [a, b, c] = net.nodes, digests: string[] = [];
  for (let i = 0; i < 500; i++) {
    const content = noise(200 + i, i + 1);
    digests.push((await a.store.write(streamOf(content))).digest);
    if (i % 4 < 2) await b.store.write(streamOf(content));
  }
  digests.push((await a.store.write(streamOf(noise(3 * MB, 900)))).digest);
  const before = net.mesh.openedTo("a") + net.mesh.openedTo("b");
  await c.exchange.fetchMany(digests, { holders: ["a", "b"] });
  for (const digest of digests) assert.equal(sha256(await contentAt(c, digest)), digest);
  const opened = net.mesh.openedTo("a") + net.mesh.openedTo("b") - before;
  assert.ok(opened < 20, `${opened} streams`);
  assert.ok(net.mesh.sentBy("b") > 20_000, "b served its part");
});

Deno.test("a large blob is drawn from several holders at once", async () => {
  await using net = await realm(4);
  const content = noise(24 * MB, 3), [a, b, c, d] = net.nodes;
  for (const node of [a, b, c]) await put(node, content);
  const before = [a, b, c].map((n) => net.mesh.sentBy(n.id));
  await d.exchange.fetch(sha256(content));
  assert.equal(sha256(await contentAt(d, sha256(content))), sha256(content));
  const shares = [a, b, c].map((n, i) => net.mesh.sentBy(n.id) - before[i]);
  assert.ok(shares.every((s) => s > 2 * MB), `shares ${shares}`);
  assert.ok(shares.reduce((x, y) => x + y) < 1.2 * content.length, `sent in all ${shares}`);
});

Deno.test("many nodes fetching one blob serve each other: its first holder sends it little more than once", async () => {
  // The first holder's link is the bottleneck, as with a real uplink.
  const mesh = createMemoryMesh();
  const content = noise(40 * MB, 5), digest = sha256(content);
  const seed = await nodeOn(mesh, "s", { sendBytesPerSecond: () => 30 * MB });
  const others: Node[] = [];
  for (const id of ["a", "b", "c", "d", "e"]) others.push(await nodeOn(mesh, id));
  try {
    await put(seed, content);
    await Promise.all(others.map((n) => n.exchange.fetch(digest)));
    for (const n of others) assert.equal(sha256(await contentAt(n, digest)), digest);
    const sent = mesh.sentBy("s") / content.length;
    console.log(
      `5 nodes fetched ${content.length >> 20} MB; the first holder sent it ${sent.toFixed(2)} times`,
    );
    assert.ok(sent < 3, `sent ${sent} times`);
  } finally {
    for (const n of [seed, ...others]) await n.stop();
  }
});

Deno.test("a holder that sends wrong bytes is reported and the blob comes from another", async () => {
  for (const size of [50_000, 6 * MB]) {
    await using net = await realm(3);
    const content = noise(size, 8), [a, b, c] = net.nodes;
    await put(a, content);
    await put(b, content);
    net.mesh.corrupt("a", (piece) => {
      if (piece.length > 20_000) piece[piece.length - 10] ^= 1;
      return piece;
    });
    for (let i = 0; i < 3; i++) {
      await c.exchange.fetch(sha256(content));
      assert.equal(sha256(await contentAt(c, sha256(content))), sha256(content));
      if (c.accused.includes("a")) break;
      await c.store.remove(sha256(content));
    }
    assert.ok(c.accused.every((peer) => peer === "a"), `${c.accused}`);
    if (size > MB) assert.ok(c.accused.length > 0);
  }
});

Deno.test("when every holder lies, the fetch ends with their names and nothing is stored", async () => {
  await using net = await realm(2);
  const digest = await put(net.nodes[0], noise(50_000));
  net.mesh.corrupt("a", (piece) => piece.length > 20_000 ? piece.fill(7, 20_000) : piece);
  await assert.rejects(net.nodes[1].exchange.fetch(digest), (error: Error & { code: string }) => {
    assert.equal(error.code, "unavailable");
    assert.match(error.message, /a: /);
    return true;
  });
  assert.equal(await net.nodes[1].store.has(digest), false);
  assert.ok(net.nodes[1].accused.includes("a"));
});

Deno.test("a manifest that lists other content is found out, blamed and replaced by an honest one", async () => {
  await using net = await realm(3);
  const content = noise(6 * MB, 1), digest = await put(net.nodes[0], content);
  // z answers for the digest with the manifest and the chunks of something else.
  const other = noise(5 * MB, 2), liar = await nodeOn(createMemoryMesh(), "z");
  const { digest: otherDigest } = await liar.store.write(streamOf(other));
  const state = await liar.store.transfer.state(otherDigest);
  assert.ok(state.kind === "whole");
  net.mesh.node("z").handle(BLOB_PROTOCOL, async (stream) => {
    const unlimited = () => Promise.resolve();
    const reader = createFrameReader(stream, unlimited), writer = createFrameWriter(stream, unlimited);
    for (;;) {
      const frame = await reader.read(
        10_000,
        MB,
        (n) => Promise.resolve({ bytes: new Uint8Array(n), release() {} }),
      );
      if (!frame) return;
      const ask = frame.header as { ask: string; digest: string; size: number; from: number; to: number };
      let body = new Uint8Array() as Uint8Array;
      if (ask.ask === "entries") body = await liar.store.transfer.entryBytes(otherDigest, ask.from, ask.to);
      if (ask.ask === "chunk") {
        const known = await liar.store.transfer.readChunk({ sha256: ask.digest, size: ask.size }).catch(() =>
          undefined
        );
        if (!known) {
          await writer.write({ error: "not_found", message: "not here" }, body, 1000);
          continue;
        }
        body = known.bytes.slice();
        known.release();
      }
      await writer.write({ kind: "whole", info: { ...state.info, sha256: digest } }, body, 1000);
    }
  });
  const fetcher = net.nodes[2];
  await fetcher.exchange.fetch(digest, { holders: ["z"] });
  assert.deepEqual(await contentAt(fetcher, digest), content);
  assert.ok(fetcher.accused.includes("z"), "the liar is named");
  assert.ok((await fetcher.store.usage()).usedBytes < content.length + 10_000, "the false chunks are gone");
  await liar.stop();
});

Deno.test("a holder that stalls or vanishes in the middle is left for another", async () => {
  for (const how of ["stall", "cut"] as const) {
    await using net = await realm(3, { sendBytesPerSecond: () => 40 * MB });
    const content = noise(10 * MB, 4), [a, b, c] = net.nodes, digest = sha256(content);
    await put(a, content);
    await put(b, content);
    const base = net.mesh.sentBy("a");
    const fetching = c.exchange.fetch(digest);
    await eventually(() => net.mesh.sentBy("a") - base > MB, "a serves");
    net.mesh[how]("a");
    await fetching;
    assert.deepEqual(await contentAt(c, digest), content);
  }
});

Deno.test("an interrupted fetch is resumed with the chunks it has, also after a restart", async () => {
  const mesh = createMemoryMesh(), content = noise(16 * MB, 6), digest = sha256(content);
  const a = await nodeOn(mesh, "a", { sendBytesPerSecond: () => 30 * MB });
  await put(a, content);
  let b = await nodeOn(mesh, "b");
  const abort = new AbortController();
  const first = b.exchange.fetch(digest, {
    signal: abort.signal,
    onProgress: (p) => p.doneBytes > 6 * MB && abort.abort(new Error("interrupted")),
  });
  await assert.rejects(first, /interrupted/);
  assert.equal(await b.store.has(digest), false);
  await b.stop();
  b = await nodeOn(mesh, "b", { disk: b.disk });
  const before = mesh.sentBy("a");
  await b.exchange.fetch(digest, { holders: ["a"] });
  const sent = mesh.sentBy("a") - before;
  assert.ok(sent < 11 * MB, `${sent} bytes were sent again`);
  assert.deepEqual(await contentAt(b, digest), content);
  assert.equal((await b.store.usage()).partials, 0);
  await a.stop();
  await b.stop();
});

Deno.test("a damaged blob is mended by fetching the damaged chunk alone", async () => {
  await using net = await realm(2);
  const [a, b] = net.nodes, content = noise(10 * MB), digest = await put(a, content);
  await b.store.write(streamOf(content));
  const chunk = b.disk.files().filter((f) => f.includes("/chunks/"))[3];
  b.disk.rot(chunk);
  await assert.rejects(contentAt(b, digest), { code: "bad_digest" });
  const before = net.mesh.sentBy("a");
  await b.exchange.fetch(digest, { holders: ["a"] });
  assert.deepEqual(await contentAt(b, digest), content);
  assert.ok(net.mesh.sentBy("a") - before < 5 * MB);
});

Deno.test("fetches of one blob share a transfer, and one that aborts does not take the other with it", async () => {
  await using net = await realm(2, { sendBytesPerSecond: () => 40 * MB });
  const [a, b] = net.nodes, content = noise(8 * MB), digest = await put(a, content);
  const before = net.mesh.sentBy("a"), abort = new AbortController();
  const first = b.exchange.fetch(digest, {
    signal: abort.signal,
    onProgress: (p) => p.doneBytes > 2 * MB && abort.abort(new Error("no more")),
  });
  const second = b.exchange.fetch(digest);
  await assert.rejects(first, /no more/);
  await second;
  assert.deepEqual(await contentAt(b, digest), content);
  assert.ok(net.mesh.sentBy("a") - before < 1.6 * content.length);
});

Deno.test("a full store ends the fetch with no_space and keeps answering", async () => {
  const mesh = createMemoryMesh(), content = noise(8 * MB);
  const a = await nodeOn(mesh, "a"), b = await nodeOn(mesh, "b", { quotaBytes: 4 * MB });
  const digest = await put(a, content), small = await put(a, noise(100, 2));
  await assert.rejects(b.exchange.fetch(digest, { holders: ["a"] }), { code: "no_space" });
  assert.ok((await b.store.usage()).usedBytes <= 4 * MB);
  await b.store.collect({ remove: [], dropPartials: true });
  await b.exchange.fetch(small);
  assert.equal((await b.store.usage()).usedBytes, 100);
  await a.stop();
  await b.stop();
});

Deno.test("when homes leave, the new homes learn the holders", async () => {
  const mesh = createMemoryMesh(), nodes: Node[] = [];
  for (let i = 0; i < 8; i++) nodes.push(await nodeOn(mesh, `n${i}`));
  try {
    const digest = await put(nodes[0], noise(1000));
    for (const id of ["n1", "n2", "n3", "n4", "n5"]) mesh.cut(id);
    for (const n of nodes) n.exchange.membersChanged();
    await eventually(
      async () => (await nodes[7].exchange.look(digest)).holders.includes("n0"),
      "n7 finds n0",
    );
    await nodes[0].store.remove(digest);
    await nodes[0].exchange.flush();
    assert.deepEqual((await nodes[7].exchange.look(digest)).holders, []);
  } finally {
    for (const n of nodes) await n.stop();
  }
});

Deno.test("nonsense on a blob stream is refused, counted and ends nothing else", async () => {
  await using net = await realm(2);
  const [a, b] = net.nodes, digest = await put(a, noise(1000));
  for (
    const garbage of [noise(40), Uint8Array.of(0, 0, 0, 2, 0, 0, 0, 0, 123, 125), new Uint8Array(8).fill(255)]
  ) {
    const stream = await net.mesh.node("x").open("a", BLOB_PROTOCOL);
    const writer = stream.writable.getWriter();
    writer.write(garbage).catch(() => {});
    writer.close().catch(() => {});
    const seen = a.accused.length;
    await eventually(() => a.accused.length > seen, "x is reported");
  }
  await b.exchange.fetch(digest);
  assert.deepEqual(new Set(a.accused), new Set(["x"]));
});
