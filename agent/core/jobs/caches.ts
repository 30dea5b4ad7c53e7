/** Build caches: which node has what, what is found under a key, and which entries a node gives up. */
import type { NodeId } from "../../protocol/identity.ts";
import { jobLimits } from "../../protocol/job_limits.ts";
import type { CacheEntry } from "../../protocol/job_record.ts";
import { aliveNodes, type Core } from "../state.ts";
import type { Jobs } from "./runs.ts";

/** Until when an entry that was stored or used at this time counts. */
export const cacheEnd = (at: number): number => at + jobLimits.cacheDays * 86_400_000;

/** The entry under `key`, or else the newest one under a key that begins with one of `beginnings`, in their order. */
export function findCache(
  core: Core,
  scope: string,
  key: string,
  beginnings: readonly string[],
  now: number,
): { readonly entry: CacheEntry; readonly holder: NodeId } | undefined {
  const all = aliveNodes(core).flatMap((holder) =>
    (core.jobs.caches.get(holder) ?? [])
      .filter((entry) => entry.scope === scope && now < cacheEnd(entry.at))
      .map((entry) => ({ entry, holder }))
  ).sort((a, b) => b.entry.at - a.entry.at || (a.holder < b.holder ? -1 : 1));
  for (const fits of [(k: string) => k === key, ...beginnings.map((b) => (k: string) => k.startsWith(b))]) {
    const found = all.find(({ entry }) => fits(entry.key));
    if (found) return found;
  }
}

/** A node's entries with one more: the least recently used go when there are too many, or they take too much. */
export function withCache(jobs: Jobs, self: NodeId, entry: CacheEntry, now: number): readonly CacheEntry[] {
  const others = (jobs.caches.get(self) ?? [])
    .filter((e) => (e.scope !== entry.scope || e.key !== entry.key) && now < cacheEnd(e.at))
    .toSorted((a, b) => b.at - a.at);
  const kept: CacheEntry[] = [entry];
  let bytes = entry.bytes;
  for (const other of others) {
    bytes += other.bytes;
    if (kept.length >= jobLimits.cachesPerNode || bytes > jobLimits.cachesBytes) break;
    kept.push(other);
  }
  return kept;
}
