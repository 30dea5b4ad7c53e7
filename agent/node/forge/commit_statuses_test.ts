import assert from "node:assert/strict";
import fc from "fast-check";
import { fuzz } from "../../../tests/fuzz.ts";
import { isOf } from "./delivery.ts";
import { eventually } from "../../../tests/cluster.ts";
import { specOf } from "../../../tests/sim/attempts.ts";
import {
  addSchedule,
  applyTick,
  type CommitStatus,
  commitStatuses,
  createJobs,
  type Jobs,
} from "../../core/mod.ts";
import {
  changeIdOf,
  digestOf,
  type Forge,
  forgeLimits,
  isLoopback,
  parseGitAddress,
  RealmError,
  type RunEnd,
  type Trigger,
  utf8,
} from "../../protocol/mod.ts";
import { badgeState, badgeSvg } from "./badge.ts";
import { CommitStatuses } from "./commit_statuses.ts";
import { statusRequest } from "./status_request.ts";

const COMMIT = "c".repeat(40), TOKEN = "token-of-the-forge";
const statusOf = (url: string, forge: Forge, state: CommitStatus["state"] = "success"): CommitStatus => ({
  schedule: "0".repeat(64),
  trigger: { url, status: { forge, token: "forge" } },
  job: "ci",
  branch: "main",
  commit: COMMIT,
  state,
  text: "succeeded in 3 s",
});

for (
  const [url, forge, expected, name] of [
    ["https://github.com/team/app.git", "github", "https://api.github.com/repos/team/app", "authorization"],
    ["ssh://git@github.com/team/app", "github", "https://api.github.com/repos/team/app", "authorization"],
    ["https://git.example/team/app", "github", "https://git.example/api/v3/repos/team/app", "authorization"],
    ["https://codeberg.org/team/app", "gitea", "https://codeberg.org/api/v1/repos/team/app", "authorization"],
    [
      "ssh://git@git.example:2222/team/app",
      "gitea",
      "https://git.example/api/v1/repos/team/app",
      "authorization",
    ],
    [
      "https://gitlab.com/a/b/app.git",
      "gitlab",
      "https://gitlab.com/api/v4/projects/a%2Fb%2Fapp",
      "private-token",
    ],
    ["http://127.0.0.1:81/team/app", "gitea", "http://127.0.0.1:81/api/v1/repos/team/app", "authorization"],
  ] as const
) {
  Deno.test(`the status of a commit of ${url} goes to its ${forge}, with the token`, () => {
    const request = statusRequest(statusOf(url, forge), TOKEN)!;
    assert.equal(request.url, `${expected}/statuses/${COMMIT}`);
    assert.ok(request.headers[name].endsWith(TOKEN));
    assert.ok(!request.url.includes(TOKEN) && !request.body.includes(TOKEN));
    const body = JSON.parse(request.body);
    assert.equal(body.state, "success");
    assert.equal(body.description, "succeeded in 3 s");
    assert.equal(body.context ?? body.name, "realm/ci");
    const state = (s: CommitStatus["state"]) =>
      JSON.parse(statusRequest(statusOf(url, forge, s), "")!.body).state;
    assert.deepEqual(
      (["pending", "failure", "cancelled"] as const).map(state),
      forge === "gitlab" ? ["running", "failed", "canceled"] : ["pending", "failure", "error"],
    );
  });
}

Deno.test("no token is sent by plain http, to a path, or to what is no repository", () => {
  for (const url of ["http://git.example/team/app", "/srv/app", "https://git.example/app", "ext::sh"]) {
    assert.equal(statusRequest(statusOf(url, "gitea"), TOKEN), undefined, url);
  }
});

/** A forge that answers with these codes, then with 201. */
function forge(...codes: number[]) {
  const asked: { path: string; state: string; token: string | null }[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    const { state } = await request.json();
    const token = request.headers.get("authorization");
    asked.push({ path: new URL(request.url).pathname, state, token });
    const status = codes.shift() ?? 201;
    return new Response(null, { status, headers: status === 302 ? { location: "/elsewhere" } : {} });
  });
  return { asked, server, url: `http://127.0.0.1:${server.addr.port}/team/app` };
}
const teller = (warnings: string[], openSecret = () => utf8(`${TOKEN}\n`)) =>
  new CommitStatuses({
    log: { warn: (_: string, more: { why?: string }) => warnings.push(more.why ?? "") } as never,
    openSecret,
  }, [5, 5, 5]);

