/** What forges are told of commits: how their runs go, also when they are run again. */
import assert from "node:assert/strict";
import { forgetSubmission } from "../../agent/core/mod.ts";
import type { JobRunSpec } from "../../agent/protocol/mod.ts";
import { programOf, programs } from "./attempts.ts";
import { push, REPOSITORY, settled, watch, watcher } from "./repositories.ts";
import { gather } from "./scenarios.ts";
import { World } from "./world.ts";

Deno.test("one node tells how the runs of a commit go, to their end, also when the trigger was ended meanwhile or that node dies", () => {
  for (const change of ["nothing", "ended", "replaced", "killed"]) {
    const world = new World(88);
    const nodes = gather(world, 4);
    push(world);
    const status = { forge: "github", token: "forge" } as const;
    const id = watch(world, nodes[0], "ci", { status });
    world.run(15_000);
    const commit = push(world);
    assert.notEqual(world.until(() => world.began.size === 1, 20_000), undefined);
    const told = () =>
      [...world.statuses].filter(([node]) => world.nodes.get(node)!.core).flatMap(([, list]) => list)
        .map((s) => `${s.commit} ${s.job} ${s.state}`);
    assert.deepEqual(told(), [`${commit} ci pending`]);
    if (change === "ended") world.submit(nodes[1], world.command("job.unschedule", { schedule: id }));
    if (change === "replaced") watch(world, nodes[2], "ci", { status, poll_ms: 20_000 });
    if (change === "killed") world.crash(watcher(world, nodes[0]));
    world.run(40_000);
    settled(world);
    assert.deepEqual(told(), [`${commit} ci success`], change);
  }
});

Deno.test("a run that is run again, once or twice, has its commit told as pending and then its end; one of another commit says nothing", () => {
  const world = new World(89);
  const nodes = gather(world, 4);
  push(world);
  const status = { forge: "github", token: "forge" } as const;
  watch(world, nodes[0], "ci", { status }, {
    program: programOf(programs.bad),
    retry: { max: 0, on: [], backoff_ms: 0 },
  });
  world.run(15_000);
  const commit = push(world);
  const told = () => {
    const lists = [...world.statuses].filter(([node]) => world.nodes.get(node)!.core);
    return lists.flatMap(([, list]) => list).map((s) => `${s.commit === commit ? "" : s.commit}${s.state}`);
  };
  assert.notEqual(world.until(() => told().join() === "failure", 40_000), undefined, told().join());
  const [[first]] = world.began;
  const rerun = (of: string, more: Partial<JobRunSpec>) => {
    const [by] = world.alive();
    const { spec } = by.core!.jobs.runs.get(first)!;
    const before = new Set(world.began.keys());
    const reply = world.submit(by, world.command("job.submit", { runs: [{ ...spec, ...more }], of }));
    assert.ok(reply.ok);
    const begun = () => [...world.began.keys()].find((id) => !before.has(id));
    assert.notEqual(world.until(() => begun() !== undefined, 10_000), undefined);
    return begun()!;
  };
  const second = rerun(first, { program: programOf(programs.bad) });
  assert.deepEqual(told(), ["pending"]);
  assert.notEqual(world.until(() => told().join() === "failure", 40_000), undefined, told().join());
  // The one that watches dies: the next one tells the same.
  world.crash(watcher(world, nodes[0]));
  world.run(20_000);
  assert.deepEqual(told(), ["failure"]);
  rerun(second, { program: programOf(programs.good) });
  assert.notEqual(world.until(() => told().join() === "success", 40_000), undefined, told().join());
  const other = "f".repeat(40);
  rerun(first, {
    program: programOf(programs.bad),
    inputs: [{ from: "git", url: REPOSITORY, commit: other, depth: 1, submodules: false, mount: "/src" }],
  });
  world.run(20_000);
  assert.deepEqual(told(), ["success"]);
  for (const node of world.alive()) {
    const { jobs } = node.core!;
    assert.equal(jobs.reruns.size, 2);
    for (const submission of [...jobs.submissions.keys()]) forgetSubmission(jobs, submission);
    assert.equal(jobs.reruns.size, 0);
  }
});
