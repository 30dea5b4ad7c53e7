/**
 * How hard to fuzz: `REALM_FUZZ=100000` runs every fuzz test with that many inputs, otherwise a small number that
 * every run of the tests can afford. `REALM_FUZZ_SEED` repeats a run; a failure prints its seed and path.
 */
import fc from "fast-check";

/** Inputs of one fuzz test. */
export const FUZZ_RUNS: number = Number(Deno.env.get("REALM_FUZZ") ?? 2_000);

const seed = Deno.env.get("REALM_FUZZ_SEED");

/** Bytes that the heap may have grown after a fuzz test, garbage collected as far as the engine does by itself. */
const GROWTH_BYTES = 192 * 1024 * 1024;
/** No single input may take longer, whatever it is. */
const INPUT_MS = 2_000;

/** Parameters of `fc.assert` for a fuzz test; `share` below 1 for inputs that cost more. */
export function fuzzParameters<T>(share = 1): fc.Parameters<T> {
  return {
    numRuns: Math.max(100, Math.floor(FUZZ_RUNS * share)),
    ...(seed === undefined ? {} : { seed: Number(seed) }),
    endOnFailure: true,
  };
}

/**
 * Runs `body` on generated inputs; fails when one throws, when one takes longer than two seconds, or when memory grew
 * in the second half of the run.
 */
export async function fuzz<T>(
  inputs: fc.Arbitrary<T>,
  body: (input: T) => void | Promise<void>,
  share = 1,
): Promise<void> {
  const parameters = fuzzParameters<[T]>(share);
  let run = 0, middle = 0;
  await fc.assert(
    fc.asyncProperty(inputs, async (input) => {
      if (run++ === Math.floor(parameters.numRuns! / 2)) middle = Deno.memoryUsage().heapUsed;
      const start = performance.now();
      await body(input);
      const elapsed = performance.now() - start;
      if (elapsed > INPUT_MS) throw new Error(`one input took ${Math.round(elapsed)} ms`);
    }),
    parameters,
  );
  const growth = Deno.memoryUsage().heapUsed - middle;
  if (growth > GROWTH_BYTES) throw new Error(`the heap grew by ${growth} bytes`);
}
