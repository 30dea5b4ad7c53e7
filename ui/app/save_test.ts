import assert from "node:assert/strict";
import { csvCell } from "./save.ts";

for (
  const [value, cell] of [
    [7, "7"],
    [-7, "-7"],
    ["plain", "plain"],
    ['say "hi", you', '"say ""hi"", you"'],
    ["two\nlines", '"two\nlines"'],
    ["=HYPERLINK(1)", "'=HYPERLINK(1)"],
    ["@x", "'@x"],
    ['-1+"a"', '"\'-1+""a"""'],
  ] as const
) {
  Deno.test(`csvCell() of ${JSON.stringify(value)}`, () => assert.equal(csvCell(value), cell));
}
