/** Unsent core messages of one peer: bounded, oldest probes dropped first, since a late probe is worth nothing. */
import { meshLimits } from "../protocol/limits.ts";
import type { Channel } from "./options.ts";

/** In the order in which messages are sacrificed. */
const SACRIFICE: readonly Channel[] = ["probe", "sync", "offer"];

/** One peer's unsent messages. */
export interface Outbox {
  /** Adds a message; gives the number of messages dropped to make room. */
  add(channel: Channel, bytes: Uint8Array): number;
  /** Takes the oldest message of a channel. */
  take(channel: Channel): Uint8Array | undefined;
  /** Puts a taken message back in front. */
  putBack(channel: Channel, bytes: Uint8Array): void;
  /** Drops all messages of a channel; gives their number. */
  clear(channel: Channel): number;
  /** Whether a channel has messages. */
  has(channel: Channel): boolean;
  /** Whether nothing is left. */
  readonly empty: boolean;
}

/** An empty outbox with the bounds of `meshLimits`, or others for tests. */
export function createOutbox(
  bounds: { readonly bytes: number; readonly messages: number } = {
    bytes: meshLimits.peerQueueBytes,
    messages: meshLimits.peerQueueMessages,
  },
): Outbox {
  const queues: Record<Channel, Uint8Array[]> = { probe: [], sync: [], offer: [] };
  let bytes = 0, count = 0;

  function take(channel: Channel): Uint8Array | undefined {
    const message = queues[channel].shift();
    if (message) {
      bytes -= message.length;
      count--;
    }
    return message;
  }

  return {
    add(channel, message) {
      queues[channel].push(message);
      bytes += message.length;
      count++;
      let dropped = 0;
      for (const victim of SACRIFICE) {
        while ((bytes > bounds.bytes || count > bounds.messages) && queues[victim].length > 0) {
          take(victim);
          dropped++;
        }
      }
      return dropped;
    },
    take,
    putBack(channel, message) {
      queues[channel].unshift(message);
      bytes += message.length;
      count++;
    },
    clear(channel) {
      const n = queues[channel].length;
      while (take(channel));
      return n;
    },
    has: (channel) => queues[channel].length > 0,
    get empty() {
      return count === 0;
    },
  };
}
