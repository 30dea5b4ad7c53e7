import assert from "node:assert/strict";
import type { DecidedReplica } from "../protocol/record.ts";
import { seatsOf } from "./slots.ts";

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
