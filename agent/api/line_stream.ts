/** Endless answers: values as JSON lines or server-sent events, with heartbeats, pulled at the reader's pace. */
import { apiLimits, utf8 } from "../protocol/mod.ts";
import { problemOf } from "./problem.ts";

/** How values are written. */
export interface LineFormat {
  readonly contentType: string;
  value(value: unknown): string;
  failure(error: unknown): string;
  /** Says that the stream lives; readers skip it. */
  readonly beat: string;
}

/** Newline-delimited JSON; a failure is a last line `{"problem": …}`, a heartbeat an empty line. */
export const ndjson: LineFormat = {
  contentType: "application/x-ndjson",
  value: (value) => `${JSON.stringify(value)}\n`,
  failure: (error) => `${JSON.stringify({ problem: problemOf(error) })}\n`,
  beat: "\n",
};

/** Server-sent events; `n` of a value is the event's id, so that a browser resumes after it. */
export const sse: LineFormat = {
  contentType: "text/event-stream",
  value(value) {
    const n = (value as { n?: unknown }).n;
    return `${typeof n === "number" ? `id: ${n}\n` : ""}data: ${JSON.stringify(value)}\n\n`;
  },
  failure: (error) => `event: problem\ndata: ${JSON.stringify(problemOf(error))}\n\n`,
  beat: ": alive\n\n",
};

/** Whether an answer stands until its reader goes or the node ends. */
export const isStanding = ({ status, headers }: Response): boolean =>
  status === 101 || [ndjson, sse].some((format) => headers.get("content-type") === format.contentType);

/** The values of `source` as bytes. When the reader goes away, `stop` is called and the source is ended. */
export function lineStream(
  source: AsyncIterable<unknown>,
  format: LineFormat,
  stop: () => void,
  beatMs: number = apiLimits.heartbeatMs,
): ReadableStream<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  let pending: Promise<IteratorResult<unknown>> | undefined;
  let first = true;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (first) {
        // Sends the headers at once, so that a client knows that it is connected.
        first = false;
        return controller.enqueue(utf8(format.beat));
      }
      let timer: ReturnType<typeof setTimeout> | undefined;
      const beat = new Promise<undefined>((resolve) => {
        timer = setTimeout(() => resolve(undefined), beatMs);
      });
      try {
        pending ??= iterator.next();
        const got = await Promise.race([pending, beat]);
        if (got === undefined) return controller.enqueue(utf8(format.beat));
        pending = undefined;
        if (!got.done) return controller.enqueue(utf8(format.value(got.value)));
        controller.close();
      } catch (error) {
        controller.enqueue(utf8(format.failure(error)));
        controller.close();
      } finally {
        clearTimeout(timer);
      }
      stop();
    },
    cancel() {
      stop();
      pending?.catch(() => {});
      Promise.resolve(iterator.return?.()).catch(() => {});
    },
  }, { highWaterMark: 0 });
}
