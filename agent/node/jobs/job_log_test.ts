import assert from "node:assert/strict";
import { JobLog, type LogEntry, LogMoved, readStoredLog } from "./job_log.ts";

const encoder = new TextEncoder();
const chunk = (text: string, stream: "stdout" | "stderr" = "stdout") => ({
  stream,
  at: 1,
  bytes: encoder.encode(text),
});
const never = new AbortController().signal;

async function withLog(maxBytes: number, body: (log: JobLog, dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  const log = new JobLog(dir, maxBytes);
  try {
    await body(log, dir);
  } finally {
    log.end();
    await Deno.remove(dir, { recursive: true });
  }
}
async function all(entries: AsyncIterable<LogEntry>): Promise<LogEntry[]> {
  const list: LogEntry[] = [];
  for await (const entry of entries) list.push(entry);
  return list;
}
/** What was written, put together again from entries. */
const textOf = (entries: readonly LogEntry[], stream: LogEntry["s"]) =>
  entries.filter((e) => e.s === stream).map((e) => e.t + (e.m ? "" : "\n")).join("");

Deno.test("entries are numbered without a gap and give back every byte, long lines and split characters included", () =>
  withLog(1 << 30, async (log) => {
    const text = `short\n${"ä".repeat(40_000)}\n\nlast without end`;
    const bytes = encoder.encode(text);
    for (let at = 0; at < bytes.length; at += 777) {
      log.write({ stream: "stdout", at, bytes: bytes.subarray(at, at + 777) });
      if (at % 5 === 0) log.write(chunk("err\n", "stderr"));
    }
    log.end();
    const entries = await all(log.read(0, true, never));
    assert.deepEqual(entries.map((e) => e.n), entries.map((_, i) => i + 1));
    assert.equal(textOf(entries, "o"), `${text}\n`);
    assert.deepEqual(await all(readStoredLog(log.content(), 0)), entries);
    assert.deepEqual(await all(readStoredLog(log.content(), 10)), entries.slice(10));
  }));

Deno.test("a reader that resumes gets neither a gap nor a repeat, from memory as from disk", () =>
  withLog(1 << 30, async (log) => {
    for (let i = 1; i <= 20_000; i++) log.write(chunk(`line ${i} ${"x".repeat(40)}\n`));
    for (const after of [0, 1, 9_999, 19_999]) {
      const entries = await all(log.read(after, false, never));
      assert.equal(entries.length, 20_000 - after);
      assert.equal(entries[0].n, after + 1);
      assert.ok(entries[0].t.startsWith(`line ${after + 1} `));
    }
  }));

Deno.test("a follower sees each entry once, also when it falls behind what is in memory, and ends with the attempt", () =>
  withLog(1 << 30, async (log) => {
    const got: number[] = [];
    const following = (async () => {
      for await (const entry of log.read(0, true, never)) {
        got.push(entry.n);
        // Slower than the writer.
        if (entry.n % 500 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      }
    })();
    for (let i = 0; i < 300; i++) {
      log.write(chunk(`${"y".repeat(30)}\n`.repeat(50)));
      if (i % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
    }
    log.end();
    await following;
    assert.deepEqual(got, Array.from({ length: 15_000 }, (_, i) => i + 1));
  }));

Deno.test("a reader that is not through when the files go is told so, instead of a gap", () =>
  withLog(1 << 30, async (log, dir) => {
    for (let i = 1; i <= 20_000; i++) log.write(chunk(`line ${i} ${"x".repeat(60)}\n`));
    log.end();
    const second = [...Deno.readDirSync(dir)].map((e) => e.name).sort()[1];
    const got: number[] = [];
    await assert.rejects(async () => {
      for await (const entry of log.read(0, true, never)) {
        // As files of a directory go: in any order.
        if (got.length === 0) Deno.removeSync(`${dir}/${second}`);
        got.push(entry.n);
      }
    }, LogMoved);
    assert.deepEqual(got, got.map((_, i) => i + 1));
    assert.equal(got.length, Number(second.slice(0, -4)) - 1);
  }));

Deno.test("past its bound a log loses its middle and never its end", () =>
  withLog(2 << 20, async (log) => {
    for (let i = 1; i <= 100_000; i++) log.write(chunk(`line ${i} ${"z".repeat(60)}\n`));
    assert.ok(log.bytes <= 2.5 * 1024 * 1024, `${log.bytes} bytes`);
    log.end();
    const entries = await all(log.read(0, false, never));
    const gaps = entries.filter((e, i) => i > 0 && e.n !== entries[i - 1].n + 1);
    assert.equal(entries[0].n, 1);
    assert.equal(entries.at(-1)!.n, 100_000);
    assert.equal(gaps.length, 1);
    const middle = entries.findIndex((e) => e === gaps[0]);
    assert.ok(middle > 3_000 && entries.length - middle > 3_000, `${middle} of ${entries.length}`);
  }));

Deno.test("a line without an end is shown after a moment, and goes on", () =>
  withLog(1 << 20, async (log) => {
    log.write(chunk("50 %"));
    const reader = log.read(0, true, never);
    const first = (await reader.next()).value as LogEntry;
    assert.deepEqual([first.t, first.m], ["50 %", 1]);
    log.write(chunk(" done\n"));
    const second = (await reader.next()).value as LogEntry;
    assert.deepEqual([second.t, second.m], [" done", undefined]);
    await reader.return(undefined);
  }));

Deno.test("what a killed process left is taken over up to its last whole line", () =>
  withLog(1 << 20, async (log, dir) => {
    log.write(chunk("one\ntwo\n"));
    const [file] = [...Deno.readDirSync(dir)];
    await Deno.writeTextFile(`${dir}/${file.name}`, '{"n":3,"at":1,"s":"o","t":"cu', { append: true });
    const again = new JobLog(dir, 1 << 20);
    again.note("the node ended");
    again.end();
    const entries = await all(again.read(0, false, never));
    assert.deepEqual(entries.map((e) => [e.n, e.t]), [[1, "one"], [2, "two"], [3, "the node ended"]]);
  }));
