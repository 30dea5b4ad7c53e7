import assert from "node:assert/strict";
import fc from "fast-check";
import { concatBytes } from "../protocol/encoding.ts";
import { createFrameDecoder, encodeFrame, readFrame } from "./frames.ts";

Deno.test("frames survive being cut into pieces of any size", () => {
  const content = fc.uint8Array({ minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(fc.array(content, { maxLength: 8 }), fc.integer({ min: 1, max: 50 }), (frames, size) => {
      const bytes = concatBytes(...frames.flatMap(encodeFrame));
      const decoder = createFrameDecoder(300);
      const out: Uint8Array[] = [];
      for (let at = 0; at < bytes.length; at += size) {
        out.push(...decoder.push(bytes.subarray(at, at + size)));
      }
      assert.deepEqual(out, frames);
      assert.equal(decoder.partial, false);
    }),
  );
});

Deno.test("a large frame travels as header and content, without a copy", () => {
  const content = new Uint8Array(100_000);
  assert.equal(encodeFrame(content)[1], content);
});

Deno.test("any bytes at all give frames within the bound or a refusal, never more memory than one frame", () => {
  fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 20 }), (pieces) => {
    const decoder = createFrameDecoder(1000);
    try {
      for (const piece of pieces) for (const frame of decoder.push(piece)) assert.ok(frame.length <= 1000);
    } catch (error) {
      assert.match(String((error as { code?: string }).code), /^(too_large|bad_request)$/);
    }
  }));
});

Deno.test("readFrame() gives nothing when the stream ends before the frame does", async () => {
  const stream = new Blob([Uint8Array.of(0, 0, 0, 9, 1, 2)]).stream() as ReadableStream<Uint8Array>;
  assert.equal(await readFrame(stream, 100), undefined);
});
