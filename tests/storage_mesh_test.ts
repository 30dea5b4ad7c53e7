import assert from "node:assert/strict";
import { createHasher, systemClock, systemRandom } from "../agent/platform/mod.ts";
import { createBlobExchange, openBlobStore } from "../agent/storage/mod.ts";
import { bytesOf, eventually, noise, sha256, silentLog, streamOf } from "./content.ts";
import { createFaultyDisk } from "./faulty_disk.ts";
import { createTestRealm } from "./mesh_nodes.ts";

Deno.test({
  name: "blobs travel over the real mesh: found by their homes, from two holders, one of which dies midway",
  // libp2p keeps a broadcast channel open after it stopped.
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const realm = createTestRealm(), members = () => [...realm.members];
    const nodes = [];
    for (let i = 0; i < 4; i++) {
      const { mesh, id } = await realm.start();
      const store = await openBlobStore({
        disk: createFaultyDisk(),
        hasher: createHasher(),
        directory: "/blobs",
        now: Date.now,
        log: silentLog,
        quotaBytes: () => 2 ** 30,
        onStored: (digest) => exchange.noteStored(digest),
      });
      const exchange = createBlobExchange({
        store,
        streams: mesh.streams,
        members,
        clock: systemClock,
        random: systemRandom,
        log: silentLog,
        stallMs: 2000,
        ...(i < 2 ? { sendBytesPerSecond: () => 30e6 } : {}),
      });
      nodes.push({ id, mesh, store, exchange });
    }
    const [a, b, c, d] = nodes;
    try {
      const large = noise(20 << 20), small = Array.from({ length: 150 }, (_, i) => noise(3000 + i, i + 2));
      for (const node of [a, b]) await node.store.write(streamOf(large));
      for (const content of small) await b.store.write(streamOf(content));
      for (const node of [a, b]) await node.exchange.flush();

      const digests = small.map(sha256), started = performance.now();
      await c.exchange.fetchMany(digests);
      console.log(`150 small blobs over the mesh in ${(performance.now() - started).toFixed(0)} ms`);
      for (const digest of digests) assert.equal(sha256(await bytesOf(c.store.read(digest))), digest);

      let seen = 0;
      const fetching = d.exchange.fetch(sha256(large), { onProgress: (p) => seen = p.doneBytes });
      await eventually(() => seen > 4 << 20, "the transfer runs", 20_000);
      await a.mesh.stop();
      await fetching;
      assert.equal(sha256(await bytesOf(d.store.read(sha256(large)))), sha256(large));
    } finally {
      for (const node of nodes) {
        await node.exchange[Symbol.asyncDispose]();
        await node.store[Symbol.asyncDispose]();
        await node.mesh.stop();
        assert.equal(node.store.transfer.buffers.lent(), 0);
      }
    }
  },
});
