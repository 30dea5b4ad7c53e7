import assert from "node:assert/strict";
import fc from "fast-check";
import { homesOf, rendezvousRank, rendezvousRanker } from "./rendezvous.ts";

const ids = (n: number) => Array.from({ length: n }, (_, i) => `node-${i}`);

Deno.test("rendezvousRank() gives the same order whatever the order and repetition of the ids", () => {
  fc.assert(fc.property(fc.string(), fc.array(fc.string(), { maxLength: 40 }), (key, names) => {
    const ranked = rendezvousRank(key, names);
    assert.deepEqual(rendezvousRank(key, [...names, ...names].reverse()), ranked);
    assert.deepEqual([...ranked].sort(), [...new Set(names)].sort());
  }));
});

Deno.test("rendezvousRank() keeps its order across versions", () => {
  assert.deepEqual(rendezvousRank("app/web", ["a", "b", "c", "d", "e"]), ["b", "a", "e", "c", "d"]);
});

Deno.test("a ranker's first n are the first n of the whole order", () => {
  const rank = rendezvousRanker(ids(50));
  for (let k = 0; k < 100; k++) {
    for (const n of [0, 1, 3, 49, 50, 60]) {
      assert.deepEqual(rank(`key-${k}`, n), rank(`key-${k}`).slice(0, n));
    }
  }
});

Deno.test("removing an id moves only the keys that it held", () => {
  const all = ids(20), fewer = all.filter((id) => id !== "node-7");
  for (let k = 0; k < 500; k++) {
    const before = rendezvousRank(`key-${k}`, all);
    assert.deepEqual(rendezvousRank(`key-${k}`, fewer), before.filter((id) => id !== "node-7"));
  }
});

Deno.test("keys spread evenly over ids, and second places over the rest", () => {
  const rank = rendezvousRanker(ids(20));
  const first = new Map<string, number>(), pairs = new Set<string>();
  const keys = 20_000;
  for (let k = 0; k < keys; k++) {
    const [a, b] = rank(`key-${k}`, 2);
    first.set(a, (first.get(a) ?? 0) + 1);
    pairs.add(`${a} ${b}`);
  }
  // Binomial(20000, 1/20): mean 1000, sigma 31; five sigma.
  for (const [id, n] of first) assert.ok(Math.abs(n - 1000) < 155, `${id} won ${n} of ${keys} keys`);
  assert.equal(first.size, 20);
  assert.equal(pairs.size, 20 * 19);
});

Deno.test("homesOf() names distinct nodes, all of them when there are fewer than asked", () => {
  assert.equal(new Set(homesOf("ab".repeat(32), ids(9), 3)).size, 3);
  assert.deepEqual(homesOf("ab".repeat(32), ["only"], 3), ["only"]);
  assert.deepEqual(homesOf("ab".repeat(32), [], 3), []);
});
