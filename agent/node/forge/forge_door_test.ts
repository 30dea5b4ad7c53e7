import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import fc from "fast-check";
import { fuzz } from "../../../tests/fuzz.ts";
import { specOf } from "../../../tests/sim/attempts.ts";
import { addSchedule, applyPause, type Core, createJobs, type Push } from "../../core/mod.ts";
import { digestOf, forgeLimits, isBranch, RealmError, type Trigger, utf8 } from "../../protocol/mod.ts";
import { ForgeDoor } from "./forge_door.ts";

const SECRET = "it is the secret of the hook";
const URL_OF = "https://forge.example/team/app";
const A = "a".repeat(40), B = "b".repeat(40), NONE = "0".repeat(40);

function door(change: { trigger?: Partial<Trigger>; secret?: string } = {}) {
  const jobs = createJobs();
  const trigger: Trigger = {
    url: URL_OF,
    branches: ["main", "next"],
    paths: [],
    poll_ms: 60_000,
    webhook: "hook",
    ...change.trigger,
  };
  const id = digestOf(utf8("ci"));
  const body = { name: "ci", trigger, runs: [specOf("ci")] };
  addSchedule(jobs.schedules, { id, kind: "job.schedule", body, at: 1, by: "z6Mk", role: "operator" });
  const pushes: Push[] = [], audit: string[] = [];
  const made = new ForgeDoor({
    core: { jobs, config: { self: "12D3" } } as unknown as Core,
    clock: { now: () => 0, monotonic: () => 0 } as never,
    log: { warn: () => {}, error: () => {}, info: () => {}, debug: () => {} } as never,
    openSecret: () => {
      if (change.secret === "") throw new RealmError("unavailable", "not given");
      return utf8(`${change.secret ?? SECRET}\n`);
    },
    pushed: (schedule, push) => {
      assert.equal(schedule, id);
      pushes.push(push);
    },
    audit: (entry) => audit.push(`${entry.action} ${entry.target}`),
  });
  const ask = async (headers: Record<string, string>, text: string, path = "/hooks/ci", method = "POST") => {
    const request = new Request(`http://node${path}`, {
      method,
      headers,
      ...(method === "POST" && { body: text }),
    });
    try {
      const response = await made.answer(request, "192.0.2.1");
      return response && { status: response.status, ...await response.json() };
    } catch (error) {
      if (!(error instanceof RealmError)) throw error;
      return { code: error.code, message: error.message };
    }
  };
  return { ask, pushes, audit, jobs, id, made };
}

const hmac = (text: string, secret = SECRET) => createHmac("sha256", secret).update(text).digest("hex");
const push = (more: Record<string, unknown> = {}) =>
  JSON.stringify({
    ref: "refs/heads/main",
    before: A,
    after: B,
    repository: { clone_url: `${URL_OF}.git`, ssh_url: "git@forge.example:team/app.git" },
    commits: [],
    ...more,
  });
/** Each forge's form of the same push. */
const forms: Record<string, (text: string, id: string) => Record<string, string>> = {
  github: (text, id) => ({
    "x-github-event": "push",
    "x-github-delivery": id,
    "x-hub-signature-256": `sha256=${hmac(text)}`,
  }),
  gitea: (text, id) => ({
    "x-gitea-event": "push",
    "x-gitea-delivery": id,
    "x-gitea-signature": hmac(text),
    "x-hub-signature-256": `sha256=${hmac(text)}`,
    "x-github-event": "push",
  }),
  forgejo: (text, id) => ({
    "x-forgejo-event": "push",
    "x-forgejo-delivery": id,
    "x-forgejo-signature": hmac(text),
  }),
  gitlab: (_, id) => ({
    "x-gitlab-event": "Push Hook",
    "x-gitlab-event-uuid": id,
    "x-gitlab-token": SECRET,
  }),
};

