/** `/realm/http/1.0.0`, the replica's side: answers exchanges that other nodes' gateways send. */
import type { Log, PeerStream, PeerStreams } from "../ports.ts";
import type { NodeId } from "../protocol/identity.ts";
import { RealmError } from "../protocol/errors.ts";
import { concatBytes } from "../protocol/encoding.ts";
import { gatewayLimits } from "../protocol/limits.ts";
import {
  type Answer,
  answerOf,
  AttemptError,
  type Exchange,
  notSent,
  type UpgradeAnswer,
} from "./exchange.ts";
import { returnedFields, targetOf } from "./forwarding.ts";
import {
  dataFrames,
  frame,
  FrameReader,
  HTTP_PROTOCOL,
  jsonFrame,
  kinds,
  parseFrame,
} from "./http_frames.ts";
import type { ErrorHead, RequestHead, ResponseHead } from "./peer_exchange.ts";
import { framedDuplex, splice } from "./framed_duplex.ts";

/** What the server needs from the gateway. Both reject with {@link AttemptError}. */
export interface PeerService {
  /** Answers from `replica`, or from another local replica of the app when that one is gone. */
  answer(replica: string, exchange: Exchange): Promise<Answer>;
  /** `done` must be called when the connection has ended. */
  upgrade(
    replica: string,
    exchange: Exchange,
  ): Promise<{ readonly answer: UpgradeAnswer; readonly done: () => void }>;
}

type Writer = WritableStreamDefaultWriter<Uint8Array>;

function checkedHead(value: unknown): RequestHead {
  const { app, replica, method, url, prefix, fields, body, upgrade } = value as Partial<RequestHead>;
  const texts = [app, replica, method, url, prefix].every((t) => typeof t === "string");
  const pairs = Array.isArray(fields) &&
    fields.every((f) => Array.isArray(f) && typeof f[0] === "string" && typeof f[1] === "string");
  const rest = (body === "none" || body === "now" || body === "wait") &&
    (upgrade === undefined || typeof upgrade === "string");
  if (!texts || !pairs || !rest) throw new RealmError("bad_request", "A request head that is none.");
  return value as RequestHead;
}

/** The request body as it arrives in frames; `started` runs at the first read. */
function incoming(
  reader: FrameReader,
  started: () => void,
  ended: () => void,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let first = true;
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      if (first) started();
      first = false;
      try {
        const { kind, payload } = await reader.next();
        if (kind === kinds.data) return controller.enqueue(payload as Uint8Array<ArrayBuffer>);
        if (kind !== kinds.end) throw new RealmError("bad_request", "A stray frame in a request body.");
        ended();
        controller.close();
      } catch (error) {
        controller.error(error);
      }
    },
  }, { highWaterMark: 0 });
}

/** Sends the answer; what is ready at once travels in one write. */
async function reply(writer: Writer, { status, fields, body }: Answer): Promise<void> {
  const head: ResponseHead = { status, fields: returnedFields(fields), body: body !== undefined };
  let batch: Uint8Array[] = [jsonFrame(kinds.head, head)];
  let size = 0;
  const flush = async () => {
    if (batch.length === 0) return;
    const bytes = batch.length === 1 ? batch[0] : concatBytes(...batch);
    batch = [];
    size = 0;
    await writer.write(bytes);
  };
  const put = (bytes: Uint8Array) => {
    for (const part of dataFrames(bytes)) {
      batch.push(part);
      size += part.length;
    }
  };
  if (body instanceof Uint8Array) {
    put(body);
    batch.push(frame(kinds.end));
  }
  const reader = body instanceof ReadableStream ? body.getReader() : undefined;
  try {
    while (reader) {
      let ready = false;
      const reading = reader.read();
      reading.then(() => ready = true, () => ready = true);
      await nextTask();
      if (!ready || size >= gatewayLimits.dataFrameBytes) await flush();
      const { done, value } = await reading;
      if (done) {
        batch.push(frame(kinds.end));
        break;
      }
      put(value);
    }
    await flush();
    await writer.close();
  } catch (error) {
    reader?.cancel(error).catch(() => {});
    throw error;
  }
}

