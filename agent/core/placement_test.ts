import assert from "node:assert/strict";
import { type Candidate, matchesTags, place, type Wanted } from "./placement.ts";

const node = (id: string, more: Partial<Candidate> = {}): Candidate => ({
  id,
  name: id,
  state: "alive",
  cordoned: false,
  draining: false,
  leaving: false,
  tags: [],
  runtimes: ["wasm"],
  memoryMb: 1_000,
  reservedMb: 0,
  startedAt: 0,
  ...more,
});
const wanted = (more: Partial<Wanted> = {}): Wanted => ({
  key: "web/0",
  memoryMb: 64,
  tags: [],
  runtime: "wasm",
  excluded: new Map(),
  alike: new Map(),
  ...more,
});

Deno.test("place() gives the same answer whatever the order of the nodes", () => {
  const nodes = Array.from({ length: 20 }, (_, i) => node(`n${i}`));
  assert.deepEqual(place(wanted(), nodes), place(wanted(), [...nodes].reverse()));
});

Deno.test("place() names every reason why a node is excluded, and the nearest fix", () => {
  const bad = node("bad", { state: "unreachable", cordoned: true, runtimes: [], reservedMb: 990 });
  const { ranked, verdicts } = place(wanted({ tags: ["gpu", "!edge"] }), [bad]);
  assert.deepEqual(ranked, []);
  const reasons = verdicts[0].reasons.join("; ");
  for (
    const part of [
      /unreachable/,
      /cordoned/,
      /lacks the tag gpu/,
      /no wasm runtime/,
      /10 MiB of memory free, 64 needed/,
    ]
  ) assert.match(reasons, part);
  assert.equal(verdicts[0].fix, "realm node uncordon bad");
});

Deno.test("place() spreads first, then prefers the emptier node", () => {
  const nodes = [node("a"), node("b", { reservedMb: 800 }), node("c")];
  const { ranked } = place(wanted({ alike: new Map([["a", 1]]) }), nodes);
  assert.deepEqual(ranked, ["c", "b", "a"]);
});

Deno.test("place() skips draining nodes and those a caller excludes", () => {
  const { ranked } = place(wanted({ excluded: new Map([["b", "declined"]]) }), [
    node("a", { draining: true }),
    node("b"),
    node("c"),
  ]);
  assert.deepEqual(ranked, ["c"]);
});

Deno.test("matchesTags() wants all words and none of those with !", () => {
  assert.ok(matchesTags(["a", "b=1"], ["a", "!c"]));
  assert.ok(!matchesTags(["a"], ["a", "b"]));
  assert.ok(!matchesTags(["a", "c"], ["a", "!c"]));
});
