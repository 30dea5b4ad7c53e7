/**
 * Rendezvous (highest random weight) hashing: every node that knows the same ids puts them in the same order for a
 * key, and adding or removing an id moves only the keys that it wins or held.
 * Source: Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit Rates", IEEE/ACM ToN 6(1), 1998.
 *
 * The weight of (key, id) mixes 64 bits of SHA-256(key) with 64 bits of SHA-256(id) by MurmurHash3's finaliser: both
 * inputs are uniform, so one SHA-256 per id serves every key (100,000 blobs × 1,000 nodes need 101,000 hashes, not
 * 100 million).
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { utf8 } from "../protocol/encoding.ts";

/** Orders a fixed set of ids for any key; see {@link rendezvousRanker}. */
export type RendezvousRanker = (key: string, count?: number) => string[];

/** MurmurHash3's 32-bit finaliser (Appleby, public domain): every input bit flips every output bit about half the time. */
function mix(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** 64 bits of SHA-256 as two unsigned words. */
export type KeyHash = readonly [number, number];

/** What weights of a key are computed from. */
export function keyHash(text: string): KeyHash {
  const view = new DataView(sha256(utf8(text)).buffer);
  return [view.getUint32(0), view.getUint32(4)];
}

/** Hashes of node ids, which come again with every question; bounded, as ids come from outside. */
const known = new Map<string, KeyHash>();
const KNOWN_IDS = 4_096;

function hashOfId(id: string): KeyHash {
  let found = known.get(id);
  if (!found) {
    if (known.size >= KNOWN_IDS) known.clear();
    known.set(id, found = keyHash(id));
  }
  return found;
}

/** The weight of an id for a key: 32 bits from the first mix, 21 from the second: 53 bits, exact in a double. */
function weigh([keyHigh, keyLow]: KeyHash, high: number, low: number): number {
  const inner = mix(keyLow ^ low);
  return mix((keyHigh ^ high) + inner | 0) * 0x200000 + (inner >>> 11);
}

/** Whether `a` comes before `b` for a key. Ties fall to the smaller id. */
export function isBefore(key: KeyHash, a: string, b: string): boolean {
  const difference = weigh(key, ...hashOfId(a)) - weigh(key, ...hashOfId(b));
  return difference > 0 || (difference === 0 && a < b);
}

/**
 * Prepares `ids` (duplicates count once) for ranking many keys: `ranker(key)` gives all of them, highest weight first,
 * `ranker(key, n)` the first `n`. Same order as {@link rendezvousRank}.
 */
export function rendezvousRanker(ids: readonly string[]): RendezvousRanker {
  const sorted = [...new Set(ids)].sort();
  const high = new Uint32Array(sorted.length), low = new Uint32Array(sorted.length);
  sorted.forEach((id, i) => [high[i], low[i]] = hashOfId(id));
  return (key, count = sorted.length) => {
    const hash = keyHash(key);
    const weight = new Float64Array(sorted.length);
    for (let i = 0; i < sorted.length; i++) weight[i] = weigh(hash, high[i], low[i]);
    const before = (a: number, b: number) => weight[b] - weight[a] || a - b;
    if (count >= sorted.length) return sorted.map((_, i) => i).sort(before).map((i) => sorted[i]);
    const best: number[] = [];
    for (let i = 0; i < sorted.length; i++) {
      if (best.length === count && (count === 0 || before(i, best[count - 1]) > 0)) continue;
      let at = best.length;
      while (at > 0 && before(i, best[at - 1]) < 0) at--;
      best.splice(at, 0, i);
      if (best.length > count) best.pop();
    }
    return best.map((i) => sorted[i]);
  };
}

/**
 * All `ids` (duplicates count once) in the order of their weight for `key`, highest first: the first is the
 * controller, the first `n` are the home nodes; with `count` only so many. Independent of the order in which `ids` come.
 */
export const rendezvousRank = (key: string, ids: readonly string[], count?: number): string[] =>
  rendezvousRanker(ids)(key, count);

/** The `count` home nodes of `digest` among `nodes`: they keep the list of who holds it. */
export const homesOf = (digest: string, nodes: readonly string[], count: number): string[] =>
  rendezvousRank(digest, nodes, count);
