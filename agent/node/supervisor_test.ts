import assert from "node:assert/strict";
import { inWords } from "./supervisor.ts";

Deno.test("what a version on trial said last is told in words, whether it logged it or only wrote it", () => {
  for (
    const [line, words] of [
      [
        '{"at":"2026-01-01T00:00:00.000Z","level":"info","message":"on probation","waiting":"no peer","tries":3}',
        "on probation (waiting: no peer, tries: 3)",
      ],
      ['{"at":"2026-01-01T00:00:00.000Z","level":"warn","message":"no disk"}', "no disk"],
      ["boom", "boom"],
      ["", ""],
      ["null", "null"],
      ['"text"', '"text"'],
      ['{"cut":"off', '{"cut":"off'],
    ]
  ) assert.equal(inWords(line), words);
});
