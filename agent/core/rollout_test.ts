import assert from "node:assert/strict";
import { timing } from "../protocol/limits.ts";
import type { Decision, ReplicaState } from "../protocol/record.ts";
import { type AppState, createApp, type Revision } from "./apps.ts";
import { decideApp, type Verdict } from "./rollout.ts";

const revision: Revision = {
  id: "1".repeat(64),
  number: 1,
  kind: "deploy",
  spec: {
    package: "a".repeat(64),
    version: "1.0.0",
    kind: "component",
    memory_mb: 1,
    routes: ["web"],
    volumes: [],
    bytes: 1,
  },
  at: 0,
  by: "owner",
};
const NOW = 10 * timing.startDeadlineMs;

/** What is decided about a replica decided long ago that its node, started then, says this of; none: nothing. */
function verdict(
  said: { readonly state: ReplicaState; readonly since: number } | undefined,
  { proven = true, startedAt = 0, leaving = false, others = ["b"] } = {},
): Verdict {
  const replica = { id: "web-0", slot: 0, node: "a", revision: revision.id, at: 0 };
  const decision: Decision = {
    app: "web",
    epoch: 1,
    step: 1,
    phase: leaving ? "steady" : "rolling",
    revision: revision.id,
    number: 1,
    ...(proven ? { good: revision.id } : {}),
    replicas: [replica],
    volumes: [],
    rejected: [],
    since: 0,
  };
  const status = said &&
    { app: "web", replica: "web-0", revision: revision.id, epoch: 1, restarts: 0, ...said };
  const app: AppState = {
    ...createApp("web"),
    revisions: [revision],
    desired: { revision, replicas: 1, tags: [], strategy: "rolling" },
    decision: { value: decision, author: "a" },
    statuses: new Map(status ? [["a", new Map([["web-0", status]])]] : []),
  };
  const node = (id: string) => ({
    id,
    name: id,
    state: "alive" as const,
    cordoned: leaving && id === "a",
    draining: false,
    leaving: leaving && id === "a",
    tags: [],
    runtimes: ["wasm"],
    memoryMb: 100,
    reservedMb: 0,
    startedAt,
  });
  return decideApp({
    app,
    self: "a",
    now: NOW,
    standing: decision,
    over: [],
    nodes: ["a", ...others].map(node),
    declined: () => new Map(),
    unfit: () => undefined,
    offered: () => undefined,
  });
}

for (const state of ["accepted", "fetching", "verifying", "starting", "stopping"] as const) {
  Deno.test(`a replica that began anew and is ${state} has its time, however old the decision`, () => {
    const since = NOW - timing.startDeadlineMs + 1;
    for (const proven of [true, false]) {
      assert.deepEqual(verdict({ state, since }, { proven }), { wants: [], lookAgainAt: NOW + 1 });
    }
    assert.deepEqual(verdict({ state, since: since - 1 }).next?.replicas, [], "and no more");
    const late = verdict({ state, since: since - 1 }, { proven: false });
    assert.match(late.next!.rejected[0].reason, /not healthy within 60 s/);
  });
}

Deno.test("a replica of a node that started again has its time from then on", () => {
  assert.deepEqual(verdict(undefined, { startedAt: NOW - 1 }), {
    wants: [],
    lookAgainAt: NOW - 1 + timing.startDeadlineMs,
  });
  assert.deepEqual(verdict(undefined).next?.replicas, []);
});

Deno.test("an old replica that is unhealthy is replaced elsewhere at once", () => {
  const { next, wants } = verdict({ state: "unhealthy", since: NOW - 1 });
  assert.deepEqual(next?.replicas, []);
  assert.deepEqual(wants[0].placement.ranked, ["b"]);
});

Deno.test("what alone serves on a node that is about to restart goes elsewhere first, where there is a node for it", () => {
  const said = { state: "healthy", since: 0 } as const;
  const { next, wants } = verdict(said, { leaving: true });
  assert.deepEqual(next?.replicas.map((r) => r.id), ["web-0"], "it serves until the other one does");
  assert.deepEqual(wants[0].placement.ranked, ["b"]);
  assert.deepEqual(
    verdict(said, { leaving: true, others: [] }).next,
    undefined,
    "it stays, and all is as wished",
  );
});
