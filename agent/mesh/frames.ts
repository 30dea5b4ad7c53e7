/** Length-prefixed frames: four bytes of length, big-endian, then the content. */
import { RealmError } from "../protocol/errors.ts";

const HEADER = 4;
/** Up to this size header and content are copied together: one packet instead of two. */
const JOIN_BELOW = 64 * 1024;

/** The pieces to send for one frame. */
export function encodeFrame(content: Uint8Array): readonly Uint8Array[] {
  const joined = content.length < JOIN_BELOW;
  const head = new Uint8Array(joined ? HEADER + content.length : HEADER);
  new DataView(head.buffer).setUint32(0, content.length);
  if (!joined) return [head, content];
  head.set(content, HEADER);
  return [head];
}

/** Takes pieces of any size and gives whole frames. Holds at most one frame of `maxBytes`. */
export interface FrameDecoder {
  /**
   * Frames completed by `piece`. Throws `RealmError` `too_large` for a frame over the bound and `bad_request` for an
   * empty one, before any of its content is kept; the decoder is then of no more use.
   */
  push(piece: Uint8Array): readonly Uint8Array[];
  /** Whether a frame is incomplete: the stream must not end now. */
  readonly partial: boolean;
}

/** A decoder for frames of at most `maxBytes`. */
export function createFrameDecoder(maxBytes: number): FrameDecoder {
  const header = new Uint8Array(HEADER);
  let headerAt = 0;
  let frame: Uint8Array | undefined;
  let frameAt = 0;

  function begin(): void {
    const length = new DataView(header.buffer).getUint32(0);
    if (length > maxBytes) throw new RealmError("too_large", `frame of ${length} bytes exceeds ${maxBytes}`);
    if (length === 0) throw new RealmError("bad_request", "frame is empty");
    frame = new Uint8Array(length);
    frameAt = 0;
  }

  return {
    push(piece) {
      const out: Uint8Array[] = [];
      let at = 0;
      while (at < piece.length) {
        if (!frame) {
          const n = Math.min(HEADER - headerAt, piece.length - at);
          header.set(piece.subarray(at, at + n), headerAt);
          headerAt += n;
          at += n;
          if (headerAt === HEADER) begin();
          continue;
        }
        const n = Math.min(frame.length - frameAt, piece.length - at);
        frame.set(piece.subarray(at, at + n), frameAt);
        frameAt += n;
        at += n;
        if (frameAt < frame.length) continue;
        out.push(frame);
        frame = undefined;
        headerAt = 0;
      }
      return out;
    },
    get partial() {
      return headerAt > 0;
    },
  };
}

/** Reads one frame from a stream and nothing else; `undefined` when the stream ended before. */
export async function readFrame(
  readable: ReadableStream<Uint8Array>,
  maxBytes: number,
): Promise<Uint8Array | undefined> {
  const decoder = createFrameDecoder(maxBytes);
  const reader = readable.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return undefined;
      const [frame] = decoder.push(value);
      if (frame) return frame;
    }
  } finally {
    reader.releaseLock();
  }
}

/** Writes one frame and half-closes. */
export async function writeFrame(writable: WritableStream<Uint8Array>, content: Uint8Array): Promise<void> {
  const writer = writable.getWriter();
  for (const piece of encodeFrame(content)) await writer.write(piece);
  await writer.close();
}
