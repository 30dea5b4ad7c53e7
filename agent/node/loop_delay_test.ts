import assert from "node:assert/strict";
import { createLoopDelay, waitedForProcessorMs } from "./loop_delay.ts";

const turn = () => new Promise((resolve) => setTimeout(resolve, 20));
/** Holds the loop for `ms` of work; time for which others have the processor does not count. */
const block = (ms: number) => {
  const worked = () => performance.now() - waitedForProcessorMs();
  const until = worked() + ms;
  while (worked() < until);
};

Deno.test("what holds the event loop up is told, and forgotten after ten seconds", async () => {
  let shift = 0;
  using delay = createLoopDelay(() => performance.now() + shift);
  assert.deepEqual(delay.look(), { lateMs: 0, heldMs: 0 });
  await turn();
  block(400);
  await turn();
  const { lateMs, heldMs } = delay.look();
  assert.ok(heldMs > 300 && heldMs <= lateMs, `${heldMs} ms held, ${lateMs} ms late`);
  shift += 11_000;
  assert.deepEqual(delay.look(), { lateMs: 0, heldMs: 0 });
});

Deno.test("time without a processor makes the loop late, and is not held against the agent", async () => {
  let others = 0;
  using delay = createLoopDelay(() => performance.now(), () => waitedForProcessorMs() + others);
  delay.look();
  await turn();
  block(400);
  others += 390;
  await turn();
  const { lateMs, heldMs } = delay.look();
  assert.ok(heldMs < lateMs - 300, `${heldMs} ms held, ${lateMs} ms late`);
  block(200);
  await turn();
  assert.ok(delay.look().heldMs > 150, "what the agent does itself counts as before");
});

Deno.test({
  name: "what is told is the wait of the thread that asks, while others take every processor",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const others = Array.from(
      { length: navigator.hardwareConcurrency },
      () => new Deno.Command("sh", { args: ["-c", "while :; do :; done"] }).spawn(),
    );
    try {
      const ranMs = () => Number(Deno.readTextFileSync("/proc/thread-self/schedstat").split(" ")[0]) / 1e6;
      const before = { at: performance.now(), ran: ranMs(), waited: waitedForProcessorMs() };
      while (performance.now() < before.at + 1_000);
      const ran = ranMs() - before.ran, waited = waitedForProcessorMs() - before.waited;
      const all = performance.now() - before.at;
      assert.ok(ran + waited > all * 0.8, `ran ${ran} ms and waited ${waited} ms of ${all} ms`);
    } finally {
      for (const other of others) other.kill("SIGKILL");
      await Promise.all(others.map((other) => other.status));
    }
  },
});