for (const [forge, headers] of Object.entries(forms)) {
  Deno.test(`a push that ${forge} tells is taken once, by whoever knows the secret alone`, async () => {
    const { ask, pushes, audit } = door();
    const text = forge === "gitlab"
      ? push({ repository: undefined, project: { git_http_url: `${URL_OF}.git` }, object_kind: "push" })
      : push();
    const taken = await ask(headers(text, "1"), text);
    assert.deepEqual(taken, {
      status: 202,
      job: "ci",
      event: "push",
      taken: true,
      branch: "main",
      commit: B,
    });
    assert.deepEqual(pushes, [{ branch: "main", commit: B, before: A }]);
    assert.deepEqual(audit, ["hook.push ci"]);
    assert.match((await ask(headers(text, "1"), text)).why, /told before/);
    const refusal = { code: "not_authorised", message: "this node takes no such delivery" };
    const wrong = Object.fromEntries(
      Object.entries(headers(text, "2")).map(([name, value]) =>
        /signature|token/.test(name)
          ? [name, value.replace(/.$/, (c) => c === "0" ? "1" : "0")]
          : [name, value]
      ),
    );
    const refused: [Record<string, string>, string, string][] = [
      [wrong, text, "/hooks/ci"],
      [headers(text, "2"), text, "/hooks/other"],
      [headers(text, "2"), text, "/hooks/__proto__"],
      [{ "x-github-event": "push" }, text, "/hooks/ci"],
    ];
    // What a token proves is not bound to the body.
    if (forge !== "gitlab") refused.push([headers(text, "2"), text.replace(B, A), "/hooks/ci"]);
    for (const args of refused) assert.deepEqual(await ask(...args), refusal);
    assert.equal(pushes.length, 1);
    assert.deepEqual(await door({ secret: "" }).ask(headers(text, "3"), text), refusal);
    assert.deepEqual(await door({ trigger: { webhook: undefined } }).ask(headers(text, "3"), text), refusal);
  });
}

Deno.test("one wrong proof beside a right one is refused", async () => {
  const { ask, pushes } = door();
  const text = push();
  const both = { ...forms.github(text, "1"), "x-gitlab-token": "guess" };
  assert.equal((await ask(both, text)).code, "not_authorised");
  assert.deepEqual(pushes, []);
});

for (
  const [what, more, expected] of [
    ["a tag", { ref: "refs/tags/v1" }, /tags do not count/],
    ["the end of a branch", { after: NONE }, /the branch was removed/],
    ["a branch that does not count", { ref: "refs/heads/other" }, /does not count/],
    ["a note", { ref: "refs/notes/x" }, /about no branch/],
    ["a name that git would read otherwise", { ref: "refs/heads/a..b" }, /about no branch/],
  ] as const
) {
  Deno.test(`${what} starts nothing, and the forge is told so`, async () => {
    const { ask, pushes } = door();
    const text = push(more);
    const answer = await ask(forms.github(text, "1"), text);
    assert.equal(answer.taken, false);
    assert.match(answer.why, expected);
    assert.deepEqual(pushes, []);
  });
}

Deno.test("pings, forms, new branches, other names of the repository, triggers that rest", async () => {
  const { ask, pushes, jobs, id } = door();
  const ping = JSON.stringify({ zen: "x" });
  assert.deepEqual(
    await ask({ ...forms.github(ping, "1"), "x-github-event": "ping" }, ping),
    { status: 202, job: "ci", event: "ping", taken: false },
  );
  const issue = { ...forms.github(ping, "1"), "x-github-event": "issues" };
  assert.match((await ask(issue, ping)).why, /only pushes/);
  const form = new URLSearchParams({ payload: push({ before: NONE, ref: "refs/heads/next" }) }).toString();
  const type = { "content-type": "application/x-www-form-urlencoded" };
  assert.equal((await ask({ ...forms.github(form, "2"), ...type }, form)).taken, true);
  const other = push({ repository: { clone_url: "https://forge.example/team/other.git" } });
  assert.equal((await ask(forms.github(other, "3"), other)).taken, true);
  assert.deepEqual(pushes, [
    { branch: "next", commit: B },
    { branch: "main", commit: B, before: A, elsewhere: true },
  ]);
  for (const text of ["", "{", "[]", "null", '{"ref":1}', push({ after: "x" }), push({ before: 5 })]) {
    assert.equal((await ask(forms.github(text, "4"), text)).code, "bad_request", text);
  }
  const body = { schedule: id, paused: true };
  applyPause(jobs.schedules, { id, kind: "job.pause", body, at: 2, by: "z6Mk", role: "operator" });
  const text = push();
  assert.match((await ask(forms.github(text, "5"), text)).why, /rests/);
});

