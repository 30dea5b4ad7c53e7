import assert from "node:assert/strict";
import { nearestOf, neighboursOf } from "./neighbours.ts";

const members = (count: number) => Array.from({ length: count }, (_, i) => `node${i}`);

/** Every node's neighbours. */
const graph = (ids: readonly string[]) => new Map(ids.map((id) => [id, neighboursOf(id, ids)]));

/** Pairs that keep a connection because one of them watches the other. */
const links = (ids: readonly string[]) =>
  new Set([...graph(ids)].flatMap(([id, others]) => others.map((other) => [id, other].sort().join(" "))));

function reached(watches: ReadonlyMap<string, readonly string[]>, dead: ReadonlySet<string>): number {
  const first = [...watches.keys()].find((id) => !dead.has(id))!;
  const both = new Map([...watches.keys()].map((id) => [id, new Set(watches.get(id))]));
  for (const [id, others] of watches) for (const other of others) both.get(other)!.add(id);
  const seen = new Set([first]);
  for (const id of seen) for (const other of both.get(id)!) if (!dead.has(other)) seen.add(other);
  return seen.size;
}

Deno.test("neighbours do not depend on the order of the members, and a node is not its own", () => {
  const ids = members(40);
  for (const id of ids) {
    assert.deepEqual(neighboursOf(id, ids.toReversed()), neighboursOf(id, ids));
    assert.ok(!neighboursOf(id, ids).includes(id));
  }
  assert.deepEqual(neighboursOf("alone", ["alone"]), []);
  assert.deepEqual(neighboursOf("a", ["a", "b"]), ["b"]);
});

Deno.test("when one comes, who is near follows from who was near before and the new one", () => {
  const ids = members(600);
  for (const self of ids.slice(0, 20)) {
    let nearest: readonly string[] = [];
    ids.forEach((id, i) => {
      nearest = nearestOf(self, [...nearest, id]);
      if (i % 37 === 0) assert.deepEqual(nearest, nearestOf(self, ids.slice(0, i + 1)));
    });
    assert.deepEqual(nearest, nearestOf(self, ids));
  }
});

for (const count of [4, 10, 50, 100, 1_000]) {
  Deno.test(`in a realm of ${count} everybody watches few and is watched by three or more`, () => {
    const watches = graph(members(count));
    const watchers = new Map<string, number>();
    for (const others of watches.values()) {
      for (const id of others) watchers.set(id, (watchers.get(id) ?? 0) + 1);
    }
    const most = Math.max(3, Math.ceil(Math.log2(count)) + 3);
    for (const [id, others] of watches) {
      assert.ok(others.length >= 3 && others.length <= most, `${id} watches ${others.length}`);
      assert.ok(
        watchers.get(id)! >= 3 && watchers.get(id)! <= most,
        `${id} has ${watchers.get(id)} watchers`,
      );
    }
  });
}

Deno.test("a member that comes opens no more connections than its own, one that goes none but in its place", () => {
  let before = links(members(60));
  for (let count = 61; count <= 90; count++) {
    const now = links(members(count));
    const opened = [...now].filter((pair) => !before.has(pair));
    const closed = [...before].filter((pair) => !now.has(pair));
    assert.ok(opened.length <= 16, `${opened.length} connections opened at ${count}`);
    assert.ok(closed.length <= 16, `${closed.length} connections not wanted any more at ${count}`);
    before = now;
  }
});

Deno.test("the realm stays one when a third of it dies at once", () => {
  const ids = members(90);
  const watches = graph(ids);
  for (let shift = 0; shift < 3; shift++) {
    const dead = new Set(ids.filter((_, i) => i % 3 === shift));
    assert.equal(reached(watches, dead), ids.length - dead.size);
  }
});
