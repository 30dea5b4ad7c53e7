import assert from "node:assert/strict";
import { rebuild } from "../../agent/core/mod.ts";
import { whySchedule } from "../../agent/node/jobs/schedule_views.ts";
import { disagreement } from "./checks.ts";
import { unfinishedRuns } from "./job_checks.ts";
import { changesText, push, REPOSITORY, settled, watch, watcher, wrongChanges } from "./repositories.ts";
import { gather } from "./scenarios.ts";
import { calm, type SimNode, storm, World } from "./world.ts";

const SEEDS = Number(Deno.env.get("REALM_SIM_SEEDS") ?? 25);

Deno.test("what is there when a job begins to watch runs not; each commit after it does, once, on every branch", () => {
  const world = new World(81);
  const nodes = gather(world, 4);
  push(world, "main");
  push(world, "old");
  const id = watch(world, nodes[2]);
  world.run(15_000);
  assert.deepEqual(changesText(nodes[0]), []);
  const first = push(world, "main");
  const other = push(world, "feature/x");
  world.run(15_000);
  const second = push(world, "main");
  world.run(30_000);
  settled(world);
  assert.equal(wrongChanges(world, id, [["main", first], ["feature/x", other], ["main", second]]), undefined);
  for (const node of nodes) {
    assert.deepEqual(changesText(node).map((t) => t.split(" ")[2]), Array(3).fill("succeeded"));
  }
  // A branch that goes and comes back where it was, and one that is set back, are nothing new.
  world.repositories.get(REPOSITORY)!.delete("feature/x");
  push(world, "main", first);
  world.run(15_000);
  push(world, "feature/x", other);
  world.run(30_000);
  assert.equal(changesText(nodes[1]).length, 3);
  const grown = changesText(nodes[1]);
  rebuild(nodes[1].core!);
  assert.deepEqual(changesText(nodes[1]), grown);
});

Deno.test("only branches that the trigger names count; several jobs that watch one repository each run", () => {
  const world = new World(82);
  const nodes = gather(world, 3);
  push(world);
  const ci = watch(world, nodes[0], "ci", { branches: ["main", "release/*", "!release/old"] });
  const all = watch(world, nodes[1], "all");
  world.run(15_000);
  const commits = ["main", "feature", "release/1", "release/old", "release/1/2"].map((branch) =>
    [branch, push(world, branch)] as const
  );
  world.run(30_000);
  settled(world);
  assert.equal(wrongChanges(world, ci, [commits[0], commits[2]]), undefined);
  assert.equal(wrongChanges(world, all, commits), undefined);
});

Deno.test(`${SEEDS} times the watching node is killed between seeing a commit and its run: it runs exactly once`, () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const world = new World(300 + seed);
    const nodes = gather(world, 5);
    push(world);
    const id = watch(world, nodes[seed % 5]);
    world.run(12_000);
    const controller = watcher(world, nodes[0]);
    const commit = push(world);
    // From before it looks, over each message of the run's life, to after its end.
    const pushedAt = world.now;
    const looked = () => {
      const look = controller.core!.jobs.schedules.looks.get(id);
      return look?.until !== undefined || look!.lookedAt >= pushedAt;
    };
    assert.notEqual(world.until(looked, 15_000), undefined);
    world.run((seed % 40) * 20);
    world.crash(controller, seed % 7 === 0);
    world.run(40_000);
    world.start(controller);
    world.run(25_000);
    settled(world);
    assert.equal(wrongChanges(world, id, [["main", commit]]), undefined, `seed ${seed}`);
    // Only what was lost with its node was tried again.
    const [run] = nodes[0].core!.jobs.runs.values();
    const attempts = run.decision!.value.attempts;
    assert.ok(attempts.slice(0, -1).every((a) => a.end?.state === "lost"), `seed ${seed}`);
    assert.equal(run.decision!.value.state, "succeeded", `seed ${seed}`);
  }
});

