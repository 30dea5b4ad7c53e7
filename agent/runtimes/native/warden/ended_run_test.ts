import assert from "node:assert/strict";
import { listEnded } from "./ended_run.ts";
import { wardenFiles } from "./words.ts";

Deno.test("an end that was cut short as it was written down is put away, and the others are told", () => {
  const directory = Deno.makeTempDirSync();
  const exit = { reason: "exited", code: 0, message: "", wallMs: 1 };
  const whole = JSON.stringify({ number: 2, id: "b", level: "floor", memo: "m", exit, output: [] });
  for (const [number, text] of [whole.slice(0, 20), whole, ""].entries()) {
    Deno.writeTextFileSync(`${directory}/${number}${wardenFiles.ended}`, text);
  }
  const [run, ...others] = listEnded(directory);
  assert.deepEqual([run.id, run.memo, others.length], ["b", "m", 0]);
  assert.deepEqual([...Deno.readDirSync(directory)].map((e) => e.name), [`1${wardenFiles.ended}`]);
  run.forget();
  assert.throws(() => Deno.statSync(directory), Deno.errors.NotFound);
});
