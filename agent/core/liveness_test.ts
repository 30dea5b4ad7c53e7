import assert from "node:assert/strict";
import {
  answered,
  createLiveness,
  heard,
  hint,
  type LivenessFacts,
  livenessWake,
  strained,
  tickLiveness,
} from "./liveness.ts";
import { timing } from "../protocol/limits.ts";

const round = timing.probeIntervalMs;

/** Probes that `state` starts from `from` on, a tick per interval; `hears` gives signs of life before a tick. */
function probes(
  state: ReturnType<typeof createLiveness>,
  ticks: number,
  hears: (tick: number) => readonly string[] = () => [],
): string[] {
  const started: string[] = [];
  for (let tick = 1; tick <= ticks; tick++) {
    const now = 1_000_000 + tick * round;
    for (const id of hears(tick)) heard(state, id, now - 1);
    const facts: LivenessFacts = {
      self: "a",
      now,
      incarnationOf: () => 0,
      alive: new Set(state.neighbours),
      unreachable: [],
    };
    for (const action of tickLiveness(state, facts)) {
      if (action.do !== "probe") continue;
      started.push(action.to);
      state.probes.clear();
    }
  }
  return started;
}

const watching = (...neighbours: string[]) => ({ ...createLiveness(), neighbours });

Deno.test("silent neighbours are probed in turn, one in each interval", () => {
  assert.deepEqual(probes(watching("b", "c", "d"), 7), ["b", "c", "d", "b", "c", "d", "b"]);
});

Deno.test("a neighbour that is heard of is not probed, a silent one beside it is, once in a round", () => {
  assert.deepEqual(probes(watching("b", "c"), 8, () => ["b"]), ["c", "c", "c", "c"]);
});

Deno.test("a neighbour that falls silent is probed within a round and a half", () => {
  const state = watching("b", "c");
  const started = probes(state, 10, (tick) => tick <= 4 ? ["b", "c"] : ["c"]);
  assert.equal(started[0], "b");
  assert.equal(started.length, 3, `${started}`);
});

Deno.test("what is heard of others than the neighbours is not kept", () => {
  const state = watching("b");
  for (let i = 0; i < 1_000; i++) heard(state, `x${i}`, i);
  assert.equal(state.touched.size, 0);
});

/** Facts of a node `a` whose neighbours live as far as it knows. */
const facts = (state: ReturnType<typeof createLiveness>, now: number): LivenessFacts => ({
  self: "a",
  now,
  incarnationOf: () => 0,
  alive: new Set(state.neighbours),
  unreachable: [],
});

/** Ticks whenever something is due, until `end`; gives what was done beside probing, and when. */
function run(state: ReturnType<typeof createLiveness>, from: number, end: number): string[] {
  const done: string[] = [];
  for (let now = from; now <= end; now = Math.max(now + 1, livenessWake(state))) {
    for (const action of tickLiveness(state, facts(state, now))) {
      if (action.do === "suspect" || action.do === "unreachable") done.push(`${action.do} ${action.target}`);
    }
  }
  return done;
}

Deno.test("a node that did not run accuses nobody for what it did not hear meanwhile", () => {
  const state = watching("b");
  const start = 1_000_000;
  tickLiveness(state, facts(state, start));
  const [n] = state.probes.keys();
  // Its next tick comes five seconds late; the answer lay there and is read after it.
  assert.deepEqual(tickLiveness(state, facts(state, start + 5_000)).filter((a) => a.do !== "probe"), []);
  answered(state, "b", n, start + 5_001);
  assert.equal(state.suspects.size, 0);
});

Deno.test("signs of strain lengthen all waits, answers in time shorten them again, both within bounds", () => {
  const start = 1_000_000, long = 60_000;
  const calm = watching("b"), slow = watching("b");
  for (let i = 0; i < 100; i++) strained(slow);
  assert.equal(slow.strain, timing.strainMost);
  const waits = timing.probeTimeoutMs + timing.suspectMs;
  assert.deepEqual(run(calm, start, start + waits + 500), ["suspect b", "unreachable b"]);
  assert.deepEqual(run(slow, start, start + waits + 500), ["suspect b"]);
  assert.deepEqual(run(slow, start + waits + 501, start + long)[0], "unreachable b");
  for (let i = 0; i < 20; i++) {
    slow.probes.set(i, { n: i, target: "b", stage: "direct", startedAt: start, expiresAt: start });
    answered(slow, "b", i, start + 1);
  }
  assert.equal(slow.strain, 0);
});

Deno.test("an answer that comes late tells no node that it is not behind any more", () => {
  const start = 1_000_000, state = watching("b");
  for (let i = 0; i < 100; i++) strained(state);
  tickLiveness(state, facts(state, start));
  const [n] = state.probes.keys();
  answered(state, "b", n, start + timing.probeTimeoutMs + 1);
  assert.equal(state.strain, timing.strainMost);
  assert.equal(state.probes.size, 0);
});

Deno.test("a closed connection is no slowness of ours: strain lengthens nothing then", () => {
  const state = watching("b");
  const start = 1_000_000;
  for (let i = 0; i < 100; i++) strained(state);
  tickLiveness(state, facts(state, start));
  hint(state, "b", facts(state, start + 1));
  const waits = timing.probeTimeoutMs + timing.suspectMs;
  assert.deepEqual(run(state, start + 2, start + waits + 500), ["suspect b", "unreachable b"]);
});

Deno.test("only a neighbour's closed connection starts a probe: to probe others would open theirs again, on and on", () => {
  const state = watching("b");
  const others: LivenessFacts = { ...facts(state, 1_000_000), alive: new Set(["b", "c"]) };
  assert.deepEqual(hint(state, "c", others), []);
  assert.equal(hint(state, "b", others).length, 1);
});

Deno.test("a node that is always late finds the dead all the same", () => {
  const state = watching("b");
  const found: string[] = [];
  for (let now = 1_000_000; now < 1_060_000; now = Math.max(now, livenessWake(state)) + 600) {
    for (const action of tickLiveness(state, facts(state, now))) found.push(action.do);
  }
  assert.ok(found.includes("unreachable"), `${found}`);
});
