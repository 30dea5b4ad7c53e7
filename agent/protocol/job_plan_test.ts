import assert from "node:assert/strict";
import { expandMatrix } from "./job_matrix.ts";
import { runIdsOf, SubmitSchema } from "./job_spec.ts";
import { EVERY_KEY, job, problems, wishesOf } from "../../tests/job_manifests.ts";
import * as v from "valibot";

Deno.test("jobWishes() fills in defaults and names every file by its digest", () => {
  const { files, submit: wish } = wishesOf(job(`[execution]
command = ["--name", "x"]
stdin = "in.txt"
[data]
inputs = [
  { path = "./fixtures", mount = "/fixtures" },
  { asset = "data", mount = "/data" },
  { run = "other-0123456789ab", output = "app", mount = "/bin/app" },
]
`));
  assert.deepEqual(files.map((f) => `${f.kind} ${f.name}`), [
    "file ./hello.wasm",
    "file in.txt",
    "tree ./fixtures",
    "asset data",
    "artifact other-0123456789ab",
  ]);
  assert.ok(wish);
  assert.ok(v.is(SubmitSchema, wish), JSON.stringify(v.safeParse(SubmitSchema, wish).issues?.[0]?.message));
  const [run] = wish.runs;
  assert.equal(run.program?.name, "hello.wasm");
  assert.deepEqual([run.memory_mb, run.disk_mb, run.timeout_ms, run.priority], [256, 1_024, 3_600_000, 50]);
  assert.deepEqual(run.retry, { max: 0, on: ["node_lost", "timeout", "failure"], backoff_ms: 10_000 });
  assert.deepEqual(run.inputs.map((i) => i.from === "blob" && [i.form, i.read_only]), [
    ["tar", false],
    ["file", true],
    ["file", false],
  ]);
});

Deno.test("a native job becomes steps and what it asks of its sandbox", () => {
  const { runs: [run] } = wishesOf(`[job]
name = "build"
type = "one-shot"
[runtime]
type = "native"
cpu_cores = 2
[[step]]
name = "compile"
run = "make {matrix.profile}"
[[step]]
name = "report"
command = ["cat", "{matrix.profile}.log"]
continue_on_error = true
[matrix]
profile = ["debug"]
[sandbox]
network = { connect = [443] }
read = ["/opt/tools"]
minimum = "namespaced"
`).submit!;
  assert.equal(run.runtime, "native");
  assert.equal(run.program, undefined);
  assert.deepEqual(run.native, {
    steps: [
      { name: "compile", argv: ["/bin/sh", "-ec", "make debug"], go_on: false },
      { name: "report", argv: ["cat", "debug.log"], go_on: true },
    ],
    cpu_cores: 2,
    pids: 1_024,
    network: { connect: [443] },
    read: ["/opt/tools"],
    minimum: "namespaced",
  });
  assert.ok(v.is(SubmitSchema, { runs: [run] }));
});

Deno.test("a matrix makes one run per combination, which finds its values in command, environment and platform", () => {
  const { submit: wish } = wishesOf(job(`[execution]
command = ["build", "--{matrix.profile}", "{matrix.nothing}"]
[env]
OUT = "/out/{matrix.profile}"
[matrix]
platform = ["linux/amd64", "linux/arm64"]
profile = ["debug", "release"]
exclude = [{ platform = "linux/arm64", profile = "debug" }]
max_parallel = 2
fail_fast = true
`));
  assert.ok(wish);
  assert.deepEqual(wish.runs.map((r) => [r.platform, r.args[1], r.env.OUT, r.env.MATRIX_PROFILE]), [
    ["linux/amd64", "--debug", "/out/debug", "debug"],
    ["linux/amd64", "--release", "/out/release", "release"],
    ["linux/arm64", "--release", "/out/release", "release"],
  ]);
  assert.equal(wish.runs[0].args[2], "{matrix.nothing}");
  assert.ok(wish.runs.every((r) => r.max_parallel === 2 && r.fail_fast));
  assert.deepEqual(runIdsOf("ab".repeat(32), wish.runs), [1, 2, 3].map((n) => `hello-abababababab-${n}`));
});

Deno.test("expandMatrix() without a matrix gives the one empty combination", () => {
  assert.deepEqual(expandMatrix(undefined), [{}]);
  assert.deepEqual(runIdsOf("ab".repeat(32), [{ job: "a" }, { job: "b" }]), [
    "a-abababababab",
    "b-abababababab",
  ]);
});

