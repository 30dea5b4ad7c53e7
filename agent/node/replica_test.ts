import assert from "node:assert/strict";
import type { ReplicaState } from "../protocol/mod.ts";
import type { ExitReport } from "../runtimes/mod.ts";
import { eventually } from "../../tests/content.ts";
import { testOrder } from "../../tests/run_orders.ts";
import { Replica, type ReplicaHandle, type Workload } from "./replica.ts";

/** One life of a program: whether it comes to serve, and how it ends; the last one goes on when nothing ends it. */
interface Life {
  readonly serves: boolean;
  readonly end?: Pick<ExitReport, "reason" | "code" | "message">;
}

const exited = (code: number): Life["end"] => ({
  reason: "exited",
  code,
  message: `It exited with code ${code}.`,
});
const killed: Life["end"] = { reason: "killed", message: "It was killed." };

/** Starts by which it is clear that it is always started again. */
const MANY = 6;

/** Runs a replica of these lives; tells how it came to rest. */
async function live(lives: readonly Life[], restart: Workload["restart"]) {
  const states: ReplicaState[] = [], reasons: (string | undefined)[] = [];
  let starts = 0;
  const start = (): Promise<ReplicaHandle> => {
    const { serves, end } = lives[Math.min(starts++, lives.length - 1)];
    const served = Promise.withResolvers<void>();
    const ended = serves ? served.promise : Promise.resolve();
    const stopped = Promise.withResolvers<ExitReport>();
    const report: ExitReport = { reason: "stopped", message: "", wallMs: 1, cpuMs: 1, peakMemoryBytes: 1 };
    return Promise.resolve({
      exit: Promise.race([stopped.promise, ...end ? [ended.then(() => ({ ...report, ...end }))] : []]),
      stop() {
        stopped.resolve(report);
        return Promise.resolve(report);
      },
      stats: () => ({ rssBytes: 1, cpuMs: 1, inFlight: 0, requests: 0, errors: 0 }),
      probe: () => {
        if (states.at(-1) === "healthy") served.resolve();
        return Promise.resolve(serves ? undefined : "does not listen");
      },
    });
  };
  const replica = new Replica(testOrder("api-0"), {
    prepare: () =>
      Promise.resolve({
        start,
        health: { intervalMs: 1, failures: 1, startMs: 60_000 },
        backoffMs: { first: 1, last: 1 },
        ...(restart ? { restart } : {}),
      }),
    clearWork: () => Promise.resolve(),
    drained: () => Promise.resolve(true),
    volumesFree: () => Promise.resolve(),
    report({ state, reason }) {
      if (states.at(-1) === state) return;
      states.push(state);
      reasons.push(reason);
    },
    log() {},
    note() {},
    lastLines: () => "",
    changed() {},
  });
  const rests = () => ["ended", "failed"].includes(states.at(-1)!) || starts > MANY;
  await eventually(rests, `it comes to rest; saw ${states.join(", ")}`);
  const told = { state: states.at(-1)!, reason: reasons.at(-1), starts };
  await replica.stop(1_000);
  assert.equal(states.at(-1), "stopped");
  if (told.state === "ended") assert.ok(!states.includes("stopping"), "what has ended does not stop");
  return told;
}

const serving = (end: Life["end"]): Life => ({ serves: true, end });
const mute = (end: Life["end"]): Life => ({ serves: false, end });

for (
  const [name, restart, lives, state, reason, starts] of [
    ["exits well, on-failure", "on-failure", [serving(exited(0))], "ended", undefined, 1],
    ["exits well before it serves, on-failure", "on-failure", [mute(exited(0))], "ended", undefined, 1],
    [
      "fails, then exits well, on-failure",
      "on-failure",
      [serving(exited(3)), serving(killed), mute(exited(0))],
      "ended",
      undefined,
      3,
    ],
    [
      "fails before it ever served, on-failure",
      "on-failure",
      [mute(exited(3))],
      "failed",
      "It exited with code 3.",
      3,
    ],
    ["exits well, never", "never", [serving(exited(0))], "ended", undefined, 1],
    ["fails, never", "never", [serving(exited(3))], "ended", "It exited with code 3.", 1],
    ["is killed, never", "never", [serving(killed)], "ended", "It was killed.", 1],
    ["fails before it ever served, never", "never", [mute(exited(3))], "failed", "It exited with code 3.", 1],
    [
      "exits well before it serves, always",
      undefined,
      [mute(exited(0))],
      "failed",
      "It exited with code 0.",
      3,
    ],
  ] as const
) {
  Deno.test(`Replica: what ${name}, is ${state} after ${starts} start(s)`, async () => {
    assert.deepEqual(await live(lives, restart), { state, reason, starts });
  });
}

Deno.test("Replica: what exits well is started again without a restart policy", async () => {
  const { state, starts } = await live([serving(exited(0)), serving(exited(0))], undefined);
  assert.notEqual(state, "ended");
  assert.ok(starts > MANY);
});