/** After what is already queued: promises that are settled have run their reactions by then. */
const nextTask = () => new Promise<void>((resolve) => setImmediate(resolve));

async function refuse(writer: Writer, cause: unknown): Promise<void> {
  const { error, sent } = cause instanceof AttemptError ? cause : new AttemptError(cause, true);
  const head: ErrorHead = { code: error.code, message: error.message, sent };
  await writer.write(jsonFrame(kinds.error, head));
  await writer.close();
}

function within<T>(promise: Promise<T>, ms: number, stream: PeerStream): Promise<T> {
  const timer = setTimeout(() => stream.reset(), ms);
  return promise.finally(() => clearTimeout(timer));
}

async function serve(stream: PeerStream, service: PeerService): Promise<void> {
  const reader = new FrameReader(stream.readable);
  const writer = stream.writable.getWriter();
  const first = await within(reader.next(), gatewayLimits.peerHeadMs, stream);
  if (first.kind !== kinds.head) return stream.reset();
  const gone = new AbortController();
  const head = checkedHead(parseFrame(first.payload));
  const target = targetOf(head.url);
  if (!target) return refuse(writer, new RealmError("bad_request", "A request for no valid address."));
  let over = false;
  /** Once the request has arrived whole, the peer says nothing until it is done or gives up. */
  const watch = () => void reader.next().catch(() => over || gone.abort());
  const ready = () => head.body === "wait" && void writer.write(frame(kinds.ready)).catch(() => {});
  const stream_ = head.body === "none" ? undefined : incoming(reader, ready, watch);
  const exchange: Exchange = {
    app: head.app,
    method: head.method,
    url: head.url,
    path: target.path,
    prefix: head.prefix,
    fields: head.fields,
    body: stream_ && { bytes: undefined, touched: false, stream: () => stream_ },
    ...(head.upgrade === undefined ? {} : { upgrade: head.upgrade }),
    signal: gone.signal,
  };
  try {
    if (head.upgrade !== undefined) return await tunnel(head, exchange, service, reader, writer, stream);
    if (!stream_) watch();
    await reply(writer, await service.answer(head.replica, exchange)).catch(() => stream.reset());
  } catch (cause) {
    await refuse(writer, cause);
  } finally {
    over = true;
  }
}

async function tunnel(
  head: RequestHead,
  exchange: Exchange,
  service: PeerService,
  reader: FrameReader,
  writer: Writer,
  stream: PeerStream,
): Promise<void> {
  const { answer, done } = await service.upgrade(head.replica, exchange);
  try {
    if (answer.kind === "response") {
      return await reply(writer, answerOf(answer.response)).catch(() => stream.reset());
    }
    const response: ResponseHead = { status: 101, fields: answer.fields, body: true };
    await writer.write(jsonFrame(kinds.head, response));
    await splice(answer.duplex, framedDuplex(reader, writer, () => stream.reset()));
  } finally {
    done();
  }
}

/** Starts answering members' exchanges. */
export function servePeers(streams: PeerStreams, service: PeerService, log: Log): void {
  const open = new Map<NodeId, number>();
  streams.handle(HTTP_PROTOCOL, async (stream) => {
    const count = (open.get(stream.peer) ?? 0) + 1;
    open.set(stream.peer, count);
    try {
      if (count > gatewayLimits.streamsPerPeer) {
        await refuse(
          stream.writable.getWriter(),
          notSent("This node has too many requests of that node in work."),
        );
      } else await serve(stream, service);
    } catch (error) {
      log.debug("a proxied request ended early", { peer: stream.peer, why: String(error) });
      stream.reset();
    } finally {
      const left = open.get(stream.peer)! - 1;
      left === 0 ? open.delete(stream.peer) : open.set(stream.peer, left);
    }
  });
}
