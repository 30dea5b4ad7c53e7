/** What comes out of a program: at a pace that the log can take, with the launcher's own words taken out. */
import type { LogChunk } from "../../ports.ts";
import { nativeLimits } from "../../protocol/native_limits.ts";
import { failedMark, readyLength, readyMark } from "./order.ts";

/** Reads a stream to its end at most at the log's pace, and while there is `room`: else who writes waits. Never rejects. */
export async function readPaced(
  stream: ReadableStream<Uint8Array>,
  take: (bytes: Uint8Array) => void,
  room: () => Promise<void> | undefined = () => undefined,
): Promise<void> {
  const { outputBytesPerSecond, paceMs } = nativeLimits;
  const started = performance.now();
  let ahead = 0;
  try {
    for await (const chunk of stream) {
      take(chunk);
      await room();
      const passed = performance.now() - started;
      ahead = Math.max(ahead, passed) + chunk.length * 1000 / outputBytesPerSecond;
      if (ahead - passed > paceMs) await new Promise((resolve) => setTimeout(resolve, ahead - passed));
    }
  } catch { /* it was given up: see the end of the run */ }
}

/** Sorts what comes on stderr into the launcher's words and the program's. */
export class LauncherVoice {
  /** Resolves when the launcher becomes the program; rejects with its words, or with what came instead of them. */
  readonly ready: Promise<void>;
  /** Processor time that the launcher used, once it is ready. */
  launcherMs = 0;
  /** What the launcher said when it could not, after it had said that it would. */
  failure: string | undefined;
  readonly #ready = Promise.withResolvers<void>();
  readonly #readyMark: Uint8Array;
  readonly #readyLength: number;
  readonly #failedMark: string;
  readonly #write: (bytes: Uint8Array) => void;
  #head: Uint8Array | undefined = new Uint8Array();
  #isReady = false;

  /** `write` gets the program's own bytes. */
  constructor(nonce: string, write: (bytes: Uint8Array) => void) {
    this.#readyMark = new TextEncoder().encode(readyMark(nonce));
    this.#readyLength = readyLength(nonce);
    this.#failedMark = failedMark(nonce);
    this.#write = write;
    this.ready = this.#ready.promise;
    this.ready.catch(() => {});
  }

  /** Bytes of stderr. */
  push(bytes: Uint8Array): void {
    if (this.#head === undefined) return this.#write(bytes);
    this.#head = joined(this.#head, bytes).subarray(0);
    if (!this.#isReady) {
      if (this.#head.length < this.#readyLength) return;
      if (!startsWith(this.#head, this.#readyMark)) {
        // Words of the launcher, or of what starts it: all that comes is of interest, up to a bound.
        if (this.#head.length > nativeLimits.failureBytes) {
          this.#head = this.#head.slice(0, nativeLimits.failureBytes);
        }
        return;
      }
      this.#isReady = true;
      const digits = this.#head.subarray(this.#readyMark.length, this.#readyLength);
      this.launcherMs = Number(new TextDecoder().decode(digits)) / 1_000;
      this.#head = this.#head.subarray(this.#readyLength);
      this.#ready.resolve();
    }
    const mark = new TextEncoder().encode(this.#failedMark);
    // The program's first bytes are held back for as long as they could be the launcher's last.
    const could = startsWith(mark, this.#head.subarray(0, mark.length));
    if (could && (this.#head.length < mark.length || !this.#head.includes(10))) return;
    if (could) this.failure = this.#words(this.#head);
    else this.#write(this.#head);
    this.#head = undefined;
  }

  /** Nothing more comes. */
  end(): void {
    const rest = this.#head ?? new Uint8Array();
    this.#head = undefined;
    if (!this.#isReady) {
      return this.#ready.reject(new Error(this.#words(rest) || "its launcher said nothing"));
    }
    if (rest.length > 0) this.#write(rest);
  }

  #words(bytes: Uint8Array): string {
    const text = new TextDecoder().decode(bytes);
    const at = text.indexOf(this.#failedMark);
    return (at < 0 ? text : text.slice(at + this.#failedMark.length)).trim();
  }
}

const startsWith = (whole: Uint8Array, start: Uint8Array): boolean =>
  whole.length >= start.length && start.every((byte, i) => whole[i] === byte);

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const all = new Uint8Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}

/** Makes chunks of one stream for the log. */
export const logTo =
  (stream: LogChunk["stream"], onLog: (chunk: LogChunk) => void) => (bytes: Uint8Array): void =>
    onLog({ stream, at: Date.now(), bytes });
