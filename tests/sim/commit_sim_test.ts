import assert from "node:assert/strict";
import { explainRun } from "../../agent/core/mod.ts";
import type { JobRunSpec } from "../../agent/protocol/mod.ts";
import { programOf, programs, specOf } from "./attempts.ts";
import { unfinishedRuns } from "./job_checks.ts";
import { push, REPOSITORY } from "./repositories.ts";
import { gather } from "./scenarios.ts";
import { World } from "./world.ts";

const SEEDS = Number(Deno.env.get("REALM_SIM_SEEDS") ?? 25);

const retry = { max: 4, on: ["node_lost", "failure"], backoff_ms: 100 };
const built = (job: string, more: Partial<JobRunSpec> = {}) =>
  specOf(job, {
    retry,
    inputs: [{ from: "git", url: REPOSITORY, ref: "main", depth: 1, submodules: false, mount: "/src" }],
    ...more,
  });

/** A pipeline: three builds at once, one that fails and is tried again, one that follows. */
const pipeline = () => ({
  runs: [
    ...["a", "b", "c"].map((axis) => built("build", { matrix: { axis } })),
    built("flaky", { program: programOf(programs.bad), retry: { ...retry, max: 2 } }),
    built("test", { needs: ["build"] }),
  ],
});

Deno.test(`${SEEDS} histories: a branch moves all the time, and all attempts of all runs of a submission take the same commit, over deaths of nodes`, () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const world = new World(700 + seed);
    const nodes = gather(world, 5);
    const moving = () => {
      push(world);
      world.at(world.now + 20, moving);
    };
    moving();
    const submissions: string[] = [];
    for (let i = 0; i < 3; i++) {
      const [by] = world.alive();
      const reply = world.submit(by, world.command("job.submit", pipeline()));
      assert.ok(reply.ok);
      submissions.push(reply.value.id);
      world.run(100 + world.random() * 500);
      const up = world.alive();
      if (up.length > 3) world.crash(world.pick(up.filter((n) => n !== by)));
    }
    for (const node of nodes) if (!node.core) world.start(node);
    assert.notEqual(world.until(() => !unfinishedRuns(world), 200_000), undefined, `seed ${seed}`);
    const { jobs } = world.alive()[0].core!;
    for (const submission of submissions) {
      const taken = new Set<string>();
      for (const id of jobs.submissions.get(submission)!) {
        const run = jobs.runs.get(id)!;
        assert.equal(
          run.decision!.value.state,
          run.spec.job === "flaky" ? "failed" : "succeeded",
          `seed ${seed}: ${id}`,
        );
        for (const attempt of run.decision!.value.attempts) {
          const commit = world.commits.get(attempt.id)?.["/src"];
          if (commit !== undefined) taken.add(commit);
        }
      }
      assert.equal(taken.size, 1, `seed ${seed}: ${[...taken].join(" ")}`);
    }
  }
});

Deno.test("a run that no node can take holds up no other that takes the same commit; the one that waits for it says so", () => {
  const world = new World(750);
  const nodes = gather(world, 2);
  push(world);
  const reply = world.submit(
    nodes[0],
    world.command("job.submit", {
      runs: [
        built("build", { matrix: { on: "mac" }, platform: "darwin/arm64" }),
        built("build"),
        built("other"),
      ],
    }),
  );
  assert.ok(reply.ok);
  const core = nodes[0].core!;
  const [mac, , other] = core.jobs.submissions.get(reply.value.id)!.map((id) => core.jobs.runs.get(id)!);
  const waits = () => explainRun(core, other, world.now).verdict.waits;
  const said = world.until(() => /finds out what main of .* stands for/.test(waits() ?? ""), 1_000);
  assert.notEqual(said, undefined);
  assert.notEqual(
    world.until(() => other.decision?.value.state === "succeeded", 20_000),
    undefined,
    "it runs without the one that waits for another node",
  );
  assert.equal(mac.decision, undefined);
});
