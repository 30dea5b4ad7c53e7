/**
 * The log of one attempt while it runs: entries numbered without a gap, appended to segments on disk before anybody
 * sees them, the newest also in memory. A slow reader never slows the job: it reads from disk. When the log grows past
 * its bound the middle goes, segment by segment, and a reader is told how much is missing where.
 */
import type { LogChunk } from "../../ports.ts";
import { jobLimits, jobTiming, RealmError } from "../../protocol/mod.ts";
import { LogPositions } from "./log_positions.ts";
import { Masker } from "./masking.ts";

/** One entry as it is stored: a line of JSON. */
export interface LogEntry {
  /** From 1; a number that is missing was cut. */
  readonly n: number;
  readonly at: number;
  /** `o`: stdout, `e`: stderr, `s`: by Realm. */
  readonly s: "o" | "e" | "s";
  readonly t: string;
  /** The line goes on in the next entry of this stream. */
  readonly m?: 1;
  /** Bytes of this stream that all entries up to this one stand for; with the last of those written together. */
  readonly b?: number;
}

/** The log has been stored and its files here go: a reader that is not through goes on with what is stored. */
export class LogMoved extends Error {}

interface Segment {
  readonly name: string;
  readonly first: number;
  last: number;
  bytes: number;
}

const STREAMS = { stdout: "o", stderr: "e", system: "s" } as const;
type StreamName = keyof typeof STREAMS;
/** A line without an end is shown after this long: a prompt, a progress bar. */
const PARTIAL_MS = 100;

/** See the module's text. */
export class JobLog {
  readonly #directory: string;
  readonly #maxBytes: number;
  #segments: Segment[] = [];
  #file: Deno.FsFile | undefined;
  #memory: LogEntry[] = [];
  #seq = 0;
  #bytes = 0;
  #ended = false;
  #readers = 0;
  #failed: unknown;
  readonly #partial = new Map<StreamName, string>();
  readonly #decoders = new Map<StreamName, TextDecoder>();
  readonly #masks = new Map<StreamName, ReturnType<Masker["stream"]>>();
  /** Hides values in everything that is written: they are added before anything can write them. */
  readonly masker = new Masker();
  readonly #wakes = new Set<() => void>();
  #partialTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #encoder = new TextEncoder();
  /** How far it holds what programs wrote, where that is said with the entries. */
  readonly positions: LogPositions | undefined;
  /** Called when {@link positions} moved on. */
  onKept: (() => void) | undefined;

  /**
   * `directory` is made when it is not there; what an earlier process left in it is taken over. `tracked`: entries say
   * how far they go, so that whoever takes it over asks for the rest.
   */
  constructor(directory: string, maxBytes: number, tracked = false) {
    if (tracked) this.positions = new LogPositions();
    this.#directory = directory;
    this.#maxBytes = Math.max(maxBytes, 4 * jobLimits.logSegmentBytes);
    Deno.mkdirSync(directory, { recursive: true });
    this.#takeOver();
  }

  /** Entries so far; the number of the newest. */
  get entries(): number {
    return this.#seq;
  }
  /** Bytes on disk. */
  get bytes(): number {
    return this.#bytes;
  }
  get ended(): boolean {
    return this.#ended;
  }

