import assert from "node:assert/strict";
import { createLiveness, heard, type LivenessFacts, tickLiveness } from "./liveness.ts";
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
      alive: state.neighbours,
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