Deno.test(`${SEEDS} histories with kills, lost disks, partitions and loss: no commit runs under two names, the last of each branch runs`, () => {
  let seen = 0, pushed = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const world = new World(400 + seed);
    const nodes = gather(world, 5);
    const first = new Map([["main", push(world, "main")], ["next", push(world, "next")]]);
    const id = watch(world, nodes[0]);
    // Whoever watches has seen what was there.
    assert.notEqual(
      world.until(() => nodes.every((n) => n.core!.jobs.schedules.sights.size > 0), 9_000),
      undefined,
    );
    world.weather = storm;
    const commits = new Map<string, string[]>();
    const end = world.now + 3 * 60_000;
    while (world.now < end) {
      world.run(500 + world.random() * 3_000);
      const up = world.alive(), dice = world.random();
      if (dice < 0.15 && up.length > 3) world.crash(world.pick(up), world.random() < 0.1);
      else if (dice < 0.4) {
        const down = nodes.filter((n) => !n.core);
        if (down.length > 0) world.start(world.pick(down));
      } else if (dice < 0.5) {
        const half = new Set(up.filter(() => world.random() < 0.4).map((n) => n.id));
        world.partition([[...half], nodes.map((n) => n.id).filter((n) => !half.has(n))]);
      } else if (dice < 0.7) world.heal();
      else if (dice < 0.95) {
        const branch = world.pick(["main", "next", "fresh"]);
        commits.set(branch, [...commits.get(branch) ?? [], push(world, branch)]);
      }
    }
    world.weather = calm;
    world.heal();
    for (const node of nodes) if (!node.core) world.start(node);
    world.run(40_000);
    const well = () => disagreement(world) === undefined && unfinishedRuns(world) === undefined;
    assert.notEqual(
      world.until(well, 240_000),
      undefined,
      `seed ${seed}: ${unfinishedRuns(world) ?? disagreement(world)}`,
    );
    assert.equal(
      new Set(nodes.map((n) => [...n.core!.jobs.runs.keys()].sort().join())).size,
      1,
      `seed ${seed}`,
    );
    const ran = new Set<string>();
    for (const run of nodes[0].core!.jobs.runs.values()) {
      const { branch, commit } = run.tick!.change!;
      assert.ok(!ran.has(`${branch} ${commit}`), `seed ${seed}: ${branch} ${commit} ran twice`);
      ran.add(`${branch} ${commit}`);
      assert.ok(commits.get(branch)?.includes(commit), `seed ${seed}: ${branch} ${commit} was there before`);
      assert.equal(run.tick!.schedule, id);
    }
    for (const [branch, list] of commits) {
      assert.ok(ran.has(`${branch} ${list.at(-1)}`), `seed ${seed}: the last commit of ${branch} never ran`);
      pushed += list.length;
    }
    for (const [branch, commit] of first) assert.ok(!ran.has(`${branch} ${commit}`));
    seen += ran.size;
  }
  console.log(`${seen} of ${pushed} commits ran, the others were overtaken between two looks`);
  assert.ok(seen > SEEDS * 5);
});

Deno.test("commits that were pushed while no node lived run when they return, the newest of each branch", () => {
  const world = new World(84);
  const nodes = gather(world, 3);
  push(world);
  const id = watch(world, nodes[0]);
  world.run(15_000);
  for (const node of nodes) world.crash(node);
  push(world);
  world.run(6 * 3_600_000);
  const newest = push(world);
  for (const node of nodes) world.start(node);
  world.run(40_000);
  settled(world);
  assert.equal(wrongChanges(world, id, [["main", newest]]), undefined);
});

Deno.test("a trigger rests, goes on from what it finds then, is replaced without a gap, and ends", () => {
  const world = new World(85);
  const nodes = gather(world, 3);
  push(world);
  const first = watch(world, nodes[0]);
  world.run(12_000);
  const pause = (schedule: string, paused: boolean) =>
    assert.ok(world.submit(nodes[1], world.command("job.pause", { schedule, paused })).ok);
  pause(first, true);
  push(world);
  world.run(30_000);
  pause(first, false);
  world.run(15_000);
  assert.deepEqual(changesText(nodes[2]), []);
  const one = push(world);
  world.run(15_000);
  settled(world);
  assert.equal(wrongChanges(world, first, [["main", one]]), undefined);
  // Pushed after the old one looked last and before the new one looks: nothing is lost, nothing runs again.
  const two = push(world);
  const second = watch(world, nodes[2], "ci", { poll_ms: 20_000 });
  world.run(30_000);
  settled(world);
  assert.equal(wrongChanges(world, second, [["main", two]]), undefined);
  assert.equal(wrongChanges(world, first, [["main", one]]), undefined);
  assert.ok(world.submit(nodes[0], world.command("job.unschedule", { schedule: second })).ok);
  world.run(2_000);
  push(world);
  world.run(40_000);
  assert.equal([...nodes[0].core!.jobs.runs.keys()].length, 2);
});

