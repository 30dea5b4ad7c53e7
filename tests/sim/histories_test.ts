import assert from "node:assert/strict";
import { runHistory } from "./scenarios.ts";

/** Seeds of the regular run; `REALM_SIM_SEEDS` for more. */
const SEEDS = Number(Deno.env.get("REALM_SIM_SEEDS") ?? 50);

Deno.test(`${SEEDS} histories of 50 nodes end in agreement, with every app as wished`, () => {
  const healed: number[] = [];
  for (let seed = 1; seed <= SEEDS; seed++) {
    const outcome = runHistory(seed, 50, 15_000);
    assert.equal(outcome.failure ?? "", "");
    healed.push(outcome.healedMs!);
  }
  healed.sort((a, b) => a - b);
  console.log(`healed after ${healed[healed.length >> 1]} virtual ms (median), ${healed.at(-1)} (worst)`);
});

Deno.test("100 longer histories of 5 nodes end in agreement", () => {
  for (let seed = 1; seed <= 100; seed++) {
    const outcome = runHistory(seed, 5, 60_000);
    assert.equal(outcome.failure ?? "", "");
  }
});

Deno.test("the same seed gives the same history", () => {
  const [a, b] = [runHistory(42, 8), runHistory(42, 8)];
  assert.equal(a.failure ?? "", "");
  assert.deepEqual(a, b);
  assert.notEqual(runHistory(43, 8).digest, a.digest);
});
