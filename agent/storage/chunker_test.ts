import assert from "node:assert/strict";
import { noise } from "../../tests/content.ts";
import { limits } from "../protocol/limits.ts";
import { createChunker } from "./chunker.ts";

function cuts(bytes: Uint8Array, pieceBytes: number): number[] {
  const chunker = createChunker(), out: number[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const piece = bytes.subarray(at, at + pieceBytes);
    for (let from = 0;;) {
      const end = chunker.next(piece, from);
      if (end === undefined) break;
      out.push(at + end);
      from = end;
      if (from === piece.length) break;
    }
  }
  return out;
}

Deno.test("cut points do not depend on the pieces in which content comes", () => {
  const content = noise(24 << 20);
  const whole = cuts(content, content.length);
  assert.ok(whole.length > 10);
  for (const piece of [65_536, 100_003, 1 << 20]) assert.deepEqual(cuts(content, piece), whole);
});

Deno.test("chunks keep their bounds, about 1.1 MiB on average for noise, and 4 MiB for zeros", () => {
  const ends = cuts(noise(64 << 20, 7), 65_536);
  const sizes = ends.map((end, i) => end - (ends[i - 1] ?? 0));
  assert.ok(sizes.every((s) => s >= limits.chunkMinBytes && s <= limits.chunkMaxBytes));
  const mean = sizes.reduce((a, b) => a + b, 0) / sizes.length;
  assert.ok(mean > 0.8 * (1 << 20) && mean < 1.6 * (1 << 20), `mean ${mean}`);
  assert.deepEqual(cuts(new Uint8Array(9 << 20), 65_536), [4 << 20, 8 << 20]);
});

Deno.test("an insertion changes the chunks around it and no others", () => {
  const a = noise(32 << 20, 3);
  const b = new Uint8Array(a.length + 5);
  b.set(a.subarray(0, 10 << 20));
  b.set([1, 2, 3, 4, 5], 10 << 20);
  b.set(a.subarray(10 << 20), (10 << 20) + 5);
  const before = new Set(cuts(a, 65_536)), after = cuts(b, 65_536);
  const kept = after.filter((end) => before.has(end) || before.has(end - 5)).length;
  assert.ok(after.length - kept <= 3, `${after.length - kept} of ${after.length} cuts moved`);
});
