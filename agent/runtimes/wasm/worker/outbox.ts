/** What a worker sends: frames, gathered while the guest runs so that one small response is one message. */
import { concat, encodeFrame, frameType, jsonFrame, logStreams } from "../process/frames.ts";
import { droppedLine, LogBudget } from "../process/log_budget.ts";
import { wasmLimits } from "../../../protocol/limits.ts";

/**
 * Frames of a response that goes on wait at most this long for others. Not 0: timers cost more than a small request does.
 */
const GATHER_MS = 1;

/** Ids of requests that are over are told to the main thread in lots of this many: that is housekeeping. */
const LOT = 64;

/** Where a worker's frames go. */
export interface OutboxTarget {
  /** Sends frames, as they go on the wire. */
  write(bytes: Uint8Array): void;
  /** A request is over. */
  over(): void;
  /** Nothing need be handed on for these requests any more. */
  forget(ids: readonly number[]): void;
}

/** Gathers frames and sends them. */
export class Outbox {
  readonly #target: OutboxTarget;
  readonly #budget: LogBudget | undefined;
  #frames: Uint8Array[] = [];
  #bytes = 0;
  #done: number[] = [];
  #scheduled = false;
  #reporting = false;
  readonly #later: (work: () => void) => void;

  /**
   * Sends to `target`. Output above a budget is dropped and counted; with `wholeLog` none is: who writes faster than
   * `target` takes it waits.
   */
  constructor(target: OutboxTarget, wholeLog = false) {
    this.#target = target;
    this.#budget = wholeLog ? undefined : new LogBudget();
    const { setTimeout } = globalThis;
    this.#later = (work) => void setTimeout(work, GATHER_MS);
  }

  /** Adds a frame; it goes with the next flush, at the latest when the worker is idle. */
  add(frame: Uint8Array): void {
    this.#frames.push(frame);
    this.#bytes += frame.length;
    if (this.#bytes >= wasmLimits.ioBytes) this.flush();
    else if (!this.#scheduled) {
      this.#scheduled = true;
      this.#later(() => {
        this.#scheduled = false;
        this.flush();
      });
    }
  }

  /** A request is over. */
  done(id: number): void {
    this.#target.over();
    if (this.#done.push(id) < LOT) return;
    this.#target.forget(this.#done);
    this.#done = [];
  }

  /** Sends everything gathered. */
  flush(): void {
    if (this.#frames.length === 0) return;
    const frames = concat(this.#frames);
    this.#frames = [];
    this.#bytes = 0;
    this.#target.write(frames);
  }

  /** Output of the guest, or a line of the host about it. Goes at once: the guest may never be idle again. */
  log(stream: typeof logStreams[number], bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += wasmLimits.ioBytes) {
      this.#logPart(stream, bytes.subarray(at, at + wasmLimits.ioBytes));
    }
  }

  #logPart(stream: typeof logStreams[number], bytes: Uint8Array): void {
    if (stream !== "system") {
      if (this.#budget?.take(bytes.length) === false) return this.#reportLater();
      this.#reportDropped();
    }
    const payload = new Uint8Array(bytes.length + 1);
    payload[0] = logStreams.indexOf(stream);
    payload.set(bytes, 1);
    this.#frames.push(encodeFrame(frameType.log, 0, payload));
    this.flush();
  }

  /** A line of the host about something that a guest may do as often as it likes. */
  notice(text: string): void {
    if (this.#budget?.take(text.length) !== false) this.line(text);
    else this.#reportLater();
  }

  /** A line of the host. */
  line(text: string): void {
    this.log("system", new TextEncoder().encode(`${text.replaceAll(/\s+/g, " ")}\n`));
  }

  /** The command has ended, or cannot start. */
  exit(end: unknown): void {
    this.#reportDropped();
    this.#frames.push(jsonFrame(frameType.exit, 0, end));
    this.flush();
  }

  #reportDropped(): void {
    const dropped = this.#budget?.takeDropped() ?? 0;
    if (dropped > 0) this.line(droppedLine(dropped));
  }
  #reportLater(): void {
    if (this.#reporting) return;
    this.#reporting = true;
    setTimeout(() => {
      this.#reporting = false;
      this.#reportDropped();
    }, 1000);
  }
}
