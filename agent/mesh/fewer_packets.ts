/**
 * Fewer packets than libp2p's parts send by themselves. What an idle node costs is what its small messages cost, and each
 * of those cost four writes: Noise's length, Noise's text, and both again for the window update that Yamux answers it with.
 */
import type { ConnectionEncrypter, MessageStream, StreamMuxer, StreamMuxerFactory } from "@libp2p/interface";
import { meshLimits } from "../protocol/limits.ts";

/** Yamux frame type of a window update. Source: the Yamux specification, "Type Field". */
const WINDOW_UPDATE = 1;

/** What is used of Yamux's muxer beyond its interface: every frame goes out through this, those of its streams as well. */
interface SendsFrames {
  sendFrame(
    header: {
      readonly type: number;
      readonly flag: number;
      readonly streamID: number;
      readonly length: number;
    },
    data?: unknown,
  ): boolean;
}

/** Sends a Noise message in one write instead of its length and its text apart. */
export function wholeMessages(inner: ConnectionEncrypter): ConnectionEncrypter {
  const whole = <T extends MessageStream>(connection: T): T => {
    const send = connection.send.bind(connection);
    connection.send = (data) => send(data instanceof Uint8Array ? data : data.subarray());
    return connection;
  };
  return {
    protocol: inner.protocol,
    secureInbound: (connection, options) => inner.secureInbound(whole(connection), options),
    secureOutbound: (connection, options) => inner.secureOutbound(whole(connection), options),
  };
}

/**
 * Holds window updates back until they are worth a packet ({@link meshLimits.windowUpdateBytes}, well below the window, so
 * that a sender never waits for one that is held back), and then sends the sum.
 */
export function sparseWindowUpdates(make: () => StreamMuxerFactory): () => StreamMuxerFactory {
  return () => {
    const inner = make();
    return {
      protocol: inner.protocol,
      createStreamMuxer(connection): StreamMuxer {
        const muxer = inner.createStreamMuxer(connection);
        const target = muxer as unknown as SendsFrames;
        const send = target.sendFrame.bind(muxer);
        const owed = new Map<number, number>();
        target.sendFrame = (header, data) => {
          if (header.type !== WINDOW_UPDATE || header.flag !== 0) return send(header, data);
          const length = header.length + (owed.get(header.streamID) ?? 0);
          if (length < meshLimits.windowUpdateBytes) {
            if (owed.size > meshLimits.streamsPerPeer) forgetEnded(muxer, owed);
            owed.set(header.streamID, length);
            return true;
          }
          owed.delete(header.streamID);
          return send({ ...header, length });
        };
        return muxer;
      },
    };
  };
}

function forgetEnded(muxer: StreamMuxer, owed: Map<number, number>): void {
  const open = new Set(muxer.streams.map((s) => Number(s.id)));
  for (const id of owed.keys()) if (!open.has(id)) owed.delete(id);
}
