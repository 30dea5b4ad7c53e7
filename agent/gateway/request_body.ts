/** Request bodies: bounded, counted, and kept when small. */
import { RealmError } from "../protocol/errors.ts";
import { gatewayLimits } from "../protocol/limits.ts";
import type { RequestBody } from "./exchange.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const tooLarge = (max: number) =>
  new RealmError("too_large", `The request body is larger than the ${max} bytes that this app takes.`);

/**
 * Takes a request's body. One that announces at most `replayBytes` is read and kept. Rejects with
 * `RealmError("too_large")` when the announced length exceeds `max`; a body of unknown length that grows past it
 * errors its stream with the same. `count` is told every byte.
 */
export async function takeBody(
  request: Request,
  max: number,
  count: (bytes: number) => void,
): Promise<RequestBody | undefined> {
  const source = request.body;
  if (source === null) return undefined;
  const header = request.headers.get("content-length");
  const announced = header === null ? undefined : Number(header);
  if (announced !== undefined && announced > max) throw tooLarge(max);
  if (announced !== undefined && announced <= gatewayLimits.replayBytes) {
    const bytes = new Uint8Array(await request.arrayBuffer());
    count(bytes.length);
    return { bytes, touched: false, stream: () => ReadableStream.from([bytes]) };
  }
  let touched = false, size = 0, refused: RealmError | undefined;
  const reader = source.getReader();
  const stream = new ReadableStream<Bytes>({
    async pull(controller) {
      touched = true;
      const { done, value } = await reader.read();
      if (done) return controller.close();
      size += value.length;
      count(value.length);
      if (size > max) {
        reader.cancel().catch(() => {});
        throw refused = tooLarge(max);
      }
      controller.enqueue(value as Bytes);
    },
    cancel: (reason) => reader.cancel(reason),
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
  };
}

/**
 * Passes a body on and tells once how it ended. An error of the source errors the result, so that the connection is
 * cut and the client sees that the content is incomplete.
 */
export function metered(
  body: ReadableStream<Bytes>,
  count: (bytes: number) => void,
  ended: (how: "done" | "cut" | "aborted") => void,
): ReadableStream<Bytes> {
  const reader = body.getReader();
  return new ReadableStream<Bytes>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (done) {
          ended("done");
          return controller.close();
        }
        count(value.length);
        controller.enqueue(value);
      } catch (error) {
        ended("cut");
        throw error;
      }
    },
    cancel(reason) {
      ended("aborted");
      return reader.cancel(reason);
    },
  }, { highWaterMark: 0 });
}
