import assert from "node:assert/strict";
import { references } from "../../tests/reference.ts";
import { findCycle, jobProblems } from "./job_checks.ts";
import { expandMatrix } from "./job_matrix.ts";
import { fileKey, filesOf, jobWishes } from "./job_plan.ts";
import { JobSchema } from "./job_schema.ts";
import { runIdsOf, SubmitSchema } from "./job_spec.ts";
import { unsupportedKeys } from "./job_support.ts";
import { parseRealmManifest } from "./realm_manifest.ts";
import { parseToml, showProblem } from "./toml.ts";
import * as v from "valibot";

const problems = (text: string) => {
  const result = parseRealmManifest(text, { file: "job.toml" });
  return result.ok ? [] : result.problems.map(showProblem);
};
const SMALL = `[job]
name = "hello"
type = "one-shot"
[runtime]
type = "wasm"
wasm = "./hello.wasm"
`;
const job = (rest: string, top = "") => `${SMALL.replace("[runtime]", `${top}[runtime]`)}${rest}`;

/** Every key of the specification that can stand together, on a job of each type. */
const EVERY_KEY = {
  "one-shot": `[job]
name = "build-my-app"
type = "one-shot"
priority = 50
labels = { team = "web" }
needs = []
[runtime]
type = "container"
image = "rust:latest"
binary = "path:/usr/bin/cargo"
memory_mb = 1024
cpu_cores = 2
disk_mb = 4096
pids = 256
gpu = 0
fallback = ["qemu"]
[execution]
working_dir = "/src"
timeout_minutes = 30
stdin = ""
[[step]]
name = "test"
run = "cargo test"
continue_on_error = false
[[step]]
name = "build"
command = ["cargo", "build"]
[env]
RUST_BACKTRACE = "1"
[secrets]
DEPLOY_TOKEN = { name = "deploy-token", as = "env" }
[targeting]
tags = ["builder", "!gpu"]
node_ids = []
spread = "node"
prefer_data = true
[matrix]
platform = ["linux/amd64", "linux/arm64"]
profile = ["debug", "release"]
exclude = [{ platform = "linux/arm64", profile = "debug" }]
max_parallel = 4
fail_fast = true
[data]
inputs = [
  { git = "github.com/user/repo", ref = "main", depth = 1, submodules = true, credential = "deploy", mount = "/src" },
  { asset = "large-dataset", mount = "/data" },
  { path = "./fixtures", mount = "/fixtures" },
  { run = "build-3f", output = "app-binary", mount = "/bin/app" },
]
outputs = [{ path = "/src/target/release/app", name = "app-binary", retention_days = 30, if = "success" }]
[cache]
key = "cargo-{hash:Cargo.lock}"
paths = ["/src/target"]
restore_keys = ["cargo-"]
[retry]
max = 2
on = ["node_lost", "timeout", "exit:75"]
backoff_seconds = 10
[concurrency]
group = "deploy-{ref}"
limit = 1
policy = "queue"
[sandbox]
network = { connect = [443] }
read = []
minimum = "floor"
[trigger]
git = "github.com/user/repo"
branches = ["main"]
paths = ["src/**"]
poll_seconds = 60
webhook_secret = "hook"
[notify]
on = ["failure", "recovered"]
webhook = "https://example.org/hook"
[logs]
retention_days = 14
max_mb = 100
`,
  recurring: `[job]
name = "nightly"
type = "recurring"
[schedule]
cron = "0 2 * * *"
timezone = "Europe/Berlin"
overlap = "skip"
missed = "once"
jitter_seconds = 0
[runtime]
type = "native"
binary = "./my-app"
[execution]
command = ["--all"]
`,
  service: `[job]
name = "api"
type = "service"
[runtime]
type = "wasm"
wasm = "./api.wasm"
[targeting]
platform = "any"
[service]
replicas = 2
ports = [{ name = "http", port = 8080, route = "api.my-realm" }]
health = { http = "/healthz", interval_seconds = 5, timeout_seconds = 2, failures = 3, start_seconds = 30 }
restart = { policy = "always", backoff_seconds = 1, max_backoff_seconds = 60 }
stop = { signal = "SIGTERM", grace_seconds = 10 }
`,
} as const;

