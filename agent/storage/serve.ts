/** The answering side of the blob protocol. Bounded per peer and in total; content is verified before it goes out. */
import * as v from "valibot";
import type { PeerStream } from "../ports.ts";
import { RealmError } from "../protocol/errors.ts";
import type { Digest, NodeId } from "../protocol/identity.ts";
import { utf8 } from "../protocol/encoding.ts";
import { limits, timing } from "../protocol/limits.ts";
import type { Loan } from "./buffers.ts";
import type { TransferStore } from "./blob_store.ts";
import {
  createFrameReader,
  createFrameWriter,
  type Reply,
  type Request,
  RequestSchema,
  unpackDigests,
} from "./frames.ts";
import { createGate, delay, type Throttle } from "./gates.ts";
import type { Holdings } from "./holdings.ts";

/** What serving needs. */
export interface ServeParts {
  readonly self: NodeId;
  readonly store: TransferStore;
  /** What this node keeps as a home. */
  readonly holdings: Holdings;
  readonly sendThrottle: Throttle;
  readonly receiveThrottle: Throttle;
  readonly onMisbehaviour: (peer: NodeId, why: string) => void;
}

const NOTHING = new Uint8Array();
type Answered = { readonly reply: Reply; readonly body?: Uint8Array; readonly done?: () => void };

const refusal = (code: string, message: string): Answered => ({ reply: { error: code, message } });

const lent = (reply: Reply, loan: Loan): Answered => ({ reply, body: loan.bytes, done: loan.release });

/** Handler of blob streams that members open. */
export function createServer(parts: ServeParts): (stream: PeerStream) => Promise<void> {
  const { store, holdings } = parts;
  const gate = createGate(limits.blobSends, limits.blobSendsPerPeer);
  const streams = new Map<NodeId, number>();

  /** Runs `read` in its turn; the place is kept until the body was sent. */
  async function inTurn(peer: NodeId, read: () => Promise<Answered>): Promise<Answered> {
    const patience = new AbortController(), timer = delay(timing.blobQueueMs, patience.signal);
    const late = new AbortController();
    timer.then(() => late.abort(), () => {});
    try {
      const leave = await gate.enter(peer, { signal: late.signal });
      try {
        const answered = await read();
        return { ...answered, done: () => (answered.done?.(), leave()) };
      } catch (error) {
        leave();
        throw error;
      }
    } catch (error) {
      if (late.signal.aborted && !(error instanceof RealmError)) {
        return refusal("rate_limited", "this node serves as many as it may; ask another or come back");
      }
      throw error;
    } finally {
      patience.abort();
    }
  }

  async function state(digest: Digest, from: number, to: number): Promise<Answered> {
    const found = await store.state(digest);
    if (found.kind === "none" || found.kind === "small") return { reply: { kind: found.kind } };
    if (found.kind === "whole") return { reply: { kind: "whole", info: found.info } };
    const end = Math.min(to, from + limits.blobWindowChunks * 2);
    return { reply: { kind: "partial", info: found.partial.info }, body: found.partial.have(from, end) };
  }

  async function find(digests: readonly Digest[]): Promise<Answered> {
    const all = await Promise.all(digests.map(async (digest) => {
      const known = holdings.find(digest, limits.holdersPerFind);
      const here = (await store.state(digest)).kind !== "none";
      return here ? [...new Set([parts.self, ...known])].slice(0, limits.holdersPerFind) : known;
    }));
    return { reply: { kind: "done" }, body: utf8(JSON.stringify(all)) };
  }

  async function answer(peer: NodeId, request: Request, body: Uint8Array): Promise<Answered> {
    switch (request.ask) {
      case "blob": {
        const found = await state(request.digest, 0, 0);
        if (!("kind" in found.reply) || found.reply.kind !== "small") return found;
        return await inTurn(peer, async () => lent({ kind: "small" }, await store.readSmall(request.digest)));
      }
      case "state":
        return await state(request.digest, request.from, request.to);
      case "entries":
        return await inTurn(peer, async () => ({
          reply: { kind: "done" },
          body: await store.entryBytes(request.digest, request.from, request.to),
        }));
      case "chunk":
        if (request.size > limits.chunkMaxBytes) return refusal("bad_request", "no chunk is that large");
        return await inTurn(
          peer,
          async () =>
            lent({ kind: "done" }, await store.readChunk({ sha256: request.digest, size: request.size })),
        );
    }
    const most = request.ask === "find" ? limits.findDigests : limits.blobDigests;
    const digests = unpackDigests(body, most);
    if (!digests) return refusal("bad_request", `expected at most ${most} digests of 32 bytes`);
    if (request.ask === "find") return await find(digests);
    if (request.ask === "announce") holdings.announce(peer, digests);
    else holdings.withdraw(peer, digests);
    return { reply: { kind: "done" } };
  }

  async function answerOne(stream: PeerStream, header: unknown, body: Uint8Array): Promise<Answered> {
    const request = v.safeParse(RequestSchema, header);
    if (!request.success) {
      parts.onMisbehaviour(stream.peer, "it sent a blob request that is none");
      return refusal("bad_request", "not a request of this protocol");
    }
    try {
      return await answer(stream.peer, request.output, body);
    } catch (error) {
      const code = error instanceof RealmError ? error.code : "internal";
      return refusal(code, code === "not_found" ? "not here" : "this node cannot read it");
    }
  }

  async function serve(stream: PeerStream): Promise<void> {
    const reader = createFrameReader(stream, parts.receiveThrottle);
    const writer = createFrameWriter(stream, parts.sendThrottle);
    const take = (bytes: number) => Promise.resolve({ bytes: new Uint8Array(bytes), release: () => {} });
    for (;;) {
      const frame = await reader.read(timing.blobIdleMs, limits.blobDigests * 32, take);
      if (!frame) return await writer.close();
      const answered = await answerOne(stream, frame.header, frame.body);
      try {
        await writer.write(answered.reply, answered.body ?? NOTHING, timing.blobSendStallMs);
      } finally {
        answered.done?.();
      }
    }
  }

  return async (stream) => {
    const open = streams.get(stream.peer) ?? 0;
    if (open >= limits.blobStreamsPerPeer) return stream.reset();
    streams.set(stream.peer, open + 1);
    try {
      await serve(stream);
    } catch (error) {
      if (error instanceof RealmError && error.code === "bad_request") {
        parts.onMisbehaviour(stream.peer, error.message);
      }
      stream.reset();
    } finally {
      const left = streams.get(stream.peer)! - 1;
      if (left === 0) streams.delete(stream.peer);
      else streams.set(stream.peer, left);
    }
  };
}
