/** A fixed number of places for work that runs at once. */

/** See {@link createSlots}. */
export interface Slots {
  /** Waits for a free place and starts `work` in it, without waiting for its end. Throws what an earlier work threw. */
  run(work: () => Promise<void>): Promise<void>;
  /** Waits until all work ended; throws what one of them threw. */
  idle(): Promise<void>;
}

/** `count` places. After a failure no new work starts. */
export function createSlots(count: number): Slots {
  const running = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | undefined;
  return {
    async run(work) {
      while (running.size >= count && !failure) await Promise.race(running);
      if (failure) throw failure.error;
      const run: Promise<void> = work().catch((error) => {
        failure ??= { error };
      }).finally(() => running.delete(run));
      running.add(run);
    },
    async idle() {
      while (running.size > 0) await Promise.all(running);
      if (failure) throw failure.error;
    },
  };
}
