/**
 * The replicated records of a realm as one node holds them: the newest record per `(author, key)`, and per author how
 * far the log is known without a gap. Order of arrival never matters (property-tested).
 */
import type { Digest, NodeId } from "../protocol/identity.ts";
import { limits } from "../protocol/limits.ts";
import type { Head, Heads } from "../protocol/message.ts";
import type { RealmRecord } from "../protocol/record.ts";

/** 64 bits as two unsigned words: XOR sums that do not depend on order. */
interface Sum {
  high: number;
  low: number;
}
const fold = (sum: Sum, hash: Digest): void => {
  sum.high = (sum.high ^ parseInt(hash.slice(0, 8), 16)) >>> 0;
  sum.low = (sum.low ^ parseInt(hash.slice(8, 16), 16)) >>> 0;
};
const sumText = (sum: Sum): string =>
  sum.high.toString(16).padStart(8, "0") + sum.low.toString(16).padStart(8, "0");

/** What is known of one author. */
interface AuthorLog {
  /** Everything of the author up to this seq is here or was superseded. */
  head: number;
  /** The highest seq seen; above `head` while there is a gap. */
  max: number;
  readonly live: Map<string, RealmRecord>;
  /** Length of all live records' texts. */
  bytes: number;
  /** `prev → seq` of records beyond the gap. */
  readonly ahead: Map<number, number>;
  readonly sum: Sum;
  /** Text of {@link sum}. */
  text: string;
  /** This author's term in the digest of the whole store. */
  term: Digest;
}

/** See the module's text. Owned by one core; nobody else writes. */
export interface RecordStore {
  readonly authors: Map<NodeId, AuthorLog>;
  readonly total: Sum;
}

/** An empty store. */
export const createRecordStore = (): RecordStore => ({ authors: new Map(), total: { high: 0, low: 0 } });

/** What {@link insert} did. `stale`: a newer one is here; `full`: the author is at its limit. */
export type Inserted = "new" | "duplicate" | "stale" | "full";

function logOf(store: RecordStore, author: NodeId): AuthorLog {
  let log = store.authors.get(author);
  if (!log) {
    log = {
      head: 0,
      max: 0,
      live: new Map(),
      bytes: 0,
      ahead: new Map(),
      sum: { high: 0, low: 0 },
      text: "0".repeat(16),
      term: "",
    };
    store.authors.set(author, log);
  }
  return log;
}

/**
 * 64-bit hash of a text by two multiplicative passes (after cyrb53): states are compared by it thousands of times a
 * second; nobody gains by a collision but the one who is left out of date by it.
 */
function quickHash(text: string): Digest {
  let h1 = 0xdeadbeef, h2 = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    h1 = Math.imul(h1 ^ c, 2654435761);
    h2 = Math.imul(h2 ^ c, 1597334677);
  }
  h1 = Math.imul(h1 ^ (h1 >>> 16), 2246822507) ^ Math.imul(h2 ^ (h2 >>> 13), 3266489909);
  h2 = Math.imul(h2 ^ (h2 >>> 16), 2246822507) ^ Math.imul(h1 ^ (h1 >>> 13), 3266489909);
  return sumText({ high: h2 >>> 0, low: h1 >>> 0 });
}

function settle(store: RecordStore, author: NodeId, log: AuthorLog): void {
  if (log.term) fold(store.total, log.term);
  log.text = sumText(log.sum);
  log.term = quickHash(`${author} ${log.head} ${log.text}`);
  fold(store.total, log.term);
}

function advance(log: AuthorLog): void {
  for (let again = true; again;) {
    again = false;
    for (const [prev, seq] of log.ahead) {
      if (prev > log.head) continue;
      log.ahead.delete(prev);
      if (seq > log.head) log.head = seq;
      again = true;
    }
  }
}

/** Notes that everything between `prev` and `seq` of an author is accounted for. */
function link(log: AuthorLog, record: RealmRecord): void {
  if (record.seq > log.max) log.max = record.seq;
  if (record.prev <= log.head) {
    if (record.seq > log.head) log.head = record.seq;
    advance(log);
    return;
  }
  const known = log.ahead.get(record.prev);
  if (known === undefined || known < record.seq) log.ahead.set(record.prev, record.seq);
}

/** Kinds that are facts for ever: nobody takes back or rewrites what was commanded or who was let in. */
const isFinal = (record: RealmRecord): boolean => record.kind === "command" || record.kind === "member";

/**
 * Takes in a verified record. Of two under one key the later stands, for facts that cannot change the earlier: a
 * member that accepted a command must not be able to undo it.
 */
export function insert(store: RecordStore, record: RealmRecord): Inserted {
  const log = logOf(store, record.author);
  const old = log.live.get(record.key);
  if (old && old.hash === record.hash) return "duplicate";
  // Two records of one seq: their author equivocated or lost its disk. All nodes keep the same one.
  const later = !old || record.seq > old.seq || (record.seq === old.seq && record.hash > old.hash);
  const newer = !old || later !== isFinal(record);
  const bytes = log.bytes + record.wire.p.length - (old?.wire.p.length ?? 0);
  if (newer && !old && log.live.size >= limits.recordsPerAuthor) return "full";
  if (newer && bytes > limits.recordBytesPerAuthor && bytes > log.bytes) return "full";
  if (newer) {
    if (old) fold(log.sum, old.hash);
    fold(log.sum, record.hash);
    log.live.set(record.key, record);
    log.bytes = bytes;
  }
  // A record that came too late still closes its gap.
  link(log, record);
  settle(store, record.author, log);
  return newer ? "new" : "stale";
}

