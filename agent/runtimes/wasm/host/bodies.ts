/** `wasi:http/types`: bodies of requests and responses, in both directions. */
import { wasmLimits } from "../../../protocol/limits.ts";
import { WitError } from "../component/mod.ts";
import type { Fields } from "./fields.ts";
import { Change, CreditSink, emptySource } from "./sources.ts";
import type { QueueSource } from "./sources.ts";
import { alwaysReady, InputStream, IoError, OutputStream, Pollable } from "./streams.ts";

/** What comes in: bytes, then perhaps trailers, which are known when the bytes have ended. */
export interface Incoming {
  readonly source: QueueSource;
  readonly trailers: () => Fields | undefined;
}

/** `incoming-body`. */
export class IncomingBody {
  readonly #incoming: Incoming | undefined;
  #streamed = false;
  /** `incoming` undefined: an empty body. */
  constructor(incoming: Incoming | undefined) {
    this.#incoming = incoming;
  }
  /** The bytes; once. */
  static stream(body: IncomingBody): InputStream {
    if (body.#streamed) throw new WitError(undefined);
    body.#streamed = true;
    return new InputStream(body.#incoming?.source ?? emptySource);
  }
  /** The trailers to come. */
  static finish(body: IncomingBody): FutureTrailers {
    return new FutureTrailers(body.#incoming);
  }
  /** No more is wanted. */
  [Symbol.dispose](): void {
    if (!this.#streamed) this.#incoming?.source.close();
  }
}

/** `future-trailers`. */
export class FutureTrailers {
  readonly #incoming: Incoming | undefined;
  #taken = false;
  /** Of one incoming body. */
  constructor(incoming: Incoming | undefined) {
    this.#incoming = incoming;
    // Bytes that nobody has read would hold the trailers back for ever.
    incoming?.source.close();
  }
  /** Ready when the body has ended. */
  static subscribe(future: FutureTrailers): Pollable {
    const source = future.#incoming?.source;
    if (source === undefined) return alwaysReady();
    return new Pollable(() => source.ended() !== false, () => source.wait());
  }
  /** `option<result<result<option<trailers>, error-code>>>`. */
  static get(future: FutureTrailers): unknown {
    const ended = future.#incoming?.source.ended() ?? true;
    if (ended === false) return undefined;
    if (future.#taken) return { tag: "err" };
    future.#taken = true;
    if (ended !== true) return { tag: "ok", val: { tag: "err", val: { tag: "connection-terminated" } } };
    return { tag: "ok", val: { tag: "ok", val: future.#incoming?.trailers() } };
  }
}

/** Who gets an outgoing body. */
export interface BodyReceiver {
  /** Takes bytes; grants room through the body's sink when they have gone on. */
  chunk(bytes: Uint8Array): void;
  /** All has been said. */
  end(trailers: Fields | undefined): void;
  /** The guest gave up in the middle. */
  abort(): void;
}

/** `outgoing-body`. What is written before there is a receiver waits, within the window. */
export class OutgoingBody {
  readonly #sink: CreditSink;
  #early: Uint8Array[] = [];
  #receiver: BodyReceiver | undefined;
  #written = false;
  #over: { readonly trailers: Fields | undefined } | "aborted" | undefined;

  /** Empty. */
  constructor() {
    this.#sink = new CreditSink(wasmLimits.streamWindowBytes, (bytes) => {
      if (this.#receiver) this.#receiver.chunk(bytes);
      else this.#early.push(bytes);
    });
  }
  /** The stream to write to; once. */
  static write(body: OutgoingBody): OutputStream {
    if (body.#written) throw new WitError(undefined);
    body.#written = true;
    return new OutputStream(body.#sink);
  }
  /** Ends the body. */
  static finish(body: OutgoingBody, trailers: Fields | undefined): void {
    if (body.#over !== undefined) return;
    body.#over = { trailers };
    body.#sink.break("closed");
    body.#receiver?.end(trailers);
  }
  /** Connects the receiver and gives it what was written before. Returns the sink, to grant room with. */
  static attach(body: OutgoingBody, receiver: BodyReceiver): CreditSink {
    body.#receiver = receiver;
    for (const bytes of body.#early.splice(0)) receiver.chunk(bytes);
    if (body.#over === "aborted") receiver.abort();
    else if (body.#over) receiver.end(body.#over.trailers);
    return body.#sink;
  }
  /** Dropped without having been finished: the receiver must not take it for complete. */
  [Symbol.dispose](): void {
    if (this.#over !== undefined) return;
    this.#over = "aborted";
    this.#sink.break("closed");
    this.#receiver?.abort();
  }
}

/** A value that comes later: `future-incoming-response` and the like. */
export class Later<T> {
  readonly #change = new Change();
  #value: T | undefined;
  /** Sets the value, once. */
  static settle<T>(later: Later<T>, value: T): void {
    later.#value = value;
    later.#change.happened();
  }
  /** Ready when the value is there. */
  static subscribe<T>(later: Later<T>): Pollable {
    return new Pollable(() => later.#value !== undefined, () => later.#change.wait());
  }
  /** The value, if it is there. */
  static value<T>(later: Later<T>): T | undefined {
    return later.#value;
  }
}

/** `http-error-code`: the HTTP error behind a stream's error. */
export const httpErrorCode = (error: IoError): unknown => IoError.code(error);
