import assert from "node:assert/strict";
import { testOrder } from "../../tests/run_orders.ts";
import {
  createOwnReplicas,
  holdersOfVolumes,
  orderReplicas,
  replicaEnded,
  type ReplicaStep,
} from "./own_replicas.ts";

const said = (steps: readonly ReplicaStep[]) =>
  steps.map((s) => `${s.t} ${s.order.replica}${s.t === "end" && s.successor ? ` after ${s.successor}` : ""}`);

Deno.test("orderReplicas() begins what is new, ends what is not wanted, and says each once", () => {
  const own = createOwnReplicas();
  const [a, b] = [testOrder("web-0"), testOrder("web-1")];
  assert.deepEqual(said(orderReplicas(own, [a, b])), ["begin web-0", "begin web-1"]);
  assert.deepEqual(said(orderReplicas(own, [a, b])), []);
  assert.deepEqual(said(orderReplicas(own, [b])), ["end web-0"]);
  assert.deepEqual(said(orderReplicas(own, [b])), []);
  assert.deepEqual(said(replicaEnded(own, "web-0")), []);
});

Deno.test("a replica that is wanted again while it ends begins anew once it has ended, not before", () => {
  const own = createOwnReplicas();
  const a = testOrder("web-0");
  orderReplicas(own, [a]);
  orderReplicas(own, []);
  assert.deepEqual(said(orderReplicas(own, [a])), []);
  assert.deepEqual(said(replicaEnded(own, "web-0")), ["begin web-0"]);
  assert.deepEqual(said(orderReplicas(own, [a])), []);
});

Deno.test("a replica that was wanted again for a while only does not begin anew", () => {
  const own = createOwnReplicas();
  const a = testOrder("web-0");
  orderReplicas(own, [a]);
  orderReplicas(own, []);
  orderReplicas(own, [a]);
  orderReplicas(own, []);
  assert.deepEqual(said(replicaEnded(own, "web-0")), []);
});

Deno.test("on one volume the old replica goes on until its successor is prepared, and that starts once it is gone", () => {
  const own = createOwnReplicas();
  const [old, next] = [testOrder("db-1", "db", ["data"]), testOrder("db-2", "db", ["data"])];
  orderReplicas(own, [old]);
  assert.deepEqual(said(orderReplicas(own, [next])), ["begin db-2", "end db-1 after db-2"]);
  assert.deepEqual(holdersOfVolumes(own, next), ["db-1"]);
  // The old one is wanted again: it waits for the successor in turn.
  assert.deepEqual(said(orderReplicas(own, [old])), ["end db-2"]);
  assert.deepEqual(said(replicaEnded(own, "db-1")), ["begin db-1"]);
  assert.deepEqual(holdersOfVolumes(own, old), ["db-2"]);
  assert.deepEqual(said(replicaEnded(own, "db-2")), []);
  assert.deepEqual(holdersOfVolumes(own, old), []);
});

Deno.test("volumes of another app, and other volumes of the same app, hold nobody up", () => {
  const own = createOwnReplicas();
  orderReplicas(own, [testOrder("db-1", "db", ["data"])]);
  assert.deepEqual(said(orderReplicas(own, [testOrder("other-1", "other", ["data"])])), [
    "begin other-1",
    "end db-1",
  ]);
  assert.deepEqual(holdersOfVolumes(own, testOrder("other-1", "other", ["data"])), []);
  assert.deepEqual(holdersOfVolumes(own, testOrder("db-3", "db", ["cache"])), []);
});
