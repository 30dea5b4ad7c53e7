import assert from "node:assert/strict";
import { controllerOf, rebuild, scheduleKey, tickVerdict } from "../../agent/core/mod.ts";
import { isEnd } from "../../agent/protocol/mod.ts";
import { programOf, programs, specOf as programSpec } from "./attempts.ts";
import { disagreement } from "./checks.ts";
import { unfinishedRuns } from "./job_checks.ts";
import { gather } from "./scenarios.ts";
import { controllerOn, schedule, scheduleOn, successes, ticksOn, ticksText } from "./schedules.ts";
import { calm, type SimNode, storm, World } from "./world.ts";

const MINUTE = 60_000;
const SEEDS = Number(Deno.env.get("REALM_SIM_SEEDS") ?? 25);

/** Runs on to so many ms after the start of a minute. */
function runTo(world: World, minute: number, ms = 0): void {
  world.run(minute * MINUTE + ms - world.now % (60 * MINUTE));
}
const settled = (world: World) =>
  assert.notEqual(world.until(() => !unfinishedRuns(world), 60_000), undefined);

Deno.test("a schedule runs at each of its times, once, with the same ids at every node", () => {
  const world = new World(71);
  const nodes = gather(world, 5);
  schedule(world, nodes[1], "nightly");
  runTo(world, 4, 30_000);
  settled(world);
  for (const node of nodes) {
    assert.deepEqual(ticksText(node), [1, 2, 3, 4].map((m) => `00:0${m}:00 succeeded`));
  }
  assert.deepEqual([...successes(world).values()], [1, 1, 1, 1]);
  assert.equal(new Set(nodes.map((n) => [...n.core!.jobs.runs.keys()].sort().join())).size, 1);
});

Deno.test(`${SEEDS} times the controller of a schedule is killed around a tick: it runs exactly once`, () => {
  let late = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const world = new World(seed);
    const nodes = gather(world, 5);
    schedule(world, nodes[seed % 5], "nightly");
    world.run(3_000);
    const controller = controllerOn(world, nodes[0], "nightly");
    // From before the tick, over each message of its life, to after its end.
    runTo(world, 1, Math.round(-200 + (seed % 40) * 20));
    world.crash(controller, seed % 7 === 0);
    world.run(40_000);
    world.start(controller);
    world.run(15_000);
    settled(world);
    const first = nodes.map((n) => ticksOn(n)[0]);
    assert.equal(new Set(first.map((t) => t.id)).size, 1, `seed ${seed}`);
    assert.equal(first[0].at % (60 * MINUTE), MINUTE, `seed ${seed}`);
    late = Math.max(late, Math.min(...first.map((t) => tickVerdict(t).at)) - first[0].at);
    const runs = [...successes(world)];
    assert.equal(runs.length, 1, `seed ${seed}: ${runs.map(([id]) => id).join()}`);
    // An attempt that was killed with its node is followed by another; one that succeeded is not.
    const [[run, times]] = runs;
    const [decided] = nodes.map((n) => n.core!.jobs.runs.get(run)!.decision!.value);
    assert.equal(decided.state, "succeeded", `seed ${seed}`);
    const killed = world.began.get(run)!.filter((a) => !world.ended.has(a)).length;
    assert.ok(times === 1 || killed > 0, `seed ${seed}: ${run} succeeded ${times} times`);
  }
  console.log(`every tick ran, at most ${late} virtual ms late`);
});

Deno.test("a controller whose clock is wrong, and one after it, run each time once", () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const world = new World(100 + seed);
    const nodes = gather(world, 5);
    for (const node of nodes) node.fastMs = Math.round((world.random() - 0.5) * 50_000);
    world.run(2_000);
    schedule(world, nodes[0], "nightly");
    runTo(world, 2, -20_000 + (seed % 40) * 1_000);
    const controller = controllerOn(world, nodes[0], "nightly");
    world.crash(controller);
    runTo(world, 4, 30_000);
    world.start(controller);
    runTo(world, 6, 30_000);
    settled(world);
    const times = nodes.map((n) => ticksOn(n).map((t) => t.at));
    for (const [i, found] of times.entries()) {
      assert.deepEqual(found, times[0], `seed ${seed}, ${nodes[i].name}`);
      found.forEach((at, j) => assert.equal(at - found[0], j * MINUTE, `seed ${seed}: a time is missing`));
    }
    for (const [run, count] of successes(world)) {
      assert.ok(count <= 1, `seed ${seed}: ${run} succeeded ${count} times`);
    }
  }
});

