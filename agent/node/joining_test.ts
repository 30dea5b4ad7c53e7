import assert from "node:assert/strict";
import { limits, RealmError } from "../protocol/mod.ts";
import { type Patience, whileUnreachable } from "./joining.ts";

/** A clock that pauses and attempts turn on; `attemptMs`: what each attempt takes. */
function bed(attemptMs: number, outcome: (attempt: number) => string | RealmError) {
  const state = { now: 1_000, attempts: 0, told: [] as string[] };
  const patience: Patience = {
    now: () => state.now,
    pause: (ms) => Promise.resolve(state.now += ms),
    random: () => 0.5,
    onFailure: (error) => void state.told.push(error.message),
  };
  const attempt = () => {
    state.now += attemptMs;
    const it = outcome(state.attempts++);
    return it instanceof RealmError ? Promise.reject(it) : Promise.resolve(it);
  };
  return { state, result: whileUnreachable(attempt, patience) };
}
const nobody = new RealmError("unreachable", "nobody is there");

Deno.test("a machine whom nobody answers asks again until somebody does", async () => {
  const { state, result } = bed(10_000, (n) => n < 4 ? nobody : "welcome");
  assert.equal(await result, "welcome");
  assert.equal(state.attempts, 5);
  assert.deepEqual(state.told, Array(4).fill("nobody is there"));
});

Deno.test("a refusal ends the asking at once", async () => {
  const { state, result } = bed(100, () => new RealmError("invite_expired", "too late"));
  await assert.rejects(result, { code: "invite_expired" });
  assert.equal(state.attempts, 1);
});

for (const attemptMs of [1, 10_000]) {
  Deno.test(`with attempts of ${attemptMs} ms the asking ends when patience does, and says why`, async () => {
    const { state, result } = bed(attemptMs, () => nobody);
    await assert.rejects(result, { code: "unreachable", message: "nobody is there" });
    const took = state.now - 1_000;
    assert.ok(took <= limits.joinPatienceMs + attemptMs, `${took}`);
    assert.ok(took >= limits.joinPatienceMs - limits.joinPauseMostMs - attemptMs, `${took}`);
  });
}
