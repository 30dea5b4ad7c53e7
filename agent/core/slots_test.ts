import assert from "node:assert/strict";
import type { DecidedReplica } from "../protocol/record.ts";
import type { DesiredApp } from "./apps.ts";
import type { Candidate } from "./placement.ts";
import { seatsOf, slotsOf } from "./slots.ts";

const at = (slot: number, node: string, revision = "new"): DecidedReplica => ({
  id: `${slot}-${node}-${revision}`,
  slot,
  node,
  revision,
  at: 0,
});
const seats = (replicas: DecidedReplica[], healthy: DecidedReplica[] = [], bound: [number, string][] = []) =>
  Object.fromEntries(
    seatsOf(replicas, bound.map(([slot, node]) => ({ slot, node, by: node })), (r) => healthy.includes(r)),
  );

Deno.test("under `all` a node has one slot: the bound one, else the one that serves, else the lowest", () => {
  const [low, high] = [at(1, "a"), at(2, "a", "old")];
  assert.deepEqual(seats([high, low]), { a: 1 });
  assert.deepEqual(seats([low, high], [high]), { a: 2 });
  assert.deepEqual(seats([low, high], [low], [[2, "a"]]), { a: 2 });
});

Deno.test("under `all` two nodes never share a slot", () => {
  const [a, b] = [at(0, "a"), at(0, "b")];
  assert.deepEqual(seats([a, b], [b]), { b: 0 });
  assert.deepEqual(seats([a, b, at(1, "a", "old")], [b]), { b: 0, a: 1 });
});

Deno.test("a slot that is being replaced stays its node's", () => {
  assert.deepEqual(seats([at(3, "a", "old"), at(3, "a")]), { a: 3 });
});

Deno.test("the slot of volumes stays their node's, also when nothing runs there", () => {
  assert.deepEqual(seats([at(0, "b")], [], [[0, "a"]]), { a: 0 });
  assert.deepEqual(seats([at(1, "a")], [], [[0, "a"], [1, "a"]]), { a: 1 });
});

Deno.test("slots under `all`: a new node takes none that another holds, be it draining; a cordoned one keeps its own", () => {
  const node = (id: string, how: Partial<Candidate> = {}): Candidate => ({
    id,
    name: id,
    state: "alive",
    cordoned: false,
    draining: false,
    leaving: false,
    tags: [],
    runtimes: [],
    memoryMb: 1,
    reservedMb: 0,
    startedAt: 0,
    ...how,
  });
  const nodes = [
    node("a"),
    node("drains", { draining: true }),
    node("new"),
    node("cordoned", { cordoned: true }),
    node("cordoned-new", { cordoned: true }),
    node("dead", { state: "unreachable" }),
  ];
  const desired = { replicas: "all", tags: [] } as unknown as DesiredApp;
  const standing = new Map([["a", 0], ["drains", 1], ["cordoned", 3]]);
  const keeps = (id: string) => standing.has(id);
  assert.deepEqual(slotsOf(desired, nodes, { seats: standing, keeps }), [0, 2, 3]);
  assert.deepEqual(slotsOf(desired, nodes, { seats: standing, keeps: () => false }), [0, 2]);
});
