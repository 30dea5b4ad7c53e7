/** Jobs that run on changes of a repository, on real nodes: each commit once, whoever dies meanwhile. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
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
${trigger.includes("poll_seconds") ? "" : "poll_seconds = 10"}
${trigger}
[runtime]
type = "native"
memory_mb = 128
[execution]
command = ["/bin/sh", "-c", "set -e; cat VERSION; echo of $REALM_BRANCH $REALM_COMMIT"]
working_dir = "/src"
[data]
inputs = [{ git = "${url}", mount = "/src" }]
[retry]
max = 2
on = ["node_lost"]
lost_after_seconds = 0
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
  await cluster.kill(node);
  const meanwhile = await commit(app, { "VERSION": "meanwhile\n" });
  await cluster.restart(node);
  await runOf(cluster, node, meanwhile);
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

test("any node takes the pushes that a forge tells, at its API and its gateway; nobody else starts a run", async () => {
  await using cluster = await Cluster.start({ nodes: 3 });
  const [reader] = cluster.nodes;
  await cluster.realm("policy", "set", "allow_native_execution=true");
  const secret = `hook-${crypto.randomUUID()}`;
  await Deno.writeTextFile(`${cluster.root}/hook`, secret);
  await cluster.realm("secret", "set", "hook", "--file", `${cluster.root}/hook`, "--job", "ci");
  const app = `${cluster.root}/repos/app`;
  let before = await repository(app, { "VERSION": "zero\n" });
  await using server = serveGit(`${cluster.root}/repos`);
  const url = `${server.url}/app`;
  await cluster.realm(
    "job",
    "submit",
    await manifest(cluster, url, 'poll_seconds = 3600\nwebhook_secret = "hook"'),
  );
  await eventually("it has looked", async () => {
    const { trigger } = await cluster.client(reader).schedule("ci");
    return trigger!.ends.length === 1;
  }, 30_000);
  const tell = async (base: string, headers: Record<string, string>, body: string, path = "/hooks/ci") => {
    const response = await fetch(`${base}${path}`, { method: "POST", headers, body });
    return { status: response.status, text: await response.text() };
  };
  const signed = (body: string, key = secret) => createHmac("sha256", key).update(body).digest("hex");
  const forms: ((body: string, key?: string) => Record<string, string>)[] = [
    (body, key) => ({ "x-github-event": "push", "x-hub-signature-256": `sha256=${signed(body, key)}` }),
    (body, key) => ({ "x-forgejo-event": "push", "x-forgejo-signature": signed(body, key) }),
    (_, key) => ({ "x-gitlab-event": "Push Hook", "x-gitlab-token": key ?? secret }),
  ];
  const doors = cluster.nodes.flatMap((n) => [n.api, n.gateway]);
  const commits: string[] = [];
  for (const [i, door] of doors.entries()) {
    const after = await commit(app, { "VERSION": `${i}\n` });
    const body = JSON.stringify({ ref: "refs/heads/main", before, after, repository: { clone_url: url } });
    const headers = forms[i % 3](body);
    const wrong = await tell(door, forms[i % 3](body, "guessed-secret"), body);
    assert.equal(wrong.status, 403);
    assert.match(wrong.text, /this node takes no such delivery/);
    const unknown = await tell(door, headers, body, "/hooks/other");
    assert.deepEqual(unknown, wrong);
    const taken = await tell(door, headers, body);
    assert.equal(taken.status, 202, taken.text);
    assert.deepEqual(JSON.parse(taken.text), {
      job: "ci",
      event: "push",
      taken: true,
      branch: "main",
      commit: after,
    });
    commits.push(after);
    before = after;
  }
  for (const node of cluster.nodes) for (const one of commits) await runOf(cluster, node, one);
  const runs = await cluster.client(reader).runs();
  assert.deepEqual(runs.map((r) => r.schedule!.change!.commit).sort(), commits.toSorted());
  assert.match(await cluster.realm("job", "schedules", "ci"), /Forges may tell pushes at \/hooks\/ci/);
  const audit = await cluster.realm("audit", "list", "--json");
  assert.match(audit, /hook\.push/);
  for (const node of cluster.nodes) assert.ok(!node.output.includes(secret));
  assert.ok(!audit.includes(secret));
});

test("the forge is told how each commit went, also when it was away; the badge tells everybody", async () => {
  await using cluster = await Cluster.start({ nodes: 2 });
  const [reader, other] = cluster.nodes;
  await cluster.realm("policy", "set", "allow_native_execution=true");
  const token = `forge-${crypto.randomUUID()}`;
  await Deno.writeTextFile(`${cluster.root}/token`, token);
  await cluster.realm("secret", "set", "forge", "--file", `${cluster.root}/token`);
  const app = `${cluster.root}/repos/team/app`;
  await repository(app, { "VERSION": "zero\n" });
  await using server = serveGit(`${cluster.root}/repos`);
  const told: { commit: string; state: string; context: string; authorization: string | null }[] = [];
  let away = 2;
  const forge = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    const { pathname, search } = new URL(request.url);
    const status = /^\/api\/v1\/repos\/team\/app\/statuses\/(\w+)$/.exec(pathname);
    if (!status) return await fetch(`${server.url}${pathname}${search}`, request);
    if (away-- > 0) return new Response("later", { status: 503 });
    const { state, context } = await request.json();
    told.push({ commit: status[1], state, context, authorization: request.headers.get("authorization") });
    return Response.json({}, { status: 201 });
  });
  const path = await manifest(
    cluster,
    `http://127.0.0.1:${forge.addr.port}/team/app`,
    'forge = "gitea"\nstatus_secret = "forge"\nbadge = true',
  );
  await cluster.realm("job", "submit", path);
  const view = () => cluster.client(reader).schedule("ci");
  await eventually("it has looked", async () => (await view()).trigger!.ends.length === 1, 30_000);
  const badge = async (base: string) => await (await fetch(`${base}/badge/ci.svg`)).text();
  assert.match(await badge(reader.api), /no runs yet/);
  const good = await commit(app, { "VERSION": "one\n" });
  await eventually(
    "its success is told",
    () => Promise.resolve(told.some((t) => t.commit === good && t.state === "success")),
    60_000,
  );
  assert.match(await badge(other.gateway), /passing/);
  const bad = await commit(app, { "VERSION": null, "other": "x\n" });
  await eventually(
    "its failure is told",
    () => Promise.resolve(told.some((t) => t.commit === bad && t.state === "failure")),
    60_000,
  );
  await eventually("all nodes tell it", async () => /failing/.test(await badge(other.api)));
  assert.ok(told.every((t) => t.context === "realm/ci" && t.authorization === `token ${token}`));
  // The state that stands last is the last one that was told.
  for (const [one, state] of [[good, "success"], [bad, "failure"]]) {
    assert.equal(told.findLast((t) => t.commit === one)!.state, state);
  }
  // What is run again is told again: that it runs, and how it ended.
  const [{ runs: [{ id: failed }] }] = (await view()).ticks;
  assert.equal((await cluster.run(["job", "rerun", failed])).code, 1);
  await eventually(
    "the rerun is told",
    () => told.filter((t) => t.commit === bad).map((t) => t.state).join().endsWith("failure,pending,failure"),
    60_000,
  );
  const asked = await fetch(`${reader.api}/badge/ci.svg`, { headers: { "sec-fetch-site": "cross-site" } });
  assert.equal(asked.headers.get("cross-origin-resource-policy"), "cross-origin");
  await asked.body?.cancel();
  assert.equal((await fetch(`${reader.api}/badge/nightly.svg`)).status, 404);
  const shown = await cluster.realm("job", "schedules", "ci");
  assert.match(shown, /Statuses of commits are told to gitea/);
  assert.match(shown, /^n\d looks at the repository\.$/m);
  for (const node of cluster.nodes) assert.ok(!node.output.includes(token));
  await forge.shutdown();
});
