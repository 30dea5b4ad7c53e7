import assert from "node:assert/strict";
import type { RunOrder } from "../core/mod.ts";
import type { ReplicaStatus } from "../protocol/mod.ts";
import { eventually } from "../../tests/content.ts";
import { testOrder } from "../../tests/run_orders.ts";
import type { ReplicaWorld, Workload } from "./replica.ts";
import { Replicas } from "./replicas.ts";

const files: Workload = {
  health: { intervalMs: 1, failures: 1, startMs: 1 },
  backoffMs: { first: 1, last: 1 },
};

/** A node whose replicas are files alone; what they do is held up by name until a test lets it go on. */
function bed() {
  /** What was done, in order: `prepare ID`, `end ID`, `STATE ID` for the states that count, `gone ID`. */
  const done: string[] = [];
  const held = new Map<string, PromiseWithResolvers<void>>();
  const pass = async (what: string) => {
    await held.get(what)?.promise;
  };
  const world: Omit<ReplicaWorld, "volumesFree"> = {
    async prepare(order: RunOrder) {
      done.push(`prepare ${order.replica}`);
      await pass(`prepare ${order.replica}`);
      return files;
    },
    async drained(order) {
      done.push(`end ${order.replica}`);
      await pass(`end ${order.replica}`);
      return true;
    },
    clearWork: () => Promise.resolve(),
    report({ state, replica }: ReplicaStatus) {
      if (["healthy", "stopped"].includes(state)) done.push(`${state} ${replica}`);
    },
    log() {},
    note() {},
    lastLines: () => "",
    changed() {},
  };
  const replicas = new Replicas(world, () => false, (id) => done.push(`gone ${id}`));
  const hold = (what: string) => held.set(what, Promise.withResolvers());
  const seen = (...what: string[]) =>
    eventually(() => what.every((w) => done.includes(w)), `${what.join(", ")}; saw ${done.join(", ")}`);
  return {
    done,
    replicas,
    hold,
    release(what: string) {
      held.get(what)!.resolve();
      held.delete(what);
    },
    seen,
    /** A replica that served and is held up as it ends. */
    async ending(): Promise<RunOrder> {
      const order = testOrder("web-0");
      replicas.reconcile([order]);
      await seen("healthy web-0");
      hold("end web-0");
      replicas.reconcile([]);
      await seen("end web-0");
      return order;
    },
  };
}

Deno.test("a replica that is wanted again while it is still ending begins anew once it has ended", async () => {
  const { replicas, done, release, seen, ending } = bed();
  const order = await ending();
  // The decision that ended it loses to the one before.
  replicas.reconcile([order]);
  assert.equal(replicas.get("web-0")?.state, "stopping");
  done.length = 0;
  release("end web-0");
  await seen("healthy web-0");
  assert.deepEqual(done, ["stopped web-0", "gone web-0", "prepare web-0", "healthy web-0"]);
  assert.equal(replicas.get("web-0")?.state, "healthy");
  await replicas.stopAll(0, false);
});

Deno.test("two replicas on one volume: the successor is prepared while the old one serves, and serves once that is gone", async () => {
  const { replicas, done, hold, release, seen } = bed();
  const [old, next] = [testOrder("db-1", "db", ["data"]), testOrder("db-2", "db", ["data"])];
  replicas.reconcile([old]);
  await seen("healthy db-1");
  done.length = 0;
  hold("prepare db-2");
  hold("end db-1");
  replicas.reconcile([next]);
  await seen("prepare db-2");
  assert.equal(replicas.get("db-1")?.state, "healthy");
  release("prepare db-2");
  await seen("end db-1");
  assert.notEqual(replicas.get("db-2")?.state, "healthy");
  release("end db-1");
  await seen("healthy db-2");
  assert.deepEqual(done, ["prepare db-2", "end db-1", "stopped db-1", "gone db-1", "healthy db-2"]);
  await replicas.stopAll(0, false);
});

Deno.test("orders that go back and forth on one volume end with the replica that was ordered last, alone", async () => {
  const { replicas, done, hold, release, seen } = bed();
  const [old, next] = [testOrder("db-1", "db", ["data"]), testOrder("db-2", "db", ["data"])];
  replicas.reconcile([old]);
  await seen("healthy db-1");
  hold("end db-1");
  replicas.reconcile([next]);
  await seen("end db-1");
  replicas.reconcile([old]);
  done.length = 0;
  release("end db-1");
  await seen("healthy db-1", "gone db-2");
  assert.ok(!done.includes("healthy db-2"), "the one in between served");
  assert.deepEqual(replicas.list().map((r) => [r.order.replica, r.state]), [["db-1", "healthy"]]);
  await replicas.stopAll(0, false);
});

Deno.test("what a node that goes down ends does not begin anew", async () => {
  const { replicas, done, release, ending } = bed();
  const order = await ending();
  replicas.reconcile([order]);
  const stopped = replicas.stopAll(0, false);
  done.length = 0;
  release("end web-0");
  await stopped;
  assert.deepEqual(done, ["stopped web-0", "gone web-0"]);
  assert.deepEqual(replicas.list(), []);
});

Deno.test("bytes that arrive are told: a replica that still fetches gets on", async () => {
  const begun = Date.now(), told: ReplicaStatus[] = [];
  let arrived = 0;
  const replicas = new Replicas(
    {
      async prepare(_, news, signal) {
        await eventually(() => Date.now() > begun + 2, "time passes");
        arrived = Date.now();
        news.progress(1, 2, false);
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        return files;
      },
      drained: () => Promise.resolve(true),
      clearWork: () => Promise.resolve(),
      report: (status) => void told.push(status),
      log() {},
      note() {},
      lastLines: () => "",
      changed() {},
    },
    () => false,
    () => {},
  );
  replicas.reconcile([testOrder("web-0")]);
  await eventually(() => told.length > 0, "it is told");
  const [{ state, since, progress }] = told;
  assert.deepEqual([state, progress], ["fetching", { done: 1, total: 2 }]);
  assert.ok(since >= arrived, `since ${since}, bytes at ${arrived}`);
  await replicas.stopAll(0, false);
});
