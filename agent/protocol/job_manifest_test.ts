import assert from "node:assert/strict";
import { references } from "../../tests/reference.ts";
import { findCycle, jobProblems } from "./job_checks.ts";
import { JobSchema } from "./job_schema.ts";
import { unsupportedKeys } from "./job_support.ts";
import { parseToml } from "./toml.ts";
import { EVERY_KEY, job, problems, SMALL } from "../../tests/job_manifests.ts";

for (const [type, text] of Object.entries(EVERY_KEY)) {
  Deno.test(`the schema takes every key of the specification on a ${type} job, and finds no contradiction`, () => {
    const parsed = parseToml(text, JobSchema, { file: "job.toml" });
    assert.ok(parsed.ok, parsed.ok ? "" : parsed.message);
    assert.deepEqual(jobProblems([parsed.value], [[]]), []);
    assert.equal(unsupportedKeys(parsed.value, []).length > 0, type === "one-shot");
  });
}

Deno.test("a key that this version cannot carry out is refused in one sentence each, with its line", () => {
  assert.deepEqual(problems(job("gpu = 1\n[targeting]\nprefer_data = true\n")), [
    "job.toml:7: `runtime.gpu`: is not supported by this version yet; remove it",
    "job.toml:9: `targeting.prefer_data`: is not supported by this version yet; remove it",
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
    [job("[retry]\nlost_after_seconds = 5\n"), [
      "job.toml:8: `retry.lost_after_seconds`: a wasm job ends with the agent of its node; remove it",
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

Deno.test("docs/ says what the schemas say (write it anew with 'deno task reference')", async () => {
  for (const [path, text] of await references()) assert.equal(await Deno.readTextFile(path), text, path);
});