  #takeOver(): void {
    const names = [...Deno.readDirSync(this.#directory)].map((e) => e.name).filter((n) => n.endsWith(".log"))
      .sort();
    for (const name of names) {
      const text = Deno.readTextFileSync(`${this.#directory}/${name}`);
      // A line that the end of the process cut is no entry.
      const whole = text.slice(0, text.lastIndexOf("\n") + 1);
      const entries = parseEntries(whole);
      // Of entries that were written together the last one says how far they go: without it they come again.
      if (this.positions && name === names.at(-1)) {
        while (entries.length > 0 && entries.at(-1)!.s !== "s" && entries.at(-1)!.b === undefined) {
          entries.pop();
        }
      }
      const kept = entries.map((e) => JSON.stringify(e) + "\n").join("");
      if (kept.length < text.length) Deno.writeTextFileSync(`${this.#directory}/${name}`, kept);
      if (entries.length === 0) continue;
      for (const { s, b } of entries) {
        if (b !== undefined) this.positions?.resume(s === "o" ? "stdout" : "stderr", b);
      }
      const bytes = this.#encoder.encode(kept).length;
      this.#segments.push({ name, first: entries[0].n, last: entries.at(-1)!.n, bytes });
      this.#bytes += bytes;
      this.#seq = entries.at(-1)!.n;
    }
  }

  /** Takes in what the program wrote. */
  write(chunk: LogChunk): void {
    this.positions?.receive(chunk.stream, chunk.bytes);
    let decoder = this.#decoders.get(chunk.stream);
    if (!decoder) this.#decoders.set(chunk.stream, decoder = new TextDecoder("utf-8", { ignoreBOM: true }));
    let mask = this.#masks.get(chunk.stream);
    if (!mask) this.#masks.set(chunk.stream, mask = this.masker.stream());
    const shown = mask.push(decoder.decode(chunk.bytes, { stream: true }));
    const lines = ((this.#partial.get(chunk.stream) ?? "") + shown).split("\n");
    let rest = lines.pop()!;
    const fresh: LogEntry[] = [];
    for (const line of lines) this.#line(fresh, chunk.stream, chunk.at, line);
    // All of a long one: where a part of it ends is not known in bytes once something in it was hidden.
    const parts = rest.length >= jobLimits.logEntryBytes;
    for (; parts && rest !== ""; rest = rest.slice(jobLimits.logEntryBytes)) {
      fresh.push(this.#entry(chunk.stream, chunk.at, rest.slice(0, jobLimits.logEntryBytes), true));
    }
    this.#partial.set(chunk.stream, rest);
    if (rest !== "") this.#partialTimer ??= setTimeout(() => this.showPartial(), PARTIAL_MS);
    this.#appendOf(chunk.stream, fresh);
  }

  /** Appends entries of one stream that were made together. */
  #appendOf(stream: StreamName, fresh: readonly LogEntry[]): void {
    const last = fresh.at(-1);
    if (!last) return;
    const partWaits = (this.#partial.get(stream) ?? "") !== "";
    const b = this.positions?.after(stream, partWaits, this.#masks.get(stream)?.held() ?? "");
    this.#append(b === undefined ? fresh : [...fresh.slice(0, -1), { ...last, b }]);
    this.positions?.keep(stream, b);
    this.onKept?.();
  }

  /** A program has ended: what it left unfinished is shown as it is, before the next one writes. */
  settle(): void {
    for (const stream of Object.keys(STREAMS) as StreamName[]) {
      const mask = this.#masks.get(stream);
      if (!mask) continue;
      const rest = (this.#partial.get(stream) ?? "") + mask.push(this.#decoders.get(stream)!.decode()) +
        mask.end();
      this.#partial.delete(stream);
      this.#masks.delete(stream);
      this.#decoders.delete(stream);
      this.positions?.settle(stream);
      if (rest !== "") this.#appendOf(stream, [this.#entry(stream, Date.now(), rest, false)]);
    }
  }

  /** A line by Realm itself. */
  note(text: string): void {
    const line = this.masker.mask(text).replaceAll(/\s*\n\s*/g, " ").slice(0, jobLimits.logEntryBytes);
    this.#append([this.#entry("system", Date.now(), line, false)]);
  }

  #line(fresh: LogEntry[], stream: StreamName, at: number, line: string): void {
    let rest = line;
    for (; rest.length > jobLimits.logEntryBytes; rest = rest.slice(jobLimits.logEntryBytes)) {
      fresh.push(this.#entry(stream, at, rest.slice(0, jobLimits.logEntryBytes), true));
    }
    fresh.push(this.#entry(stream, at, rest, false));
  }

  #entry(stream: StreamName, at: number, text: string, more: boolean): LogEntry {
    return { n: ++this.#seq, at, s: STREAMS[stream], t: text, ...(more ? { m: 1 } : {}) };
  }

  /** Lines without an end become entries as far as they are there: by itself after a while. */
  showPartial(): void {
    clearTimeout(this.#partialTimer);
    this.#partialTimer = undefined;
    for (const [stream, text] of this.#partial) {
      if (text === "") continue;
      this.#partial.set(stream, "");
      this.#appendOf(stream, [this.#entry(stream, Date.now(), text, true)]);
    }
  }

  #append(fresh: readonly LogEntry[]): void {
    if (fresh.length === 0 || this.#ended) return;
    const bytes = this.#encoder.encode(fresh.map((e) => JSON.stringify(e) + "\n").join(""));
    try {
      let segment = this.#segments.at(-1);
      if (!this.#file || !segment || segment.bytes >= jobLimits.logSegmentBytes) {
        this.#file?.close();
        segment = {
          name: `${String(fresh[0].n).padStart(15, "0")}.log`,
          first: fresh[0].n,
          last: 0,
          bytes: 0,
        };
        this.#file = Deno.openSync(`${this.#directory}/${segment.name}`, { create: true, append: true });
        this.#segments.push(segment);
        this.#cutMiddle();
      }
      for (let at = 0; at < bytes.length;) at += this.#file.writeSync(bytes.subarray(at));
      segment.bytes += bytes.length;
      segment.last = fresh.at(-1)!.n;
      this.#bytes += bytes.length;
    } catch (error) {
      // A disk that takes no log takes no outputs either: the attempt ends with this reason.
      this.#failed ??= error;
    }
    this.#memory.push(...fresh);
    if (this.#memory.length > 2 * jobLimits.logMemoryEntries) {
      this.#memory.splice(0, this.#memory.length - jobLimits.logMemoryEntries);
    }
    for (const wake of this.#wakes) wake();
  }

  /** The first half stays, of the rest the oldest goes. */
  #cutMiddle(): void {
    let head = 0, i = 0;
    while (i < this.#segments.length && head + this.#segments[i].bytes <= this.#maxBytes / 2) {
      head += this.#segments[i++].bytes;
    }
    // The last one is being written.
    while (this.#bytes > this.#maxBytes && i < this.#segments.length - 1) {
      const [gone] = this.#segments.splice(i, 1);
      this.#bytes -= gone.bytes;
      Deno.removeSync(`${this.#directory}/${gone.name}`);
    }
  }

  /** What went wrong with the disk, if something did. */
  get failure(): unknown {
    return this.#failed;
  }

  /** The attempt has ended: unfinished lines count as lines, readers come to an end. */
  end(): void {
    if (this.#ended) return;
    clearTimeout(this.#partialTimer);
    this.settle();
    this.#ended = true;
    this.#file?.close();
    this.#file = undefined;
    for (const wake of this.#wakes) wake();
  }

  /**
   * Entries after number `after`; then, with `follow`, every new one until the attempt ends or `signal` aborts. Throws
   * {@link LogMoved}.
   */
  async *read(after: number, follow: boolean, signal: AbortSignal): AsyncGenerator<LogEntry> {
    let last = after;
    let wake: (() => void) | undefined;
    const onWake = () => wake?.();
    this.#wakes.add(onWake);
    signal.addEventListener("abort", onWake);
    this.#readers++;
    try {
      while (!signal.aborted) {
        const seen = this.#seq;
        for await (const entry of this.#from(last)) {
          if (signal.aborted) return;
          last = entry.n;
          yield entry;
        }
        // What was cut meanwhile is not waited for.
        last = Math.max(last, Math.min(seen, this.#seq));
        if (this.#seq > last) continue;
        if (!follow || this.#ended) return;
        await new Promise<void>((resolve) => {
          wake = resolve;
          if (this.#seq > last || this.#ended || signal.aborted) resolve();
        });
      }
    } finally {
      this.#readers--;
      this.#wakes.delete(onWake);
      signal.removeEventListener("abort", onWake);
      for (const other of this.#wakes) other();
    }
  }

  /** Entries after `last` that are there now, a segment at a time. */
  async *#from(last: number): AsyncGenerator<LogEntry> {
    if (this.#memory.length > 0 && this.#memory[0].n <= last + 1) {
      // Found by counting: numbers in memory have no gap.
      yield* this.#memory.slice(Math.max(0, last + 1 - this.#memory[0].n));
      return;
    }
    for (const segment of [...this.#segments]) {
      if (segment.last <= last) continue;
      let text: string;
      try {
        text = await Deno.readTextFile(`${this.#directory}/${segment.name}`);
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
        // Either its turn to be cut came meanwhile, or all of them are being removed.
        if (this.#segments.includes(segment)) throw new LogMoved("the log has been stored");
        continue;
      }
      // A line that is being written is not there yet.
      const whole = text.slice(0, text.lastIndexOf("\n") + 1);
      for (const entry of parseEntries(whole)) if (entry.n > last) yield entry;
    }
  }

  /** All segments as one stream; only what is whole by now. */
  content(): ReadableStream<Uint8Array> {
    const segments = this.#segments.map(({ name, bytes }) => ({ name, bytes }));
    const directory = this.#directory;
    async function* pieces(): AsyncGenerator<Uint8Array> {
      for (const { name, bytes } of segments) {
        const content = await Deno.readFile(`${directory}/${name}`);
        yield content.subarray(0, bytes);
      }
    }
    return ReadableStream.from(pieces()) as ReadableStream<Uint8Array>;
  }

  /** Resolves when nobody reads any more, or after a while. */
  async idle(): Promise<void> {
    const deadline = Date.now() + jobTiming.cancelMs;
    while (this.#readers > 0 && Date.now() < deadline) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(done, 1_000);
        const wakes = this.#wakes;
        function done() {
          clearTimeout(timer);
          wakes.delete(done);
          resolve();
        }
        wakes.add(done);
      });
    }
  }
}

/** Entries of a text of lines. */
export function parseEntries(text: string): LogEntry[] {
  return text.split("\n").flatMap((line) => line === "" ? [] : [JSON.parse(line) as LogEntry]);
}

/** Entries of a stored log, streamed with bounded memory. Throws `failed` for content that is no log. */
export async function* readStoredLog(
  content: ReadableStream<Uint8Array>,
  after: number,
): AsyncGenerator<LogEntry> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const piece of content) {
    const lines = (rest + decoder.decode(piece, { stream: true })).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      if (line === "") continue;
      let entry: LogEntry;
      try {
        entry = JSON.parse(line);
      } catch {
        throw new RealmError("failed", "the stored log is damaged: a line of it cannot be read");
      }
      if (entry.n > after) yield entry;
    }
  }
}
