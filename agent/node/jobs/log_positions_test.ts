import assert from "node:assert/strict";
import fc from "fast-check";
import { fuzzParameters } from "../../../tests/fuzz.ts";
import { JobLog, type LogEntry } from "./job_log.ts";
import { unfinishedBytes } from "./log_positions.ts";

const SECRET = "s3cret-välue";
const encoder = new TextEncoder();

/** What programs write: lines, parts of lines, characters of several bytes, secrets, and what is no text. */
const WORDS: Readonly<Record<string, string | Uint8Array>> = {
  line: "a line\n",
  part: "a part ",
  signs: "zwölf €\n",
  clef: "𝄞",
  mark: "\uFEFF",
  secret: `with ${SECRET} in it\n`,
  bare: SECRET,
  half: SECRET.slice(0, 6),
  long: "x".repeat(20_000),
  end: "\n",
  broken: new Uint8Array([0xff]),
  lead: new Uint8Array([0xf0, 0x9d]),
  overlong: new Uint8Array([0xe0, 0x80, 0xf4, 0x9f]),
};
const words = fc.constantFrom(...Object.keys(WORDS));
const bytesOf = (word: string | Uint8Array) => typeof word === "string" ? encoder.encode(word) : word;
const join = (names: readonly string[]) => new Uint8Array(names.flatMap((name) => [...bytesOf(WORDS[name])]));

/** Bytes in pieces that end anywhere. */
function* pieces(bytes: Uint8Array, sizes: readonly number[]): Generator<Uint8Array> {
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length];
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

async function read(log: JobLog): Promise<LogEntry[]> {
  return await Array.fromAsync(log.read(0, false, new AbortController().signal));
}
const textOf = (entries: readonly LogEntry[], stream: "o" | "e") =>
  // A part that was shown before the end came is a line that goes on, with nothing behind it.
  entries.filter((e) => e.s === stream).map((e) => e.t + (e.m ? "" : "\n")).join("").replace(/\n$/, "");

function open(directory: string): JobLog {
  const log = new JobLog(directory, 1e9, true);
  log.masker.add(encoder.encode(SECRET));
  return log;
}

Deno.test("a log that is gone on with after a crash anywhere has every byte once, whatever was written (fuzzed)", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(words, { minLength: 1, maxLength: 8 }),
      fc.array(words, { minLength: 1, maxLength: 8 }),
      fc.array(fc.constantFrom(1, 3, 7, 40, 9_000, 30_000), { minLength: 1, maxLength: 6 }),
      fc.nat(100),
      fc.boolean(),
      fc.boolean(),
      async (out, err, sizes, crashAt, torn, pauses) => {
        const dir = await Deno.makeTempDir();
        try {
          const content = { stdout: join(out), stderr: join(err) };
          const feed = (log: JobLog, from: { stdout: number; stderr: number }, upTo: number) => {
            const streams = (["stdout", "stderr"] as const).map((stream) =>
              [stream, [...pieces(content[stream].subarray(from[stream]), sizes)]] as const
            );
            for (let i = 0, n = 0; streams.some(([, list]) => i < list.length); i++) {
              for (const [stream, list] of streams) {
                if (i >= list.length || n++ >= upTo) continue;
                log.write({ stream, at: 1, bytes: list[i] });
                if (pauses && i % 2 === 0) log.showPartial();
              }
            }
          };
          const whole = open(`${dir}/whole`);
          for (const stream of ["stdout", "stderr"] as const) {
            whole.write({ stream, at: 1, bytes: content[stream] });
          }
          whole.end();

          const cut = open(`${dir}/cut`);
          feed(cut, { stdout: 0, stderr: 0 }, crashAt);
          // The process ends here; the last write may have reached the file in part.
          const kept = cut.positions!.kept;
          // All at one moment: parts of lines are shown after a while.
          Deno.mkdirSync(`${dir}/next`);
          const files = [...Deno.readDirSync(`${dir}/cut`)].map((e) => e.name).sort();
          for (const name of files) Deno.copyFileSync(`${dir}/cut/${name}`, `${dir}/next/${name}`);
          cut.end();
          if (torn && files.length > 0) {
            const path = `${dir}/next/${files.at(-1)}`;
            await Deno.writeTextFile(path, '{"n":99,"at":1,"s":"o","t":"torn"}\n{"n":100,"at', {
              append: true,
            });
          }
          const next = open(`${dir}/next`);
          assert.deepEqual(next.positions!.kept, kept);
          feed(next, kept, Infinity);
          next.end();
          const entries = await read(next);
          assert.deepEqual(entries.map((e) => e.n), entries.map((_, i) => i + 1));
          const expected = await read(whole);
          for (const s of ["o", "e"] as const) assert.equal(textOf(entries, s), textOf(expected, s));
        } finally {
          await Deno.remove(dir, { recursive: true });
        }
      },
    ),
    fuzzParameters(0.15),
  );
});

Deno.test("unfinishedBytes() counts what may become a character", () => {
  const of = (...bytes: number[]) => unfinishedBytes(new Uint8Array(bytes));
  assert.deepEqual([of(), of(0x41), of(0xc3), of(0xc3, 0xa4), of(0xe2, 0x82), of(0xe2, 0x82, 0xac)], [
    0,
    0,
    1,
    0,
    2,
    0,
  ]);
  assert.deepEqual([of(0xf0, 0x9d, 0x84), of(0x9d, 0x84, 0x9e), of(0xff), of(0x80)], [3, 0, 0, 0]);
});
