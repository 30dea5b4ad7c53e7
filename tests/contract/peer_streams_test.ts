import { createMemoryMesh } from "../peer_streams.ts";
import { createTestRealm, testKey } from "../mesh_nodes.ts";
import { peerStreamsContract } from "./peer_streams_contract.ts";

peerStreamsContract("streams in memory", () => {
  const mesh = createMemoryMesh();
  return Promise.resolve({
    a: mesh.node("a"),
    b: mesh.node("b"),
    nobody: "nobody",
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
});

peerStreamsContract("streams of the mesh", async () => {
  const realm = createTestRealm();
  const a = await realm.start(), b = await realm.start();
  return {
    a: a.mesh.streams,
    b: b.mesh.streams,
    nobody: testKey().id,
    async [Symbol.asyncDispose]() {
      await Promise.all([a.mesh.stop(), b.mesh.stop()]);
    },
  };
});