Deno.test("recurring jobs that need each other are one schedule, others are schedules of their own; what runs now is submitted", () => {
  const entry = (name: string, head: string, more = "") =>
    `[[jobs]]\njob = { name = "${name}", ${head} }\nruntime = { type = "wasm", wasm = "x.wasm" }\n${more}`;
  const at = (cron: string, more = "") => `schedule = { cron = "${cron}"${more} }\n`;
  const text = entry("now", 'type = "one-shot"') + entry("a", 'type = "recurring"', at("0 2 * * *")) +
    entry("b", 'type = "recurring", schedule = "@hourly"') +
    entry("c", 'type = "recurring", needs = ["a"]', at("0 2 * * *", ', timezone = "UTC", overlap = "skip"'));
  const { submit, schedules } = wishesOf(text);
  assert.deepEqual(submit?.runs.map((r) => r.job), ["now"]);
  assert.deepEqual(schedules.map((s) => [s.name, s.timing?.cron, s.runs.map((r) => r.job)]), [
    ["a", "0 2 * * *", ["a", "c"]],
    ["b", "@hourly", ["b"]],
  ]);
  assert.deepEqual(schedules[0].timing, {
    cron: "0 2 * * *",
    timezone: "UTC",
    overlap: "skip",
    missed: "once",
    jitter_ms: 0,
  });
  assert.deepEqual(schedules[0].runs[0].retry, { max: 2, on: ["node_lost"], backoff_ms: 10_000 });
  assert.deepEqual(problems(text.replace('needs = ["a"]', 'needs = ["now"]')), [
    "job.toml:12: `jobs[3].job.needs[0]`: now does not run at the same times; give both the same type and the same [schedule]",
  ]);
  assert.deepEqual(problems(entry("x", 'type = "recurring", schedule = "0 25 * * *"')), [
    'job.toml:2: `jobs[0].job.schedule`: Invalid value for hour: 25; write minute, hour, day, month and weekday, as "30 2 * * *"',
  ]);
});

Deno.test("a concurrency group is named with the values of the matrix", () => {
  const { submit } = wishesOf(
    job(
      '[matrix]\ntarget = ["a", "b"]\n[concurrency]\ngroup = "deploy-{matrix.target}"\npolicy = "latest"\n',
    ),
  );
  assert.deepEqual(submit!.runs.map((r) => r.concurrency), [
    { group: "deploy-a", limit: 1, policy: "latest" },
    { group: "deploy-b", limit: 1, policy: "latest" },
  ]);
});

Deno.test("a service is a deploy of its own; what never ends has no time-out, retries, steps and outputs", () => {
  const { submit, schedules, services: [wish, ...others] } = wishesOf(EVERY_KEY.service);
  assert.deepEqual([submit, schedules, others], [undefined, [], []]);
  const { service, ...spec } = wish.spec;
  assert.deepEqual({ ...wish, spec }, {
    app: "api",
    spec: {
      package: spec.package,
      version: spec.package.slice(0, 12),
      kind: "service",
      memory_mb: 256,
      routes: ["api.my-realm"],
      volumes: [],
      bytes: 10,
    },
    replicas: 2,
    tags: [],
    strategy: "rolling",
  });
  assert.deepEqual(service!.ports, [{ name: "http", port: 8080 }]);
  assert.deepEqual(service!.health, {
    path: "/healthz",
    interval_ms: 5_000,
    timeout_ms: 2_000,
    failures: 3,
    start_ms: 30_000,
  });
  assert.deepEqual(service!.restart, { backoff_ms: 1_000, max_backoff_ms: 60_000 });
  assert.deepEqual(service!.stop, { signal: "SIGTERM", grace_ms: 10_000 });
  const wrong =
    EVERY_KEY.service.replace("route =", 'route = "http://x" }, { name = "b", port = 8080, route =') +
    '[execution]\ntimeout_minutes = 5\nstdin = "x"\n[retry]\nmax = 1\n[logs]\nmax_mb = 1\n';
  assert.deepEqual(problems(wrong).map((p) => p.replace(/^.*?`/, "`")), [
    '`service.ports[0].route`: expected a host without a scheme, got "http://x"',
    "`service.ports[1].port`: stands twice; choose another port",
    "`service.ports[1].route`: requests go to the first port; give the first port the route",
    "`execution.timeout_minutes`: stands on a service, which never ends; remove it",
    "`execution.stdin`: stands on a wasm service, which reads requests alone; remove it",
    "`retry`: stands on a service; remove the table; [service] says how it is restarted",
    "`logs`: stands on a service, which never ends; remove the table",
  ]);
});
