import assert from "node:assert/strict";
import { parseRealmManifest } from "../mod.ts";
import { bytes, plain, quote, span, table, tone } from "./app/format.ts";

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
  const tones = {
    alive: "good",
    draining: "warn",
    warning: "warn",
    "2 warnings": "warn",
    "node unreachable": "bad",
    "no answer": "bad",
    stopped: "calm",
  };
  for (const [state, expected] of Object.entries(tones)) assert.equal(tone(state), expected, state);
});

Deno.test("what hides in a name is made visible, what is a letter stays", () => {
  assert.equal(plain("a\u202etxt.exe\u0007"), "a\\u202etxt.exe\\u0007");
  assert.equal(plain("Zürich 東京 عربي 👩‍💻"), "Zürich 東京 عربي 👩‍💻");
});

Deno.test("table() writes a manifest that the realm's own parser reads back, whatever is in its texts", () => {
  const nasty = 'a"b\\c ü \u{1f600} <img>';
  const digest = "a".repeat(64);
  const parsed = parseRealmManifest(table("pin", { digest, name: nasty, copies: 3, tags: ["a", "b=c"] }), {
    file: "x",
  });
  assert.ok(parsed.ok, JSON.stringify(parsed));
  assert.deepEqual(parsed.value.pins, [{ digest, name: nasty, copies: 3, tags: ["a", "b=c"] }]);
});