Deno.test("a repository that cannot be reached is told, once, and what it had before is not lost", () => {
  const world = new World(86);
  const nodes = gather(world, 3);
  const id = watch(world, nodes[0]);
  world.run(35_000);
  const sights = () => nodes.flatMap((n) => [...n.core!.jobs.schedules.sights.get(id)?.values() ?? []]);
  assert.ok(sights().every(({ value }) => value.problem === "there is no such repository"));
  push(world);
  world.run(15_000);
  const kept = world.repositories.get(REPOSITORY)!;
  world.repositories.delete(REPOSITORY);
  world.run(25_000);
  world.repositories.set(REPOSITORY, kept);
  const commit = push(world);
  world.run(15_000);
  settled(world);
  assert.equal(wrongChanges(world, id, [["main", commit]]), undefined);
});

Deno.test("a job that could not look and is submitted anew takes what it then finds for what was there", () => {
  const world = new World(88);
  const nodes = gather(world, 3);
  watch(world, nodes[0]);
  world.run(25_000);
  push(world);
  const id = watch(world, nodes[0], "ci", { poll_ms: 12_000 });
  world.run(30_000);
  assert.deepEqual(changesText(nodes[1]), []);
  const commit = push(world);
  world.run(30_000);
  settled(world);
  assert.equal(wrongChanges(world, id, [["main", commit]]), undefined);
});

Deno.test("a repository that no node may read is named node by node, with the command that allows it", () => {
  const world = new World(89);
  const nodes = gather(world, 3);
  const id = watch(world, nodes[0], "ci", { url: "/srv/app" });
  world.run(25_000);
  const { core } = nodes[1];
  const why = whySchedule(core!, core!.jobs.schedules.all.get(id)!);
  assert.equal(why.id, "ci");
  assert.match(
    why.reasons[0],
    /^no node can look; (\S+): its policy native_read = \(none\) refuses it; fix: realm policy set native_read=\/srv\/app --node \1$/,
  );
  assert.equal(why.nodes.length, 3);
  assert.ok(why.nodes.every((n) => n.fix === `realm policy set native_read=/srv/app --node ${n.name}`));
  assert.equal(why.fix, why.nodes[0].fix);
});

Deno.test("pushes that a forge tells any node run at once, each of them, also when they follow each other faster than anybody looks", () => {
  const world = new World(87);
  const nodes = gather(world, 4);
  const there = push(world);
  let before = there;
  const id = watch(world, nodes[0], "ci", { poll_ms: 60_000 });
  world.run(15_000);
  const commits: (readonly [string, string])[] = [];
  for (let i = 0; i < 6; i++) {
    const commit = push(world);
    commits.push(["main", commit]);
    world.event(nodes[i % 4], { t: "pushed", schedule: id, push: { branch: "main", commit, before } });
    before = commit;
    world.run(100);
  }
  // A look that began before, or that the forge answered late, finds nothing new in what was there.
  const late = { ends: [{ branch: "main", commit: there, counts: true }] };
  world.event(watcher(world, nodes[0]), { t: "looked", schedule: id, seen: late });
  const fresh = push(world, "fresh");
  commits.push(["fresh", fresh]);
  world.event(nodes[3], { t: "pushed", schedule: id, push: { branch: "fresh", commit: fresh } });
  world.run(10_000);
  settled(world);
  assert.equal(wrongChanges(world, id, commits), undefined);
  // What comes late, twice, or is an old one sent again by somebody, is a reason to look and nothing more.
  for (const [branch, commit] of [...commits, ["main", "e".repeat(40)]]) {
    world.event(nodes[1], { t: "pushed", schedule: id, push: { branch, commit, before: "d".repeat(40) } });
    world.run(500);
  }
  world.run(70_000);
  assert.equal(wrongChanges(world, id, commits), undefined);
});

