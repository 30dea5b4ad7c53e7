/** Manifests of jobs for tests, what is wrong with one, and what one wishes. */
import assert from "node:assert/strict";
import { fileKey, filesOf, jobWishes } from "../agent/protocol/job_plan.ts";
import { parseRealmManifest } from "../agent/protocol/realm_manifest.ts";
import { showProblem } from "../agent/protocol/toml.ts";

/** The smallest manifest of a job. */
export const SMALL = `[job]
name = "hello"
type = "one-shot"
[runtime]
type = "wasm"
wasm = "./hello.wasm"
`;
/** {@link SMALL} with more: `rest` at its end, `top` in [job]. */
export const job = (rest: string, top = "") => `${SMALL.replace("[runtime]", `${top}[runtime]`)}${rest}`;

/** Every key of the specification that can stand together, on a job of each type. */
export const EVERY_KEY = {
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

/** A native job of one step; `more` are further tables. */
export const nativeJob = (name: string, run: string, more = ""): string =>
  `[job]
name = "${name}"
type = "one-shot"
[runtime]
type = "native"
[[step]]
name = "it"
run = ${JSON.stringify(run)}
${more}`;

/** What is wrong with a manifest, each as people read it. */
export function problems(text: string): readonly string[] {
  const result = parseRealmManifest(text, { file: "job.toml" });
  return result.ok ? [] : result.problems.map(showProblem);
}

/** What a manifest wishes, and the files that it names: the n-th has the digest n and 10 + n bytes. */
export function wishesOf(text: string) {
  const parsed = parseRealmManifest(text, { file: "job.toml" });
  assert.ok(parsed.ok, parsed.ok ? "" : parsed.message);
  const files = filesOf(parsed.value.jobs);
  const found = new Map(
    files.map((file, i) => [
      fileKey(file),
      {
        digest: String(i).padStart(64, "0"),
        bytes: 10 + i,
        form: file.kind === "tree" ? "tar" : "file",
      } as const,
    ]),
  );
  return { files, ...jobWishes(parsed.value.jobs, found) };
}
