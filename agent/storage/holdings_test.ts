import assert from "node:assert/strict";
import { limits, timing } from "../protocol/limits.ts";
import { createHoldings } from "./holdings.ts";

Deno.test("holdings name the holders of a blob, the latest first, until they withdraw or their time is over", () => {
  let now = 0;
  const holdings = createHoldings(() => now);
  holdings.announce("p", ["x", "y"]);
  now = 10;
  holdings.announce("q", ["x"]);
  assert.deepEqual(holdings.find("x", 5), ["q", "p"]);
  assert.deepEqual(holdings.find("x", 1), ["q"]);
  holdings.withdraw("q", ["x", "unknown"]);
  assert.deepEqual(holdings.find("x", 5), ["p"]);
  now = timing.holdingMs + 5;
  assert.deepEqual(holdings.find("x", 5), []);
  assert.deepEqual(holdings.find("nothing", 5), []);
});

Deno.test("holdings stay within their bounds: per blob and in all, the oldest go", () => {
  const holdings = createHoldings(() => 0, 1000);
  for (let i = 0; i < 200; i++) holdings.announce(`p${i}`, ["x"]);
  assert.equal(holdings.find("x", 1000).length, limits.holdersPerBlob);
  for (let i = 0; i < 5000; i++) holdings.announce("p", [`blob-${i}`]);
  assert.equal(holdings.size(), 1000);
  assert.deepEqual(holdings.find("blob-4999", 5), ["p"]);
  assert.deepEqual(holdings.find("blob-3", 5), []);
});

Deno.test("holdings forget those who are no members any more", () => {
  const holdings = createHoldings(() => 0);
  holdings.announce("p", ["x", "y"]);
  holdings.announce("q", ["x"]);
  holdings.keepOnly(new Set(["q"]));
  assert.deepEqual([holdings.find("x", 5), holdings.find("y", 5), holdings.size()], [["q"], [], 1]);
});
