/** An upgraded connection inside `/realm/http/1.0.0`: data frames both ways, an end frame half-closes. */
import { RealmError } from "../protocol/errors.ts";
import type { Duplex } from "./exchange.ts";
import { dataFrames, frame, type FrameReader, kinds } from "./http_frames.ts";

/** Makes the duplex; `reset` ends the stream below. */
export function framedDuplex(
  reader: FrameReader,
  writer: WritableStreamDefaultWriter<Uint8Array>,
  reset: () => void,
): Duplex {
  return {
    readable: new ReadableStream<Uint8Array>({
      async pull(controller) {
        try {
          const { kind, payload } = await reader.next();
          if (kind === kinds.data) controller.enqueue(payload);
          else if (kind === kinds.end) controller.close();
          else throw new RealmError("bad_request", "A stray frame in an upgraded connection.");
        } catch (error) {
          reset();
          controller.error(error);
        }
      },
      cancel: reset,
    }, { highWaterMark: 0 }),
    writable: new WritableStream<Uint8Array>({
      async write(chunk) {
        for (const part of dataFrames(chunk)) await writer.write(part);
      },
      async close() {
        await writer.write(frame(kinds.end));
        await writer.close();
      },
      abort: reset,
    }),
    close: reset,
  };
}

/** Connects two duplexes until both directions have ended; a broken one ends both. Never rejects. */
export async function splice(a: Duplex, b: Duplex): Promise<void> {
  const ended = (why: unknown) => {
    a.close();
    b.close();
    return why;
  };
  await Promise.all([
    a.readable.pipeTo(b.writable).catch(ended),
    b.readable.pipeTo(a.writable).catch(ended),
  ]);
  ended(undefined);
}
