/**
 * Core messages over standing streams: `/realm/probe/1.0.0`, `/realm/sync/1.0.0`, `/realm/offer/1.0.0`. Each side sends
 * on the streams it opened and listens on the ones it was given; a frame is a message.
 */
import type { Stream } from "@libp2p/interface";
import type { Clock } from "../ports.ts";
import { RealmError } from "../protocol/errors.ts";
import type { NodeId } from "../protocol/identity.ts";
import { limits, meshLimits } from "../protocol/limits.ts";
import type { Misconduct } from "./conduct.ts";
import { createFrameDecoder, encodeFrame } from "./frames.ts";
import type { MemberNode } from "./libp2p_node.ts";
import type { Links } from "./links.ts";
import type { Channel } from "./options.ts";
import { createOutbox, type Outbox } from "./outbox.ts";
import { createRateLimit } from "./rate.ts";

const CHANNELS: readonly Channel[] = ["probe", "sync", "offer"];
/** The protocol of a channel. */
export const protocolOf = (channel: Channel): string => `/realm/${channel}/1.0.0`;

interface Post {
  readonly outbox: Outbox;
  readonly streams: Map<Channel, Stream>;
  readonly opening: Set<Channel>;
}

/** What channels need. */
export interface ChannelsOptions {
  readonly node: MemberNode;
  readonly links: Links;
  readonly clock: Clock;
  readonly onMessage: (from: NodeId, bytes: Uint8Array, channel: Channel) => boolean | void;
  readonly misbehave: (id: NodeId, what: Misconduct) => void;
}

/** The standing streams of one node. */
export interface Channels {
  /** See `Mesh.send`. */
  send(to: NodeId, bytes: Uint8Array, channel: Channel): void;
  /** Messages sent, received and dropped since start. */
  readonly counters: { sent: number; received: number; dropped: number };
}

/** Registers the channels' protocols. */
export function createChannels(options: ChannelsOptions): Channels {
  const { node, links, onMessage, misbehave } = options;
  const posts = new Map<NodeId, Post>();
  const counters = { sent: 0, received: 0, dropped: 0 };
  const rate = createRateLimit(options.clock, {
    perSecond: meshLimits.messagesPerSecond,
    burst: meshLimits.messagesBurst,
    keys: 2 * meshLimits.connections,
  });

  function listen(stream: Stream, from: NodeId, channel: Channel): void {
    const decoder = createFrameDecoder(limits.messageBytes);
    const refuse = (what: Misconduct) => {
      stream.abort(new Error(what));
      misbehave(from, what);
    };
    stream.addEventListener("end", () => {
      if (stream.status === "open") stream.close().catch(() => {});
    });
    stream.addEventListener("message", (event) => {
      let frames: readonly Uint8Array[];
      try {
        frames = decoder.push(event.data.subarray());
      } catch (error) {
        const oversize = error instanceof RealmError && error.code === "too_large";
        return refuse(oversize ? "oversize_message" : "garbage_frame");
      }
      for (const frame of frames) {
        if (!rate.take(from)) {
          misbehave(from, "too_many_messages");
          continue;
        }
        counters.received++;
        if (onMessage(from, frame, channel) === false) misbehave(from, "invalid_message");
        if (stream.status !== "open" && stream.status !== "closed") return;
      }
    });
  }

  for (const channel of CHANNELS) {
    node.handle(protocolOf(channel), (stream, connection) => {
      listen(stream, connection.remotePeer.toString(), channel);
    }, { maxInboundStreams: 2, runOnLimitedConnection: true });
  }

  function postOf(id: NodeId): Post {
    let post = posts.get(id);
    if (!post) posts.set(id, post = { outbox: createOutbox(), streams: new Map(), opening: new Set() });
    return post;
  }

  /** Forgets a peer that nothing is held for. */
  function tidy(id: NodeId, post: Post): void {
    if (post.outbox.empty && post.streams.size === 0 && post.opening.size === 0) posts.delete(id);
  }

  function flush(post: Post, channel: Channel, stream: Stream): void {
    while (stream.status === "open" && !stream.writableNeedsDrain) {
      const message = post.outbox.take(channel);
      if (!message) return;
      try {
        for (const piece of encodeFrame(message)) stream.send(piece);
        counters.sent++;
      } catch {
        post.outbox.putBack(channel, message);
        return stream.abort(new Error("send failed"));
      }
    }
  }

  async function open(id: NodeId, post: Post, channel: Channel): Promise<void> {
    post.opening.add(channel);
    try {
      const stream = await links.open(id, protocolOf(channel));
      post.streams.set(channel, stream);
      stream.addEventListener("drain", () => queueMicrotask(() => flush(post, channel, stream)));
      stream.addEventListener("close", () => {
        if (post.streams.get(channel) === stream) post.streams.delete(channel);
        tidy(id, post);
      });
      flush(post, channel, stream);
    } catch {
      counters.dropped += post.outbox.clear(channel);
    } finally {
      post.opening.delete(channel);
      tidy(id, post);
    }
  }

  return {
    counters,
    send(to, bytes, channel) {
      if (bytes.length === 0 || bytes.length > limits.messageBytes) {
        throw new RealmError(
          "too_large",
          `A core message has 1 to ${limits.messageBytes} bytes, not ${bytes.length}; split it.`,
        );
      }
      const post = postOf(to);
      links.touch(to);
      counters.dropped += post.outbox.add(channel, bytes);
      const stream = post.streams.get(channel);
      if (stream?.status === "open") flush(post, channel, stream);
      else if (!post.opening.has(channel)) open(to, post, channel);
    },
  };
}