Deno.test(`${SEEDS} histories with kills, partitions, loss and wrong clocks: no time runs under two names, and all agree in the end`, () => {
  let ticks = 0, twice = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const world = new World(200 + seed);
    const nodes = gather(world, 5);
    const overlap = world.pick(["skip", "queue", "replace"] as const);
    schedule(world, nodes[0], "often", {
      cron: "*/20 * * * * *",
      overlap,
      missed: world.pick(["skip", "once"]),
    });
    for (const node of nodes) node.fastMs = Math.round((world.random() - 0.5) * 10_000);
    world.run(2_000);
    world.weather = storm;
    const end = world.now + 3 * MINUTE;
    while (world.now < end) {
      world.run(500 + world.random() * 3_000);
      const up = world.alive(), dice = world.random();
      if (dice < 0.2 && up.length > 3) world.crash(world.pick(up));
      else if (dice < 0.45) {
        const down = nodes.filter((n) => !n.core);
        if (down.length > 0) world.start(world.pick(down));
      } else if (dice < 0.55) {
        const half = new Set(up.filter(() => world.random() < 0.4).map((n) => n.id));
        world.partition([[...half], nodes.map((n) => n.id).filter((id) => !half.has(id))]);
      } else if (dice < 0.75) world.heal();
    }
    world.weather = calm;
    world.heal();
    for (const node of nodes) if (!node.core) world.start(node);
    world.run(30_000);
    assert.ok(
      world.submit(nodes[0], world.command("job.unschedule", { schedule: scheduleOn(nodes[0], "often")!.id }))
        .ok,
    );
    const well = () => disagreement(world) === undefined && unfinishedRuns(world) === undefined;
    assert.notEqual(
      world.until(well, 240_000),
      undefined,
      `seed ${seed}: ${unfinishedRuns(world) ?? disagreement(world)}`,
    );
    const texts = new Set(nodes.map((n) => ticksText(n).join()));
    assert.equal(texts.size, 1, `seed ${seed}`);
    for (const tick of ticksOn(nodes[0])) {
      assert.equal(tick.at % 20_000, 0, `seed ${seed}: ${tick.at} is no time of the schedule`);
      assert.ok((nodes[0].core!.jobs.submissions.get(tick.id)?.length ?? 0) <= 1);
    }
    ticks += ticksOn(nodes[0]).length;
    for (const count of successes(world).values()) if (count > 1) twice++;
  }
  console.log(`${ticks} ticks; ${twice} runs succeeded on both sides of a partition`);
  assert.ok(ticks > SEEDS * 5);
});

Deno.test("a run that lasts beyond the next time is kept to: skip passes over, queue waits, replace ends it", () => {
  const texts = (overlap: "skip" | "queue" | "replace"): readonly string[] => {
    const world = new World(72);
    const nodes = gather(world, 3);
    schedule(world, nodes[0], "slow", { overlap }, {
      program: programOf(programs.endless),
      timeout_ms: 100_000,
    });
    runTo(world, 4, 30_000);
    for (const node of nodes) assert.deepEqual(ticksText(node), ticksText(nodes[0]));
    return ticksText(nodes[0]);
  };
  assert.deepEqual(texts("skip"), [
    "00:01:00 timed_out",
    "00:02:00 skipped",
    "00:03:00 running",
    "00:04:00 skipped",
  ]);
  assert.deepEqual(texts("queue"), [
    "00:01:00 timed_out",
    "00:02:00 timed_out",
    "00:03:00 running",
    "00:04:00 pending",
  ]);
  assert.deepEqual(texts("replace"), [
    "00:01:00 cancelled",
    "00:02:00 cancelled",
    "00:03:00 cancelled",
    "00:04:00 running",
  ]);
});

Deno.test("after a time without nodes one run catches up, or none when the schedule says so", () => {
  for (const missed of ["once", "skip"] as const) {
    const world = new World(73);
    const nodes = gather(world, 3);
    schedule(world, nodes[0], "hourly", { cron: "0 * * * *", missed });
    runTo(world, 60, 10_000);
    settled(world);
    for (const node of nodes) world.crash(node);
    world.run(5 * 60 * MINUTE + 20 * MINUTE);
    for (const node of nodes) world.start(node);
    world.run(30_000);
    settled(world);
    const expected = missed === "once" ? "06:00:00 succeeded" : "06:00:00 skipped";
    for (const node of nodes) assert.deepEqual(ticksText(node), ["01:00:00 succeeded", expected], node.name);
    const [, caught] = ticksOn(nodes[0]);
    assert.match(tickVerdict(caught).reason, /no node could decide/);
  }
});

Deno.test("a node that was away repeats nothing that the others decided meanwhile", () => {
  for (let seed = 1; seed <= 12; seed++) {
    const world = new World(740 + seed);
    const nodes = gather(world, 3);
    schedule(world, nodes[0], "nightly");
    runTo(world, 1, 10_000);
    const controller = controllerOn(world, nodes[0], "nightly");
    world.crash(controller);
    runTo(world, 6, 20_000);
    settled(world);
    const before = new Map(world.began);
    world.start(controller);
    // It decides nothing on what it knew when it went.
    assert.deepEqual(ticksText(controller), ["00:01:00 succeeded"]);
    world.run(20_000);
    settled(world);
    assert.deepEqual(new Map(world.began), before, `seed ${seed}`);
    assert.equal(ticksText(controller).length, 6);
    // It decides again.
    assert.equal(controllerOf(nodes[0].core!, scheduleKey(scheduleOn(nodes[0], "nightly")!)), controller.id);
    runTo(world, 7, 10_000);
    settled(world);
    assert.equal(ticksText(nodes[0]).at(-1), "00:07:00 succeeded");
  }
});