Deno.test("a state is told once, again when the forge cannot take it, and the last one wins", async () => {
  const { asked, server, url } = forge(503, 429);
  const warnings: string[] = [];
  using statuses = teller(warnings);
  statuses.reconcile([statusOf(url, "gitea", "pending")]);
  await eventually("it is told", () => Promise.resolve(asked.length === 3));
  statuses.reconcile([statusOf(url, "gitea", "pending")]);
  statuses.reconcile([statusOf(url, "gitea", "success")]);
  await eventually("the end is told", () => Promise.resolve(asked.at(-1)!.state === "success"));
  statuses.reconcile([statusOf(url, "gitea", "success")]);
  statuses.reconcile([]);
  assert.deepEqual(asked.map((a) => a.state), ["pending", "pending", "pending", "success"]);
  const path = `/api/v1/repos/team/app/statuses/${COMMIT}`;
  assert.ok(asked.every((a) => a.path === path && a.token === `token ${TOKEN}`));
  assert.deepEqual(warnings, []);
  await server.shutdown();
});

Deno.test("more than may be told at once are all told", async () => {
  const { asked, server, url } = forge();
  using statuses = teller([]);
  const all = Array.from({ length: forgeLimits.statuses + 20 }, (_, n) => ({
    ...statusOf(url, "gitea"),
    job: `job-${n}`,
  }));
  statuses.reconcile(all);
  await eventually("all are told", () => asked.length === all.length);
  await server.shutdown();
});

Deno.test("what is refused for good, redirected or not to be had is told to the log and not tried again", async () => {
  const { asked, server, url } = forge(401, 302);
  const warnings: string[] = [];
  using statuses = teller(warnings);
  statuses.reconcile([statusOf(url, "gitea")]);
  await eventually("it is refused", () => Promise.resolve(warnings.length === 1));
  statuses.reconcile([statusOf(url, "gitea", "failure")]);
  await eventually("it is redirected", () => Promise.resolve(warnings.length === 2));
  statuses.reconcile([statusOf(url, "gitea", "failure")]);
  using poor = teller(warnings, () => {
    throw new RealmError("unavailable", "this node was not given the secret forge");
  });
  poor.reconcile([statusOf(url, "gitea")]);
  await eventually("there is no token", () => Promise.resolve(warnings.length === 3));
  assert.deepEqual(asked.map((a) => a.path.split("/")[1]), ["api", "api"]);
  assert.deepEqual(warnings, [
    "it answered 401",
    "it answered 302",
    "this node was not given the secret forge",
  ]);
  assert.ok(!warnings.join().includes(TOKEN));
  await server.shutdown();
});

const CI = digestOf(utf8("ci"));
function jobsWith(): {
  jobs: Jobs;
  change(branch: string, commit: string, at: number): void;
  end(commit: string, n: number, state: RunEnd, at: number): void;
} {
  const jobs = createJobs();
  const trigger: Trigger = {
    url: "https://github.com/team/app",
    branches: [],
    paths: [],
    poll_ms: 60_000,
    status: { forge: "github", token: "forge" },
    badge: true,
  };
  const runs = [specOf("ci", { matrix: { a: "1" } }), specOf("ci", { matrix: { a: "2" } }), specOf("docs")];
  const body = { name: "ci", trigger, runs };
  addSchedule(jobs.schedules, { id: CI, kind: "job.schedule", body, at: 1, by: "z6Mk", role: "operator" });
  return {
    jobs,
    change(branch, commit, at) {
      const change = { branch, commit };
      const tick = { schedule: CI, at, change, state: "run" as const, reason: "" };
      applyTick(jobs, changeIdOf(CI, change), tick, "12D3", at);
    },
    end(commit, n, state, at) {
      const runs = [...jobs.runs.values()].filter((r) => r.tick?.change?.commit === commit);
      const run = runs[n];
      const value = {
        run: run.id,
        submission: run.submission,
        epoch: 1,
        step: 1,
        state,
        reason: state,
        attempts: [],
        since: at,
      };
      run.decision = { value, author: "12D3" };
    },
  };
}

