/**
 * Which blobs a node gives up: a plan as data, carried out by the store.
 * Pinned and referenced blobs, and those used a moment ago (their reference may still be on its way), never go.
 */
import type { Digest } from "../protocol/identity.ts";
import { timing } from "../protocol/limits.ts";

/** A blob as the planner sees it. */
export interface GcBlob {
  readonly digest: Digest;
  /** Bytes of its content; chunks shared with other blobs count for each, so freeing may give less. */
  readonly size: number;
  /** Last read or write, ms since 1970. */
  readonly lastUse: number;
  /** Somebody asked to keep it. */
  readonly pinned: boolean;
  /** A record, app, job or other blob needs it. */
  readonly referenced: boolean;
  /** It may go when unused for this long even if there is space. */
  readonly ttlMs?: number;
}

/** Why a blob goes: its time is over, or the space is needed and it was not used for longest. */
export type GcReason = "expired" | "space";

/** A blob that goes. */
export interface GcRemoval {
  readonly digest: Digest;
  readonly size: number;
  readonly reason: GcReason;
  /** How long it was not used, ms. */
  readonly unusedMs: number;
}

/** What to remove, in this order, and what stays. */
export interface GcPlan {
  readonly remove: readonly GcRemoval[];
  /** Bytes that this frees, at most. */
  readonly freedBytes: number;
  /** Bytes still too many after it; above 0 the node must refuse what needs the space. */
  readonly shortBytes: number;
  /** Blobs that stay, by the first reason that holds. */
  readonly kept: {
    readonly pinned: number;
    readonly referenced: number;
    readonly recent: number;
    readonly spare: number;
  };
}

/** Space to make room in. */
export interface GcSpace {
  /** Bytes held now. */
  readonly usedBytes: number;
  /** Bytes allowed. */
  readonly quotaBytes: number;
  /** Bytes needed on top of what is held; default 0. */
  readonly neededBytes?: number;
}

/**
 * Plans a collection at `now` (ms since 1970). Expired blobs go first; then, while too much is held, the least recently
 * used (among equals the largest, then the smaller digest), down to `timing.gcReclaim` of the quota so that the next
 * write does not collect again at once.
 */
export function planGc(blobs: readonly GcBlob[], space: GcSpace, now: number): GcPlan {
  const kept = { pinned: 0, referenced: 0, recent: 0, spare: 0 }, free: GcBlob[] = [];
  for (const blob of blobs) {
    if (blob.pinned) kept.pinned++;
    else if (blob.referenced) kept.referenced++;
    else if (now - blob.lastUse < timing.gcGraceMs) kept.recent++;
    else free.push(blob);
  }
  free.sort((a, b) => a.lastUse - b.lastUse || b.size - a.size || (a.digest < b.digest ? -1 : 1));

  const { usedBytes, quotaBytes, neededBytes = 0 } = space;
  const over = usedBytes + neededBytes > quotaBytes;
  const goal = over ? usedBytes + neededBytes - Math.floor(quotaBytes * timing.gcReclaim) : 0;
  const expired = (b: GcBlob) => b.ttlMs !== undefined && now - b.lastUse > b.ttlMs;
  const removal = (b: GcBlob, reason: GcReason): GcRemoval => ({
    digest: b.digest,
    size: b.size,
    reason,
    unusedMs: now - b.lastUse,
  });

  const remove = free.filter(expired).map((b) => removal(b, "expired"));
  let freedBytes = remove.reduce((n, r) => n + r.size, 0);
  for (const blob of free) {
    if (expired(blob)) continue;
    if (freedBytes >= goal) {
      kept.spare++;
      continue;
    }
    remove.push(removal(blob, "space"));
    freedBytes += blob.size;
  }
  return {
    remove,
    freedBytes,
    shortBytes: Math.max(0, usedBytes + neededBytes - freedBytes - quotaBytes),
    kept,
  };
}