const wish = (
  world: World,
  via: SimNode,
  kind: "job.pause" | "job.unschedule",
  id: string,
  paused = true,
) => {
  const reply = kind === "job.pause"
    ? world.submit(via, world.command(kind, { schedule: id, paused }))
    : world.submit(via, world.command(kind, { schedule: id }));
  assert.ok(reply.ok, reply.ok ? "" : reply.message);
};

Deno.test("a schedule rests, goes on without catching up, is replaced by one of its name, and ends", () => {
  const world = new World(75);
  const nodes = gather(world, 3);
  const first = schedule(world, nodes[0], "nightly");
  runTo(world, 1, 10_000);
  wish(world, nodes[1], "job.pause", first);
  runTo(world, 4, 30_000);
  wish(world, nodes[2], "job.pause", first, false);
  runTo(world, 5, 30_000);
  const second = schedule(world, nodes[1], "nightly", { cron: "*/2 * * * *" });
  runTo(world, 9, 30_000);
  const refused = world.submit(nodes[0], world.command("job.pause", { schedule: first, paused: true }));
  assert.ok(!refused.ok && refused.code === "not_found");
  wish(world, nodes[0], "job.unschedule", second);
  runTo(world, 12, 30_000);
  settled(world);
  for (const node of nodes) {
    assert.deepEqual(ticksText(node), [1, 5, 6, 8].map((m) => `00:0${m}:00 succeeded`));
    assert.equal(scheduleOn(node, "nightly"), undefined);
  }
});

Deno.test("jitter moves a start by less than it may, the same for all nodes", () => {
  const world = new World(76);
  const nodes = gather(world, 3);
  schedule(world, nodes[0], "spread", { jitter_ms: 30_000 });
  runTo(world, 6, 0);
  settled(world);
  const moved = ticksOn(nodes[2]).map((t) => tickVerdict(t).at - t.at);
  assert.equal(moved.length, 5);
  assert.ok(moved.every((ms) => ms >= 0 && ms <= 30_100), moved.join());
  assert.ok(new Set(moved).size > 2, moved.join());
});

Deno.test("a realm remembers the newest ticks of each schedule; all nodes drop the same and execute none again", () => {
  const world = new World(77);
  const nodes = gather(world, 2);
  // A tenth of a second apart, so that they come to the whole hour one after the other.
  nodes.forEach((n, i) => n.fastMs = i * 100);
  schedule(world, nodes[0], "often", { cron: "*/10 * * * * *" });
  for (let hour = 0; hour < 3; hour++) {
    world.run(60 * MINUTE);
    const counts = nodes.map((n) => ticksOn(n).length);
    assert.ok(Math.max(...counts) <= 400 + 2 * 360 + 5, counts.join());
  }
  world.run(45_000);
  wish(world, nodes[0], "job.unschedule", scheduleOn(nodes[0], "often")!.id);
  world.run(20_000);
  settled(world);
  assert.equal(disagreement(world), undefined);
  assert.ok([...successes(world).values()].every((n) => n === 1));
  const records = [...nodes[0].core!.store.authors.values()].reduce((n, log) => n + log.live.size, 0);
  assert.ok(records < 3 * 1_200, `${records} records`);
  const grown = ticksText(nodes[0]).join();
  rebuild(nodes[0].core!);
  assert.equal(ticksText(nodes[0]).join(), grown);
  assert.equal(nodes[0].core!.jobs.early.size, 0);
});

Deno.test("runs of schedules end whatever happens; those of one tick make a pipeline", () => {
  const world = new World(78);
  const nodes = gather(world, 3);
  const spec = (job: string, needs: string[]) => ({ ...programSpec(job), needs });
  const reply = world.submit(
    nodes[0],
    world.command("job.schedule", {
      name: "build",
      timing: { cron: "* * * * *", timezone: "UTC", overlap: "skip", missed: "once", jitter_ms: 0 },
      runs: [spec("build", []), spec("test", ["build"])],
    }),
  );
  assert.ok(reply.ok);
  runTo(world, 2, 30_000);
  settled(world);
  assert.deepEqual(ticksText(nodes[2]), ["00:01:00 succeeded succeeded", "00:02:00 succeeded succeeded"]);
  for (const run of nodes[0].core!.jobs.runs.values()) assert.ok(isEnd(run.decision!.value.state));
});
