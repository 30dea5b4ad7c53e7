/** Native programs go on without their agent: a node that is back soon goes on with them, and nobody begins them twice. */
import assert from "node:assert/strict";
import { nodeState } from "../../agent/core/mod.ts";
import { jobTiming } from "../../agent/protocol/job_limits.ts";
import type { JobRunSpec } from "../../agent/protocol/mod.ts";
import { LONG_MS, programOf, programs, specOf } from "./attempts.ts";
import { gather } from "./scenarios.ts";
import { type SimNode, World } from "./world.ts";

const SEEDS = Number(Deno.env.get("REALM_SIM_SEEDS") ?? 10);

const native = (retry: Partial<JobRunSpec["retry"]> = {}, program: string = programs.long): JobRunSpec =>
  specOf("job", {
    runtime: "native",
    program: programOf(program),
    native: { steps: [{ argv: ["x"], go_on: false }], pids: 1, network: "none", read: [], minimum: "floor" },
    retry: { max: 3, on: ["node_lost"], backoff_ms: 100, ...retry },
  });

/** A realm in which a run executes, the node that does, and the others. */
function underWay(seed: number, spec: JobRunSpec) {
  const world = new World(seed);
  world.native = true;
  const nodes = gather(world, 5);
  world.submit(nodes[0], world.command("policy.set", { rule: "allow_native_execution", value: true }));
  world.run(1_000);
  const reply = world.submit(nodes[0], world.command("job.submit", { runs: [spec] }));
  assert.ok(reply.ok, reply.ok ? "" : reply.message);
  const runOf = (node: SimNode) => [...node.core!.jobs.runs.values()][0];
  const executes = () => nodes.find((n) => n.attempts.size > 0);
  const known = () => nodes.every((n) => runOf(n)?.statuses.get(executes()?.id ?? "")?.size === 1);
  assert.notEqual(world.until(known, 10_000), undefined, `seed ${seed}`);
  world.run(1_000);
  const node = executes()!, rest = nodes.filter((n) => n !== node);
  const { id } = runOf(node);
  const noticed = () => rest.every((n) => nodeState(n.core!, node.id) === "unreachable");
  return { world, node, rest, noticed, began: () => world.began.get(id)!.length, runOf };
}

Deno.test("a node that is back soon after the others missed it goes on with its native job: one attempt, one end", () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    for (const endsAway of [false, true]) {
      const { world, node, rest, noticed, began, runOf } = underWay(1_000 + seed, native());
      if (endsAway) world.run(LONG_MS - 12_000);
      world.crash(node);
      assert.notEqual(world.until(noticed, 20_000), undefined, `seed ${seed}`);
      world.run(jobTiming.awayMs / 2);
      world.start(node);
      const done = () => {
        assert.equal(began(), 1, `seed ${seed}: it began again elsewhere`);
        return [node, ...rest].every((n) => runOf(n)?.decision?.value.state === "succeeded");
      };
      assert.notEqual(world.until(done, LONG_MS + 20_000), undefined, `seed ${seed}`);
      assert.equal(runOf(node).decision!.value.attempts.length, 1);
    }
  }
});

Deno.test("a node that stays away is waited for as long as the job says, then its native job begins elsewhere", () => {
  for (const seconds of [undefined, 0, 90]) {
    const retry = seconds === undefined ? {} : { lost_after_ms: seconds * 1_000 };
    const { world, node, rest, noticed, began, runOf } = underWay(1_100, native(retry));
    world.crash(node);
    assert.notEqual(world.until(noticed, 20_000), undefined);
    const waitMs = seconds === undefined ? jobTiming.awayMs : seconds * 1_000;
    const took = world.until(() => began() === 2, waitMs + 5_000);
    assert.ok(took !== undefined && took >= waitMs - 2_000, `${seconds}: again after ${took} ms`);
    assert.match(runOf(rest[0]).decision!.value.attempts[0].end!.reason, /is gone/);
  }
});

Deno.test("a node that comes back too late ends its attempt; a WASM job is not waited for, as it ended with its agent", () => {
  const late = underWay(1_200, native());
  late.world.crash(late.node);
  assert.notEqual(late.world.until(() => late.began() === 2, 60_000), undefined);
  late.world.start(late.node);
  assert.notEqual(late.world.until(() => late.node.attempts.size === 0, 10_000), undefined);
  const succeeded = () => late.runOf(late.rest[0]).decision?.value.state === "succeeded";
  assert.notEqual(late.world.until(succeeded, LONG_MS + 20_000), undefined);
  assert.equal(late.began(), 2);

  const { native: _, ...wasm } = native({}, programs.long);
  const gone = underWay(1_201, { ...wasm, runtime: "wasm" });
  gone.world.crash(gone.node);
  assert.notEqual(gone.world.until(gone.noticed, 20_000), undefined);
  assert.notEqual(gone.world.until(() => gone.began() === 2, 5_000), undefined);
});
