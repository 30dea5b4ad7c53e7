/** Request bodies: bounded, counted, and kept when small. */
import { RealmError } from "../protocol/errors.ts";
import { gatewayLimits } from "../protocol/limits.ts";
import { bodyFields, readUntil } from "./prime.ts";
import type { RequestBody } from "./exchange.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const tooLarge = (max: number) =>
  new RealmError("too_large", `The request body is larger than the ${max} bytes that this app takes.`);

/** A body as the gateway holds it: what an exchange may use, and the watch over its end. */
export interface IncomingBody extends RequestBody {
  /**
   * Resolves when nothing more of it will be read: it was read whole, it failed, or the app has not asked for more
   * for `gatewayLimits.unreadMs`; then the rest is given up.
   */
  over(): Promise<void>;
}

/**
 * Takes a request's body. One that announces at most `replayBytes` is read and kept. Rejects with
 * `RealmError("too_large")` when the announced length exceeds `max`; a body of unknown length that grows past it
 * errors its stream with the same. `count` is told every byte.
 */
export async function takeBody(
  request: Request,
  max: number,
  count: (bytes: number) => void,
): Promise<IncomingBody | undefined> {
  const source = request.body;
  if (source === null) return undefined;
  const header = request.headers.get("content-length");
  const announced = header === null ? undefined : Number(header);
  if (announced !== undefined && announced > max) throw tooLarge(max);
  if (announced !== undefined && announced <= gatewayLimits.replayBytes) {
    const bytes = new Uint8Array(await request.arrayBuffer());
    count(bytes.length);
    return kept(bytes);
  }
  if (announced !== undefined || request.headers.has("transfer-encoding")) {
    return streamed(source.getReader(), max, count);
  }
  // Neither length nor encoding: no body in HTTP/1.1, in HTTP/2 only its end tells.
  const start = await readUntil(source, bodyFields([]), new Promise(() => {}), gatewayLimits.replayBytes);
  if ("stream" in start) return streamed(start.stream.getReader(), max, count);
  count(start.whole.length);
  return start.whole.length === 0 ? undefined : kept(start.whole);
}

const kept = (bytes: Bytes): IncomingBody => ({
  bytes,
  touched: false,
  stream: () => ReadableStream.from([bytes]),
  over: () => Promise.resolve(),
});

function streamed(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  max: number,
  count: (bytes: number) => void,
): IncomingBody {
  let touched = false, asking = false, watched = false, size = 0, refused: RealmError | undefined;
  const ended = Promise.withResolvers<void>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const giveUp = () => {
    reader.cancel().catch(() => {});
    ended.resolve();
  };
  const watch = () => {
    clearTimeout(timer);
    if (watched && !asking) timer = setTimeout(giveUp, gatewayLimits.unreadMs);
  };
  ended.promise.then(() => {
    watched = false;
    clearTimeout(timer);
  });
  async function pull(controller: ReadableStreamDefaultController<Bytes>) {
    const { done, value } = await reader.read();
    if (done) {
      ended.resolve();
      return controller.close();
    }
    size += value.length;
    count(value.length);
    if (size > max) throw refused = tooLarge(max);
    controller.enqueue(value as Bytes);
  }
  const stream = new ReadableStream<Bytes>({
    async pull(controller) {
      touched = asking = true;
      watch();
      try {
        await pull(controller);
      } catch (error) {
        giveUp();
        throw error;
      } finally {
        asking = false;
        watch();
      }
    },
    cancel: giveUp,
  }, { highWaterMark: 0 });
  return {
    bytes: undefined,
    get touched() {
      return touched;
    },
    get refused() {
      return refused;
    },
    stream: () => stream,
    over() {
      watched = true;
      watch();
      return ended.promise;
    },
  };
}

/**
 * Passes a body on and tells once how it ended. An error of the source, or the signal, errors the result, so that the
 * connection is cut and the client sees that the content is incomplete.
 */
export function metered(
  body: ReadableStream<Bytes>,
  count: (bytes: number) => void,
  ended: (how: "done" | "cut" | "aborted") => void,
  signal?: AbortSignal,
): ReadableStream<Bytes> {
  const reader = body.getReader();
  let stop = () => {};
  const finish = (how: "done" | "cut" | "aborted") => {
    signal?.removeEventListener("abort", stop);
    ended(how);
  };
  return new ReadableStream<Bytes>({
    start(controller) {
      stop = () => {
        controller.error(new TypeError("the exchange was ended"));
        reader.cancel().catch(() => {});
        finish("cut");
      };
      signal?.addEventListener("abort", stop);
    },
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (done) {
          finish("done");
          return controller.close();
        }
        count(value.length);
        controller.enqueue(value);
      } catch (error) {
        finish("cut");
        throw error;
      }
    },
    cancel(reason) {
      finish("aborted");
      return reader.cancel(reason);
    },
  }, { highWaterMark: 0 });
}
