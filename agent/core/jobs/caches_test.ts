import assert from "node:assert/strict";
import { jobLimits } from "../../protocol/job_limits.ts";
import type { CacheEntry } from "../../protocol/job_record.ts";
import { withCache } from "./caches.ts";
import { createJobs } from "./runs.ts";

const entry = (key: string, at: number, bytes = 1): CacheEntry => ({
  scope: "s",
  key,
  digest: "0".repeat(64),
  bytes,
  at,
});
const DAY = 86_400_000;

Deno.test("a node keeps the newest caches within its bounds, one under a key, none that nobody used for long", () => {
  const jobs = createJobs();
  const keep = (e: CacheEntry, now = e.at) => {
    const list = withCache(jobs, "me", e, now);
    jobs.caches.set("me", list);
    return list.map((l) => l.key);
  };
  for (let i = 0; i < jobLimits.cachesPerNode + 10; i++) keep(entry(`k${i}`, 1_000 + i));
  assert.equal(jobs.caches.get("me")!.length, jobLimits.cachesPerNode);
  assert.equal(keep(entry("k57", 5_000)).filter((k) => k === "k57").length, 1);
  assert.ok(!keep(entry("big", 6_000, jobLimits.cachesBytes - 5)).includes("k20"));
  assert.deepEqual(keep(entry("new", 6_000 + (jobLimits.cacheDays + 1) * DAY)), ["new"]);
});
