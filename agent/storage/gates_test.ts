import assert from "node:assert/strict";
import { createByteWindow, createGate, createThrottle, delay } from "./gates.ts";

Deno.test("a gate admits so many in all and per key, by priority and then by time", async () => {
  const gate = createGate(3, 2), order: string[] = [];
  const first = await gate.enter("a"), second = await gate.enter("a");
  const enter = (key: string, name: string, priority = 0) =>
    gate.enter(key, { priority }).then((leave) => (order.push(name), leave));
  const a3 = enter("a", "a3");
  const b1 = await gate.enter("b"); // "a" is full, the gate is not
  const b2 = enter("b", "b2"), c1 = enter("c", "c1", 5);
  first();
  const leaveC = await c1;
  second();
  const leaveA = await a3;
  b1();
  await b2;
  assert.deepEqual(order, ["c1", "a3", "b2"]);
  leaveA();
  leaveA();
  leaveC();
  const all = await Promise.all([gate.enter("x"), gate.enter("y")]);
  const late = new AbortController(), refused = gate.enter("z", { signal: late.signal });
  late.abort(new Error("gave up"));
  await assert.rejects(refused, /gave up/);
  assert.equal(all.length, 2);
});

Deno.test("a byte window passes what fits, in order, and what is larger than itself alone", async () => {
  const window = createByteWindow(100), passed: number[] = [];
  const one = await window.take(60);
  const huge = window.take(500).then((give) => (passed.push(500), give));
  const small = window.take(10).then((give) => (passed.push(10), give));
  await Promise.resolve();
  assert.deepEqual(passed, []);
  one();
  const give = await huge;
  assert.deepEqual([passed, window.taken()], [[500], 500]);
  give();
  (await small)();
  assert.equal(window.taken(), 0);
});

Deno.test("a throttle keeps a rate, and none without one", async () => {
  const clock = { now: () => 0, monotonic: () => performance.now() };
  const slow = createThrottle(clock, () => 100_000), start = performance.now();
  for (let i = 0; i < 10; i++) await slow(5000); // 50 kB, 10 kB of it at once
  const took = performance.now() - start;
  assert.ok(took > 350, `${took} ms`);
  await createThrottle(clock, () => undefined)(1e12);
});

Deno.test("a delay ends early when aborted", async () => {
  const abort = new AbortController(), waiting = delay(60_000, abort.signal);
  abort.abort(new Error("stop"));
  await assert.rejects(waiting, /stop/);
});
