/** One request on its way through a child: both bodies with credits, its time-out, its end. */
import type { HttpAnswer, HttpCall } from "../../../ports.ts";
import { RealmError } from "../../../protocol/errors.ts";
import { wasmLimits } from "../../../protocol/limits.ts";
import { concat, encodeFrame, frameType, jsonFrame, jsonOf, numberFrame, numberOf } from "./frames.ts";
import type { Failure, Frame, RequestHead, ResponseHead } from "./frames.ts";

/** A request in work. */
export class Exchange {
  /** The answer, when its head has come. */
  readonly answer: Promise<HttpAnswer>;
  /** Settles when nothing more comes, whatever the outcome. */
  readonly over: Promise<void>;
  readonly id: number;
  readonly #send: (frame: Uint8Array) => void;
  readonly #answered = Promise.withResolvers<HttpAnswer>();
  readonly #over = Promise.withResolvers<void>();
  /** What it asks for, in a few words. */
  readonly what: string;
  /** When it began, as `performance.now()`. */
  readonly startedAt = performance.now();
  readonly #method: string;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #window: number = wasmLimits.streamWindowBytes;
  #windowOpen: (() => void) | undefined;
  #body: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>> | undefined;
  #delivered = 0;
  /** A head that has come, until {@link Exchange.settle}: its response may be complete at once. */
  #pending: { readonly head: ResponseHead; readonly chunks: Uint8Array[] } | undefined;
  #headSent = false;
  #isOver = false;
  #cancelled = false;
  /** Whether the response failed after its head. */
  brokenOff = false;

  /** `send`: to the child that serves it. */
  constructor(id: number, call: HttpCall, send: (frame: Uint8Array) => void) {
    this.id = id;
    this.#send = send;
    this.#method = call.method;
    this.what = `${call.method} ${call.path.split("?", 1)[0]}`;
    this.answer = this.#answered.promise;
    this.answer.catch(() => {});
    this.over = this.#over.promise;
    send(jsonFrame(frameType.request, id, headOf(call)));
    if (call.body instanceof Uint8Array) void this.#sendBody(ReadableStream.from([call.body]));
    else if (call.body !== undefined) void this.#sendBody(call.body);
  }

  /** Whether it has been asked to end. */
  get cancelled(): boolean {
    return this.#cancelled;
  }

