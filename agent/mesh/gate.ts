/**
 * The membership gate. It stands inside the encryption step of libp2p: right after the Noise handshake proved who the
 * remote side is, a member's connection goes on as usual, and a stranger's never becomes a libp2p connection. A stranger
 * finds one stream, on which one protocol can be negotiated: `/realm/join/1.0.0`. No other part of libp2p (identify,
 * ping, gossip, relay) ever hears of it, so none can leak anything.
 */
import type { ConnectionEncrypter, MessageStream, SecuredConnection, Stream } from "@libp2p/interface";
import type { StreamMuxerFactory } from "@libp2p/interface";
import * as mss from "@libp2p/multistream-select";
import type { Clock, Log } from "../ports.ts";
import type { NodeId } from "../protocol/identity.ts";
import { RealmError } from "../protocol/errors.ts";
import { limits, meshLimits } from "../protocol/limits.ts";
import { readFrame, writeFrame } from "./frames.ts";
import { toPeerStream } from "./peer_stream.ts";
import { createRateLimit, originOf } from "./rate.ts";

/** The only protocol a stranger can open. One frame asks, one frame answers. */
export const JOIN_PROTOCOL = "/realm/join/1.0.0";

/** Answers a stranger's join request; a throw closes the connection without an answer. */
export type JoinHandler = (
  from: NodeId,
  request: Uint8Array,
  context: { readonly address: string; readonly signal: AbortSignal },
) => Promise<Uint8Array>;

/** What the gate needs to know. */
export interface GateOptions {
  /** Whether a peer may pass. */
  readonly admits: (id: NodeId) => boolean;
  /** Without it strangers are cut off at once. */
  readonly join?: JoinHandler;
  /** Join attempts per minute and origin. */
  readonly joinsPerMinute: number;
  /** The muxer for strangers' connections. */
  readonly strangerMuxer: StreamMuxerFactory;
  readonly clock: Clock;
  readonly log: Log;
}

const closed = (stream: MessageStream, signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    if (stream.status !== "open" || signal.aborted) return resolve();
    stream.addEventListener("close", () => resolve(), { once: true });
    signal.addEventListener("abort", () => resolve(), { once: true });
  });

/** Wraps the encryption step with the gate. `addressOf` finds the remote address of a raw connection. */
export function gated(inner: ConnectionEncrypter, options: GateOptions): ConnectionEncrypter {
  const { clock, log, join } = options;
  const attempts = createRateLimit(clock, {
    perSecond: options.joinsPerMinute / 60,
    burst: options.joinsPerMinute,
    keys: meshLimits.joinAddresses,
  });
  let strangers = 0;

  async function answer(
    stream: Stream,
    { from, address, signal, join, asked }: {
      readonly from: NodeId;
      readonly address: string;
      readonly signal: AbortSignal;
      readonly join: JoinHandler;
      readonly asked: () => void;
    },
  ): Promise<void> {
    await mss.handle(stream, [JOIN_PROTOCOL], { signal });
    const pair = toPeerStream(stream, from);
    const request = await readFrame(pair.readable, meshLimits.joinRequestBytes);
    if (!request) throw new RealmError("bad_request", "no join request");
    asked();
    await writeFrame(pair.writable, await join(from, request, { address, signal }));
  }

  async function serve(secured: SecuredConnection, address: string, signal: AbortSignal, join: JoinHandler) {
    const from = secured.remotePeer.toString();
    if (!secured.streamMuxer) {
      await mss.handle(secured.connection, [options.strangerMuxer.protocol], { signal });
    }
    const muxer = options.strangerMuxer.createStreamMuxer(secured.connection);
    const over = closed(secured.connection, signal);
    const silence = setTimeout(
      () => secured.connection.abort(new Error("silent")),
      meshLimits.strangerSilenceMs,
    );
    const asked = () => clearTimeout(silence);
    let served = false;
    muxer.addEventListener("stream", ({ detail: stream }) => {
      if (served) return stream.abort(new Error("one stream only"));
      served = true;
      answer(stream, { from, address, signal, join, asked }).catch((error) => {
        log.debug("a stranger was turned away", { from, address, why: String(error) });
        muxer.abort(new Error("refused"));
        secured.connection.abort(new Error("refused"));
      });
    });
    await over;
    asked();
    muxer.abort(new Error("over"));
  }

  return {
    protocol: inner.protocol,
    secureOutbound: (connection, opts) => inner.secureOutbound(connection, opts),
    async secureInbound(connection, opts) {
      const secured = await inner.secureInbound(connection, opts);
      if (options.admits(secured.remotePeer.toString())) return secured;
      const address = "remoteAddr" in connection ? String(connection.remoteAddr) : "";
      if (!join || strangers >= meshLimits.strangers || !attempts.take(originOf(address))) {
        throw new RealmError("not_member", "not a member");
      }
      strangers++;
      try {
        const signals = [AbortSignal.timeout(limits.joinTimeoutMs)];
        if (opts?.signal) signals.push(opts.signal);
        await serve(secured, address, AbortSignal.any(signals), join);
      } finally {
        strangers--;
      }
      throw new RealmError("not_member", "not a member");
    },
  };
}
