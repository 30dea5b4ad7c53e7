import assert from "node:assert/strict";
import fc from "fast-check";
import { matchesGlob, matchesGlobs } from "./glob.ts";
import { jobProblems } from "./job_checks.ts";
import { jobWishes } from "./job_plan.ts";
import { JobSchema } from "./job_schema.ts";
import { changeIdOf, countsPaths, isBranch, runOfChange } from "./job_trigger.ts";
import { parseToml } from "./toml.ts";
import { parseRealmManifest } from "./realm_manifest.ts";

for (
  const [pattern, yes, no] of [
    ["main", ["main"], ["main2", "xmain", "main/a", ""]],
    ["release/*", ["release/1", "release/"], ["release", "release/1/2"]],
    ["release/**", ["release/1", "release/1/2"], ["release"]],
    ["src/**", ["src/a", "src/a/b.c"], ["src", "xsrc/a", "lib/src/a"]],
    ["**/README", ["README", "a/README", "a/b/README"], ["xREADME", "a/READMEx"]],
    ["a/**/z", ["a/z", "a/b/z", "a/b/c/z"], ["az", "a/bz"]],
    ["*.md", ["a.md", ".md"], ["a/b.md", "a.mdx"]],
    ["v?.0", ["v1.0"], ["v.0", "v/.0", "v12.0"]],
    ["**", ["", "a", "a/b"], []],
    ["(a|b)+.[c]$", ["(a|b)+.[c]$"], ["a.c"]],
  ] as const
) {
  Deno.test(`the pattern ${pattern} means whole texts`, () => {
    for (const text of yes) assert.ok(matchesGlob(pattern, text), text);
    for (const text of no) assert.ok(!matchesGlob(pattern, text), text);
  });
}

Deno.test("patterns agree with a regular expression that means the same, and take no longer for wicked ones", () => {
  const oracle = (pattern: string) =>
    new RegExp(
      `^${
        pattern.split(/((?:^|(?<=\/))\*\*\/|\*\*|\*|\?)/).map((part) =>
          part === "**/"
            ? "(?:.*/)?"
            : part === "**"
            ? ".*"
            : part === "*"
            ? "[^/]*"
            : part === "?"
            ? "[^/]"
            : part
        ).join("")
      }$`,
    );
  const pattern = fc.array(fc.constantFrom("a", "b", "/", "*", "**", "**/", "?"), { maxLength: 8 }).map((p) =>
    p.join("")
  )
    .filter((p) => !p.includes("***"));
  fc.assert(
    fc.property(pattern, fc.array(fc.constantFrom("a", "b", "/"), { maxLength: 9 }), (p, t) => {
      assert.equal(matchesGlob(p, t.join("")), oracle(p).test(t.join("")));
    }),
    { numRuns: 3_000 },
  );
  const started = performance.now();
  assert.ok(!matchesGlob("*a".repeat(200) + "b", "a".repeat(2_000)));
  assert.ok(performance.now() - started < 2_000);
});

Deno.test("patterns with ! exclude, and without others leave all the rest", () => {
  assert.ok(matchesGlobs([], "x"));
  assert.ok(matchesGlobs(["!docs/**"], "src/a"));
  assert.ok(!matchesGlobs(["!docs/**"], "docs/a"));
  assert.ok(!matchesGlobs(["**", "!docs/**"], "docs/a"));
  assert.ok(countsPaths({ paths: ["src/**"] }, ["docs/a", "src/b"]));
  assert.ok(!countsPaths({ paths: ["src/**"] }, ["docs/a"]));
  assert.ok(countsPaths({ paths: [] }, []));
});

const job = (trigger: string, inputs: string, type = "one-shot") =>
  `[job]\nname = "ci"\ntype = "${type}"\n[runtime]\ntype = "native"\n[execution]\ncommand = ["make"]\n` +
  `[trigger]\n${trigger}\n[data]\ninputs = [${inputs}]\n[concurrency]\ngroup = "deploy-{ref}"\n`;
const INPUT = '{ git = "example.org/team/app", mount = "/src", credential = "key" }';
const problems = (text: string) => {
  const parsed = parseToml(text, JobSchema, { file: "job.toml" });
  assert.ok(parsed.ok, parsed.ok ? "" : parsed.message);
  return jobProblems([parsed.value], [[]]).map((p) => `${p.path.join(".")} ${p.message}`);
};

Deno.test("a trigger needs a repository, and inputs of it that follow the change", () => {
  assert.deepEqual(problems(job("", INPUT)), []);
  assert.deepEqual(problems(job('git = "example.org/team/app"', "")), []);
  assert.deepEqual(problems(job("", "")), ["trigger names no repository"]);
  assert.match(
    problems(job('git = "file:///etc"', ""))[0],
    /^trigger\.git repositories are fetched by https/,
  );
  const named = INPUT.replace("mount", 'ref = "main", mount');
  assert.deepEqual(problems(job('branches = ["main"]', named)), []);
  assert.deepEqual(problems(job('branches = ["main", "next"]', named)), [
    'data.inputs.0.ref is "main", whatever branch of the repository changed',
  ]);
  assert.match(problems(job('branches = ["a b"]', INPUT))[0], /^trigger\.branches\.0 "a b" has characters/);
  assert.match(problems(job("", INPUT, "service")).join(), /trigger stands on a service/);
});

Deno.test("a job with a trigger becomes a schedule; its runs are pinned to the commit and know their branch", () => {
  const parsed = parseRealmManifest(job('paths = ["src/**"]', INPUT), { file: "job.toml" });
  assert.ok(parsed.ok, parsed.ok ? "" : parsed.message);
  const { submit, schedules: [{ timing, trigger, runs: [spec] }] } = jobWishes(parsed.value.jobs, new Map());
  assert.equal(submit, undefined);
  assert.equal(timing, undefined);
  const url = "https://example.org/team/app";
  assert.deepEqual(trigger, { url, branches: [], paths: ["src/**"], poll_ms: 60_000, credential: "key" });
  const change = { branch: "feature/x", commit: "a".repeat(40) };
  const run = runOfChange(spec, trigger!, change);
  assert.deepEqual(run.inputs[0], { ...spec.inputs[0], ref: "refs/heads/feature/x", commit: change.commit });
  assert.equal(run.env.REALM_BRANCH, "feature/x");
  assert.equal(run.env.REALM_COMMIT, change.commit);
  assert.equal(run.concurrency?.group, "deploy-feature/x");
});

Deno.test("names of branches from outside are refused when git could take them for something else", () => {
  for (const name of ["main", "feature/x", "deadbeef", "-x", "ä"]) assert.ok(isBranch(name), name);
  for (
    const name of ["", "a..b", "a b", "x.lock", "a/.b", "@{-1}/x", "a\nb", "a".repeat(201), "a\\b", "a~1"]
  ) {
    assert.ok(!isBranch(name), name);
  }
  const ids = new Set(
    ["a", "b"].map((branch) => changeIdOf("0".repeat(64), { branch, commit: "c".repeat(40) })),
  );
  assert.equal(ids.size, 2);
});

Deno.test("{ref} in a group is the branch that a job names, where no change says which", () => {
  const named = INPUT.replace("mount", 'ref = "release/1", mount');
  const text = job("", named).replace("[trigger]\n", "");
  const parsed = parseRealmManifest(text, { file: "job.toml" });
  assert.ok(parsed.ok, parsed.ok ? "" : parsed.message);
  const { submit } = jobWishes(parsed.value.jobs, new Map());
  assert.equal(submit!.runs[0].concurrency!.group, "deploy-release/1");
});
