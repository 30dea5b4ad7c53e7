import assert from "node:assert/strict";
import { parse } from "yaml";
import { parseRealmManifest } from "./realm_manifest.ts";
import { importWorkflow } from "./workflow_import.ts";

const REPOSITORY = "https://github.com/team/app";
function imported(yaml: string) {
  const made = importWorkflow(parse(yaml), REPOSITORY);
  assert.ok(made.ok, made.ok ? "" : made.message);
  const manifest = parseRealmManifest(made.value.toml, { file: "ci.toml" });
  assert.ok(manifest.ok, `${made.value.toml}\n${manifest.ok ? "" : manifest.message}`);
  return { notes: made.value.notes, jobs: manifest.value.jobs, toml: made.value.toml };
}

Deno.test("a workflow becomes a pipeline: checkouts, steps, environment, matrix, artifacts, needs", () => {
  const { jobs, notes } = imported(`
name: CI
on: [workflow_dispatch]
env: { CI: "true" }
jobs:
  build_it:
    runs-on: ubuntu-latest
    timeout-minutes: 12
    strategy:
      matrix: { profile: [debug, release], os: [ubuntu-latest, ubuntu-24.04-arm] }
      fail-fast: false
    steps:
      - uses: actions/checkout@v4
        with: { fetch-depth: 0, submodules: recursive }
      - run: make \${{ matrix.profile }}
        env: { MODE: "\${{ matrix.profile }}" }
        working-directory: lib
      - name: Strict
        shell: bash
        run: |
          make check
          make dist
        continue-on-error: true
      - uses: actions/upload-artifact@v4
        with: { name: app, path: out/app, retention-days: 3 }
  deploy:
    needs: build_it
    runs-on: [self-hosted, linux, big]
    steps:
      - run: echo "\${{ github.run_id }}"
`);
  assert.deepEqual(notes, []);
  const [build, deploy] = jobs;
  assert.equal(build.job.name, "build-it");
  assert.deepEqual(build.data!.inputs, [{
    git: REPOSITORY,
    mount: "/src",
    depth: 1_000_000,
    submodules: true,
  }]);
  assert.deepEqual(build.data!.outputs, [{ path: "/src/out/app", name: "app", retention_days: 3 }]);
  assert.deepEqual(build.execution, { working_dir: "/src", timeout_minutes: 12 });
  assert.equal(build.step![0].run, "export MODE='{matrix.profile}'\ncd 'lib'\nmake {matrix.profile}");
  assert.deepEqual(build.step![1].command, ["bash", "-eo", "pipefail", "-c", "make check\nmake dist"]);
  assert.equal(build.step![1].continue_on_error, true);
  assert.deepEqual(build.matrix!.profile, ["debug", "release"]);
  assert.equal(build.matrix!.fail_fast, false);
  assert.deepEqual(build.env, { CI: "true" });
  assert.deepEqual(deploy.job.needs, ["build-it"]);
  assert.deepEqual(deploy.targeting, { platform: "linux/amd64", tags: ["big"] });
  assert.match(deploy.step![0].run!, /\$REALM_RUN/);
});

Deno.test("what cannot be converted is named with its place", () => {
  const { notes, jobs } = imported(`
on: { pull_request: {}, push: { branches: [main] }, schedule: [{ cron: "1 2 * * *" }] }
concurrency: x
jobs:
  a:
    runs-on: ubuntu-latest
    container: rust:1
    services: { db: { image: postgres } }
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-node@v4
      - uses: someone/thing@v1
      - run: echo \${{ github.event.number }}
        if: github.ref == 'x'
`);
  assert.deepEqual(notes, [
    "concurrency",
    "on.pull_request",
    "on.schedule: a job runs on changes or at times; make another one of it",
    "jobs.a.steps[1]: actions/setup-node@v4; the nodes must have node: give them a tag and name it in [targeting]",
    "jobs.a.steps[2]: the action someone/thing@v1",
    "jobs.a.steps[3].if: github.ref == 'x'",
    "jobs.a.steps[3].run: the expression ${{ github.event.number }}",
    "jobs.a.container",
    "jobs.a.services",
  ]);
  assert.deepEqual([jobs[0].job.type, jobs[0].trigger], ["one-shot", {
    git: REPOSITORY,
    branches: ["main"],
  }]);
});

Deno.test("pushes and times start the jobs of a workflow as they did", () => {
  const started = (on: string) => {
    const { jobs, notes } = imported(`on: ${on}\njobs: { a: { steps: [{ run: make }] } }\n`);
    const [{ job, schedule, trigger }] = jobs;
    return [job.type, schedule?.cron ?? trigger, ...notes];
  };
  assert.deepEqual(started('{ schedule: [{ cron: "1 2 * * *" }] }'), ["recurring", "1 2 * * *"]);
  assert.deepEqual(started("push"), ["one-shot", { git: REPOSITORY }]);
  assert.deepEqual(
    started('{ push: { branches: ["release/**"], branches-ignore: [wip], paths-ignore: ["docs/**"] } }'),
    ["one-shot", { git: REPOSITORY, branches: ["release/**", "!wip"], paths: ["!docs/**"] }],
  );
  assert.deepEqual(started('{ push: { tags: ["v*"] } }'), [
    "one-shot",
    undefined,
    "on.push.tags: changes of branches start jobs",
  ]);
  assert.deepEqual(started('{ push: { branches: ["v[12]", main] } }'), [
    "one-shot",
    { git: REPOSITORY, branches: ["main"] },
    "on.push.branches: the pattern v[12]",
  ]);
});

for (
  const [name, text] of [["no jobs", "on: push"], ["no table", "- a"], [
    "nothing to run",
    "jobs: { a: { steps: [{ uses: x/y }] } }",
  ]]
) {
  Deno.test(`a file with ${name} is refused in a sentence`, () => {
    const made = importWorkflow(parse(text), REPOSITORY);
    assert.ok(!made.ok && made.message.length > 10);
  });
}
