/** Recurring jobs on real nodes: their times, and what a kill at such a time makes of them. */
import assert from "node:assert/strict";
import { Cluster, eventually } from "../cluster.ts";
import { buildWasmFixtures } from "../fixtures/build.ts";
import { provideSystemPackages } from "../provide.ts";

const ready = await provideSystemPackages("wasi", () => {});
const wasm = ready ? (await buildWasmFixtures()).commandModule : "";
const test = (name: string, fn: () => Promise<void>) =>
  Deno.test({ name, fn, ignore: !ready, sanitizeOps: false, sanitizeResources: false });

async function manifest(cluster: Cluster, schedule: string): Promise<string> {
  await Deno.copyFile(wasm, `${cluster.root}/command.wasm`);
  const path = `${cluster.root}/tick.toml`;
  await Deno.writeTextFile(
    path,
    `[job]
name = "tick"
type = "recurring"
[schedule]
${schedule}
[runtime]
type = "wasm"
wasm = "command.wasm"
[execution]
command = ["hello"]
`,
  );
  return path;
}

/** An instant that is to come, exactly: the kill must hit a moment. */
async function reach(at: number): Promise<void> {
  await eventually("the time comes", () => Date.now() >= at - 40, Math.max(1, at - Date.now()) + 5_000);
  while (Date.now() < at);
}

test("kill -9 of the controller at the tick: exactly one run, known to all, also to the one that was killed", async () => {
  await using cluster = await Cluster.start({ nodes: 3 });
  const path = await manifest(cluster, 'cron = "*/20 * * * * *"\noverlap = "queue"');
  const submitted = await cluster.run(["job", "submit", path]);
  assert.equal(submitted.code, 0, submitted.stderr);
  assert.match(submitted.stderr, /tick is scheduled \(\*\/20 \* \* \* \* \* UTC\), next at /);
  const killed: number[] = [];
  for (const offset of [-30, 15, 120]) {
    // All nodes live and decide: the last one that was started has heard of what it missed.
    const reader = cluster.nodes[0];
    const { controller, next } = await eventually("the schedule is known", async () => {
      const view = await cluster.client(reader).schedule("tick");
      return view.next !== undefined && view.next > Date.now() + 12_000 && view;
    });
    const id = (await cluster.client(reader).nodes()).find((n) => n.id === controller)!.name;
    const victim = cluster.nodes.find((n) => n.name === id)!;
    await reach(next! + offset);
    await cluster.kill(victim);
    killed.push(next!);
    const others = cluster.nodes.filter((n) => n !== victim);
    for (const node of others) {
      const { runs } = await eventually("its run has succeeded", async () => {
        const { ticks } = await cluster.client(node).schedule("tick");
        const tick = ticks.find((t) => t.at === next);
        return tick?.runs.every((r) => r.state === "succeeded") && tick;
      }, 40_000);
      assert.equal(runs.length, 1);
    }
    await cluster.restart(victim);
    await eventually("the node that was killed knows it too", async () => {
      const { ticks } = await cluster.client(victim).schedule("tick");
      return ticks.find((t) => t.at === next)?.runs[0]?.state === "succeeded";
    });
  }
  await cluster.realm("job", "unschedule", "tick");
  await eventually("all runs have ended, and all nodes know the same", async () => {
    const lists = await Promise.all(cluster.nodes.map((n) => cluster.client(n).runs()));
    const texts = new Set(lists.map((runs) => JSON.stringify(runs.map((r) => [r.id, r.state]).sort())));
    return texts.size === 1 && lists[0].every((r) => r.ended_at !== undefined);
  }, 40_000);
  const runs = await cluster.client(cluster.nodes[1]).runs();
  const times = runs.map((r) => r.schedule!.at).sort();
  assert.deepEqual(times, [...new Set(times)], "a time ran twice");
  for (const at of killed) assert.ok(times.includes(at), `${new Date(at).toISOString()} did not run`);
  for (let at = times[0]; at <= times.at(-1)!; at += 20_000) {
    assert.ok(times.includes(at), "a time is missing");
  }
  for (const run of runs) {
    assert.equal(run.state, "succeeded");
    // Only what was lost with its node was tried again.
    assert.ok(run.attempts.slice(0, -1).every((a) => a.state === "lost"), JSON.stringify(run.attempts));
  }
  console.log(`${runs.length} times, ${killed.length} controllers killed at theirs: each ran once`);
});

test("a schedule is listed with its next time, rests, goes on, is replaced and ends; what cannot be is told before", async () => {
  await using cluster = await Cluster.start({ nodes: 1 });
  const path = await manifest(cluster, 'cron = "0 2 * * *"\ntimezone = "Europe/Berlin"\nmissed = "skip"');
  const plan = await cluster.realm("job", "submit", path, "--plan");
  assert.match(plan, /tick +0 2 \* \* \* Europe\/Berlin/);
  assert.equal((await cluster.client(cluster.nodes[0]).schedules()).length, 0);
  await cluster.realm("job", "submit", path);
  assert.match(
    await cluster.realm("job", "list"),
    /tick +active +0 2 \* \* \* +Europe\/Berlin +skip +20\d\d-/,
  );
  assert.match(await cluster.realm("job", "pause", "tick"), /tick is paused/);
  const paused = JSON.parse(await cluster.realm("job", "schedules", "tick", "--json"));
  assert.equal(paused.state, "paused");
  assert.equal(paused.next, undefined);
  assert.match(await cluster.realm("why", "tick"), /realm job resume tick/);
  assert.match(await cluster.realm("job", "resume", "tick"), /next at 20\d\d-/);
  await cluster.realm("job", "submit", await manifest(cluster, 'cron = "@hourly"'));
  const [only, ...others] = await cluster.client(cluster.nodes[0]).schedules();
  assert.equal(only.cron, "@hourly");
  assert.equal(others.length, 0);
  await cluster.realm("job", "unschedule", "tick");
  const gone = await cluster.run(["job", "pause", "tick"]);
  assert.equal(gone.code, 4);
  assert.match(gone.stderr, /no schedule.*tick/);
  for (
    const [schedule, said] of [
      ['cron = "61 * * * *"', /tick\.toml:5.*minute: 61/],
      ['cron = "0 2 * * *"\ntimezone = "Europe/Berlim"', /no time zone "Europe\/Berlim"/],
      ['cron = "* * * * * *"', /every 1 s, at most every 10 s/],
    ] as const
  ) {
    const ran = await cluster.run(["job", "submit", await manifest(cluster, schedule)]);
    assert.equal(ran.code, 2, ran.stderr);
    assert.match(ran.stderr, said);
  }
  assert.equal((await cluster.client(cluster.nodes[0]).schedules()).length, 0);
});
