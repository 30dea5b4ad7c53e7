/** Stdout of a child process, to which its main thread and its workers write frames by themselves, one at a time. */

/** The lock that {@link GatedOutput}s of one process share, to be posted to its workers. */
export const createGate = (): SharedArrayBuffer => new SharedArrayBuffer(4);

/** One thread's way to stdout. */
export class GatedOutput {
  readonly #gate: Int32Array<SharedArrayBuffer>;

  /** `gate` of {@link createGate}. */
  constructor(gate: SharedArrayBuffer) {
    this.#gate = new Int32Array(gate);
  }

  /** Writes all bytes; waits while another thread writes, or while the agent does not read. Ends the process when it is gone. */
  write(bytes: Uint8Array): void {
    while (Atomics.compareExchange(this.#gate, 0, 0, 1) !== 0) Atomics.wait(this.#gate, 0, 1);
    try {
      for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
    } catch {
      Deno.exit(0); // Nobody listens any more.
    } finally {
      Atomics.store(this.#gate, 0, 0);
      Atomics.notify(this.#gate, 0, 1);
    }
  }
}
