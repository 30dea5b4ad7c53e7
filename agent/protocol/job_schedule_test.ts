import assert from "node:assert/strict";
import { shortestGap, timetableOf, timingProblem } from "./job_schedule.ts";

const MINUTE = 60_000, DAY = 86_400_000;

/** The clock of a time zone, read minute by minute. */
function clockOf(zone: string): (at: number) => number {
  const format = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "short" });
  return (at) => Date.parse(`${format.format(at).replace(" ", "T")}Z`);
}

function fieldOf(text: string, low: number, high: number): ReadonlySet<number> {
  const values = new Set<number>();
  for (const part of text.split(",")) {
    const [range, step = "1"] = part.split("/");
    const [from, to] = range === "*"
      ? [low, high]
      : range.includes("-")
      ? range.split("-").map(Number)
      : [+range, +range];
    for (let value = from; value <= to; value += +step) values.add(value);
  }
  return values;
}

function matcherOf(cron: string): (shown: number) => boolean {
  const fields = cron.split(" ");
  const [minute, hour, date, month, weekday] = [[0, 59], [0, 23], [1, 31], [1, 12], [0, 6]]
    .map(([low, high], i) => fieldOf(fields[i], low, high));
  const either = fields[2] !== "*" && fields[4] !== "*";
  return (shown) => {
    const d = new Date(shown);
    const byDate = date.has(d.getUTCDate()), byWeekday = weekday.has(d.getUTCDay());
    return minute.has(d.getUTCMinutes()) && hour.has(d.getUTCHours()) && month.has(d.getUTCMonth() + 1) &&
      (either ? byDate || byWeekday : byDate && byWeekday);
  };
}

/** Every minute of the world is looked at: what the clock shows for the first time counts, also what it jumped over. */
function oracle(cron: string, clock: (at: number) => number, from: number, to: number): number[] {
  const matches = matcherOf(cron);
  const found: number[] = [];
  let furthest = 0;
  for (let at = from - 2 * DAY; at < from; at += MINUTE) furthest = Math.max(furthest, clock(at));
  for (let at = from; at < to; at += MINUTE) {
    const shown = clock(at);
    let due = false;
    for (let passed = furthest + MINUTE; passed <= shown; passed += MINUTE) due ||= matches(passed);
    furthest = Math.max(furthest, shown);
    if (due) found.push(at);
  }
  return found;
}

/** Zones with the days on which their clocks change. */
const CHANGES: readonly (readonly [string, readonly string[]])[] = [
  ["UTC", ["2026-03-29"]],
  ["Europe/Berlin", ["2026-03-29", "2026-10-25"]],
  ["Europe/London", ["2026-03-29", "2026-10-25"]],
  ["America/New_York", ["2026-03-08", "2026-11-01"]],
  ["America/St_Johns", ["2026-03-08", "2026-11-01"]],
  ["America/Havana", ["2026-03-08", "2026-11-01"]],
  ["America/Santiago", ["2026-04-05", "2026-09-06"]],
  ["America/Sao_Paulo", ["2018-11-04", "2019-02-17"]],
  ["Africa/Casablanca", ["2026-02-15", "2026-03-22"]],
  ["Africa/Cairo", ["2026-04-24", "2026-10-30"]],
  ["Asia/Beirut", ["2026-03-29", "2026-10-25"]],
  ["Asia/Kolkata", ["2026-03-29"]],
  ["Australia/Lord_Howe", ["2026-04-05", "2026-10-04"]],
  ["Pacific/Auckland", ["2026-04-05", "2026-09-27"]],
  ["Pacific/Apia", ["2011-12-30"]],
  ["Antarctica/Troll", ["2026-03-29", "2026-10-25"]],
];
const CRONS = [
  "0 2 * * *",
  "30 2 * * *",
  "15 1,2,3 * * *",
  "0 0 * * *",
  "59 23 * * *",
  "30 1 * * *",
  "0 * * * *",
  "*/15 * * * *",
  "*/20 0-3 * * *",
  "45 2 * * 1-5",
  "0 3 * * 0",
  "5 0 1 * *",
  "30 0-4/2 * * *",
  "0 12 30 * 5",
];