  /** Handles a frame of this request. */
  frame(frame: Frame): void {
    if (this.#isOver) return;
    switch (frame.type) {
      case frameType.head:
        return this.#head(jsonOf(frame.payload) as ResponseHead);
      case frameType.chunk:
        return this.#chunk(frame.payload);
      case frameType.end:
        this.#close();
        return this.#finish();
      case frameType.credit:
        this.#window += numberOf(frame.payload);
        return this.#windowOpen?.();
      case frameType.fail: {
        const { reason, message } = jsonOf(frame.payload) as Failure;
        return this.fail(new RealmError("unavailable", message, { detail: { reason } }));
      }
      case frameType.cancelled:
        return this.#finish();
    }
  }

  /** Ends it with an error: the response if there is none yet, else the response's body. */
  fail(error: RealmError): void {
    if (this.#isOver) return;
    this.#refuse(error);
    this.#finish();
  }

  /** Tells the caller at once that it failed, and asks the child to end it; {@link Exchange.over} settles when it has. */
  cancel(error: RealmError): void {
    if (this.#isOver || this.#cancelled) return;
    this.#cancelled = true;
    this.#refuse(error);
    this.#send(encodeFrame(frameType.cancel, this.id));
  }

  #refuse(error: RealmError): void {
    // A head that nobody has seen yet does not stand in the way of trying again.
    const unseen = !this.#headSent || this.#pending !== undefined;
    this.#pending = undefined;
    if (unseen) this.#answered.reject(error);
    else this.brokenOff = true;
    try {
      this.#body?.error(error);
    } catch { /* closed already */ }
    this.#body = undefined;
    this.#reader?.cancel(error).catch(() => {});
  }

  /** All frames that came together have been handled: a response that is not complete yet becomes a stream. */
  settle(): void {
    const pending = this.#pending;
    if (pending === undefined) return;
    this.#pending = undefined;
    this.#answer(pending.head, () => this.#responseBody());
    for (const bytes of pending.chunks) this.#chunk(bytes);
  }

  #head(head: ResponseHead): void {
    if (this.#headSent || this.#cancelled) return;
    if (typeof head.status !== "number" || !Array.isArray(head.headers)) {
      return this.cancel(new RealmError("unavailable", "The guest's process does not speak our language."));
    }
    this.#headSent = true;
    this.#pending = { head, chunks: [] };
  }

  #answer({ status, headers }: ResponseHead, body: () => HttpAnswer["body"]): void {
    const bodiless = this.#method === "HEAD" || status === 204 || status === 205 || status === 304;
    this.#answered.resolve({ status, fields: headers, body: bodiless ? undefined : body() });
  }

  #responseBody(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return new ReadableStream<Uint8Array<ArrayBuffer>>({
      start: (controller) => void (this.#body = controller),
      pull: () => {
        if (this.#isOver || this.#delivered === 0) return;
        this.#send(numberFrame(frameType.credit, this.id, this.#delivered));
        this.#delivered = 0;
      },
      cancel: () => {
        this.#body = undefined;
        if (!this.#isOver) this.#send(encodeFrame(frameType.closed, this.id));
      },
    }, { highWaterMark: 1 });
  }

  #chunk(bytes: Uint8Array): void {
    if (this.#pending !== undefined) return void this.#pending.chunks.push(bytes);
    if (this.#body === undefined) return;
    this.#delivered += bytes.length;
    // A child that ignores its credits would fill the agent's memory.
    if (this.#delivered > 2 * wasmLimits.streamWindowBytes) {
      return this.cancel(
        new RealmError("unavailable", "The guest's process sent more than it was allowed to."),
      );
    }
    this.#body.enqueue(bytes as Uint8Array<ArrayBuffer>);
  }

  #close(): void {
    if (!this.#headSent) {
      this.#answered.reject(new RealmError("unavailable", "The guest ended its response before it began."));
    }
    const pending = this.#pending;
    if (pending !== undefined) {
      this.#pending = undefined;
      return this.#answer(pending.head, () => concat(pending.chunks));
    }
    try {
      this.#body?.close();
    } catch { /* errored already */ }
    this.#body = undefined;
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#windowOpen?.();
    this.#reader?.cancel().catch(() => {});
    this.#over.resolve();
  }

  async #sendBody(body: ReadableStream<Uint8Array>): Promise<void> {
    const reader = this.#reader = body.getReader();
    try {
      while (true) {
        const { done, value } = await reader.read();
        if (done || this.#isOver) break;
        for (let at = 0; at < value.length && !this.#isOver;) {
          if (this.#window <= 0) await this.#windowOpened();
          const part = value.subarray(at, at + Math.min(wasmLimits.ioBytes, Math.max(1, this.#window)));
          at += part.length;
          this.#window -= part.length;
          this.#send(encodeFrame(frameType.body, this.id, part));
        }
      }
      if (!this.#isOver) this.#send(encodeFrame(frameType.bodyEnd, this.id));
    } catch {
      // The client broke off: the guest must not take the body for complete.
      if (!this.#isOver) this.#send(encodeFrame(frameType.closed, this.id));
    }
  }

  async #windowOpened(): Promise<void> {
    while (this.#window <= 0 && !this.#isOver) {
      await new Promise<void>((resolve) => this.#windowOpen = resolve);
    }
  }
}

/** Hop-by-hop headers (RFC 9110, 7.6.1): between two neighbours only, so not for the guest. */
const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "transfer-encoding",
  "upgrade",
]);

function headOf({ method, path, scheme, authority, fields, body }: HttpCall): RequestHead {
  return {
    method,
    path,
    scheme,
    authority,
    headers: fields.filter(([name]) => !HOP_BY_HOP.has(name)),
    body: body !== undefined,
  };
}

/** A call of a `Request`. */
export function callOf(request: Request): HttpCall {
  const url = new URL(request.url);
  return {
    method: request.method,
    scheme: url.protocol === "https:" ? "https" : "http",
    authority: request.headers.get("host") ?? url.host,
    path: url.pathname + url.search,
    fields: [...request.headers],
    body: request.body ?? undefined,
    signal: request.signal,
  };
}

/** The `Response` of an answer. Throws `RealmError("unavailable")` for one that is no valid HTTP. */
export function responseOf({ status, fields, body }: HttpAnswer): Response {
  try {
    return new Response(body ?? null, { status, headers: fields as [string, string][] });
  } catch (error) {
    const why = (error as Error).message;
    throw new RealmError("unavailable", `The guest's response is not valid HTTP: ${why}`);
  }
}
