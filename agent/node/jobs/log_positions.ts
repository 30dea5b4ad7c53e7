/**
 * How far a log holds what programs wrote, in bytes of each stream: said with the entries themselves, so that whoever
 * goes on after a crash asks for exactly the rest.
 */
import type { LogChunk } from "../../ports.ts";
import type { OutputPositions } from "../../runtimes/mod.ts";

type Stream = keyof OutputPositions;
const NEWLINE = 0x0a;

const encoder = new TextEncoder();
const bytesOf = (text: string): number => encoder.encode(text).length;

/** Lead bytes after which not every continuation is allowed: the lowest and the highest (Unicode, table 3-7). */
const SECOND: Readonly<Record<number, readonly [number, number]>> = {
  0xe0: [0xa0, 0xbf],
  0xed: [0x80, 0x9f],
  0xf0: [0x90, 0xbf],
  0xf4: [0x80, 0x8f],
};

/** Bytes at the end of a stream that are the beginning of a character. */
export function unfinishedBytes(tail: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, tail.length); back++) {
    const byte = tail[tail.length - back];
    if ((byte & 0xc0) === 0x80) continue;
    const length = byte >= 0xf5 ? 1 : byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc2 ? 2 : 1;
    const [lowest, highest] = SECOND[byte] ?? [0x80, 0xbf];
    const second = back > 1 ? tail[tail.length - back + 1] : lowest;
    return length > back && second >= lowest && second <= highest ? back : 0;
  }
  return 0;
}

/** See the module's text. */
export class LogPositions {
  readonly #received: Record<Stream, number> = { stdout: 0, stderr: 0 };
  readonly #kept: Record<Stream, number> = { stdout: 0, stderr: 0 };
  /** Where the last whole line ends. */
  readonly #lines: Record<Stream, number> = { stdout: 0, stderr: 0 };
  readonly #tails: Record<Stream, Uint8Array> = { stdout: new Uint8Array(), stderr: new Uint8Array() };

  /** Where a log that is gone on with ends. */
  resume(stream: Stream, position: number): void {
    this.#received[stream] = this.#kept[stream] = position;
  }

  /** Everything that came so far. */
  get received(): OutputPositions {
    return { ...this.#received };
  }
  /** What the log holds for sure. */
  get kept(): OutputPositions {
    return { ...this.#kept };
  }

  /** A program wrote. */
  receive(stream: LogChunk["stream"], bytes: Uint8Array): void {
    if (stream === "system") return;
    const lineEnd = bytes.lastIndexOf(NEWLINE);
    if (lineEnd >= 0) this.#lines[stream] = this.#received[stream] + lineEnd + 1;
    this.#received[stream] += bytes.length;
    const tail = this.#tails[stream];
    this.#tails[stream] = bytes.length >= 3 ? bytes.slice(-3) : new Uint8Array([...tail, ...bytes].slice(-3));
  }

  /**
   * Where the entries of a stream end: behind its last whole line when a part of a line waits for the rest, else before
   * `held`, the text that may become a value to hide. What waits is not counted back from: where a value was hidden in
   * it, or bytes were no UTF-8, its text no longer tells how many bytes it stands for.
   */
  after(stream: LogChunk["stream"], partWaits: boolean, held: string): number | undefined {
    if (stream === "system") return undefined;
    if (partWaits) return this.#lines[stream];
    return this.#received[stream] - unfinishedBytes(this.#tails[stream]) - bytesOf(held);
  }

  /** What a program left unfinished is no beginning of what the next one writes. */
  settle(stream: LogChunk["stream"]): void {
    if (stream !== "system") this.#tails[stream] = new Uint8Array();
  }

  /** Entries up to there are in the log. */
  keep(stream: LogChunk["stream"], position: number | undefined): void {
    if (stream !== "system" && position !== undefined) this.#kept[stream] = position;
  }
}
