import assert from "node:assert/strict";
import { openDatabase } from "../platform/mod.ts";
import { type EventView, monitorLimits } from "../protocol/mod.ts";
import { Events } from "./event_stream.ts";

const take = async (source: AsyncIterable<EventView>, n: number): Promise<EventView[]> => {
  const found: EventView[] = [];
  if (n > 0) {
    for await (const event of source) if (found.push(event) === n) break;
  }
  return found;
};
const what = (events: readonly EventView[]) => events.map((e) => e.what);

Deno.test("events outlive a restart, and a reader that comes back misses none and gets none twice", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const stop = AbortSignal.timeout(5_000);
    let last: number;
    {
      using database = openDatabase(`${dir}/realm.db`, 0);
      using events = new Events(database, Date.now());
      events.emit("node", "n1 joined the realm", "n1");
      events.changed("nodes");
      events.emit("app", "site on n1 is failed", "site", "error");
      const [first] = await take(events.read(0, stop), 1);
      assert.equal(first.what, "n1 joined the realm");
      last = first.n;
    }
    using database = openDatabase(`${dir}/realm.db`, 0);
    using events = new Events(database, Date.now() - 60_000);
    assert.deepEqual(what(events.past(10)), ["n1 joined the realm", "site on n1 is failed"]);
    assert.equal(events.past(1)[0].severity, "error");
    events.emit("node", "n1 started");
    const rest = await take(events.read(last, stop), 2);
    assert.deepEqual(what(rest), ["site on n1 is failed", "n1 started"]);
    assert.ok(rest[0].n > last && rest[1].n > rest[0].n);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("what only says that views changed wakes followers, once for many, and is not kept", async () => {
  const dir = await Deno.makeTempDir();
  try {
    using database = openDatabase(`${dir}/realm.db`, 0);
    using events = new Events(database, 1);
    const following = take(events.read(undefined, AbortSignal.timeout(5_000)), 2);
    for (let i = 0; i < 50; i++) events.changed("apps");
    events.emit("node", "n2 is unreachable", "n2", "error");
    assert.deepEqual(what(await following), ["changed", "n2 is unreachable"]);
    assert.deepEqual(what(events.past(10)), ["n2 is unreachable"]);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("events are bounded in memory and on disk", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const kept = monitorLimits.events;
    {
      using database = openDatabase(`${dir}/realm.db`, 0);
      using events = new Events(database, 1);
      for (let i = 0; i < 2.5 * kept; i++) events.emit("node", `event ${i}`);
      assert.equal(events.past(3 * kept).length, kept);
    }
    using database = openDatabase(`${dir}/realm.db`, 0);
    using events = new Events(database, 1);
    assert.equal(events.past(kept).at(-1)?.what, `event ${2.5 * kept - 1}`);
    const { n } = database.sqlite.prepare("SELECT count(*) n FROM happened").get() as { n: number };
    assert.equal(n, kept);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
