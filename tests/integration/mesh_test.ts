import assert from "node:assert/strict";
import { utf8 } from "../../agent/protocol/encoding.ts";
import { createTestRealm, testKey, until } from "../mesh_nodes.ts";
import { startMeshChild } from "../mesh_processes.ts";

Deno.test("a member killed with SIGKILL is noticed by its closed connection within 500 ms", async () => {
  const realm = createTestRealm();
  await using a = await realm.start();
  const key = testKey(901);
  realm.members.add(key.id);
  const child = await startMeshChild({
    key: 901,
    members: [a.id],
    addresses: { [a.id]: a.mesh.addresses() },
    neighbours: [a.id],
  });
  await until(() => a.events.includes(`connected ${key.id}`));
  a.mesh.send(key.id, utf8("echo"), "probe");
  await until(() => a.messages.length === 1);
  const stream = await a.mesh.streams.open(key.id, "/realm/echo/1.0.0");
  const broken = assert.rejects(
    stream.readable.getReader().read(),
    { code: "unreachable" },
    "a broken connection is no orderly end",
  );
  const killed = performance.now();
  child.kill();
  await until(() => a.events.at(-1) === `disconnected ${key.id}`, "disconnected", 500);
  console.log(`noticed after ${(performance.now() - killed).toFixed(1)} ms`);
  await broken;
  await child.end();
});

Deno.test("a process whose mesh has stopped ends by itself", async () => {
  const child = await startMeshChild({ key: 902, members: [] });
  console.log(`a mesh starts in ${child.startMs.toFixed(0)} ms`);
  assert.equal(await child.end(), 0);
});

Deno.test("gossip reaches all of 30 nodes with four neighbours each", async () => {
  const realm = createTestRealm();
  const nodes = await Promise.all(Array.from({ length: 30 }, () => realm.start()));
  try {
    nodes.forEach((n, i) => n.mesh.setNeighbours([1, 2, 5, 11].map((d) => nodes[(i + d) % 30].id)));
    await until(() => nodes.every((n) => n.mesh.peers().length === 8), "all linked", 60_000);
    const texts = ["one", "two", "three"];
    const end = performance.now() + 20_000;
    // A gossip mesh is woven at the first heartbeats: publish until the first gets through, then all must.
    for (let i = 0; nodes.slice(1).some((n) => !n.gossip.includes(`warm ${i - 1}`)); i++) {
      assert.ok(performance.now() < end, "the gossip mesh did not form");
      nodes[0].mesh.publish(utf8(`warm ${i}`));
      await until(() => nodes.slice(1).every((n) => n.gossip.includes(`warm ${i}`)), "", 1_000).catch(
        () => {},
      );
    }
    texts.forEach((text, i) => nodes[i * 7].mesh.publish(utf8(text)));
    await until(
      () =>
        texts.every((text, i) =>
          nodes.every((n, at) => at === i * 7 || n.gossip.filter((g) => g === text).length === 1)
        ),
      "each text arrives once everywhere",
    );
  } finally {
    await Promise.all(nodes.map((n) => n.mesh.stop()));
  }
});

Deno.test("50 MB pass through one stream to a slow reader in bounded memory", async () => {
  const realm = createTestRealm();
  await using a = await realm.start();
  const key = testKey(903);
  realm.members.add(key.id);
  const child = await startMeshChild({
    key: 903,
    members: [a.id],
    addresses: { [a.id]: a.mesh.addresses() },
  });
  realm.addresses.set(key.id, child.addresses);
  try {
    const total = 50 * 1024 * 1024, piece = 256 * 1024;
    const stream = await a.mesh.streams.open(key.id, "/realm/echo/1.0.0");
    const before = Deno.memoryUsage();
    const held = (m: Deno.MemoryUsage) => m.external + m.heapUsed;
    let most = 0, sent = 0, got = 0, sum = 0;
    const sending = (async () => {
      const writer = stream.writable.getWriter();
      for (let i = 0; i < total / piece; i++) {
        await writer.write(new Uint8Array(piece).fill(i));
        sent += piece;
      }
      await writer.close();
    })();
    const start = performance.now();
    for await (const part of stream.readable) {
      for (let i = 0; i < part.length; i += 4096) sum += part[i];
      got += part.length;
      most = Math.max(most, sent - got);
      // Slow: what is in flight must not grow while the reader dawdles.
      if (got < 4 * piece) await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await sending;
    const seconds = (performance.now() - start) / 1000;
    assert.equal(got, total);
    assert.ok(sum > 0);
    console.log(
      `echo of 50 MB: ${(100 / seconds).toFixed(0)} MB/s, at most ${
        (most / 2 ** 20).toFixed(1)
      } MB in flight`,
    );
    assert.ok(most < 16 * 1024 * 1024, `${most} bytes in flight`);
    const grown = held(Deno.memoryUsage()) - held(before);
    assert.ok(grown < 64 * 1024 * 1024, `${grown} bytes more held afterwards`);
  } finally {
    await child.end();
  }
});
