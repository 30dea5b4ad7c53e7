import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { monitorLimits } from "../protocol/mod.ts";
import { figuresOf } from "./figures.ts";
import { createMonitor, grid, percentile, prometheusText } from "./mod.ts";

const MINUTE = 60_000, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
const START = Date.UTC(2026, 0, 5);

/** A node's database in memory. */
function database() {
  const sqlite = new DatabaseSync(":memory:");
  const meta = new Map<string, string>();
  return {
    sqlite,
    meta: (name: string) => meta.get(name),
    setMeta: (name: string, value: string) => void meta.set(name, value),
    transaction<T>(work: () => T): T {
      sqlite.exec("BEGIN");
      try {
        const value = work();
        sqlite.exec("COMMIT");
        return value;
      } catch (error) {
        sqlite.exec("ROLLBACK");
        throw error;
      }
    },
  };
}

/** A monitor whose clock the test turns; `rate` requests per second at app `site`. */
function bed(kept = database(), at = START) {
  const state = { now: at, rate: 1, fail: false, failures: 0 };
  const monitor = createMonitor({
    database: {
      ...kept,
      transaction(work) {
        if (state.fail) throw new Error("database or disk is full");
        return kept.transaction(work);
      },
    },
    now: () => state.now,
    sample: () => ({
      node: figuresOf("node", { cpu: 0.5, connections: 2 }),
      apps: [["site", figuresOf("app", { requests_per_s: state.rate, p50_ms: 10, p99_ms: 10 * state.rate })]],
    }),
    onFailure: () => state.failures++,
  });
  /** Lives for a while as the clockwork would. */
  const live = (ms: number) => {
    for (let n = 0; n < ms / monitorLimits.sampleMs; n++) {
      state.now += monitorLimits.sampleMs;
      monitor.take();
      if (n % 6 === 5) monitor.flush();
    }
  };
  return { monitor, state, live, kept };
}
const rows = (b: ReturnType<typeof bed>) =>
  (b.kept.sqlite.prepare("SELECT count(*) n FROM figures").get() as { n: number }).n;

Deno.test("figures of the last minutes are there at 10 s, also those not stored yet", () => {
  const b = bed();
  b.live(2 * MINUTE);
  b.state.now += monitorLimits.sampleMs;
  b.monitor.take();
  const { cpu, connections } = b.monitor.read("node", "", grid(b.state.now, 3 * MINUTE, 360));
  assert.equal(cpu.filter((v) => v === 0.5).length, 13);
  assert.equal(cpu.at(0), null);
  assert.equal(connections.at(-2), 2);
  b.monitor[Symbol.dispose]();
});

Deno.test("a longer interval has the mean rate, the largest high percentile, and nothing where nothing was measured", () => {
  const b = bed();
  b.live(5 * MINUTE);
  b.state.rate = 3;
  b.live(5 * MINUTE);
  const { requests_per_s, p50_ms, p99_ms } = b.monitor.read("app", "site", grid(b.state.now, 20 * MINUTE, 2));
  // The interval that begins just now is empty.
  assert.deepEqual(p99_ms, [30, null]);
  assert.deepEqual(p50_ms, [10, null]);
  assert.deepEqual(requests_per_s, [2, null]);
  assert.deepEqual(b.monitor.read("app", "other", grid(b.state.now, HOUR, 1)).p99_ms, [null]);
  b.monitor[Symbol.dispose]();
});

Deno.test("after a day fine figures go, 5-minute ones stay for 30 days, and then go too", () => {
  const b = bed();
  b.live(DAY + 2 * HOUR);
  const perDay = DAY / monitorLimits.sampleMs;
  const week = b.monitor.read("node", "", grid(b.state.now, 7 * DAY, 1_000));
  assert.ok(week.cpu.filter((v) => v !== null).length >= 26 * 60 / 15, "the first day is still known");
  assert.ok(rows(b) < 2 * (perDay + 2 * HOUR / monitorLimits.sampleMs + 400), `${rows(b)} rows`);
  const before = rows(b);
  b.state.now += 40 * DAY;
  b.live(MINUTE);
  assert.ok(rows(b) < 20, `${before} rows, then ${rows(b)}`);
  b.monitor[Symbol.dispose]();
});

Deno.test("an agent that was away goes on where it was: nothing is folded twice, nothing is lost", () => {
  const b = bed();
  b.live(7 * MINUTE);
  b.monitor[Symbol.dispose]();
  const c = bed(b.kept, b.state.now + 30 * MINUTE);
  c.live(6 * MINUTE);
  const { requests_per_s } = c.monitor.read("app", "site", grid(c.state.now, 2 * DAY, 1_000));
  const known = requests_per_s.filter((v) => v !== null);
  assert.equal(known.length, 3, "two intervals before, one after");
  assert.equal(known[0], 1);
  assert.ok(known[1]! < 0.5, "of the interval that was cut short, what happened in it");
  c.monitor[Symbol.dispose]();
});

Deno.test("a full disk costs figures at most, is told, and is made up for", () => {
  const b = bed();
  b.state.fail = true;
  b.live(4 * MINUTE);
  assert.equal(b.state.failures, 4);
  assert.equal(rows(b), 0);
  b.state.fail = false;
  b.live(MINUTE);
  assert.equal(rows(b), 2 * 30 + 2, "all fine samples, and one coarse one of each");
  b.monitor[Symbol.dispose]();
});

Deno.test("subjects are bounded: of too many apps those seen last stay", () => {
  const kept = database();
  let now = START, name = "";
  const monitor = createMonitor({
    database: kept,
    now: () => now,
    sample: () => ({ node: figuresOf("node", {}), apps: [[name, figuresOf("app", { in_flight: 1 })]] }),
    onFailure: (error) => assert.fail(String(error)),
  });
  for (let n = 0; n < monitorLimits.subjects + 20; n++) {
    name = `app-${n}`;
    now += 2 * HOUR / 100;
    monitor.take();
    monitor.flush();
  }
  now += HOUR;
  monitor.take();
  monitor.flush();
  const { n } = kept.sqlite.prepare("SELECT count(*) n FROM figure_subjects").get() as { n: number };
  assert.equal(n, monitorLimits.subjects);
  assert.ok(kept.sqlite.prepare("SELECT 1 FROM figure_subjects WHERE name = ?").get(`app/${name}`));
  assert.ok(!kept.sqlite.prepare("SELECT 1 FROM figure_subjects WHERE name = 'app/app-0'").get());
  monitor[Symbol.dispose]();
});

Deno.test("percentiles lie within their bucket", () => {
  const bounds = [1, 10, 100];
  assert.equal(percentile(bounds, [10, 0, 0, 0], 0.5), 0.5);
  assert.equal(percentile(bounds, [0, 10, 0, 0], 0.5), 5.5);
  assert.equal(percentile(bounds, [50, 49, 1, 0], 0.99), 10);
  assert.equal(percentile(bounds, [0, 0, 0, 5], 0.5), 100);
  assert.ok(Number.isNaN(percentile(bounds, [0, 0, 0, 0], 0.5)));
});

Deno.test("Prometheus text escapes what apps are called and leaves empty families out", () => {
  const text = prometheusText([
    { name: "a_total", help: "one\ntwo", type: "counter", values: [{ labels: { app: 'x"\\\n' }, value: 3 }] },
    { name: "b", help: "none", type: "gauge", values: [] },
  ]);
  assert.equal(text, '# HELP a_total one\\ntwo\n# TYPE a_total counter\na_total{app="x\\"\\\\\\n"} 3\n');
});
