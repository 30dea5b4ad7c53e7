/** `/realm/http/1.0.0`, the gateway's side: sends one exchange to a replica on another node. */
import type { PeerStream, PeerStreams } from "../ports.ts";
import type { ErrorCode } from "../protocol/errors.ts";
import { errorTable, RealmError } from "../protocol/errors.ts";
import { concatBytes } from "../protocol/encoding.ts";
import { gatewayLimits } from "../protocol/limits.ts";
import { AttemptError, type Exchange, notSent, type UpgradeAnswer } from "./exchange.ts";
import { type Fields, returnedFields } from "./forwarding.ts";
import { dataFrames, FrameReader, HTTP_PROTOCOL, jsonFrame, kinds, parseFrame } from "./http_frames.ts";
import { frame } from "./http_frames.ts";
import { framedDuplex } from "./framed_duplex.ts";

/** The head frame of a request. */
export interface RequestHead {
  readonly app: string;
  /** The replica that the gateway chose; the node may use another one of the app when that one is gone. */
  readonly replica: string;
  readonly method: string;
  readonly url: string;
  readonly prefix: string;
  readonly fields: Fields;
  /** Whether data frames follow; `wait`: only after a `ready` frame. */
  readonly body: "none" | "now" | "wait";
  readonly upgrade?: string;
}

/** The head frame of a response. */
export interface ResponseHead {
  readonly status: number;
  readonly fields: Fields;
  /** Whether data frames and an end follow. */
  readonly body: boolean;
}

/** The error frame. */
export interface ErrorHead {
  readonly code: ErrorCode;
  readonly message: string;
  readonly sent: boolean;
}

interface Opened {
  readonly stream: PeerStream;
  readonly reader: FrameReader;
  readonly writer: WritableStreamDefaultWriter<Uint8Array>;
  /** Ends the listening for the exchange's abort. */
  release(): void;
}

async function open(streams: PeerStreams, node: string, exchange: Exchange): Promise<Opened> {
  let stream: PeerStream;
  try {
    stream = await streams.open(node, HTTP_PROTOCOL, { signal: exchange.signal });
  } catch (cause) {
    throw new AttemptError(notSent("The node of the replica cannot be reached.", cause), false);
  }
  const reset = () => stream.reset();
  exchange.signal.addEventListener("abort", reset, { once: true });
  return {
    stream,
    reader: new FrameReader(stream.readable),
    writer: stream.writable.getWriter(),
    release: () => exchange.signal.removeEventListener("abort", reset),
  };
}

async function pump(opened: Opened, exchange: Exchange): Promise<void> {
  const reader = exchange.body!.stream().getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      for (const part of dataFrames(value)) await opened.writer.write(part);
    }
    await opened.writer.write(frame(kinds.end));
  } catch {
    opened.stream.reset();
    reader.cancel().catch(() => {});
  }
}

/** Sends the head (with the body, when it is kept) and waits for the head of the answer. */
async function converse(
  opened: Opened,
  replica: string,
  exchange: Exchange,
): Promise<{ head: ResponseHead; pumping: boolean }> {
  const { app, method, url, prefix, fields, body, upgrade } = exchange;
  const head: RequestHead = {
    app,
    replica,
    method,
    url,
    prefix,
    fields,
    body: !body ? "none" : body.bytes ? "now" : "wait",
    ...(upgrade === undefined ? {} : { upgrade }),
  };
  let pumping = false, sent = false, late = false;
  const timer = setTimeout(() => {
    late = true;
    opened.stream.reset();
  }, gatewayLimits.headMs);
  try {
    const first = [jsonFrame(kinds.head, head)];
    if (body?.bytes) first.push(...dataFrames(body.bytes), frame(kinds.end));
    opened.writer.write(concatBytes(...first)).catch(() => {});
    sent = true;
    for (;;) {
      const { kind, payload } = await opened.reader.next();
      if (kind === kinds.ready && head.body === "wait" && !pumping) {
        pumping = true;
        pump(opened, exchange);
      } else if (kind === kinds.head) {
        return { head: checkedHead(parseFrame(payload)), pumping };
      } else if (kind === kinds.error) throw peerError(parseFrame(payload));
      else if (kind !== kinds.ready) {
        throw new RealmError("failed", "The node sent data before the head of its answer.");
      }
    }
  } catch (cause) {
    opened.stream.reset();
    opened.release();
    if (late) throw new AttemptError(new RealmError("timed_out", "The app did not answer in time."), true);
    throw cause instanceof AttemptError ? cause : new AttemptError(cause, sent);
  } finally {
    clearTimeout(timer);
  }
}

function peerError(value: unknown): AttemptError {
  const { code, message, sent } = value as Partial<ErrorHead>;
  const known = typeof code === "string" && Object.hasOwn(errorTable, code) ? code : "failed";
  return new AttemptError(new RealmError(known, String(message ?? "The node refused.")), sent !== false);
}

function checkedHead(value: unknown): ResponseHead {
  const { status, fields, body } = value as Partial<ResponseHead>;
  const valid = Number.isInteger(status) && (status === 101 || (status! >= 200 && status! <= 599)) &&
    Array.isArray(fields) &&
    fields.every((f) => Array.isArray(f) && typeof f[0] === "string" && typeof f[1] === "string");
  if (!valid) throw new RealmError("failed", "The node sent a head that is none.");
  return { status: status!, fields: fields!, body: body === true };
}

function finish(opened: Opened, pumping: boolean): void {
  opened.release();
  if (pumping) opened.stream.reset();
  else opened.writer.close().catch(() => {});
}

function bodyOf(opened: Opened, pumping: boolean): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { kind, payload } = await opened.reader.next();
        if (kind === kinds.data) return controller.enqueue(payload);
        if (kind === kinds.end) {
          controller.close();
          return finish(opened, pumping);
        }
        throw kind === kinds.error
          ? peerError(parseFrame(payload)).error
          : new RealmError("failed", "A stray frame.");
      } catch (error) {
        opened.release();
        opened.stream.reset();
        controller.error(error);
      }
    },
    cancel() {
      opened.release();
      opened.stream.reset();
    },
  }, { highWaterMark: 0 });
}

function responseOf(opened: Opened, head: ResponseHead, pumping: boolean): Response {
  try {
    const init = { status: head.status, headers: returnedFields(head.fields) };
    if (head.body) {
      return new Response(bodyOf(opened, pumping) as ReadableStream<Uint8Array<ArrayBuffer>>, init);
    }
    finish(opened, pumping);
    return new Response(null, init);
  } catch (cause) {
    opened.stream.reset();
    throw new AttemptError(cause, true);
  }
}

/** Sends a request to `replica` on `node`. Rejects with {@link AttemptError}. */
export async function fetchFromPeer(
  streams: PeerStreams,
  node: string,
  replica: string,
  exchange: Exchange,
): Promise<Response> {
  const opened = await open(streams, node, exchange);
  const { head, pumping } = await converse(opened, replica, exchange);
  return responseOf(opened, head, pumping);
}

/** Asks `replica` on `node` for an upgrade. Rejects with {@link AttemptError}. */
export async function upgradeAtPeer(
  streams: PeerStreams,
  node: string,
  replica: string,
  exchange: Exchange,
): Promise<UpgradeAnswer> {
  const opened = await open(streams, node, exchange);
  const { head } = await converse(opened, replica, exchange);
  if (head.status !== 101) return { kind: "response", response: responseOf(opened, head, false) };
  opened.release();
  return {
    kind: "switched",
    fields: returnedFields(head.fields),
    duplex: framedDuplex(opened.reader, opened.writer, () => opened.stream.reset()),
  };
}
