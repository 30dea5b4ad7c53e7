/**
 * The language between the agent and the child process of a run: frames of `u32 length | u8 type | u32 id | payload`,
 * little-endian, length counting what follows it. Requests, bodies in both directions with credits, logs.
 * What comes from a child is not trusted: lengths are bounded, unknown ids are ignored, text is checked where it is used.
 */
import { wasmLimits } from "../../../protocol/limits.ts";

/** Types of frames. `id` is the request's, 0 where there is none. */
export const frameType = {
  /** To the child: JSON {@link ChildConfig}. */
  init: 1,
  /** To the child: JSON {@link RequestHead}. */
  request: 2,
  /** To the child: bytes of a request's body, or of stdin (id 0). */
  body: 3,
  /** To the child: the end of a body; JSON `[name, value][]` trailers, or empty. */
  bodyEnd: 4,
  /** Both ways: u32 bytes that were taken. From the child: of the request's body. */
  credit: 5,
  /** To the child: the request must end. Answered by `cancelled` when it has. */
  cancel: 6,
  /** To the child: nobody reads the response any more. */
  closed: 7,
  /** To the child: the answer to `symlink` of that id; u32 of `symlinkAnswer()`. */
  symlinked: 8,
  /** To the child: a command of a lot has ended. Answered by `idle`; another `init` may follow. */
  reset: 9,
  /** From the child: JSON `{ target, path }`: make this symlink, which Deno allows to no process with scoped permissions. */
  symlink: 24,
  /** From the child: JSON `{ message?: string }`; with a message it cannot start. */
  ready: 16,
  /** From the child: JSON {@link ResponseHead}. */
  head: 17,
  /** From the child: bytes of a response's body. */
  chunk: 18,
  /** From the child: the end of a response; JSON trailers, or empty. */
  end: 19,
  /** From the child: JSON {@link Failure}; nothing follows for this request. */
  fail: 20,
  /** From the child: the request has been ended as asked. */
  cancelled: 21,
  /** From the child: one byte (index into {@link logStreams}), then bytes. */
  log: 22,
  /** From the child: JSON {@link CommandEnd}. */
  exit: 23,
  /** From the child: it has no run and waits for one. */
  idle: 25,
} as const;

/** Names of log streams by the number in a log frame. */
export const logStreams = ["stdout", "stderr", "system"] as const;

/** What a child is told first. */
export interface ChildConfig {
  readonly mode: "http" | "command";
  readonly wasm: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly mounts: readonly {
    readonly guest: string;
    readonly host: string;
    readonly readOnly: boolean;
    readonly quotaBytes?: number;
  }[];
  readonly memoryMb: number;
  readonly instance: "per_request" | "reuse";
  readonly outbound: readonly string[];
  readonly deterministic: boolean;
  /** Output waits for the log to take it, instead of being dropped above a rate. */
  readonly wholeLog: boolean;
  /** Instances that one worker may keep for further requests. */
  readonly instances: number;
  /** Workers that serve requests. */
  readonly workers: number;
  /** The worker serves all commands of the process: what it may read and write instead of the mounts. */
  readonly lot?: { readonly read: readonly string[]; readonly write: readonly string[] };
}

/** The head of a request. */
export interface RequestHead {
  readonly method: string;
  readonly path: string;
  readonly scheme: string;
  readonly authority: string;
  readonly headers: readonly (readonly [string, string])[];
  /** Whether body frames follow. */
  readonly body: boolean;
}
/** The head of a response. */
export interface ResponseHead {
  readonly status: number;
  readonly headers: [string, string][];
}
/** Why a request got no answer, or only a part of one. */
export interface Failure {
  readonly reason: "trapped" | "out_of_memory" | "exited" | "failed";
  readonly message: string;
}
/** How a command ended. */
export interface CommandEnd {
  readonly reason: "exited" | "trapped" | "out_of_memory" | "failed_to_start";
  readonly code?: number;
  readonly message: string;
}

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
  #rest: Uint8Array = empty;

  /** Frames that are complete with `chunk`. Their payloads are parts of `chunk`, which must not be written to again. Throws `RangeError` for a frame too long. */
  push(chunk: Uint8Array): Frame[] {
    const bytes = this.#rest.length === 0 ? chunk : concat([this.#rest, chunk]);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const frames: Frame[] = [];
    let at = 0;
    while (bytes.length - at >= HEADER) {
      const length = view.getUint32(at, true);
      if (length < HEADER - 4 || length > wasmLimits.frameBytes) throw new RangeError("frame too long");
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
