/** Attempts of runs on simulated machines: what a program does is written in its digest. */
import type { AttemptOrder } from "../../agent/core/mod.ts";
import type { AttemptStatus, JobRunSpec } from "../../agent/protocol/mod.ts";
import { testSpec } from "../test_views.ts";
import type { SimNode, World } from "./world.ts";

/** An attempt that executes on a simulated machine. */
export interface FakeAttempt {
  readonly order: AttemptOrder;
  readonly startedAt: number;
  cancelled: boolean;
  /** Once its program runs: what it does then. */
  program?: () => void;
}

/** How long a long program runs. */
export const LONG_MS = 40_000;
/** Programs: what they do once they run. */
export const programs = {
  good: "0".repeat(64),
  /** Exits with 1. */
  bad: "1".repeat(64),
  /** Exits with 75. */
  busy: "2".repeat(64),
  /** Never ends. */
  endless: "3".repeat(64),
  /** Succeeds after {@link LONG_MS}. */
  long: "4".repeat(64),
} as const;

/** A spec whose program succeeds. */
export const specOf = (job: string, more: Partial<JobRunSpec> = {}): JobRunSpec =>
  testSpec(job, {
    program: programOf(programs.good),
    retry: { max: 0, on: ["node_lost", "timeout", "failure"], backoff_ms: 100 },
    log: { retention_ms: 86_400_000, max_bytes: 1 << 20 },
    ...more,
  });
/** A spec with another program. */
export const programOf = (digest: string) => ({ digest, bytes: 1, name: "x.wasm" });

/** Makes what executes equal to what was ordered. */
export function reconcileAttempts(world: World, node: SimNode, orders: readonly AttemptOrder[]): void {
  const wanted = new Map(orders.map((o) => [o.attempt, o]));
  for (const [id, fake] of node.attempts) {
    if (wanted.has(id)) continue;
    node.attempts.delete(id);
    report(world, node, fake.order, "lost", "another attempt took its place");
  }
  for (const order of orders) {
    const known = node.attempts.get(order.attempt);
    if (!known) start(world, node, order);
    else if (order.cancelled && !known.cancelled) {
      known.cancelled = true;
      later(world, node, known, 50, () => end(world, node, known, "cancelled", order.cancelled!));
    }
  }
}

function later(world: World, node: SimNode, fake: FakeAttempt, ms: number, run: () => void): void {
  const core = node.core;
  world.at(world.now + ms, () => {
    if (node.core === core && node.attempts.get(fake.order.attempt) === fake) run();
  });
}

function start(world: World, node: SimNode, order: AttemptOrder): void {
  const fake: FakeAttempt = { order, startedAt: world.now, cancelled: false };
  node.attempts.set(order.attempt, fake);
  world.began.set(order.run, [...world.began.get(order.run) ?? [], order.attempt]);
  const missing = order.inputs.find((i) => "missing" in i);
  report(world, node, order, "preparing");
  if (order.cancelled) fake.cancelled = true;
  later(world, node, fake, 20 + world.random() * 200, () => {
    findCommits(world, order);
    if (fake.cancelled) return end(world, node, fake, "cancelled", order.cancelled ?? "cancelled");
    if (missing) return end(world, node, fake, "failed", "an input is not there");
    report(world, node, order, "running");
    execute(world, node, fake);
  });
}

/** Finds out what its repositories stand for now, unless that is known. */
function findCommits(world: World, order: AttemptOrder): void {
  const found = order.inputs.flatMap((i) => {
    const commit = "git" in i
      ? i.git.commit ?? world.repositories.get(i.git.url)?.get(i.git.ref ?? "main")
      : undefined;
    return commit === undefined ? [] : [[i.mount, commit] as const];
  });
  if (found.length > 0) world.commits.set(order.attempt, Object.fromEntries(found));
}

/** Lets the program run to its end, also after the agent that started it. */
function execute(world: World, node: SimNode, fake: FakeAttempt): void {
  const { program, timeout_ms } = fake.order.spec, { digest } = program!;
  const code = digest === programs.bad ? 1 : digest === programs.busy ? 75 : 0;
  const endsAt = world.now +
    (digest === programs.endless
      ? timeout_ms
      : digest === programs.long
      ? LONG_MS
      : 50 + world.random() * 2_000);
  fake.program = () =>
    later(world, node, fake, endsAt - world.now, () => {
      if (digest === programs.endless) end(world, node, fake, "timed_out", "ran too long");
      else end(world, node, fake, code === 0 ? "succeeded" : "failed", `exited with code ${code}`, code);
    });
  fake.program();
}

/** The agent is killed: programs of WASM end with it, native ones go on without. */
export function orphanAttempts(node: SimNode): void {
  for (const [id, { order, program }] of node.attempts) {
    if (order.spec.runtime !== "native" || !program) node.attempts.delete(id);
  }
}

/** The next agent takes over what went on; their ids. */
export function adoptAttempts(node: SimNode): string[] {
  for (const { program } of node.attempts.values()) program!();
  return [...node.attempts.keys()];
}

function end(
  world: World,
  node: SimNode,
  fake: FakeAttempt,
  state: AttemptStatus["state"],
  reason: string,
  code?: number,
): void {
  node.attempts.delete(fake.order.attempt);
  world.ended.set(fake.order.attempt, state);
  report(world, node, fake.order, state, reason, code);
}

function report(
  world: World,
  node: SimNode,
  order: AttemptOrder,
  state: AttemptStatus["state"],
  reason?: string,
  code?: number,
): void {
  const status: AttemptStatus = {
    attempt: order.attempt,
    epoch: order.epoch,
    state,
    since: world.now,
    artifacts: state === "succeeded"
      ? order.spec.outputs.map((o) => ({
        name: o.name,
        digest: "a".repeat(64),
        bytes: 1,
        form: "file",
        until: world.now + o.retention_ms,
      }))
      : [],
    ...(world.commits.has(order.attempt) ? { commits: world.commits.get(order.attempt)! } : {}),
    ...(reason === undefined ? {} : { reason }),
    ...(state === "running" ? { started_at: world.now } : {}),
    ...(code === undefined ? {} : {
      report: {
        code,
        wall_ms: 1,
        runtime: "wasm",
        level: "sim",
        fetched_bytes: 0,
        stored_bytes: 0,
        out_of_memory: false,
      },
    }),
  };
  const core = node.core;
  world.at(world.now, () => {
    if (node.core === core) world.event(node, { t: "attempt", run: order.run, status });
  });
}
