/**
 * How far a log holds what programs wrote, in bytes of each stream: said with the entries themselves, so that whoever
 * goes on after a crash asks for exactly the rest.
 */
import type { LogChunk } from "../../ports.ts";
import type { OutputPositions } from "../../runtimes/mod.ts";

type Stream = keyof OutputPositions;
/** What stands in a text for bytes that are no UTF-8: of how many, nobody knows any more. */
const BROKEN = "\uFFFD";

const encoder = new TextEncoder();
const bytesOf = (text: string): number => encoder.encode(text).length;

/** Bytes at the end of a stream that are the beginning of a character. */
export function unfinishedBytes(tail: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, tail.length); back++) {
    const byte = tail[tail.length - back];
    if ((byte & 0xc0) === 0x80) continue;
    const length = byte >= 0xf5 ? 1 : byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc2 ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}

/** See the module's text. */
export class LogPositions {
  readonly #received: Record<Stream, number> = { stdout: 0, stderr: 0 };
  readonly #kept: Record<Stream, number> = { stdout: 0, stderr: 0 };
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
    this.#received[stream] += bytes.length;
    const tail = this.#tails[stream];
    this.#tails[stream] = bytes.length >= 3 ? bytes.slice(-3) : new Uint8Array([...tail, ...bytes].slice(-3));
  }

  /**
   * Where the entries of a stream end, when `waiting` is the text that is in none yet; `undefined` when that cannot be
   * said.
   */
  after(stream: LogChunk["stream"], waiting: string): number | undefined {
    if (stream === "system" || waiting.includes(BROKEN)) return undefined;
    return this.#received[stream] - unfinishedBytes(this.#tails[stream]) - bytesOf(waiting);
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