Deno.test("what is too large, too often, or no delivery at all is refused before it costs anything", async () => {
  const { ask, pushes } = door();
  const long = "x".repeat(forgeLimits.deliveryBytes + 1);
  assert.equal((await ask({ "x-hub-signature-256": "sha256=00" }, long)).code, "too_large");
  assert.equal((await ask({}, "", "/hooks/ci", "GET")).code, "method_not_allowed");
  assert.equal(await ask({}, "", "/hooks/ci/more"), undefined);
  assert.equal(await ask({}, "", "/api/hooks/ci"), undefined);
  for (let i = 0; i < forgeLimits.requestBurst; i++) await ask({}, "");
  assert.equal((await ask({}, "")).code, "rate_limited");
  assert.deepEqual(pushes, []);
});

const word = fc.oneof(
  fc.string({ maxLength: 60 }),
  fc.constantFrom(
    "refs/heads/main",
    "refs/heads/../x",
    "--upload-pack=x",
    A,
    NONE,
    "push",
    "Push Hook",
    "ping",
    "",
  ),
);
const header = fc.constantFrom(
  "x-hub-signature-256",
  "x-gitea-signature",
  "x-forgejo-signature",
  "x-gitlab-token",
  "x-github-event",
  "x-gitlab-event",
  "x-gitea-event",
  "x-github-delivery",
  "content-type",
);
const payload = fc.oneof(
  fc.json({ maxDepth: 3 }),
  fc.string({ unit: "binary", maxLength: 200 }),
  fc.record({
    ref: word,
    before: fc.oneof(word, fc.constant(A)),
    after: fc.oneof(word, fc.constant(B)),
    repository: fc.anything({ maxDepth: 2 }),
  }).map((v) => JSON.stringify(v) ?? ""),
);

Deno.test("fuzz: no delivery that is not signed is taken; one that is names a branch and a commit, or nothing", async () => {
  await fuzz(
    fc.record({
      headers: fc.dictionary(header, word),
      text: payload,
      signed: fc.boolean(),
      path: fc.oneof(fc.constant("/hooks/ci"), word.map((w) => `/hooks/${w}`)),
    }),
    async ({ headers, text, signed, path }) => {
      const { ask, pushes } = door({ trigger: { branches: [] } });
      let clean: Record<string, string>;
      try {
        clean = Object.fromEntries(new Headers(headers));
      } catch {
        return; // no header can have this
      }
      if (signed) {
        for (const name of Object.keys(clean)) if (/signature|token/.test(name)) delete clean[name];
        clean["x-hub-signature-256"] = `sha256=${hmac(text)}`;
        clean["x-github-event"] ??= "push";
      }
      const answer = await ask(clean, text, path);
      if (answer === undefined) return;
      if (!signed) assert.ok(answer.code !== undefined, JSON.stringify(answer));
      for (const { branch, commit } of pushes) {
        assert.ok(signed);
        assert.match(commit, /^[0-9a-f]{40}([0-9a-f]{24})?$/);
        assert.ok(isBranch(branch) && !/\.\.|\s/.test(branch), branch);
      }
      assert.equal(pushes.length > 0, answer.taken === true);
    },
    0.5,
  );
});

Deno.test("a badge is there for anybody, of jobs that wish it; of others nothing is told", async () => {
  const { made } = door({ trigger: { badge: true } });
  const picture = await made.answer(new Request("http://node/badge/ci.svg?branch=main"), "192.0.2.1")!;
  assert.equal(picture.status, 200);
  assert.match(picture.headers.get("content-type")!, /^image\/svg\+xml/);
  assert.match(picture.headers.get("content-security-policy")!, /default-src 'none'/);
  assert.match(await picture.text(), /^<svg .*ci.*no runs yet/);
  const secret = door();
  for (const name of ["ci", "other", "..", "%00"]) {
    const asked = secret.made.answer(new Request(`http://node/badge/${name}.svg`), "192.0.2.1");
    await assert.rejects(asked!, /there is no such badge/);
  }
  await assert.rejects(
    made.answer(new Request("http://node/badge/ci.svg", { method: "POST" }), "192.0.2.1")!,
    /read by GET/,
  );
});
