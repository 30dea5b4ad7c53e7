import assert from "node:assert/strict";
import fc from "fast-check";
import { Deciders } from "./deciders.ts";
import { rendezvousRank } from "./rendezvous.ts";

const names = Array.from({ length: 30 }, (_, i) => `node-${i}`);
const keys = Array.from({ length: 12 }, (_, i) => `app/${i}`);

Deno.test("whoever comes and goes, the first for each key is the one that ranking all of them gives", () => {
  const step = fc.record({
    id: fc.constantFrom(...names),
    present: fc.boolean(),
    asked: fc.subarray(keys),
  });
  fc.assert(fc.property(fc.subarray(names), fc.array(step, { maxLength: 60 }), (start, steps) => {
    const ids = new Set(start), deciders = new Deciders(start, true);
    for (const { id, present, asked } of steps) {
      deciders.set(id, present);
      if (present) ids.add(id);
      else ids.delete(id);
      assert.equal(deciders.size, ids.size);
      for (const key of asked) {
        assert.equal(deciders.first(key), rendezvousRank(key, [...ids], 1)[0]);
        assert.deepEqual(deciders.rank(key, 3), rendezvousRank(key, [...ids], 3));
      }
    }
    for (const key of keys) assert.equal(deciders.first(key), rendezvousRank(key, [...ids], 1)[0]);
  }));
});