Deno.test("a job's runs for a commit are told together: they run until all have ended, and one that failed counts", () => {
  const { jobs, change, end } = jobsWith();
  const told = (since = 0) =>
    commitStatuses(jobs, jobs.schedules.all.get(CI)!, since).map((s) =>
      `${s.job} ${s.branch} ${s.state}: ${s.text}`
    );
  change("main", COMMIT, 1_000);
  assert.deepEqual(told(), ["ci main pending: runs", "docs main pending: runs"]);
  end(COMMIT, 0, "succeeded", 5_000);
  assert.deepEqual(told(), ["ci main pending: runs", "docs main pending: runs"]);
  end(COMMIT, 1, "failed", 6_000);
  end(COMMIT, 2, "succeeded", 4_000);
  assert.deepEqual(told(), ["ci main failure: failed", "docs main success: succeeded in 3 s"]);
  end(COMMIT, 1, "cancelled", 6_000);
  assert.deepEqual(told(), ["ci main cancelled: cancelled", "docs main success: succeeded in 3 s"]);
  assert.deepEqual(told(5_000), ["ci main cancelled: cancelled"]);
});

Deno.test("a badge tells of the newest runs that have ended, of a branch or of any, and holds nothing that a page would run", () => {
  const { jobs, change, end } = jobsWith();
  const schedule = jobs.schedules.all.get(CI)!;
  assert.equal(badgeState(jobs, schedule, "ci"), "no runs yet");
  change("main", COMMIT, 1_000);
  assert.equal(badgeState(jobs, schedule, "ci"), "no runs yet");
  end(COMMIT, 0, "succeeded", 2_000);
  end(COMMIT, 1, "succeeded", 2_000);
  assert.equal(badgeState(jobs, schedule, "ci"), "passing");
  const other = "d".repeat(40);
  change("next", other, 3_000);
  end(other, 0, "timed_out", 4_000);
  end(other, 1, "succeeded", 4_000);
  assert.equal(badgeState(jobs, schedule, "ci"), "failing");
  assert.equal(badgeState(jobs, schedule, "ci", "main"), "passing");
  assert.equal(badgeState(jobs, schedule, "ci", "gone"), "no runs yet");
  const svg = badgeSvg(`<script>alert("&'")</script>`, "failing");
  assert.ok(!/<script|"&'/.test(svg), svg);
  assert.ok(svg.includes("&#60;script&#62;"));
});

const piece = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.constantFrom(
    "github.com",
    "[::1]",
    "[12]",
    "a..b",
    "..",
    "%zz",
    "%2f",
    "team",
    "app.git",
    "u@h",
    ":22",
    "@",
    "?x",
    "#",
  ),
);
Deno.test("fuzz: of any address that a job may watch, a token goes to its own host by https, or nowhere", async () => {
  let asked = 0;
  const address = fc.tuple(
    fc.constantFrom("https://", "http://", "ssh://", "ssh://git@", "git@", "", "/", "file://", "ext::"),
    fc.array(piece, { maxLength: 4 }),
  ).map(([scheme, parts]) => scheme + parts.join("/"));
  await fuzz(
    fc.tuple(address, fc.constantFrom("github", "gitea", "gitlab"), address),
    ([url, kind, other]) => {
      isOf(url, [other]);
      const request = statusRequest(statusOf(url, kind as Forge), TOKEN);
      if (!request) return;
      asked++;
      const parsed = parseGitAddress(url);
      assert.ok(parsed.ok);
      const { protocol, hostname, username, pathname } = new URL(request.url);
      const host = new URL(parsed.value.url.replace(/^(ssh|https):/, "http:")).hostname;
      assert.ok(hostname === host || (host === "github.com" && hostname === "api.github.com"), request.url);
      assert.ok(protocol === "https:" || isLoopback(parsed.value.host), request.url);
      assert.equal(username, "");
      assert.ok(pathname.endsWith(`/statuses/${COMMIT}`), request.url);
    },
  );
  assert.ok(asked > 10, `${asked}`);
});
