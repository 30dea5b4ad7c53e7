/** Messages between the cores of two members: unicast by channel, or gossip. Small JSON, validated at the edge. */
import * as v from "valibot";
import { fromUtf8, utf8 } from "./encoding.ts";
import { ok, refuse, type Result } from "./errors.ts";
import type { NodeId } from "./identity.ts";
import { DigestSchema, NameSchema, NodeIdSchema } from "./wire_values.ts";
import { limits } from "./limits.ts";
import { WireRecordSchema } from "./record.ts";

const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER));
const hex = v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/));
/** A node id by its looks: decoding thousands of them would take a peer's message too long, and whoever reads heads asks
 * only for authors that it knows. */
const AuthorSchema = v.pipe(v.string(), v.regex(/^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/));
/** Counted before anything in it is looked at: a peer must not choose how long that takes. */
const atMost = (entries: number) =>
  v.custom<object>(
    (value) => typeof value === "object" && value !== null && Object.keys(value).length <= entries,
    `at most ${entries} entries`,
  );
const records = v.pipe(atMost(limits.syncRecords), v.array(WireRecordSchema));
/** What a node holds of one author: highest seq without a gap, and a hash over the author's live records. */
const HeadSchema = v.strictTuple([count, hex]);
const HeadsSchema = v.pipe(atMost(limits.members), v.record(AuthorSchema, HeadSchema));
/** See {@link HeadSchema}. */
export type Head = v.InferOutput<typeof HeadSchema>;
/** Heads by author: the version vector of a node. */
export type Heads = Readonly<Record<NodeId, Head>>;

/** All messages, by the channel (libp2p protocol) that carries them. */
export const MessageSchema = v.variant("t", [
  /** Are you alive? `digest` sums up the sender's replicated state; a difference starts a sync. */
  v.strictObject({ t: v.literal("probe"), n: count, digest: hex, incarnation: count }),
  v.strictObject({ t: v.literal("ack"), n: count, digest: hex, incarnation: count }),
  /** Probe `target` for me (SWIM's indirect probe), and tell me if it answers. */
  v.strictObject({ t: v.literal("ask"), n: count, target: NodeIdSchema }),
  v.strictObject({ t: v.literal("answer"), n: count, target: NodeIdSchema, incarnation: count }),
  /** Here is what I hold; send what I lack (`reply`: and I sent mine in answer to yours). */
  v.strictObject({ t: v.literal("heads"), heads: HeadsSchema, reply: v.boolean() }),
  /** Records that you lack. `upTo`: with them you hold these authors without a gap up to these heads. */
  v.strictObject({
    t: v.literal("have"),
    records,
    upTo: HeadsSchema,
    more: v.boolean(),
    /** I was away for long and hand nothing on before I have a fresh copy. */
    returning: v.optional(v.literal(true)),
  }),
  /** Would you run this replica? Nothing is decided yet. */
  v.strictObject({
    t: v.literal("offer"),
    id: v.pipe(v.string(), v.maxLength(100)),
    app: NameSchema,
    revision: DigestSchema,
    epoch: count,
    memory_mb: count,
  }),
  v.strictObject({
    t: v.literal("offered"),
    id: v.pipe(v.string(), v.maxLength(100)),
    app: NameSchema,
    accepted: v.boolean(),
    reason: v.optional(v.pipe(v.string(), v.maxLength(500))),
  }),
  /** Would you run this attempt? Nothing is decided yet. */
  v.strictObject({
    t: v.literal("job_offer"),
    id: v.pipe(v.string(), v.maxLength(120)),
    run: v.pipe(v.string(), v.maxLength(100)),
    epoch: count,
    memory_mb: count,
    runtime: v.pipe(v.string(), v.maxLength(16)),
    /** Content that it will need. */
    program: v.optional(DigestSchema),
  }),
  v.strictObject({
    t: v.literal("job_offered"),
    id: v.pipe(v.string(), v.maxLength(120)),
    run: v.pipe(v.string(), v.maxLength(100)),
    accepted: v.boolean(),
    reason: v.optional(v.pipe(v.string(), v.maxLength(500))),
  }),
  /** Gossip: new records. */
  v.strictObject({ t: v.literal("records"), records }),
  /** Gossip: I suspect a node; it may refute with a higher incarnation. */
  v.strictObject({ t: v.literal("suspect"), target: NodeIdSchema, incarnation: count }),
]);
/** See {@link MessageSchema}. */
export type Message = v.InferOutput<typeof MessageSchema>;
/** Unicast channels, each a protocol of its own. */
export type Channel = "probe" | "sync" | "offer";

/** The channel that carries a message. */
export function channelOf(message: Message): Channel {
  switch (message.t) {
    case "offer":
    case "offered":
    case "job_offer":
    case "job_offered":
      return "offer";
    case "heads":
    case "have":
      return "sync";
    default:
      return "probe";
  }
}

/** Bytes of a message. */
export const encodeMessage = (message: Message): Uint8Array => utf8(JSON.stringify(message));

/** Whether JSON nests deeper than `depth`: parsing a million brackets takes a hundred times as long as counting them. */
function nestsDeeper(json: Uint8Array, depth: number): boolean {
  let open = 0, inText = false;
  for (let i = 0; i < json.length; i++) {
    const c = json[i];
    if (c === 0x22) inText = !inText;
    else if (inText) { if (c === 0x5c) i++; }
    else if (c === 0x5b || c === 0x7b) { if (++open > depth) return true; }
    else if (c === 0x5d || c === 0x7d) open--;
  }
  return false;
}

/** Reads a message from a peer; whatever is wrong with it is a refusal, never an exception. */
export function decodeMessage(bytes: Uint8Array): Result<Message> {
  if (bytes.length > limits.messageBytes) return refuse("too_large", "the message is too large");
  if (nestsDeeper(bytes, limits.messageDepth)) return refuse("bad_request", "the message nests too deep");
  try {
    const parsed = v.safeParse(MessageSchema, JSON.parse(fromUtf8(bytes)), { abortEarly: true });
    return parsed.success
      ? ok(parsed.output)
      : refuse("bad_request", `malformed message: ${parsed.issues[0].message}`);
  } catch {
    return refuse("bad_request", "the message is not JSON in UTF-8");
  }
}
