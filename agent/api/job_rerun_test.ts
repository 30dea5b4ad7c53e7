import assert from "node:assert/strict";
import { testRun, testSpec } from "../../tests/test_views.ts";
import type { JobRunSpec } from "../protocol/job_spec.ts";
import type { RunView } from "../protocol/job_views.ts";
import type { RealmClient } from "./client.ts";
import { rerunFailedWish, rerunWish } from "./job_rerun.ts";

const digest = "a".repeat(64);
const artifact = { name: "app", digest, bytes: 7, form: "file" as const, until: 1 };
/** A pipeline: two entries of `build`, and `use`, which takes what `make` and `build` left. */
function pipeline(states: Readonly<Record<string, RunView["state"]>>) {
  const ids = ["make", "build-1", "build-2", "use"];
  const runs = ids.map((id) => {
    const job = id.replace(/-\d$/, ""), state = states[id] ?? "succeeded";
    const open = state === "running";
    return testRun(id, job, {
      state,
      runs: ids,
      artifacts: state === "succeeded" ? [artifact] : [],
      ...(open && { ended_at: undefined }),
    });
  });
  const spec = (id: string): JobRunSpec => {
    const run = runs.find((r) => r.id === id)!;
    return {
      ...testSpec(run.job),
      needs: id === "use" ? ["make", "build"] : [],
      max_parallel: 2,
      inputs: id === "use"
        ? ["make", "build"].map((job) => ({ from: "job", job, output: "app", mount: `/${job}` }))
        : [],
    };
  };
  const client = {
    run: (id: string) => Promise.resolve(runs.find((r) => r.id === id)!),
    runSpec: (id: string) => Promise.resolve(spec(id)),
  } as Partial<RealmClient> as RealmClient;
  return { client, run: runs.at(-1)! };
}
const kept = (job: string) => ({
  from: "blob",
  digest,
  bytes: 7,
  form: "file",
  mount: `/${job}`,
  read_only: false,
});

Deno.test("rerunWish() runs one run alone and takes from its pipeline what it had", async () => {
  const { client, run } = pipeline({});
  const wish = await rerunWish(client, run);
  assert.equal(wish.of, "use");
  assert.deepEqual(wish.runs.map((r) => [r.job, r.needs, r.inputs, r.max_parallel]), [
    ["use", [], [kept("make"), kept("build")], undefined],
  ]);
});

Deno.test("rerunFailedWish() takes the runs that did not succeed, which need and use each other", async () => {
  const { client, run } = pipeline({ "build-2": "failed", use: "cancelled" });
  const wish = await rerunFailedWish(client, run);
  assert.deepEqual(wish.runs.map((r) => [r.job, r.needs, r.inputs]), [
    ["build", [], []],
    ["use", ["build"], [kept("make"), { from: "job", job: "build", output: "app", mount: "/build" }]],
  ]);
});

Deno.test("rerunFailedWish() refuses while a run goes on, and where none failed", async () => {
  const open = pipeline({ make: "running", use: "failed" });
  await assert.rejects(rerunFailedWish(open.client, open.run), /make has not ended yet/);
  const good = pipeline({});
  await assert.rejects(rerunFailedWish(good.client, good.run), /no run that was submitted with use failed/);
});
