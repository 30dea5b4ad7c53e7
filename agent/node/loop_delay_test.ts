import assert from "node:assert/strict";
import { createLoopDelay } from "./loop_delay.ts";

Deno.test("what holds the event loop up is told, and forgotten after ten seconds", async () => {
  let shift = 0;
  using delay = createLoopDelay(() => performance.now() + shift);
  assert.equal(delay.longestMs(), 0);
  const turn = () => new Promise((resolve) => setTimeout(resolve, 20));
  await turn();
  const until = performance.now() + 400;
  while (performance.now() < until);
  await turn();
  assert.ok(delay.longestMs() > 300, `${delay.longestMs()} ms`);
  shift += 11_000;
  assert.equal(delay.longestMs(), 0);
});