Deno.test(`${SEEDS} histories in which forges tell pushes late, twice or never, while nodes are killed: no commit runs twice, the last of each branch runs`, () => {
  let ran = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const world = new World(500 + seed);
    const nodes = gather(world, 4);
    const ends = new Map([["main", push(world, "main")], ["next", push(world, "next")]]);
    const id = watch(world, nodes[0], "ci", { poll_ms: 20_000 });
    const seen = () => nodes.every((n) => n.core!.jobs.schedules.sights.size > 0);
    assert.notEqual(world.until(seen, 30_000), undefined);
    const pushed = new Set<string>();
    const end = world.now + 2 * 60_000;
    while (world.now < end) {
      world.run(world.random() * 3_000);
      const up = world.alive(), dice = world.random();
      if (dice < 0.1 && up.length > 2) world.crash(world.pick(up), world.random() < 0.1);
      else if (dice < 0.3) {
        const down = nodes.filter((n) => !n.core);
        if (down.length > 0) world.start(world.pick(down));
      } else {
        const branch = world.pick(["main", "next"]), before = ends.get(branch)!;
        const commit = push(world, branch);
        ends.set(branch, commit);
        pushed.add(`${branch} ${commit}`);
        const tellers = world.random() < 0.2 ? 0 : world.random() < 0.3 ? 2 : 1;
        for (let i = 0; i < tellers; i++) {
          const node = world.pick(nodes);
          const late = world.random() < 0.5 ? 0 : world.random() * 8_000;
          world.at(
            world.now + late,
            () => world.event(node, { t: "pushed", schedule: id, push: { branch, commit, before } }),
          );
        }
      }
    }
    for (const node of nodes) if (!node.core) world.start(node);
    world.run(60_000);
    const well = () => disagreement(world) === undefined && unfinishedRuns(world) === undefined;
    assert.notEqual(world.until(well, 240_000), undefined, `seed ${seed}`);
    const runs = [...nodes[0].core!.jobs.runs.values()].map((r) => r.tick!.change!);
    const names = runs.map((c) => `${c.branch} ${c.commit}`);
    assert.equal(new Set(names).size, names.length, `seed ${seed}: a commit ran twice`);
    for (const name of names) assert.ok(pushed.has(name), `seed ${seed}: ${name} was there before`);
    for (const [branch, commit] of ends) {
      const moved = [...pushed].some((name) => name.startsWith(branch));
      assert.ok(
        !moved || names.includes(`${branch} ${commit}`),
        `seed ${seed}: the last of ${branch} never ran`,
      );
    }
    ran += names.length;
  }
  console.log(`${ran} commits ran`);
  assert.ok(ran > SEEDS * 10);
});

Deno.test("a commit that came after a first look that others did not hear of runs, once they hear of it", () => {
  let tried = 0;
  for (let seed = 1; seed <= 20; seed++) {
    const world = new World(600 + seed);
    const nodes = gather(world, 4);
    push(world);
    const id = watch(world, nodes[seed % 4]);
    const knows = (n: SimNode) => n.core!.jobs.schedules.all.has(id);
    const saw = (n: SimNode) => n.core!.jobs.schedules.sights.size > 0;
    world.until(() => nodes.every(knows), 2_000);
    const first = watcher(world, nodes[0]);
    const others = nodes.filter((n) => n !== first);
    if (nodes.some(saw)) continue;
    // All know the job; what the first one sees stays with it.
    world.partition([[first.id], others.map((n) => n.id)]);
    assert.notEqual(world.until(() => saw(first), 20_000), undefined);
    world.crash(first);
    const commit = push(world);
    assert.notEqual(world.until(() => others.every(saw), 60_000), undefined);
    assert.deepEqual(changesText(others[0]), []);
    world.heal();
    world.start(first);
    world.run(40_000);
    settled(world);
    assert.equal(wrongChanges(world, id, [["main", commit]]), undefined, `seed ${seed}`);
    tried++;
  }
  assert.ok(tried > 2, `${tried}`);
});
