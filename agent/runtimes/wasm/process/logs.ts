/** Log frames of a child → log chunks, bounded a second time: a child is not trusted to have counted itself. */
import type { LogChunk } from "../../../ports.ts";
import { logStreams } from "./frames.ts";
import { droppedLine, LogBudget } from "./log_budget.ts";

// deno-lint-ignore no-control-regex
const CONTROL = /[\x00-\x1f\x7f]+/g;

/** Where a run's log chunks go. */
export class RunLog {
  readonly #onLog: (chunk: LogChunk) => void;
  readonly #budget: LogBudget | undefined;

  /** To `onLog`; with `whole` without a bound, for a run whose output waits until it is read. */
  constructor(onLog: (chunk: LogChunk) => void, whole = false) {
    this.#onLog = onLog;
    this.#budget = whole ? undefined : new LogBudget();
  }
  /** A line of Realm about the run. */
  line(text: string): void {
    // One line is one line, whatever names a guest brought with it.
    this.#emit("system", new TextEncoder().encode(`${text.replaceAll(CONTROL, " ")}\n`));
  }
  /** A log frame's payload. */
  frame(payload: Uint8Array): void {
    const stream = logStreams[payload[0] ?? -1];
    if (stream === undefined || this.#budget?.take(payload.length) === false) return;
    const dropped = this.#budget?.takeDropped() ?? 0;
    if (dropped > 0) this.line(droppedLine(dropped));
    this.#emit(stream, payload.subarray(1));
  }
  #emit(stream: LogChunk["stream"], bytes: Uint8Array): void {
    this.#onLog({ stream, at: Date.now(), bytes });
  }
}
