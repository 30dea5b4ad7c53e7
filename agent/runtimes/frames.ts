/**
 * Frames between processes of one node: `u32 length | u8 type | u32 id | payload`, little-endian, length counting what
 * follows it. What the types mean is each pair's own language.
 */
import { wasmLimits } from "../protocol/limits.ts";

/** One frame. */
export interface Frame {
  readonly type: number;
  readonly id: number;
  readonly payload: Uint8Array;
}

const HEADER = 9;
const empty = new Uint8Array(0);
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A frame as bytes. */
export const encodeFrame = (type: number, id: number, payload: Uint8Array = empty): Uint8Array<ArrayBuffer> =>
  encodeFrames([{ type, id, payload }]);
/** Several frames as bytes, one after the other. */
export function encodeFrames(frames: readonly Frame[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(frames.reduce((sum, { payload }) => sum + HEADER + payload.length, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const { type, id, payload } of frames) {
    view.setUint32(at, HEADER - 4 + payload.length, true);
    bytes[at + 4] = type;
    view.setUint32(at + 5, id, true);
    bytes.set(payload, at + HEADER);
    at += HEADER + payload.length;
  }
  return bytes;
}
/** A frame with a JSON payload. */
export const jsonFrame = (type: number, id: number, value: unknown): Uint8Array<ArrayBuffer> =>
  encodeFrame(type, id, encoder.encode(JSON.stringify(value)));
/** A frame with a number as payload. */
export function numberFrame(type: number, id: number, value: number): Uint8Array<ArrayBuffer> {
  const payload = new Uint8Array(4);
  new DataView(payload.buffer).setUint32(0, value, true);
  return encodeFrame(type, id, payload);
}
/** The JSON of a payload. Throws `SyntaxError`. */
export const jsonOf = (payload: Uint8Array): unknown => JSON.parse(decoder.decode(payload));
/** The number of a payload; 0 when it is none. */
export const numberOf = (payload: Uint8Array): number =>
  payload.length === 4 ? new DataView(payload.buffer, payload.byteOffset, 4).getUint32(0, true) : 0;

/** Several byte arrays as one. */
export function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  if (parts.length === 1) return parts[0] as Uint8Array<ArrayBuffer>;
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Cuts a byte stream into frames. Holds at most one incomplete frame, whose length is bounded. */
export class FrameParser {
  readonly #maxBytes: number;
  #rest: Uint8Array = empty;

  /** `maxBytes`: of one frame. */
  constructor(maxBytes: number = wasmLimits.frameBytes) {
    this.#maxBytes = maxBytes;
  }

  /** Frames that are complete with `chunk`. Their payloads are parts of `chunk`, which must not be written to again. Throws `RangeError` for a frame too long. */
  push(chunk: Uint8Array): Frame[] {
    const bytes = this.#rest.length === 0 ? chunk : concat([this.#rest, chunk]);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const frames: Frame[] = [];
    let at = 0;
    while (bytes.length - at >= HEADER) {
      const length = view.getUint32(at, true);
      if (length < HEADER - 4 || length > this.#maxBytes) throw new RangeError("frame too long");
      if (bytes.length - at - 4 < length) break;
      frames.push({
        type: bytes[at + 4]!,
        id: view.getUint32(at + 5, true),
        payload: bytes.subarray(at + HEADER, at + 4 + length),
      });
      at += 4 + length;
    }
    this.#rest = at === bytes.length ? empty : bytes.slice(at);
    return frames;
  }
}
