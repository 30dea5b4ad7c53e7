/** Views and specs for tests: complete ones, of which each test changes what it is about. */
import {
  type AppView,
  digestOf,
  type JobRunSpec,
  nodeIdOf,
  type NodeView,
  openScope,
  type RunView,
  type ScheduleView,
  type SecretView,
} from "../agent/protocol/mod.ts";
import { realm, self, testSigner } from "./test_keys.ts";

/** When all of it was. */
export const EPOCH = Date.UTC(2026, 0, 2, 3, 4, 5);

/** A node for lists. */
export function testNode(n: number, change: Partial<NodeView> = {}): NodeView {
  return {
    id: nodeIdOf(testSigner(n).publicKey),
    name: `node-${n}`,
    self: n === 2,
    state: "alive",
    scheduling: "open",
    tags: ["production"],
    joined_at: EPOCH,
    reserved_mb: 64,
    replicas: 1,
    info: {
      name: `node-${n}`,
      incarnation: 1,
      addresses: [`/ip4/127.0.0.1/tcp/${7000 + n}`],
      platform: "linux/amd64",
      version: "0.1.0",
      tags: [],
      cpu_cores: 4,
      memory_mb: 8192,
      disk_mb: 100_000,
      runtimes: ["wasm"],
      started_at: EPOCH,
    },
    ...change,
  };
}

/** An app for lists. */
export function testApp(name: string, change: Partial<AppView> = {}): AppView {
  return {
    name,
    version: "1.0.0",
    kind: "static",
    revision: digestOf(new TextEncoder().encode(name)),
    phase: "steady",
    wanted: 1,
    healthy: 1,
    replicas: [{
      id: `${name}-0`,
      slot: 0,
      node: self,
      node_name: "node-2",
      revision: digestOf(new TextEncoder().encode(name)),
      version: "1.0.0",
      state: "healthy",
      restarts: 0,
      since: EPOCH,
    }],
    tags: [],
    strategy: "rolling",
    routes: [name],
    links: [`http://${name}.localhost:7480/`],
    volumes: [],
    epoch: 1,
    since: EPOCH,
    ...change,
  };
}

/** A schedule that waits for its next time. */
export const testSchedule = (name: string, change: Partial<ScheduleView> = {}): ScheduleView => ({
  id: "b".repeat(64),
  name,
  state: "active",
  cron: "0 2 * * *",
  timezone: "Europe/Berlin",
  overlap: "skip",
  missed: "once",
  jitter_ms: 0,
  jobs: [name],
  by: realm,
  submitted_at: EPOCH,
  next: EPOCH + 3_600_000,
  ticks: [{ at: EPOCH, state: "run", runs: [{ id: `${name}-0`, state: "succeeded" }] }],
  ...change,
});

/** A run for lists, which has succeeded. */
export function testRun(id: string, job: string, change: Partial<RunView> = {}): RunView {
  return {
    id,
    job,
    matrix: {},
    state: "succeeded",
    submission: "a".repeat(64),
    runs: [id],
    by: realm,
    priority: 50,
    labels: {},
    needs: [],
    submitted_at: EPOCH,
    ended_at: EPOCH + 100,
    attempts: [],
    artifacts: [],
    ...change,
  };
}

/** What a run was asked to do. */
export const testSpec = (job: string, change: Partial<JobRunSpec> = {}): JobRunSpec => ({
  job,
  matrix: {},
  priority: 50,
  labels: {},
  needs: [],
  runtime: "wasm",
  program: { digest: "0".repeat(64), bytes: 1, name: "x.wasm" },
  memory_mb: 64,
  disk_mb: 64,
  args: [],
  env: {},
  working_dir: "/",
  timeout_ms: 60_000,
  platform: "any",
  tags: [],
  node_ids: [],
  spread: false,
  inputs: [],
  outputs: [],
  retry: { max: 0, on: [], backoff_ms: 0 },
  fail_fast: false,
  log: { retention_ms: 1, max_bytes: 1 },
  ...change,
});

/** A secret for lists. */
export const testSecret = (name: string, change: Partial<SecretView> = {}): SecretView => ({
  name,
  version: "0".repeat(32),
  command: "c".repeat(64),
  set_at: EPOCH,
  by: realm,
  scope: openScope,
  holders: [{ node: self, name: "node-2" }],
  waiting: [],
  exposed: [],
  runs: [],
  ...change,
});
