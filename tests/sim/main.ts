/** One simulation by hand: `deno task sim --nodes 1000 --seed 7 [--count 10] [--minutes 1]`. */
import { parseArgs } from "node:util";
import { runHistory } from "./scenarios.ts";

const { values } = parseArgs({
  options: {
    nodes: { type: "string", default: "50" },
    seed: { type: "string", default: "1" },
    count: { type: "string", default: "1" },
    minutes: { type: "string", default: "1" },
  },
});
let failed = 0;
for (let i = 0; i < Number(values.count); i++) {
  const started = performance.now();
  const seconds = () => `${((performance.now() - started) / 1000).toFixed(1)} s`;
  const outcome = runHistory(
    Number(values.seed) + i,
    Number(values.nodes),
    Number(values.minutes) * 60_000,
    (stage) => console.error(`${stage} after ${seconds()}`),
  );
  const took = seconds();
  if (outcome.failure) failed++;
  console.log(
    outcome.failure
      ? `seed ${outcome.seed}: FAILED ${outcome.failure}`
      : `seed ${outcome.seed}: ${outcome.nodes} nodes healed ${outcome.healedMs} virtual ms after the last trouble, ${outcome.messages} messages, ${took}, state ${
        outcome.digest.slice(0, 16)
      }`,
  );
}
Deno.exit(failed === 0 ? 0 : 1);
