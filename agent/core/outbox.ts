/** Own records on their way out: batched into gossip; what is too large for gossip goes to the neighbours by unicast. */
import { utf8 } from "../protocol/encoding.ts";
import { limits, timing } from "../protocol/limits.ts";
import type { Message } from "../protocol/message.ts";
import type { WireRecord } from "../protocol/record.ts";
import type { Effect } from "./events.ts";
import type { Core } from "./state.ts";

/** Room for the message around the records. */
const FRAME_BYTES = 64;

/** Empties the outbox when its oldest record has waited long enough; several records travel as one message. */
export function flushOutbox(core: Core, now: number): Effect[] {
  if (core.outbox.length === 0 || now < core.outboxSince + timing.gossipBatchMs) return [];
  const effects: Effect[] = [];
  let batch: WireRecord[] = [], bytes = FRAME_BYTES;
  const publish = () => {
    if (batch.length > 0) effects.push({ t: "publish", message: { t: "records", records: batch } });
    batch = [];
    bytes = FRAME_BYTES;
  };
  for (const { wire } of core.outbox) {
    const size = utf8(JSON.stringify(wire)).length + 1;
    if (FRAME_BYTES + size > limits.gossipBytes) {
      // Neighbours hand it on when their probes find that states differ.
      const message: Message = { t: "have", records: [wire], upTo: {}, more: false };
      for (const to of core.liveness.neighbours) effects.push({ t: "send", to, message });
      continue;
    }
    if (bytes + size > limits.gossipBytes || batch.length >= limits.syncRecords) publish();
    batch.push(wire);
    bytes += size;
  }
  publish();
  core.outbox = [];
  return effects;
}
