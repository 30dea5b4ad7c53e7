/** Jobs that run on changes of a repository, on real nodes: each commit once, whoever dies meanwhile. */
import assert from "node:assert/strict";
import type { RunView, ScheduleView } from "../../mod.ts";
import { Cluster, type ClusterNode, eventually } from "../cluster.ts";
import { commit, git, hasGit, repository, serveGit } from "../git_bed.ts";

const ready = Deno.build.os === "linux" && await hasGit();
const test = (name: string, fn: () => Promise<void>) =>
  Deno.test({ name, fn, ignore: !ready, sanitizeOps: false, sanitizeResources: false });

async function manifest(cluster: Cluster, url: string, trigger = ""): Promise<string> {
  const path = `${cluster.root}/ci.toml`;
  await Deno.writeTextFile(
    path,
    `[job]
name = "ci"
type = "one-shot"
[trigger]
poll_seconds = 10
${trigger}
[runtime]
type = "native"
memory_mb = 128
[execution]
command = ["/bin/sh", "-c", "cat VERSION; echo of $REALM_BRANCH $REALM_COMMIT"]
working_dir = "/src"
[data]
inputs = [{ git = "${url}", mount = "/src" }]
[retry]
max = 2
on = ["node_lost"]
`,
  );
  return path;
}

const runOf = (cluster: Cluster, node: ClusterNode, commit: string): Promise<RunView> =>
  eventually(`the run of ${commit} has succeeded`, async () => {
    const runs = await cluster.client(node).runs();
    return runs.find((r) => r.schedule?.change?.commit === commit && r.state === "succeeded");
  }, 60_000);

test("each commit runs once, pinned to it, also when the watching node is killed as it looks, or as it has seen", async () => {
  await using cluster = await Cluster.start({ nodes: 3 });
  await cluster.realm("policy", "set", "allow_native_execution=true");
  const app = `${cluster.root}/repos/app`;
  await repository(app, { "VERSION": "zero\n" });
  await using server = serveGit(`${cluster.root}/repos`);
  const submitted = await cluster.run(["job", "submit", await manifest(cluster, `${server.url}/app`)]);
  assert.equal(submitted.code, 0, submitted.stderr);
  assert.match(submitted.stderr, /ci runs on changes of http:\S+app; what is there now is not run/);
  const [reader] = cluster.nodes;
  const view = (): Promise<ScheduleView> => cluster.client(reader).schedule("ci");
  await eventually("it has looked", async () => (await view()).trigger!.ends.length === 1, 30_000);
  assert.deepEqual(await cluster.client(reader).runs(), []);

  const commits: string[] = [await commit(app, { "VERSION": "one\n" })];
  const first = await runOf(cluster, reader, commits[0]);
  assert.deepEqual(first.commits, { "/src": commits[0] });
  assert.match(await cluster.realm("job", "logs", first.id), new RegExp(`one\\n.*of main ${commits[0]}`));
  assert.match(
    await cluster.realm("job", "status", first.id),
    new RegExp(`ci, for main at ${commits[0].slice(0, 10)}`),
  );

  for (const moment of ["looks", "has seen", "has looked"] as const) {
    const { controller } = await view();
    const name = (await cluster.client(reader).nodes()).find((n) => n.id === controller)!.name;
    const victim = cluster.nodes.find((n) => n.name === name)!;
    const [other] = cluster.nodes.filter((n) => n !== victim);
    const asked = server.requests.length;
    const pushed = await commit(app, { "VERSION": `${moment}\n` });
    commits.push(pushed);
    await eventually(`the watching node ${moment}`, async () => {
      if (moment !== "has seen") return server.requests.length > asked + (moment === "looks" ? 0 : 1);
      const { trigger } = await cluster.client(victim).schedule("ci");
      return trigger!.ends[0]?.commit === pushed;
    }, 40_000);
    await cluster.kill(victim);
    await runOf(cluster, other, pushed);
    await cluster.restart(victim);
    await runOf(cluster, victim, pushed);
  }
  for (const node of cluster.nodes) {
    const runs = await cluster.client(node).runs();
    assert.deepEqual(runs.map((r) => r.schedule!.change!.commit).sort(), commits.toSorted());
    assert.equal(new Set(runs.map((r) => r.id)).size, commits.length);
  }
  console.log(`${commits.length} commits, 3 watching nodes killed: each ran once`);
});

test("branches and files that do not count start nothing, which is told; a trigger rests and ends; what cannot be is refused", async () => {
  await using cluster = await Cluster.start({ nodes: 1 });
  const [node] = cluster.nodes;
  await cluster.realm("policy", "set", "allow_native_execution=true");
  const app = `${cluster.root}/repos/app`;
  await repository(app, { "VERSION": "zero\n", "docs/a.md": "a\n" });
  await using server = serveGit(`${cluster.root}/repos`);
  const filters = 'branches = ["main", "release/*"]\npaths = ["VERSION", "src/**"]';
  const path = await manifest(cluster, `${server.url}/app`, filters);
  assert.match(
    await cluster.realm("job", "submit", path, "--plan"),
    /ci +on changes of .*branches main release/,
  );
  await cluster.realm("job", "submit", path);
  const view = () => cluster.client(node).schedule("ci");
  await eventually("it has looked", async () => (await view()).trigger!.ends.length === 1, 30_000);
  const docs = await commit(app, { "docs/a.md": "b\n" });
  await eventually("the change of docs is seen", async () => (await view()).ticks.length === 1, 30_000);
  const [skipped] = (await view()).ticks;
  assert.deepEqual([skipped.state, skipped.change, skipped.reason, skipped.runs], [
    "skipped",
    { branch: "main", commit: docs },
    "no file that counts changed",
    [],
  ]);
  await git(app, "checkout", "-q", "-b", "feature");
  await commit(app, { "VERSION": "feature\n" });
  await git(app, "checkout", "-q", "-b", "release/1");
  const release = await commit(app, { "VERSION": "release\n" });
  await runOf(cluster, node, release);
  assert.equal((await cluster.client(node).runs()).length, 1);
  const shown = await cluster.realm("job", "schedules", "ci");
  assert.match(shown, new RegExp(`release/1 +${release}.*runs`));
  assert.match(shown, /main at \w{10} +skipped .*no file that counts changed/);
  assert.match(await cluster.realm("job", "list"), /ci +active +on changes of .*looks (at|every)/);
  assert.match(await cluster.realm("why", "ci"), /runs on changes of .*app, branches main release/);
  await cluster.realm("job", "pause", "ci");
  assert.equal((await view()).state, "paused");
  await cluster.realm("job", "resume", "ci");
  await Deno.rename(`${cluster.root}/repos/app`, `${cluster.root}/repos/moved`);
  await eventually("it is told that it cannot look", async () => (await view()).state === "failing", 30_000);
  assert.match((await view()).reason!, /not found/);
  await cluster.realm("job", "unschedule", "ci");
  assert.deepEqual(await cluster.client(node).schedules(), []);
  for (
    const [wrong, said] of [
      ['branches = ["a..b"]', /ci\.toml:\d+.*"a\.\.b" is an expression/],
      ['git = "ext::sh -c true"', /ci\.toml:\d+.*`trigger.git`/],
      ['branches = "main"', /ci\.toml:\d+.*a list of branches/],
      ['branch = "main"', /did you mean `branches`/],
    ] as const
  ) {
    const ran = await cluster.run(["job", "submit", await manifest(cluster, `${server.url}/app`, wrong)]);
    assert.equal(ran.code, 2, ran.stderr);
    assert.match(ran.stderr, said);
  }
  assert.deepEqual(await cluster.client(node).schedules(), []);
});
