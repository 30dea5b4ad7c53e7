import assert from "node:assert/strict";
import { pieces } from "./ansi.ts";

for (
  const [text, expected] of [
    ["plain", [["plain", ""]]],
    ["\x1b[31mred\x1b[0m rest", [["red", "c-bad"], [" rest", ""]]],
    ["a\x1b[1;32mb\x1b[22mc\x1b[39md", [["a", ""], ["b", "c-good c-bold"], ["c", "c-good"], ["d", ""]]],
    ["\x1b[38;5;196mx\x1b[48;2;1;2;3my", [["x", ""], ["y", ""]]],
    ["\x1b[2J\x1b[Hcleared", [["cleared", ""]]],
    ["\x1b]0;title\x07text", [["text", ""]]],
    ["bell\x07 and\x00 nul", [["bell and nul", ""]]],
    ["\x1b[", [["[", ""]]],
  ] as const
) {
  Deno.test(`pieces() of ${JSON.stringify(text)}`, () => {
    assert.deepEqual(pieces(text).map((p) => [p.text, p.look]), expected);
  });
}

Deno.test("pieces() takes a long hostile line in one pass", () => {
  const text = "\x1b[".repeat(50_000);
  const started = performance.now();
  pieces(text);
  assert.ok(performance.now() - started < 1_000);
});
