import assert from "node:assert/strict";
import fc from "fast-check";
import { lineOf, wordsOf } from "./words.ts";

Deno.test("wordsOf() splits as a shell does: spaces, quotes, backslashes", () => {
  const cases: [string, string[]][] = [
    ["cargo build  --release ", ["cargo", "build", "--release"]],
    [`sh -c "echo 'a b'"`, ["sh", "-c", "echo 'a b'"]],
    [`a"b c"d 'e\\f'`, ["ab cd", "e\\f"]],
    [`"" x`, ["", "x"]],
    [`open "to the end`, ["open", "to the end"]],
    [`a\\ b c\\`, ["a b", "c"]],
    ["", []],
  ];
  for (const [text, words] of cases) assert.deepEqual(wordsOf(text), words, text);
});

Deno.test("a line made of words gives the same words again", () => {
  fc.assert(fc.property(fc.array(fc.string({ unit: "binary" })), (words) => {
    assert.deepEqual(wordsOf(lineOf(words)), words);
  }));
});
