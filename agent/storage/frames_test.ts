import assert from "node:assert/strict";
import fc from "fast-check";
import { fuzz } from "../../tests/fuzz.ts";
import { createMemoryMesh } from "../../tests/peer_streams.ts";
import { RealmError } from "../protocol/errors.ts";
import { createFrameReader, createFrameWriter, packDigests, unpackDigests } from "./frames.ts";
import { decodeEntries } from "./manifest.ts";

const unlimited = () => Promise.resolve();
const take = (n: number) => Promise.resolve({ bytes: new Uint8Array(n), release() {} });

function readerOf(bytes: Uint8Array, pieceBytes: number) {
  let at = 0;
  const readable = new ReadableStream<Uint8Array>({
    pull(c) {
      if (at >= bytes.length) return c.close();
      c.enqueue(bytes.subarray(at, at += pieceBytes));
    },
  });
  return createFrameReader({ peer: "p", readable, writable: new WritableStream(), reset() {} }, unlimited);
}

Deno.test("frames arrive as they were sent, whatever pieces they come in", async () => {
  for (const pieceBytes of [1, 7, 65_536]) {
    const mesh = createMemoryMesh({ pieceBytes }), got: [unknown, Uint8Array][] = [];
    const ended = Promise.withResolvers<void>();
    mesh.node("b").handle("/f", async (stream) => {
      const reader = createFrameReader(stream, unlimited);
      for (let frame; (frame = await reader.read(5000, 200_000, take));) got.push([frame.header, frame.body]);
      ended.resolve();
    });
    const writer = createFrameWriter(await mesh.node("a").open("b", "/f"), unlimited);
    const body = crypto.getRandomValues(new Uint8Array(pieceBytes === 1 ? 500 : 60_000));
    await writer.write({ ask: "find" }, body, 5000);
    await writer.write({ ask: "announce" }, new Uint8Array(), 5000);
    await writer.close();
    await ended.promise;
    assert.deepEqual(got, [[{ ask: "find" }, body], [{ ask: "announce" }, new Uint8Array()]]);
  }
});

Deno.test("a reader gives up on a silent peer in time", async () => {
  const silent = new ReadableStream<Uint8Array>();
  const reader = createFrameReader({
    peer: "p",
    readable: silent,
    writable: new WritableStream(),
    reset() {},
  }, unlimited);
  await assert.rejects(reader.read(20, 100, take), { code: "timed_out" });
});

Deno.test("any bytes give frames, an end or a RealmError, and never take more memory than was allowed", async () => {
  const small = fc.nat(40).map((n) => [0, 0, 0, n]);
  const frame = fc.tuple(small, small, fc.uint8Array({ maxLength: 90 })).map((
    [a, b, rest],
  ) => [...a, ...b, ...rest]);
  const input = fc.oneof(fc.uint8Array({ maxLength: 200 }), frame.map((x) => Uint8Array.from(x)));
  await fuzz(fc.tuple(input, fc.integer({ min: 1, max: 50 })), async ([bytes, pieceBytes]) => {
    const reader = readerOf(bytes, pieceBytes);
    const bounded = (n: number) => (assert.ok(n <= 64), take(n));
    try {
      for (let n = 0; await reader.read(1000, 64, bounded); n++) assert.ok(n < 30);
    } catch (error) {
      assert.ok(error instanceof RealmError && error.code === "bad_request", String(error));
    }
  });
});

Deno.test("any manifest page gives entries of allowed sizes or bad_digest", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 36 * 4 }), (bytes) => {
    try {
      assert.ok(decodeEntries(bytes).every((e) => e.sha256.length === 64 && e.size > 0));
    } catch (error) {
      assert.ok(error instanceof RealmError && error.code === "bad_digest");
    }
  }));
});

Deno.test("digests survive packing; more than allowed or a cut-off one is refused", () => {
  const digests = ["ab".repeat(32), "01".repeat(32)];
  assert.deepEqual(unpackDigests(packDigests(digests), 2), digests);
  assert.equal(unpackDigests(packDigests(digests), 1), undefined);
  assert.equal(unpackDigests(new Uint8Array(33), 9), undefined);
});