for (const [type, text] of Object.entries(EVERY_KEY)) {
  Deno.test(`the schema takes every key of the specification on a ${type} job, and finds no contradiction`, () => {
    const parsed = parseToml(text, JobSchema, { file: "job.toml" });
    assert.ok(parsed.ok, parsed.ok ? "" : parsed.message);
    assert.deepEqual(jobProblems([parsed.value], [[]]), []);
    assert.equal(unsupportedKeys(parsed.value, []).length > 0, type === "one-shot");
  });
}

Deno.test("a key that this version cannot carry out is refused in one sentence each, with its line", () => {
  assert.deepEqual(problems(job('[notify]\non = ["failure"]\nwebhook = "https://x.org"\n[trigger]\n')), [
    "job.toml:10: `trigger`: is not supported by this version yet; remove it",
  ]);
});

for (
  const [text, expected] of [
    [SMALL, []],
    [job("memory_bm = 5\n"), ["job.toml:7: `runtime.memory_bm`: unknown key; did you mean `memory_mb`?"]],
    [job('memory_mb = "5"\n'), [
      'job.toml:7: `runtime.memory_mb`: expected a whole number from 1 to 16777216 (MiB), got "5"',
    ]],
    [job("[executoin]\n"), ["job.toml:7: `executoin`: unknown key; did you mean `execution`?"]],
    [job("timeout_minutes = 5\n"), [
      "job.toml:7: `runtime.timeout_minutes`: unknown key; it belongs in [execution]",
    ]],
    ['[runtime]\ntype = "wasm"\n', [
      "job.toml:1: `runtime`: stands without [job]; add [job] with `name` and `type`",
    ]],
    ['[job]\nname = "x"\ntype = "one-shot"\n', [
      "job.toml:1: `job`: stands without [runtime]; say in [runtime] what executes it",
    ]],
    [SMALL.replace('wasm = "./hello.wasm"\n', ""), [
      'job.toml:4: `runtime`: type "wasm" without `wasm`; set `wasm`',
    ]],
    [job("", 'schedule = "0 2 * * *"\n'), [
      'job.toml:4: `job.schedule`: stands on a job of type "one-shot"; set `type = "recurring"` or remove it',
    ]],
    [SMALL.replace('type = "wasm"', 'type = "container"'), [
      'job.toml:4: `runtime`: type "container" without `image`; set `image`',
      'job.toml:5: `runtime.type`: is not supported by this version yet; this version runs jobs of runtime "wasm" or "native"',
      'job.toml:6: `runtime.wasm`: stands on a runtime of type "container"; it is for wasm',
    ]],
    [job('[data]\ninputs = [{ path = "a", mount = "/src" }, { path = "b", mount = "/src/b" }]\n'), [
      "job.toml:8: `data.inputs[1].mount`: overlaps with the mount /src of input 1; choose another place",
    ]],
    [job('[data]\ninputs = [{ path = "a", mount = "/src/../etc" }]\n'), [
      'job.toml:8: `data.inputs[0].mount`: expected an absolute, normalised path such as "/src" (no trailing slash, ' +
      'no "." or ".."), got "/src/../etc"',
    ]],
    [job('[data]\ninputs = [{ path = "a", asset = "b", mount = "/a" }, { mount = "/b" }]\n'), [
      "job.toml:8: `data.inputs[0]`: has several sources: asset, path; give one of `git`, `asset`, `path`, `run`",
      "job.toml:8: `data.inputs[1]`: has no source; give one of `git`, `asset`, `path`, `run`",
    ]],
    [job('[data]\noutputs = [{ path = "/a", name = "x" }, { path = "/b", name = "x" }]\n'), [
      "job.toml:8: `data.outputs[1].name`: stands twice; choose another name",
    ]],
    [job("", 'needs = ["lint"]\n'), [
      'job.toml:4: `job.needs[0]`: there is no job "lint" in this manifest; a job alone can need none: make a pipeline of [[jobs]]',
    ]],
    [job('[matrix]\nprofile = ["a", "a"]\nexclude = [{ profil = "a" }]\n'), [
      'job.toml:8: `matrix.profile[1]`: "a" stands twice; remove one',
      "job.toml:9: `matrix.exclude[0].profil`: is no axis; did you mean `profile`?",
    ]],
    [job('[matrix]\nplatform = ["linux/amd46"]\n'), [
      'job.toml:8: `matrix.platform[0]`: expected a platform, got "linux/amd46"; did you mean "linux/amd64"?',
    ]],
    [job('[matrix]\na = ["1"]\nexclude = [{ a = "1" }]\n'), [
      "job.toml:9: `matrix.exclude`: leaves no combination; exclude less",
    ]],
    [job('[retry]\non = ["exit:256"]\n'), [
      'job.toml:8: `retry.on[0]`: expected "node_lost", "timeout", "failure", "out_of_memory" or "exit:75", got "exit:256"',
    ]],
    [job('[[step]]\nname = "x"\n'), [
      "job.toml:7: `step[0]`: has neither `run` nor `command`; give one",
      "job.toml:7: `step`: a wasm job runs its module, not steps; remove [[step]]",
      "job.toml:7: `step`: is not supported by this version yet; remove it",
    ]],
  ] as const
) {
  Deno.test(`a manifest of jobs is checked: ${expected[0] ?? "the smallest one is accepted"}`, () => {
    assert.deepEqual(problems(text), expected);
  });
}

