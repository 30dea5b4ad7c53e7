/** A libp2p stream as a pair of web streams with backpressure, half-close and honest ends. */
import type { Stream } from "@libp2p/interface";
import type { PeerStream } from "../ports.ts";
import type { NodeId } from "../protocol/identity.ts";
import { RealmError } from "../protocol/errors.ts";
import { meshLimits } from "../protocol/limits.ts";

const lost = (peer: NodeId, why: string, cause?: unknown) =>
  new RealmError("unreachable", `The stream with ${peer} ended early: ${why}; try again.`, { cause });

/** Resolves when the stream has sent what it holds; rejects when it is lost before. */
export function drained(stream: Stream): Promise<void> {
  if (stream.writeBufferLength === 0 && !stream.writableNeedsDrain) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const done = (error?: Error) => {
      stream.removeEventListener("drain", onDrain);
      stream.removeEventListener("idle", onDrain);
      stream.removeEventListener("close", onClose);
      if (error) reject(error);
      else resolve();
    };
    // libp2p continues to send in a microtask after `drain`; look again once it has.
    const onDrain = () =>
      queueMicrotask(() =>
        queueMicrotask(() => {
          if (stream.writeBufferLength === 0 && !stream.writableNeedsDrain) done();
        })
      );
    const onClose = (event?: { readonly error?: Error }) => done(event?.error ?? new Error("closed"));
    stream.addEventListener("drain", onDrain);
    stream.addEventListener("idle", onDrain);
    stream.addEventListener("close", onClose);
    if (stream.status !== "open") onClose();
  });
}

function readableOf(stream: Stream, peer: NodeId): ReadableStream<Uint8Array> {
  // A connection that breaks looks like an orderly end to libp2p; only the peer's own half-close is one.
  let finished = stream.status === "open" && stream.remoteWriteStatus === "closed";
  let over = false, resuming = false;
  const pauseIfFull = (controller: ReadableStreamDefaultController<Uint8Array>) => {
    if ((controller.desiredSize ?? 0) <= 0 && stream.readStatus === "readable") stream.pause();
  };
  return new ReadableStream<Uint8Array>({
    start(controller) {
      const fail = (why: string, cause?: unknown) => {
        if (over) return;
        over = true;
        controller.error(lost(peer, why, cause));
      };
      const end = () => {
        if (over) return;
        if (stream.status === "reset" || stream.status === "aborted") return fail("it was reset");
        if (!finished) return fail("the connection broke");
        over = true;
        controller.close();
      };
      stream.addEventListener("remoteCloseWrite", () => void (finished = true));
      stream.addEventListener("end", end);
      stream.addEventListener("close", (event) => {
        if (event.error) fail("it was reset", event.error);
        else if (stream.readableEnded) end();
      });
      stream.addEventListener("message", (event) => {
        if (over) return;
        controller.enqueue(event.data.subarray());
        if (!resuming) pauseIfFull(controller);
      });
      if (stream.readableEnded) end();
      else if (stream.status === "reset" || stream.status === "aborted") fail("it was reset");
    },
    pull(controller) {
      if (stream.readStatus !== "paused") return;
      // `resume` first delivers what it held and then opens the window, so a pause in between would be undone:
      // the stream would count as paused and yet receive without end.
      resuming = true;
      stream.resume();
      resuming = false;
      if (!over) pauseIfFull(controller);
    },
    async cancel() {
      over = true;
      if (stream.writeStatus === "writable") await stream.closeRead();
      else stream.abort(new Error("cancelled"));
    },
  }, new ByteLengthQueuingStrategy({ highWaterMark: meshLimits.streamReadBytes }));
}

function writableOf(stream: Stream, peer: NodeId): WritableStream<Uint8Array> {
  return new WritableStream<Uint8Array>({
    start(controller) {
      stream.addEventListener("close", (event) => {
        controller.error(lost(peer, event.error ? "it was reset" : "the connection broke", event.error));
      });
    },
    async write(chunk) {
      if (chunk.length === 0) return;
      try {
        if (!stream.send(chunk) || stream.writeBufferLength > 0) await drained(stream);
      } catch (cause) {
        throw lost(peer, "the connection broke", cause);
      }
    },
    async close() {
      try {
        await stream.close();
      } catch (cause) {
        throw lost(peer, "the connection broke", cause);
      }
    },
    abort() {
      stream.abort(new Error("aborted"));
    },
  });
}

/**
 * The stream as `PeerStream`. Cancelling `readable` resets the stream once the own side is closed; before that the rest
 * is discarded, so that an answer can still be written.
 */
export const toPeerStream = (stream: Stream, peer: NodeId): PeerStream => ({
  peer,
  readable: readableOf(stream, peer),
  writable: writableOf(stream, peer),
  reset: () => stream.abort(new Error("reset")),
});
