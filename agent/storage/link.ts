/** The asking side of one blob stream: many requests under way, answered in order. */
import * as v from "valibot";
import type { PeerStream, PeerStreams } from "../ports.ts";
import { RealmError } from "../protocol/errors.ts";
import type { NodeId } from "../protocol/identity.ts";
import { limits, timing } from "../protocol/limits.ts";
import type { Buffers, Loan } from "./buffers.ts";
import {
  BLOB_PROTOCOL,
  createFrameReader,
  createFrameWriter,
  type Frame,
  type Reply,
  ReplySchema,
  type Request,
} from "./frames.ts";
import type { ByteWindow, Throttle } from "./gates.ts";
import { within } from "./gates.ts";

/** An answer; call `release` when the body was dealt with, or memory for others runs out. */
export interface Answer {
  readonly reply: Reply;
  readonly body: Uint8Array;
  readonly release: () => void;
}

/** See the module's description. */
export interface Link {
  readonly peer: NodeId;
  /** Asks; rejects when the link breaks, stalls or the peer answers nonsense. An `error` reply is an answer. */
  ask(request: Request, body?: Uint8Array): Promise<Answer>;
  /** Ends it; requests under way reject. Idempotent. */
  close(): void;
}

/** What links share. */
export interface LinkParts {
  readonly streams: PeerStreams;
  readonly window: ByteWindow;
  readonly buffers: Buffers;
  readonly sendThrottle: Throttle;
  readonly receiveThrottle: Throttle;
  readonly stallMs: number;
  readonly onMisbehaviour: (peer: NodeId, why: string) => void;
}

interface Pending {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

const NOTHING = new Uint8Array();

/** Opens a link. Throws `unreachable`. */
export async function openLink(parts: LinkParts, peer: NodeId, signal?: AbortSignal): Promise<Link> {
  const stop = new AbortController();
  const opening = parts.streams.open(peer, BLOB_PROTOCOL, {
    signal: signal ? AbortSignal.any([signal, stop.signal]) : stop.signal,
  });
  opening.then((stream) => stop.signal.aborted && stream.reset(), () => {});
  const stream = await within(opening, timing.blobStallMs, () => {
    stop.abort();
    return new RealmError("unreachable", `${peer} did not open a blob stream in time`);
  });
  return linkOn(parts, stream, signal);
}

function linkOn(parts: LinkParts, stream: PeerStream, signal?: AbortSignal): Link {
  const reader = createFrameReader(stream, parts.receiveThrottle);
  const writer = createFrameWriter(stream, parts.sendThrottle);
  const pending: Pending[] = [];
  let writing: Promise<unknown> = Promise.resolve(), reading = false;
  let broken: { readonly error: unknown } | undefined;

  function fail(error: unknown): void {
    if (broken) return;
    broken = { error };
    signal?.removeEventListener("abort", abort);
    stream.reset();
    for (const p of pending.splice(0)) p.reject(error);
  }
  const abort = () => fail(signal?.reason);
  signal?.addEventListener("abort", abort, { once: true });
  if (signal?.aborted) abort();

  function accept(frame: Frame | undefined): Answer {
    if (!frame) throw new RealmError("unreachable", `${stream.peer} closed the stream without an answer`);
    const parsed = v.safeParse(ReplySchema, frame.header);
    if (parsed.success) return { reply: parsed.output, body: frame.body, release: frame.release };
    frame.release();
    throw new RealmError("bad_request", `${stream.peer} sent an answer that is none`);
  }

  async function take(size: number): Promise<Loan> {
    const give = await parts.window.take(size), loan = parts.buffers.take(size);
    return { bytes: loan.bytes, release: () => (loan.release(), give()) };
  }

  async function readOn(): Promise<void> {
    reading = true;
    try {
      while (pending.length > 0 && !broken) {
        const answer = accept(
          await reader.read(parts.stallMs, limits.chunkMaxBytes, take),
        );
        const next = pending.shift();
        if (next) next.resolve(answer);
        else answer.release(); // the link broke meanwhile
      }
    } catch (error) {
      if (!broken && error instanceof RealmError && error.code === "bad_request") {
        parts.onMisbehaviour(stream.peer, error.message);
      }
      fail(error);
    } finally {
      reading = false;
    }
  }

  return {
    peer: stream.peer,
    ask(request, body = NOTHING) {
      if (broken) return Promise.reject(broken.error);
      const { promise, resolve, reject } = Promise.withResolvers<Answer>();
      pending.push({ resolve, reject });
      writing = writing.then(() => broken ? undefined : writer.write(request, body, timing.blobSendStallMs))
        .catch(fail);
      if (!reading) readOn();
      return promise;
    },
    close: () => fail(new RealmError("unavailable", "the link was closed")),
  };
}