const pipeline = (needs: Readonly<Record<string, readonly string[]>>) =>
  Object.entries(needs).map(([name, wanted]) =>
    `[[jobs]]\njob = { name = "${name}", type = "one-shot", needs = ${JSON.stringify(wanted)} }\n` +
    'runtime = { type = "wasm", wasm = "x.wasm" }\n'
  ).join("");

Deno.test("a pipeline's needs must lead to its jobs and in no circle", () => {
  assert.deepEqual(problems(pipeline({ lint: [], test: ["lint"], build: ["lint", "test"] })), []);
  assert.deepEqual(problems(pipeline({ lint: [], test: ["lnt"] })), [
    'job.toml:5: `jobs[1].job.needs[0]`: there is no job "lnt" in this manifest; did you mean "lint"?',
  ]);
  assert.deepEqual(problems(pipeline({ a: ["c"], b: ["a"], c: ["b"] })), [
    "job.toml:2: `jobs[0].job.needs`: makes a cycle: a needs c needs b needs a; remove one of these needs",
  ]);
  assert.deepEqual(problems(pipeline({ a: ["a"] })), [
    "job.toml:2: `jobs[0].job.needs[0]`: names the job itself; remove it",
  ]);
});

Deno.test("findCycle() takes time linear in the needs", () => {
  const wide = new Map(
    Array.from({ length: 100 }, (_, i) => [`j${i}`, Array.from({ length: i }, (_, k) => `j${k}`)]),
  );
  assert.equal(findCycle(wide), undefined);
});

Deno.test("an artifact of a job of the pipeline needs that job, and must be among its outputs", () => {
  const made = (needs: string, output: string) =>
    `[[jobs]]
job = { name = "build", type = "one-shot" }
runtime = { type = "wasm", wasm = "x.wasm" }
data = { outputs = [{ path = "/out", name = "app" }] }
[[jobs]]
job = { name = "use", type = "one-shot", needs = [${needs}] }
runtime = { type = "wasm", wasm = "x.wasm" }
data = { inputs = [{ run = "build", output = "${output}", mount = "/in" }] }
`;
  assert.deepEqual(problems(made('"build"', "app")), []);
  assert.deepEqual(problems(made("", "app")), [
    "job.toml:8: `jobs[1].data.inputs[0].run`: build need not have ended before; add it to `needs` in [job]",
  ]);
  assert.deepEqual(problems(made('"build"', "ap")), [
    'job.toml:8: `jobs[1].data.inputs[0].output`: build has no such output; did you mean "app"?',
  ]);
});

function submission(text: string) {
  const parsed = parseRealmManifest(text, { file: "job.toml" });
  assert.ok(parsed.ok, parsed.ok ? "" : parsed.message);
  const found = new Map(
    filesOf(parsed.value.jobs).map((file, i) => [
      fileKey(file),
      {
        digest: String(i).padStart(64, "0"),
        bytes: 10 + i,
        form: file.kind === "tree" ? "tar" : "file",
      } as const,
    ]),
  );
  return { files: filesOf(parsed.value.jobs), wish: jobWishes(parsed.value.jobs, found).submit! };
}

