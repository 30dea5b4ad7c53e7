import assert from "node:assert/strict";
import { roman } from "./roman.ts";

Deno.test("numbers become Roman digits", () => {
  assert.deepEqual([1, 4, 9, 14, 1990, 2026].map(roman), ["I", "IV", "IX", "XIV", "MCMXC", "MMXXVI"]);
});

Deno.test("what the Romans could not write is refused", () => {
  for (const n of [0, -1, 4000, 1.5]) assert.throws(() => roman(n), RangeError);
});
