/**
 * How hard to fuzz: `REALM_FUZZ=100000` runs every fuzz test with that many inputs, otherwise a small number that
 * every run of the tests can afford. `REALM_FUZZ_SEED` repeats a run; a failure prints its seed and path.
 */
import { cpuUsage } from "node:process";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";

/** Inputs of one fuzz test. */
export const FUZZ_RUNS: number = Number(Deno.env.get("REALM_FUZZ") ?? 2_000);

const seed = Deno.env.get("REALM_FUZZ_SEED");

/**
 * Bytes that the heap may have grown in the second half of a fuzz test: the engine's own caches and fast-check's
 * bookkeeping; a leak of 200 bytes an input shows at 100,000 inputs.
 */
const GROWTH_BYTES = 16 * 1024 * 1024;
/** No single input may take longer of the processor, whatever it is. */
const INPUT_MS = 2_000;
/** Nor longer altogether, on a machine that is busy with other things: it hangs. */
const HANG_MS = 60_000;

/** Processor time that `body` takes, in ms: others may keep the machine busy. */
export function processorMs(body: () => void): number {
  const before = cpuUsage();
  body();
  return cpuUsage(before).user / 1_000;
}

/** Parameters of `fc.assert` for a fuzz test; `share` below 1 for inputs that cost more. */
export function fuzzParameters<T>(share = 1): fc.Parameters<T> {
  return {
    numRuns: Math.max(100, Math.floor(FUZZ_RUNS * share)),
    ...(seed === undefined ? {} : { seed: Number(seed) }),
    endOnFailure: true,
  };
}

/** Bytes of live objects and buffers, after a full garbage collection. */
function liveBytes(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

/**
 * Runs `body` on generated inputs; fails when one throws, when one takes longer than two seconds of the processor, or when memory grew
 * in the second half of the run. Prints its figures.
 */
export async function fuzz<T>(
  inputs: fc.Arbitrary<T>,
  body: (input: T) => void | Promise<void>,
  share = 1,
): Promise<void> {
  const parameters = fuzzParameters<[T]>(share);
  const began = performance.now();
  let run = 0, middle = 0;
  await fc.assert(
    fc.asyncProperty(inputs, async (input) => {
      if (run++ === Math.floor(parameters.numRuns! / 2)) middle = liveBytes();
      const start = performance.now(), before = cpuUsage();
      await body(input);
      const elapsed = performance.now() - start;
      if (elapsed <= INPUT_MS) return;
      const used = cpuUsage(before).user / 1_000;
      if (used > INPUT_MS || elapsed > HANG_MS) {
        throw new Error(`one input took ${Math.round(elapsed)} ms, ${Math.round(used)} ms of the processor`);
      }
    }),
    parameters,
  );
  const growth = liveBytes() - middle;
  const seconds = ((performance.now() - began) / 1_000).toFixed(1);
  console.log(`${run} inputs in ${seconds} s; memory ${growth >> 10} KiB more than half-way`);
  if (growth > GROWTH_BYTES) throw new Error(`memory grew by ${growth} bytes in the second half`);
}
