import assert from "node:assert/strict";
import { stagesOf } from "./stages.ts";

const run = (job: string, ...needs: string[]) => ({ job, needs });
const names = (runs: readonly { job: string; needs: string[] }[]) =>
  stagesOf(runs).map((stage) => stage.map((r) => r.job).join(" "));

Deno.test("stagesOf() puts each run after the last of what it needs", () => {
  const runs = [run("deploy", "test", "lint"), run("build"), run("test", "build"), run("lint"), run("build")];
  assert.deepEqual(names(runs), ["build lint build", "test", "deploy"]);
});

Deno.test("stagesOf() ends for rings, for needs that are not there, and for nothing", () => {
  assert.deepEqual(names([run("a", "b"), run("b", "a"), run("c", "gone")]).join(" ").split(" ").sort(), [
    "a",
    "b",
    "c",
  ]);
  assert.deepEqual(names([run("a", "a")]), ["a"]);
  assert.deepEqual(names([]), []);
});