Deno.test("jobWishes() fills in defaults and names every file by its digest", () => {
  const { files, wish } = submission(job(`[execution]
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
  const parsed = parseRealmManifest(
    `[job]
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
`,
    { file: "job.toml" },
  );
  assert.ok(parsed.ok, parsed.ok ? "" : parsed.message);
  const { runs: [run] } = jobWishes(parsed.value.jobs, new Map()).submit!;
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
  const { wish } = submission(job(`[execution]
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

Deno.test("docs/ says what the schemas say (write it anew with 'deno task reference')", async () => {
  for (const [path, text] of await references()) assert.equal(await Deno.readTextFile(path), text, path);
});

Deno.test("recurring jobs that need each other are one schedule, others are schedules of their own; what runs now is submitted", () => {
  const entry = (name: string, head: string, more = "") =>
    `[[jobs]]\njob = { name = "${name}", ${head} }\nruntime = { type = "wasm", wasm = "x.wasm" }\n${more}`;
  const at = (cron: string, more = "") => `schedule = { cron = "${cron}"${more} }\n`;
  const text = entry("now", 'type = "one-shot"') + entry("a", 'type = "recurring"', at("0 2 * * *")) +
    entry("b", 'type = "recurring", schedule = "@hourly"') +
    entry("c", 'type = "recurring", needs = ["a"]', at("0 2 * * *", ', timezone = "UTC", overlap = "skip"'));
  const parsed = parseRealmManifest(text, { file: "f" });
  assert.ok(parsed.ok, parsed.ok ? "" : parsed.message);
  const found = new Map(
    filesOf(parsed.value.jobs).map((
      f,
    ) => [fileKey(f), { digest: "0".repeat(64), bytes: 1, form: "file" } as const]),
  );
  const { submit, schedules } = jobWishes(parsed.value.jobs, found);
  assert.deepEqual(submit?.runs.map((r) => r.job), ["now"]);
  assert.deepEqual(schedules.map((s) => [s.name, s.timing.cron, s.runs.map((r) => r.job)]), [
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
  const parsed = parseRealmManifest(
    job(
      '[matrix]\ntarget = ["a", "b"]\n[concurrency]\ngroup = "deploy-{matrix.target}"\npolicy = "latest"\n',
    ),
    { file: "f" },
  );
  assert.ok(parsed.ok);
  const found = new Map(
    filesOf(parsed.value.jobs).map((
      f,
    ) => [fileKey(f), { digest: "0".repeat(64), bytes: 1, form: "file" } as const]),
  );
  assert.deepEqual(jobWishes(parsed.value.jobs, found).submit!.runs.map((r) => r.concurrency), [
    { group: "deploy-a", limit: 1, policy: "latest" },
    { group: "deploy-b", limit: 1, policy: "latest" },
  ]);
});

Deno.test("a service is a deploy of its own; what never ends has no time-out, retries, steps and outputs", () => {
  const parsed = parseRealmManifest(EVERY_KEY.service, { file: "f" });
  assert.ok(parsed.ok, parsed.ok ? "" : parsed.message);
  const found = new Map(
    filesOf(parsed.value.jobs).map((
      f,
    ) => [fileKey(f), { digest: "0".repeat(64), bytes: 7, form: "file" } as const]),
  );
  const { submit, schedules, services: [wish, ...others] } = jobWishes(parsed.value.jobs, found);
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
      bytes: 7,
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
    "[execution]\ntimeout_minutes = 5\n[retry]\nmax = 1\n";
  assert.deepEqual(problems(wrong).map((p) => p.replace(/^.*?`/, "`")), [
    '`service.ports[0].route`: expected a host without a scheme, got "http://x"',
    "`service.ports[1].port`: stands twice; choose another port",
    "`service.ports[1].route`: requests go to the first port; give the first port the route",
    "`execution.timeout_minutes`: stands on a service, which never ends; remove it",
    "`retry`: stands on a service; remove the table; [service] says how it is restarted",
  ]);
});
