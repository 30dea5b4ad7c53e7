import assert from "node:assert/strict";
import fc from "fast-check";
import { nodeIdOf, sealRecord } from "../protocol/mod.ts";
import type { RealmRecord } from "../protocol/mod.ts";
import { createSigner } from "../platform/crypto.ts";
import {
  closeGaps,
  createRecordStore,
  headsOf,
  insert,
  lacks,
  missingFrom,
  storeDigest,
} from "./record_store.ts";

/** The log of an author: records with few keys, so that many supersede each other. */
function authorLog(seed: number, count: number): RealmRecord[] {
  const signer = createSigner(new Uint8Array(32).fill(seed));
  const author = nodeIdOf(signer.publicKey);
  const records: RealmRecord[] = [];
  for (let i = 0, prev = 0; i < count; i++) {
    const seq = prev + 1 + (i % 3) * 1_000;
    records.push(sealRecord({ author, seq, prev, key: `replica/${(i * 7) % 5}`, at: i, body: null }, signer));
    prev = seq;
  }
  return records;
}
const records = [...authorLog(1, 12), ...authorLog(2, 12), ...authorLog(3, 6)];

Deno.test("whatever the order and repetition of arrival, the same records give the same digest", () => {
  const reference = createRecordStore();
  for (const r of records) insert(reference, r);
  fc.assert(
    fc.property(
      fc.shuffledSubarray([...records, ...records.slice(0, 9)], { minLength: records.length + 9 }),
      (order) => {
        const store = createRecordStore();
        for (const r of order) insert(store, r);
        assert.equal(storeDigest(store), storeDigest(reference));
        assert.deepEqual(Object.entries(headsOf(store)).sort(), Object.entries(headsOf(reference)).sort());
      },
    ),
    { numRuns: 200 },
  );
});

Deno.test("two stores with any parts of the records agree after exchanging what the other lacks", () => {
  const part = fc.shuffledSubarray(records);
  fc.assert(
    fc.property(part, part, (one, two) => {
      const [a, b] = [createRecordStore(), createRecordStore()];
      for (const r of one) insert(a, r);
      for (const r of two) insert(b, r);
      // As the sync protocol does it: heads both ways, until nobody lacks anything.
      for (let round = 0; round < 4; round++) {
        for (const [from, to] of [[a, b], [b, a]]) {
          const { records: missing, upTo } = missingFrom(from, headsOf(to));
          for (const r of missing) insert(to, r);
          closeGaps(to, upTo);
        }
      }
      assert.equal(storeDigest(a), storeDigest(b));
      assert.equal(lacks(a, headsOf(b)), false);
    }),
    { numRuns: 300 },
  );
});

Deno.test("a gap keeps the head where it is, and closing it moves the head on", () => {
  const [r1, r2, r3] = authorLog(4, 3);
  const store = createRecordStore();
  insert(store, r1);
  insert(store, r3);
  assert.equal(headsOf(store)[r1.author][0], r1.seq);
  insert(store, r2);
  assert.equal(headsOf(store)[r1.author][0], r3.seq);
});

Deno.test("of two records with one seq every node keeps the same one", () => {
  const signer = createSigner(new Uint8Array(32).fill(9));
  const author = nodeIdOf(signer.publicKey);
  const [x, y] = [1, 2].map((at) =>
    sealRecord({ author, seq: 5, prev: 0, key: "node", at, body: null }, signer)
  );
  const digests = [[x, y], [y, x]].map((order) => {
    const store = createRecordStore();
    for (const r of order) insert(store, r);
    return storeDigest(store);
  });
  assert.equal(digests[0], digests[1]);
});
