import assert from "node:assert/strict";
import fc from "fast-check";
import { timing } from "../protocol/limits.ts";
import { type GcBlob, planGc } from "./gc_plan.ts";

const NOW = 10 * 24 * 3_600_000, HOUR = 3_600_000;
const blob = (digest: string, hoursUnused: number, more: Partial<GcBlob> = {}): GcBlob => ({
  digest,
  size: 100,
  lastUse: NOW - hoursUnused * HOUR,
  pinned: false,
  referenced: false,
  ...more,
});
const gone = (blobs: GcBlob[], used: number, quota: number, neededBytes = 0) =>
  planGc(blobs, { usedBytes: used, quotaBytes: quota, neededBytes }, NOW).remove.map((r) => r.digest);

Deno.test("planGc() removes nothing while there is space and no time is over", () => {
  const plan = planGc([blob("a", 5), blob("b", 100)], { usedBytes: 200, quotaBytes: 1000 }, NOW);
  assert.deepEqual(plan, {
    remove: [],
    freedBytes: 0,
    shortBytes: 0,
    kept: { pinned: 0, referenced: 0, recent: 0, spare: 2 },
  });
});

Deno.test("planGc() removes the least recently used first, only as far as needed, and says why", () => {
  const blobs = [blob("new", 1), blob("old", 9), blob("older", 20), blob("mid", 5)];
  const plan = planGc(blobs, { usedBytes: 400, quotaBytes: 400, neededBytes: 50 }, NOW);
  assert.deepEqual(plan.remove.map((r) => [r.digest, r.reason, r.unusedMs]), [["older", "space", 20 * HOUR]]);
  assert.deepEqual(gone(blobs, 400, 400, 150), ["older", "old"]);
});

Deno.test("planGc() removes expired blobs even when there is space", () => {
  const blobs = [
    blob("cache", 30, { ttlMs: 24 * HOUR }),
    blob("fresh", 2, { ttlMs: 24 * HOUR }),
    blob("plain", 300),
  ];
  const plan = planGc(blobs, { usedBytes: 300, quotaBytes: 10_000 }, NOW);
  assert.deepEqual(plan.remove.map((r) => [r.digest, r.reason]), [["cache", "expired"]]);
});

Deno.test("planGc() keeps what is pinned, referenced or was used a moment ago, and says how much is missing", () => {
  const blobs = [
    blob("pinned", 900, { pinned: true, ttlMs: HOUR }),
    blob("referenced", 900, { referenced: true, ttlMs: HOUR }),
    blob("recent", 0, { ttlMs: 0, lastUse: NOW - timing.gcGraceMs + 1 }),
    blob("free", 3),
  ];
  const plan = planGc(blobs, { usedBytes: 400, quotaBytes: 200 }, NOW);
  assert.deepEqual(plan.remove.map((r) => r.digest), ["free"]);
  assert.equal(plan.shortBytes, 100);
  assert.deepEqual(plan.kept, { pinned: 1, referenced: 1, recent: 1, spare: 0 });
});

Deno.test("planGc() frees enough whenever it can, never removes what must stay, and does not depend on order", () => {
  const any = fc.array(
    fc.record({
      digest: fc.uuid(),
      size: fc.integer({ min: 0, max: 1000 }),
      lastUse: fc.integer({ min: 0, max: NOW }),
      pinned: fc.boolean(),
      referenced: fc.boolean(),
    }),
    { maxLength: 30 },
  );
  fc.assert(
    fc.property(any, fc.integer({ min: 0, max: 20_000 }), fc.nat(2000), (blobs, quotaBytes, neededBytes) => {
      const usedBytes = blobs.reduce((n, b) => n + b.size, 0), space = { usedBytes, quotaBytes, neededBytes };
      const plan = planGc(blobs, space, NOW), byDigest = new Map(blobs.map((b) => [b.digest, b]));
      assert.deepEqual(planGc([...blobs].reverse(), space, NOW), plan);
      for (const r of plan.remove) {
        const b = byDigest.get(r.digest)!;
        assert.ok(!b.pinned && !b.referenced && NOW - b.lastUse >= timing.gcGraceMs);
      }
      const { pinned, referenced, recent, spare } = plan.kept;
      assert.equal(plan.remove.length + pinned + referenced + recent + spare, blobs.length);
      if (plan.shortBytes > 0) assert.equal(spare, 0);
      else assert.ok(usedBytes + neededBytes - plan.freedBytes <= quotaBytes);
    }),
  );
});
