/**
 * Frames of `/realm/blob/1.0.0`: `u32 header length, u32 body length, header (JSON), body (raw bytes)`, big-endian.
 * Requests are answered in order on the same stream, so many can be under way.
 */
import * as v from "valibot";
import type { PeerStream } from "../ports.ts";
import { concatBytes, fromHex, fromUtf8, toHex, utf8 } from "../protocol/encoding.ts";
import { RealmError } from "../protocol/errors.ts";
import type { Digest } from "../protocol/identity.ts";
import { limits } from "../protocol/limits.ts";
import type { Loan } from "./buffers.ts";
import { type Throttle, within } from "./gates.ts";

/** The protocol's name. */
export const BLOB_PROTOCOL = "/realm/blob/1.0.0";

const digest = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER));
const info = v.strictObject({ sha256: digest, size: count, count, id: digest });

/** What can be asked. `announce`, `withdraw` and `find` carry digests as their body. */
export const RequestSchema = v.variant("ask", [
  v.strictObject({ ask: v.literal("blob"), digest }),
  v.strictObject({ ask: v.literal("state"), digest, from: count, to: count }),
  v.strictObject({ ask: v.literal("entries"), digest, from: count, to: count }),
  v.strictObject({ ask: v.literal("chunk"), digest, size: count }),
  v.strictObject({ ask: v.literal("announce") }),
  v.strictObject({ ask: v.literal("withdraw") }),
  v.strictObject({ ask: v.literal("find") }),
]);
/** See {@link RequestSchema}. */
export type Request = v.InferOutput<typeof RequestSchema>;

/** What is answered. `kind` says what the answering node has of the blob; the body is what was asked for. */
export const ReplySchema = v.union([
  v.strictObject({ error: v.string(), message: v.pipe(v.string(), v.maxLength(1000)) }),
  v.strictObject({ kind: v.picklist(["none", "small", "done"]) }),
  v.strictObject({ kind: v.picklist(["whole", "partial"]), info }),
]);
/** See {@link ReplySchema}. */
export type Reply = v.InferOutput<typeof ReplySchema>;

/** One frame as it was read; call `release` when the body was dealt with. */
export interface Frame {
  readonly header: unknown;
  readonly body: Uint8Array;
  readonly release: () => void;
}

/** Bytes of digests. */
export const packDigests = (digests: readonly Digest[]): Uint8Array => concatBytes(...digests.map(fromHex));
/** Digests of bytes, at most `most`; `undefined` when the bytes are something else. */
export function unpackDigests(bytes: Uint8Array, most: number): Digest[] | undefined {
  if (bytes.length % 32 !== 0 || bytes.length / 32 > most) return undefined;
  return Array.from({ length: bytes.length / 32 }, (_, i) => toHex(bytes.subarray(32 * i, 32 * i + 32)));
}

const HEAD = 8;
/** Bytes handed to the stream at a time: the grain of throttling and of stall detection. */
const PIECE = 64 * 1024;

const NO_BODY: Loan = { bytes: new Uint8Array(), release: () => {} };
const malformed = (what: string) => new RealmError("bad_request", `the peer sent a malformed frame: ${what}`);

/** Reads frames. One read at a time. */
export interface FrameReader {
  /**
   * The next frame, `undefined` at the end. `take` gives memory for the body before it is read; time spent there is
   * not the peer's. Throws `timed_out` when the peer sends nothing for `stallMs`, `bad_request` on a malformed frame.
   */
  read(
    stallMs: number,
    maxBody: number,
    take: (bytes: number) => Promise<Loan>,
  ): Promise<Frame | undefined>;
}

/** Frames of a stream; what arrives is throttled. */
export function createFrameReader(stream: PeerStream, throttle: Throttle): FrameReader {
  const reader = stream.readable.getReader();
  let rest = new Uint8Array();

  async function piece(stallMs: number): Promise<Uint8Array | undefined> {
    const { value, done } = await within(
      reader.read(),
      stallMs,
      () => new RealmError("timed_out", `${stream.peer} sent nothing for ${stallMs} ms`),
    );
    if (done) return undefined;
    await throttle(value.length);
    return value;
  }
  /** Fills `into`; how much of it came before the end. */
  async function fill(into: Uint8Array, stallMs: number): Promise<number> {
    let at = 0;
    while (at < into.length) {
      if (rest.length === 0) {
        const next = await piece(stallMs);
        if (!next) return at;
        rest = next as Uint8Array<ArrayBuffer>;
        continue;
      }
      const part = rest.subarray(0, into.length - at);
      into.set(part, at);
      at += part.length;
      rest = rest.subarray(part.length);
    }
    return at;
  }

  return {
    async read(stallMs, maxBody, take) {
      const head = new Uint8Array(HEAD), got = await fill(head, stallMs);
      if (got === 0) return undefined;
      if (got < HEAD) throw malformed("it ends inside a frame");
      const view = new DataView(head.buffer), headerBytes = view.getUint32(0), bodyBytes = view.getUint32(4);
      if (headerBytes > limits.blobHeaderBytes || bodyBytes > maxBody) {
        throw malformed(`lengths ${headerBytes} and ${bodyBytes} exceed what was allowed`);
      }
      const { bytes: body, release } = bodyBytes > 0 ? await take(bodyBytes) : NO_BODY;
      try {
        const bytes = new Uint8Array(headerBytes);
        if (await fill(bytes, stallMs) < headerBytes || await fill(body, stallMs) < bodyBytes) {
          throw malformed("it ends inside a frame");
        }
        return { header: parse(bytes), body, release };
      } catch (error) {
        release();
        throw error;
      }
    },
  };
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(fromUtf8(bytes));
  } catch {
    throw malformed("its header is not JSON");
  }
}

/** Writes frames. One write at a time. */
export interface FrameWriter {
  /** Throws `timed_out` when the peer takes nothing for `stallMs`. */
  write(header: Request | Reply, body: Uint8Array, stallMs: number): Promise<void>;
  /** Half-closes. */
  close(): Promise<void>;
}

/** Frames to a stream; what is sent is throttled. */
export function createFrameWriter(stream: PeerStream, throttle: Throttle): FrameWriter {
  const writer = stream.writable.getWriter();
  writer.closed.catch(() => {}); // the failure reaches whoever writes or reads

  async function send(bytes: Uint8Array, stallMs: number): Promise<void> {
    await throttle(bytes.length);
    await within(
      writer.ready.then(() => writer.write(bytes)),
      stallMs,
      () => new RealmError("timed_out", `${stream.peer} took nothing for ${stallMs} ms`),
    );
  }
  return {
    async write(header, body, stallMs) {
      const text = utf8(JSON.stringify(header)), head = new Uint8Array(HEAD);
      new DataView(head.buffer).setUint32(0, text.length);
      new DataView(head.buffer).setUint32(4, body.length);
      const first = Math.min(body.length, PIECE - HEAD - text.length);
      await send(concatBytes(head, text, body.subarray(0, Math.max(0, first))), stallMs);
      for (let at = Math.max(0, first); at < body.length; at += PIECE) {
        // A copy: the stream may hold on to it after the body was given back.
        await send(body.slice(at, at + PIECE), stallMs);
      }
    },
    close: () => writer.close(),
  };
}
