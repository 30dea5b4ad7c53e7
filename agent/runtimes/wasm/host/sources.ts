/** Sources and sinks of byte streams that are not files. */
import { wasmLimits } from "../../../protocol/limits.ts";
import { IoError } from "./streams.ts";
import type { Sink, Source } from "./streams.ts";

/** Something that others wait for to change. */
export class Change {
  #waiting: PromiseWithResolvers<void> | undefined;
  /** Resolves at the next {@link Change.happened}. */
  wait(): Promise<void> {
    return (this.#waiting ??= Promise.withResolvers()).promise;
  }
  /** Wakes all who wait. */
  happened(): void {
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }
}

/** A source that is filled from outside; whoever fills it bounds it by the bytes reported to `onTaken`. */
export class QueueSource implements Source {
  readonly #chunks: Uint8Array[] = [];
  readonly #change = new Change();
  readonly #onTaken: (bytes: number) => void;
  #ended: boolean | IoError = false;
  #closed = false;

  /** `onTaken` hears of bytes that have left the queue. */
  constructor(onTaken: (bytes: number) => void) {
    this.#onTaken = onTaken;
  }
  /** Adds bytes; the buffer is the queue's from now on. */
  push(bytes: Uint8Array): void {
    if (this.#closed) return this.#onTaken(bytes.length);
    if (bytes.length === 0) return;
    this.#chunks.push(bytes);
    this.#change.happened();
  }
  /** Nothing comes any more; with `error`: it broke off. */
  end(error?: IoError): void {
    if (this.#ended !== false) return;
    this.#ended = error ?? true;
    this.#change.happened();
  }
  /** Whether a read would give bytes or the end. */
  ready(): boolean {
    return this.#chunks.length > 0 || this.#ended !== false;
  }
  read(max: number): Uint8Array | undefined {
    const first = this.#chunks[0];
    if (first === undefined) return undefined;
    let taken = first;
    if (first.length <= max) this.#chunks.shift();
    else {
      taken = first.subarray(0, max);
      this.#chunks[0] = first.subarray(max);
    }
    this.#onTaken(taken.length);
    return taken;
  }
  ended(): boolean | IoError {
    return this.#chunks.length === 0 && this.#ended;
  }
  wait(): Promise<unknown> {
    return this.ready() ? Promise.resolve() : this.#change.wait();
  }
  close(): void {
    this.#closed = true;
    for (const chunk of this.#chunks.splice(0)) this.#onTaken(chunk.length);
  }
}

/** Feeds a queue from a web stream, a bounded part ahead. */
export function streamSource(stream: ReadableStream<Uint8Array>): QueueSource {
  const reader = stream.getReader();
  let ahead = 0;
  let reading = false;
  let over = false;
  const pull = async () => {
    if (reading || over) return;
    reading = true;
    try {
      while (ahead < wasmLimits.streamWindowBytes) {
        const { done, value } = await reader.read();
        if (done) {
          over = true;
          queue.end();
          return;
        }
        ahead += value.length;
        queue.push(value);
      }
    } catch (error) {
      over = true;
      queue.end(new IoError(error instanceof Error ? error.message : String(error)));
    } finally {
      reading = false;
    }
  };
  const queue = new QueueSource((bytes) => {
    ahead -= bytes;
    void pull();
  });
  const close = queue.close.bind(queue);
  queue.close = () => {
    over = true;
    close();
    reader.cancel().catch(() => {});
  };
  void pull();
  return queue;
}

/** A source with nothing in it. */
export const emptySource: Source = {
  read: () => undefined,
  ended: () => true,
  wait: () => Promise.resolve(),
  close() {},
};

/** A sink whose other end grants room: what is written is on its way until it is acknowledged. */
export class CreditSink implements Sink {
  readonly #change = new Change();
  readonly #send: (bytes: Uint8Array) => void;
  readonly #onClose: () => void;
  #room: number;
  #broken: IoError | "closed" | undefined;

  /** `window`: bytes that may be on their way at once. */
  constructor(window: number, send: (bytes: Uint8Array) => void, onClose: () => void = () => {}) {
    this.#room = window;
    this.#send = send;
    this.#onClose = onClose;
  }
  /** The other end has taken `bytes`. */
  grant(bytes: number): void {
    this.#room += bytes;
    this.#change.happened();
  }
  /** The other end takes no more. */
  break(reason: IoError | "closed"): void {
    this.#broken ??= reason;
    this.#change.happened();
  }
  room(): number | IoError | "closed" {
    return this.#broken ?? Math.max(0, this.#room);
  }
  write(bytes: Uint8Array): void {
    this.#room -= bytes.length;
    this.#send(bytes);
  }
  wait(): Promise<unknown> {
    return this.room() === 0 ? this.#change.wait() : Promise.resolve();
  }
  close(): void {
    this.#onClose();
  }
}

/** A sink that takes everything at once. */
export function directSink(send: (bytes: Uint8Array) => void): Sink {
  return {
    room: () => wasmLimits.ioBytes,
    write: send,
    wait: () => Promise.resolve(),
    close() {},
  };
}
