/** Exact reads from a byte stream, holding no more than one chunk. */

/** Reads a stream in pieces of the caller's choice. */
export interface ByteReader {
  /** Exactly `n` bytes; fewer only at the end of the stream. For small `n`: the result is one buffer. */
  read(n: number): Promise<Uint8Array>;
  /** The next bytes, at most `max`; `undefined` at the end. */
  some(max: number): Promise<Uint8Array | undefined>;
  /** Ends reading; idempotent. */
  cancel(): Promise<void>;
}

/** A {@link ByteReader} over `stream`. */
export function byteReader(stream: ReadableStream<Uint8Array>): ByteReader {
  const reader = stream.getReader();
  let rest = new Uint8Array(0) as Uint8Array;
  async function some(max: number): Promise<Uint8Array | undefined> {
    while (rest.length === 0) {
      const { done, value } = await reader.read();
      if (done) return undefined;
      rest = value;
    }
    const piece = rest.subarray(0, max);
    rest = rest.subarray(piece.length);
    return piece;
  }
  return {
    some,
    async read(n) {
      const out = new Uint8Array(n);
      let at = 0;
      while (at < n) {
        const piece = await some(n - at);
        if (!piece) break;
        out.set(piece, at);
        at += piece.length;
      }
      return out.subarray(0, at);
    },
    cancel: () => reader.cancel().catch(() => {}),
  };
}

/** A stream from an async generator; nothing is read ahead of the consumer. */
export function streamOf(source: AsyncGenerator<Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await source.next();
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (error) {
        controller.error(error);
      }
    },
    async cancel() {
      await source.return(undefined);
    },
  }, { highWaterMark: 0 });
}

/** Content after its first `skip` bytes, which are read as well: so the whole is verified. */
export async function* after(content: AsyncIterable<Uint8Array>, skip: number): AsyncGenerator<Uint8Array> {
  for await (const piece of content) {
    if (skip < piece.length) yield skip > 0 ? piece.subarray(skip) : piece;
    skip = Math.max(0, skip - piece.length);
  }
}
