import assert from "node:assert/strict";
import fc from "fast-check";
import { wasmLimits } from "../../../protocol/limits.ts";
import { concat, encodeFrame, encodeFrames, FrameParser } from "./frames.ts";

const frames = fc.array(fc.record({
  type: fc.integer({ min: 0, max: 255 }),
  id: fc.integer({ min: 0, max: 0xffff_ffff }),
  payload: fc.uint8Array({ maxLength: 300 }),
}));

Deno.test("frames come out as they went in, however the stream is cut", () => {
  fc.assert(fc.property(frames, fc.infiniteStream(fc.integer({ min: 1, max: 50 })), (list, cuts) => {
    const bytes = encodeFrames(list);
    const parser = new FrameParser();
    const out = [];
    for (let at = 0; at < bytes.length;) {
      const n = cuts.next().value as number;
      out.push(...parser.push(bytes.slice(at, at + n)));
      at += n;
    }
    assert.deepEqual(
      out.map((f) => ({ ...f, payload: [...f.payload] })),
      list.map((f) => ({ ...f, payload: [...f.payload] })),
    );
  }));
});

Deno.test("a frame that would be too long is refused before it is gathered", () => {
  const head = encodeFrame(1, 1).slice();
  new DataView(head.buffer).setUint32(0, wasmLimits.frameBytes + 1, true);
  assert.throws(() => new FrameParser().push(head), RangeError);
  new DataView(head.buffer).setUint32(0, 2, true);
  assert.throws(() => new FrameParser().push(head), RangeError);
});

Deno.test("concat() joins, and gives back a single part as it is", () => {
  assert.deepEqual([...concat([Uint8Array.of(1), Uint8Array.of(2, 3)])], [1, 2, 3]);
  assert.equal(concat([]).length, 0);
});
