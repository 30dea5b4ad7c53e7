/** What a home node keeps: who holds which blob. In memory, bounded, expiring; holders announce again, so it rebuilds itself. */
import type { Digest, NodeId } from "../protocol/identity.ts";
import { limits, timing } from "../protocol/limits.ts";

/** See the module's description. */
export interface Holdings {
  /** `peer` holds these. */
  announce(peer: NodeId, digests: readonly Digest[]): void;
  /** `peer` no longer holds these. */
  withdraw(peer: NodeId, digests: readonly Digest[]): void;
  /** Holders of a blob, latest announcement first, at most `most`. */
  find(digest: Digest, most: number): NodeId[];
  /** Forgets everybody who is not in `members`. */
  keepOnly(members: ReadonlySet<NodeId>): void;
  /** Pairs of blob and holder. */
  size(): number;
}

/** Empty holdings; `now` in ms, monotonic. */
export function createHoldings(now: () => number, most: number = limits.holdings): Holdings {
  /** Blob → holder → when; both oldest first, as maps keep insertion order. */
  const blobs = new Map<Digest, Map<NodeId, number>>();
  let size = 0;

  function drop(digest: Digest, holders: Map<NodeId, number>, peer: NodeId): void {
    if (holders.delete(peer)) size--;
    if (holders.size === 0) blobs.delete(digest);
  }
  function expire(digest: Digest, holders: Map<NodeId, number>): void {
    for (const [peer, at] of [...holders]) {
      if (at + timing.holdingMs > now()) break;
      drop(digest, holders, peer);
    }
  }

  return {
    announce(peer, digests) {
      for (const digest of digests) {
        const holders = blobs.get(digest) ?? new Map<NodeId, number>();
        if (holders.delete(peer)) size--;
        holders.set(peer, now());
        size++;
        blobs.delete(digest);
        blobs.set(digest, holders);
        expire(digest, holders);
        if (holders.size > limits.holdersPerBlob) drop(digest, holders, holders.keys().next().value!);
        while (size > most) {
          const [oldest, all] = blobs.entries().next().value!;
          size -= all.size;
          blobs.delete(oldest);
        }
      }
    },
    withdraw(peer, digests) {
      for (const digest of digests) {
        const holders = blobs.get(digest);
        if (holders) drop(digest, holders, peer);
      }
    },
    find(digest, count) {
      const holders = blobs.get(digest);
      if (!holders) return [];
      expire(digest, holders);
      return [...holders.keys()].reverse().slice(0, count);
    },
    keepOnly(members) {
      for (const [digest, holders] of [...blobs]) {
        for (const peer of [...holders.keys()]) if (!members.has(peer)) drop(digest, holders, peer);
      }
    },
    size: () => size,
  };
}
