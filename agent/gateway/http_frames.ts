/**
 * Framing of `/realm/http/1.0.0`: one stream carries one request and its response. Each direction is a sequence of
 * frames: one byte of kind, four bytes of length (big-endian), payload.
 *
 * ```
 * gateway → node   head (JSON)  data*  end
 * node → gateway   ready?  head (JSON)  data*  end        or   error (JSON), in place of anything not yet sent
 * ```
 *
 * `ready` says that a replica takes the request; a gateway that cannot repeat a body waits for it before it sends
 * one. After a head with status 101 `data` carries the upgraded protocol both ways, `end` half-closes. A stream that
 * ends without `end` was cut: what it carried is incomplete.
 */
import { RealmError } from "../protocol/errors.ts";
import { fromUtf8, utf8 } from "../protocol/encoding.ts";
import { gatewayLimits } from "../protocol/limits.ts";

/** The protocol's name. */
export const HTTP_PROTOCOL = "/realm/http/1.0.0";

/** Kinds of frames. */
export const kinds = { head: 1, ready: 2, data: 3, end: 4, error: 5 } as const;

const HEADER = 5;

/** One frame. Data payloads above the limit must be cut with {@link dataFrames}. */
export function frame(kind: number, payload: Uint8Array = new Uint8Array(0)): Uint8Array {
  const out = new Uint8Array(HEADER + payload.length);
  out[0] = kind;
  new DataView(out.buffer).setUint32(1, payload.length);
  out.set(payload, HEADER);
  return out;
}

/** A frame of JSON. */
export const jsonFrame = (kind: number, value: unknown): Uint8Array =>
  frame(kind, utf8(JSON.stringify(value)));

/** Data frames for a chunk of any size; none for an empty one. */
export function* dataFrames(chunk: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < chunk.length; at += gatewayLimits.dataFrameBytes) {
    yield frame(kinds.data, chunk.subarray(at, at + gatewayLimits.dataFrameBytes));
  }
}

/** What a {@link FrameReader} yields: `data` in pieces as they arrive, everything else whole. */
export interface Frame {
  readonly kind: number;
  readonly payload: Uint8Array;
}

/** Reads frames from a byte stream with bounded memory. */
export class FrameReader {
  #reader: ReadableStreamDefaultReader<Uint8Array>;
  #held: Uint8Array = new Uint8Array(0);
  #dataLeft = 0;

  /** Takes the stream over. */
  constructor(readable: ReadableStream<Uint8Array>) {
    this.#reader = readable.getReader();
  }

  /** More bytes in `#held`; false at the end of the stream. */
  async #more(): Promise<boolean> {
    const { done, value } = await this.#reader.read();
    if (done) return false;
    if (this.#held.length === 0) this.#held = value;
    else {
      const joined = new Uint8Array(this.#held.length + value.length);
      joined.set(this.#held);
      joined.set(value, this.#held.length);
      this.#held = joined;
    }
    return true;
  }

  #take(n: number): Uint8Array {
    const out = this.#held.subarray(0, n);
    this.#held = this.#held.subarray(n);
    return out;
  }

  /**
   * The next frame (or piece of one). Throws `RealmError("unavailable")` when the stream ends or is reset, and
   * `bad_request` for a frame that no honest peer sends.
   */
  async next(): Promise<Frame> {
    if (this.#dataLeft > 0) {
      if (this.#held.length === 0) await this.#need(1);
      const payload = this.#take(Math.min(this.#dataLeft, this.#held.length));
      this.#dataLeft -= payload.length;
      return { kind: kinds.data, payload };
    }
    await this.#need(HEADER);
    const head = this.#take(HEADER);
    const kind = head[0];
    const length = ((head[1] << 24) | (head[2] << 16) | (head[3] << 8) | head[4]) >>> 0;
    if (kind === kinds.data) {
      if (length === 0 || length > gatewayLimits.dataFrameBytes) {
        throw malformed(`a data frame of ${length} bytes`);
      }
      this.#dataLeft = length;
      return this.next();
    }
    if (kind < kinds.head || kind > kinds.error) throw malformed(`a frame of kind ${kind}`);
    if (length > gatewayLimits.headFrameBytes) throw malformed(`a frame of ${length} bytes`);
    await this.#need(length);
    return { kind, payload: this.#take(length) };
  }

  async #need(n: number): Promise<void> {
    try {
      while (this.#held.length < n) if (!await this.#more()) throw cut();
    } catch (cause) {
      throw cause instanceof RealmError && cause.code === "unavailable" ? cause : cut(cause);
    }
  }

  /** Stops reading; the peer notices. */
  cancel(): void {
    this.#reader.cancel().catch(() => {});
  }
}

const cut = (cause?: unknown) =>
  new RealmError("unavailable", "The connection to the node broke before the exchange was complete.", {
    cause,
    detail: { broken: true },
  });
const malformed = (what: string) =>
  new RealmError("bad_request", `The node sent ${what}, which ${HTTP_PROTOCOL} does not allow.`);

/** Parses the JSON of a frame; throws `RealmError("bad_request")`. */
export function parseFrame(payload: Uint8Array): unknown {
  try {
    return JSON.parse(fromUtf8(payload));
  } catch (cause) {
    throw new RealmError("bad_request", "The node sent a frame that is no JSON.", { cause });
  }
}
