import assert from "node:assert/strict";
import { createMemoryMesh } from "./peer_streams.ts";

const P = "/echo/1";
const all = async (s: ReadableStream<Uint8Array>) => new Uint8Array(await new Response(s).arrayBuffer());

Deno.test("a memory mesh carries bytes both ways in other pieces, and half-closes", async () => {
  const mesh = createMemoryMesh({ pieceBytes: 7 });
  mesh.node("b").handle(P, async (s) => {
    assert.equal(s.peer, "a");
    await s.readable.pipeTo(s.writable);
  });
  const stream = await mesh.node("a").open("b", P);
  const sent = crypto.getRandomValues(new Uint8Array(5000));
  const writer = stream.writable.getWriter();
  const writing = writer.write(sent).then(() => writer.close());
  assert.deepEqual(await all(stream.readable), sent);
  await writing;
  assert.equal(mesh.sentBy("a"), 5000);
});

Deno.test("a writer waits when the other side of a memory stream does not read", async () => {
  const mesh = createMemoryMesh({ windowBytes: 1000 });
  mesh.node("b").handle(P, () => {});
  const writer = (await mesh.node("a").open("b", P)).writable.getWriter();
  for (let i = 0; i < 20; i++) writer.write(new Uint8Array(500)).catch(() => {});
  assert.ok((writer.desiredSize ?? 0) <= 0);
  for (let i = 0; i < 100; i++) await Promise.resolve();
  assert.ok(mesh.sentBy("a") <= 1500, `${mesh.sentBy("a")} bytes passed`);
  writer.abort().catch(() => {});
});

Deno.test("cutting a node resets its streams and makes it unreachable until healed", async () => {
  const mesh = createMemoryMesh();
  mesh.node("b").handle(P, () => {});
  const stream = await mesh.node("a").open("b", P);
  const reading = stream.readable.getReader().read();
  mesh.cut("b");
  await assert.rejects(reading, { code: "unreachable" });
  await assert.rejects(mesh.node("a").open("b", P), { code: "unreachable" });
  mesh.heal("b");
  (await mesh.node("a").open("b", P)).reset();
});

Deno.test("what a stalled node sends arrives only after it resumes", async () => {
  const mesh = createMemoryMesh();
  mesh.node("b").handle(P, (s) => s.readable.pipeTo(s.writable));
  const stream = await mesh.node("a").open("b", P);
  mesh.stall("b");
  const writer = stream.writable.getWriter();
  await writer.write(Uint8Array.of(1));
  let arrived = false;
  const reading = stream.readable.getReader().read().then((r) => {
    arrived = true;
    return r;
  });
  for (let i = 0; i < 200; i++) await Promise.resolve();
  assert.equal(arrived, false);
  mesh.resume("b");
  assert.deepEqual((await reading).value, Uint8Array.of(1));
  stream.reset();
});