/** Whether an author has room for one more command, beside what it has to say of itself. */
export function hasRoom(store: RecordStore, author: NodeId): boolean {
  const log = store.authors.get(author);
  if (!log) return true;
  return log.live.size < limits.commandsPerAuthor &&
    log.bytes + limits.commandBytes < limits.recordBytesPerAuthor;
}

/** Takes out live records that ended: they are accounted for as those that were superseded. */
export function drop(store: RecordStore, author: NodeId, records: readonly RealmRecord[]): void {
  const log = store.authors.get(author);
  if (!log || records.length === 0) return;
  for (const record of records) {
    if (log.live.get(record.key)?.hash !== record.hash) continue;
    log.live.delete(record.key);
    log.bytes -= record.wire.p.length;
    fold(log.sum, record.hash);
  }
  settle(store, author, log);
}

/** Takes out live records, as if they had never been: what the others still have of the author is asked for again. */
export function withdraw(store: RecordStore, author: NodeId, records: readonly RealmRecord[]): void {
  const log = store.authors.get(author);
  if (!log || records.length === 0) return;
  drop(store, author, records);
  log.max = 0;
  for (const { seq } of log.live.values()) log.max = Math.max(log.max, seq);
  log.head = Math.min(log.head, log.max);
  log.ahead.clear();
  settle(store, author, log);
}

/** The newest record of an author under a key. */
export const recordOf = (store: RecordStore, author: NodeId, key: string): RealmRecord | undefined =>
  store.authors.get(author)?.live.get(key);

/** Highest seq of an author that was seen at all. */
export const lastSeq = (store: RecordStore, author: NodeId): number => store.authors.get(author)?.max ?? 0;

/** Sum over everything that is held; equal sums mean equal stores. */
export const storeDigest = (store: RecordStore): string => sumText(store.total);

/** The version vector. */
export function headsOf(store: RecordStore): Heads {
  const heads: Record<NodeId, Head> = {};
  for (const [author, log] of store.authors) heads[author] = [log.head, log.text];
  return heads;
}

/** Whether the holder of `heads` has something that this store lacks. */
export function lacks(store: RecordStore, heads: Heads): boolean {
  for (const author of Object.keys(heads)) {
    const log = store.authors.get(author);
    if (!log) return true;
    const [head, sum] = heads[author];
    if (head > log.head || (head === log.head && sum !== log.text)) return true;
  }
  return false;
}

/** Records that the holder of `heads` lacks, bounded; `more` when the bound cut it short. */
export function missingFrom(
  store: RecordStore,
  heads: Heads,
): { records: RealmRecord[]; upTo: Record<NodeId, Head>; more: boolean } {
  const records: RealmRecord[] = [];
  const upTo: Record<NodeId, Head> = {};
  let bytes = 0;
  const differing = [...store.authors].filter(([author, log]) => {
    if (heads[author] === undefined) return true;
    const [from, sum] = heads[author];
    return from === log.head ? sum !== log.text : from < log.head || from < log.max;
  }).sort(([a], [b]) => a < b ? -1 : 1);
  for (const [author, log] of differing) {
    const from = heads[author]?.[0] ?? 0;
    const sum = log.text;
    // Equal heads with different sums: somebody withheld a record, or there is a gap. Then all of it goes.
    const since = from === log.head ? 0 : from;
    const wanted = [...log.live.values()].filter((r) => r.seq > since).sort((a, b) => a.seq - b.seq);
    let last = since;
    for (const record of wanted) {
      const size = record.wire.p.length + 120;
      if (records.length >= limits.syncRecords || bytes + size > limits.messageBytes / 2) {
        if (last > from) upTo[author] = [Math.min(last, log.head), sum];
        return { records, upTo, more: true };
      }
      records.push(record);
      bytes += size;
      last = record.seq;
    }
    upTo[author] = [log.head, sum];
  }
  return { records, upTo, more: false };
}

/**
 * A peer gave us everything of these authors up to these heads: the gap below is closed. A peer's word carries no
 * further than what the author itself signed: a head beyond would hide all that is still to come.
 */
export function closeGaps(store: RecordStore, upTo: Heads): void {
  for (const author of Object.keys(upTo)) {
    const log = store.authors.get(author);
    if (!log) continue;
    const head = Math.min(upTo[author][0], log.max);
    if (head <= log.head) continue;
    log.head = head;
    advance(log);
    settle(store, author, log);
  }
}

/** All live records, tombstones too; in a fixed order. */
export function* allRecords(store: RecordStore): Generator<RealmRecord> {
  for (const author of [...store.authors.keys()].sort()) {
    const log = store.authors.get(author)!;
    yield* [...log.live.values()].sort((a, b) => a.seq - b.seq);
  }
}
