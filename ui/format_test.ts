import assert from "node:assert/strict";
import { bytes, quote, span, tone } from "./app/format.ts";

Deno.test("quote() gives a word that a shell takes as it is, whatever is in it", async () => {
  for (
    const word of [
      "plain",
      "a b",
      "$(touch x)",
      "it's",
      "-rf",
      "`id`",
      "a;b",
      "",
      "\n",
      "<img onerror=1>",
      "\u202eabc",
    ]
  ) {
    const { stdout } = await new Deno.Command("sh", { args: ["-c", `printf %s ${quote(word)}`, "sh"] })
      .output();
    if (word.startsWith("-")) assert.equal(quote(word), "'-rf'");
    else assert.equal(new TextDecoder().decode(stdout), word);
  }
});

Deno.test("figures are read at a glance", () => {
  assert.deepEqual([0, 999, 1_000, 20_200_000_000].map(bytes), ["0 B", "999 B", "1.0 kB", "20.2 GB"]);
  assert.deepEqual([0, 59_000, 60_000, 7_200_000, 259_200_000].map(span), [
    "0 s",
    "59 s",
    "1 min",
    "2 h",
    "3 d",
  ]);
  assert.deepEqual(["alive", "draining", "node unreachable", "stopped"].map(tone), [
    "good",
    "warn",
    "bad",
    "calm",
  ]);
});
