import assert from "node:assert/strict";
import fc from "fast-check";
import { fuzz, processorMs } from "../../tests/fuzz.ts";
import { findCycle } from "./job_checks.ts";
import { fileKey, filesOf, jobWishes } from "./job_plan.ts";
import { jobTableNames } from "./job_schema.ts";
import { runIdsOf, ScheduleSchema, SubmitSchema } from "./job_spec.ts";
import { limits } from "./limits.ts";
import { parseRealmManifest } from "./realm_manifest.ts";
import { showProblem } from "./toml.ts";
import * as v from "valibot";

const GOOD = `[[jobs]]
[jobs.job]
name = "lint"
type = "one-shot"
priority = 70
[jobs.runtime]
type = "wasm"
wasm = "a/lint.wasm"
memory_mb = 64
[jobs.data]
outputs = [{ path = "/out", name = "report" }]
[[jobs]]
[jobs.job]
name = "test"
type = "one-shot"
needs = ["lint"]
[jobs.runtime]
type = "wasm"
wasm = "test.wasm"
[jobs.execution]
command = ["{matrix.profile}"]
timeout_minutes = 0.5
stdin = "in"
[jobs.env]
A = "b"
[jobs.targeting]
tags = ["x", "!y"]
spread = "node"
[jobs.matrix]
profile = ["debug", "release"]
level = [1, 2]
exclude = [{ profile = "debug", level = 2 }]
[jobs.data]
inputs = [
  { run = "lint", output = "report", mount = "/in" },
  { path = "dir", mount = "/dir" },
]
[jobs.retry]
max = 2
on = ["node_lost", "exit:75"]
[jobs.logs]
max_mb = 1
`;

/** Whatever a text is: refused with placed problems, or a submission that the command's schema takes. */
function sound(text: string): void {
  const result = parseRealmManifest(text, { file: "job.toml" });
  if (!result.ok) {
    assert.ok(result.problems.length > 0 && result.problems.length <= limits.tomlProblems);
    const lines = text.split("\n").length;
    for (const p of result.problems) {
      assert.ok(p.line >= 1 && p.line <= lines, showProblem(p));
      assert.ok(showProblem(p).length < 8_000);
    }
    return;
  }
  const { jobs } = result.value;
  if (jobs.length === 0) return;
  const found = new Map(
    filesOf(jobs).map((f) => [fileKey(f), { digest: "0".repeat(64), bytes: 1, form: "file" } as const]),
  );
  const { submit, schedules } = jobWishes(jobs, found);
  for (const wish of [...(submit ? [submit] : []), ...schedules]) {
    const schema = "timing" in wish ? ScheduleSchema : SubmitSchema;
    const parsed = v.safeParse(schema as v.GenericSchema, JSON.parse(JSON.stringify(wish)));
    assert.ok(
      parsed.success || wish.runs.length > 256,
      parsed.issues?.map((i) => `${v.getDotPath(i)}: ${i.message}`).join() ?? "",
    );
    const ids = runIdsOf("ab".repeat(32), wish.runs);
    assert.equal(new Set(ids).size, ids.length);
  }
  assert.equal(findCycle(new Map(jobs.map((j) => [j.job.name, j.job.needs ?? []]))), undefined);
}

Deno.test("fuzz: a good pipeline with lines changed, moved and repeated is a submission or a list of problems", async () => {
  assert.ok(parseRealmManifest(GOOD, { file: "f" }).ok);
  const lines = GOOD.split("\n");
  const edit = fc.record({
    at: fc.nat(lines.length - 1),
    how: fc.constantFrom("remove", "repeat", "move", "key", "value"),
    to: fc.nat(lines.length - 1),
    text: fc.oneof(
      fc.string({ maxLength: 12 }),
      fc.constantFrom(
        '"x"',
        "[]",
        "{}",
        "-1",
        "1e999",
        "true",
        '"lint"',
        '["lint"]',
        '["test"]',
        '"/"',
        "[[1]]",
        '"__proto__"',
      ),
    ),
  });
  await fuzz(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
    const out = [...lines];
    for (const { at, how, to, text } of edits) {
      const line = out[at] ?? "";
      if (how === "remove") out.splice(at, 1);
      else if (how === "repeat") out.splice(to, 0, line);
      else if (how === "move") out.splice(to, 0, ...out.splice(at, 1));
      else if (how === "key") out[at] = line.replace(/^[a-z0-9_]+/, text);
      else out[at] = line.replace(/= .*$/, `= ${text}`);
    }
    sound(out.join("\n"));
  });
});

Deno.test("fuzz: tables of jobs with arbitrary values are refused or sound, and never throw", async () => {
  const key = fc.constantFrom(
    "name",
    "type",
    "wasm",
    "mount",
    "path",
    "inputs",
    "outputs",
    "exclude",
    "profile",
    "needs",
    "on",
    "max",
    "__proto__",
    "constructor",
  );
  const value = fc.oneof(
    fc.constantFrom(
      '"wasm"',
      '"one-shot"',
      '"a"',
      '["a"]',
      "[]",
      "{}",
      "1",
      "-1",
      "nan",
      "true",
      '"/a"',
      "1979-05-27",
    ),
    fc.constantFrom('[{ path = "a", mount = "/a" }]', "[{ a = 1 }]", "{ a = [1] }", "[[1], [2]]"),
  );
  const table = fc.tuple(
    fc.constantFrom(...jobTableNames, "jobs"),
    fc.boolean(),
    fc.array(fc.tuple(key, value), { maxLength: 5 }),
  ).map(([name, many, pairs]) =>
    `${many ? `[[${name}]]` : `[${name}]`}\n` +
    [...new Map(pairs)].map(([k, x]) => `${k} = ${x}\n`).join("")
  );
  await fuzz(fc.uniqueArray(table, { maxLength: 6 }), (tables) => sound(tables.join("")));
});

for (
  const [name, unit] of [
    [
      "jobs that need all before them",
      (i: number) =>
        `[[jobs]]\njob = { name = "j${i}", type = "one-shot", needs = [${
          Array.from({ length: Math.min(i, 99) }, (_, k) => `"j${k}"`).join()
        }] }\nruntime = { type = "wasm", wasm = "x" }\n`,
    ],
    ["inputs", (i: number) => `[[data.inputs]]\npath = "a"\nmount = "/a${i}"\n`],
    ["axes", (i: number) => `[matrix.a${i}]\n`],
  ] as const
) {
  Deno.test(`a megabyte of ${name} is refused within seconds`, () => {
    const parts: string[] = [];
    for (let i = 0, size = 0;; i++) {
      const next = unit(i);
      size += next.length;
      if (size > limits.tomlBytes) break;
      parts.push(next);
    }
    const text = parts.join("");
    const ms = processorMs(() => assert.equal(parseRealmManifest(text, { file: "f" }).ok, false));
    assert.ok(ms < 5_000, `${Math.round(ms)} ms`);
  });
}