Deno.test("the times of a schedule are those of an oracle that looks at every minute, over all changes of the clocks", () => {
  let compared = 0, times = 0;
  for (const [zone, days] of CHANGES) {
    const shown = new Map<number, number>();
    const read = clockOf(zone);
    const clock = (at: number) => {
      if (!shown.has(at)) shown.set(at, read(at));
      return shown.get(at)!;
    };
    for (const day of days) {
      const from = Date.parse(day) - 1.5 * DAY, to = Date.parse(day) + 2 * DAY;
      for (const cron of CRONS) {
        const expected = oracle(cron, clock, from, to).map((at) => new Date(at).toISOString());
        const table = timetableOf({ cron, timezone: zone });
        const found: string[] = [];
        for (let at = table.next(from - 1); at !== undefined && at < to; at = table.next(at)) {
          found.push(new Date(at).toISOString());
        }
        assert.deepEqual(found, expected, `${cron} in ${zone} around ${day}`);
        compared++;
        times += found.length;
      }
    }
  }
  console.log(`${compared} schedules over changes of the clocks, ${times} times, all as the oracle's`);
});

const times = (cron: string, timezone: string, from: string, count: number): string[] => {
  const table = timetableOf({ cron, timezone });
  const found: string[] = [];
  for (let at = table.next(Date.parse(from)); at !== undefined && found.length < count; at = table.next(at)) {
    found.push(new Date(at).toISOString());
  }
  return found;
};

Deno.test("a time that is skipped comes right after the gap, one that occurs twice comes once", () => {
  assert.deepEqual(times("30 2 * * *", "Europe/Berlin", "2026-03-28T02:00Z", 2), [
    "2026-03-29T01:00:00.000Z",
    "2026-03-30T00:30:00.000Z",
  ]);
  assert.deepEqual(times("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00Z", 2), [
    "2026-10-25T00:30:00.000Z",
    "2026-10-26T01:30:00.000Z",
  ]);
  // From within the second occurrence: that hour is over.
  assert.deepEqual(times("*/30 * * * *", "Europe/Berlin", "2026-10-25T01:10Z", 1), [
    "2026-10-25T02:00:00.000Z",
  ]);
  // A whole day that a place never had.
  assert.deepEqual(times("0 9 30 12 *", "Pacific/Apia", "2011-12-01T00:00Z", 1), [
    "2011-12-30T10:00:00.000Z",
  ]);
});

Deno.test("seconds may stand in front; the latest time before an instant is found however long the pause was", () => {
  assert.deepEqual(times("20 30 6 * * *", "UTC", "2026-01-01T00:00Z", 1), ["2026-01-01T06:30:20.000Z"]);
  const table = timetableOf({ cron: "0 6 * * *", timezone: "Asia/Kolkata" });
  const until = Date.parse("2026-06-01T12:00Z");
  assert.equal(table.latest(0, until), Date.parse("2026-06-01T00:30Z"));
  assert.equal(table.latest(Date.parse("2026-06-01T00:30Z"), until), undefined);
  assert.equal(shortestGap(timetableOf({ cron: "0,7 * * * *", timezone: "UTC" }), 0), 7 * MINUTE);
  const rare = timetableOf({ cron: "0 0 29 2 *", timezone: "UTC" });
  assert.equal(rare.latest(Date.parse("2000-03-01T00:00Z"), until), Date.parse("2024-02-29T00:00Z"));
});

Deno.test("a schedule that cannot be kept is told with its reason", () => {
  const problem = (cron: string, timezone = "UTC", jitter_ms = 0) =>
    timingProblem({ cron, timezone, jitter_ms });
  assert.equal(problem("0 2 * * *"), undefined);
  assert.match(problem("61 * * * *")!.message, /minute: 61/);
  assert.match(problem("often")!.message, /five/);
  assert.match(problem("0 0 31 2 *")!.message, /never/);
  assert.match(problem("* * * * * *")!.message, /every 1 s, at most every 10 s/);
  assert.deepEqual(problem("0 2 * * *", "Europe/Atlantis"), {
    key: "timezone",
    message: 'there is no time zone "Europe/Atlantis"',
  });
  assert.equal(problem("* * * * *", "UTC", 60_000)?.key, "jitter_seconds");
  assert.equal(problem("* * * * *", "UTC", 59_000), undefined);
});
