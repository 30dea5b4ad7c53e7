/** `wasi:io`: errors, pollables, byte streams. Other interfaces give streams their sources and sinks. */
import { wasmLimits } from "../../../protocol/limits.ts";
import { Trap, WitError } from "../component/mod.ts";
import type { HostImports } from "../component/mod.ts";

/** `wasi:io/error.error`. */
export class IoError {
  readonly #message: string;
  /** For interfaces that give the error a code of their own. */
  readonly #code: unknown;
  /** `message` is shown to the guest. */
  constructor(message: string, code?: unknown) {
    this.#message = message;
    this.#code = code;
  }
  /** The message. */
  static message(error: IoError): string {
    return error.#message;
  }
  /** The code. */
  static code(error: IoError): unknown {
    return error.#code;
  }
}

/** `wasi:io/poll.pollable`. */
export class Pollable {
  readonly #ready: () => boolean;
  readonly #wait: () => Promise<unknown>;
  /** `wait` resolves when something changed that may have made it ready. */
  constructor(ready: () => boolean, wait: () => Promise<unknown>) {
    this.#ready = ready;
    this.#wait = wait;
  }
  /** Whether it is ready now. */
  static ready(pollable: Pollable): boolean {
    return pollable.#ready();
  }
  /** Waits until it is ready. */
  static block(pollable: Pollable): Promise<void> | void {
    if (!pollable.#ready()) return Pollable.#blocked(pollable);
  }
  static async #blocked(pollable: Pollable): Promise<void> {
    while (!pollable.#ready()) await pollable.#wait();
  }
  /** Waits until one of several is ready; indices of all that are. */
  static poll(list: readonly Pollable[]): Promise<number[]> | number[] {
    if (list.length === 0) throw new Trap("poll of nothing");
    const ready = Pollable.#readyOf(list);
    return ready.length > 0 ? ready : Pollable.#polled(list);
  }
  static async #polled(list: readonly Pollable[]): Promise<number[]> {
    while (true) {
      await Promise.race(list.map((pollable) => pollable.#wait()));
      const ready = Pollable.#readyOf(list);
      if (ready.length > 0) return ready;
    }
  }
  static #readyOf(list: readonly Pollable[]): number[] {
    return list.flatMap((pollable, i) => pollable.#ready() ? [i] : []);
  }
}

/** A pollable that is always ready. */
export const alwaysReady = (): Pollable => new Pollable(() => true, () => Promise.resolve());

/** Where an input stream's bytes come from. */
export interface Source {
  /** Up to `max` bytes that are there now (a buffer of its own); `undefined` when there are none, now or ever. */
  read(max: number): Uint8Array | undefined;
  /** Whether nothing comes after what {@link Source.read} has given; an `IoError` when it broke off. */
  ended(): boolean | IoError;
  /** Resolves when bytes may have come, or the end. */
  wait(): Promise<unknown>;
  /** No more is wanted. */
  close(): void;
}

/** Where an output stream's bytes go. */
export interface Sink {
  /** Bytes that may be written now; an `IoError` when it broke off; `"closed"` when nobody takes any more. */
  room(): number | IoError | "closed";
  /** Takes at most what {@link Sink.room} said. The buffer is the sink's. */
  write(bytes: Uint8Array): void;
  /** Resolves when room or state may have changed. */
  wait(): Promise<unknown>;
  /** No more comes. */
  close(): void;
}

const closed = () => new WitError({ tag: "closed" });
const failed = (error: IoError) => new WitError({ tag: "last-operation-failed", val: error });
const clamp = (length: bigint) => Number(length > BigInt(wasmLimits.ioBytes) ? wasmLimits.ioBytes : length);

/** `wasi:io/streams.input-stream`. */
export class InputStream {
  readonly #source: Source;
  /** Takes over `source`. */
  constructor(source: Source) {
    this.#source = source;
  }
  /** Bytes that are there, possibly none. */
  static read(stream: InputStream, length: bigint): Uint8Array {
    if (length === 0n) return new Uint8Array(0);
    const bytes = stream.#source.read(clamp(length));
    if (bytes !== undefined) return bytes;
    const ended = stream.#source.ended();
    if (ended === true) throw closed();
    if (ended !== false) throw failed(ended);
    return new Uint8Array(0);
  }
  /** Waits for at least one byte. */
  static blockingRead(stream: InputStream, length: bigint): Promise<Uint8Array> | Uint8Array {
    const bytes = InputStream.read(stream, length);
    return bytes.length > 0 || length === 0n ? bytes : InputStream.#waitingRead(stream, length);
  }
  static async #waitingRead(stream: InputStream, length: bigint): Promise<Uint8Array> {
    while (true) {
      await stream.#source.wait();
      const bytes = InputStream.read(stream, length);
      if (bytes.length > 0) return bytes;
    }
  }
  /** Ready when a read would give bytes or the end. */
  static subscribe(stream: InputStream): Pollable {
    const source = stream.#source;
    let peeked = false;
    return new Pollable(() => peeked || source.ended() !== false || isReady(source), async () => {
      await source.wait();
      peeked = true;
    });
  }
  /** Ends the stream. */
  [Symbol.dispose](): void {
    this.#source.close();
  }
}
/** Sources that know whether bytes are there say so; the others are waited for. */
const isReady = (source: Source & { ready?: () => boolean }) => source.ready?.() ?? false;

/** `wasi:io/streams.output-stream`. */
export class OutputStream {
  readonly #sink: Sink;
  /** Takes over `sink`. */
  constructor(sink: Sink) {
    this.#sink = sink;
  }
  static #room(stream: OutputStream): number {
    const room = stream.#sink.room();
    if (room === "closed") throw closed();
    if (typeof room !== "number") throw failed(room);
    return room;
  }
  /** Bytes that may be written now. */
  static checkWrite(stream: OutputStream): bigint {
    return BigInt(OutputStream.#room(stream));
  }
  /** Writes what {@link OutputStream.checkWrite} permitted. */
  static write(stream: OutputStream, bytes: Uint8Array): void {
    if (bytes.length > OutputStream.#room(stream)) throw new Trap("write without permit");
    if (bytes.length > 0) stream.#sink.write(bytes);
  }
  /** Writes all, waiting for room. */
  static blockingWrite(stream: OutputStream, bytes: Uint8Array): Promise<void> | void {
    if (bytes.length > OutputStream.#room(stream)) return OutputStream.#waitingWrite(stream, bytes);
    if (bytes.length > 0) stream.#sink.write(bytes);
  }
  static async #waitingWrite(stream: OutputStream, bytes: Uint8Array): Promise<void> {
    let rest = bytes;
    while (rest.length > 0) {
      const room = OutputStream.#room(stream);
      if (room === 0) {
        await stream.#sink.wait();
        continue;
      }
      stream.#sink.write(rest.length <= room ? rest : rest.slice(0, room));
      rest = rest.subarray(room);
    }
  }
  /** Waits until there is room; what was written is on its way then. */
  static blockingFlush(stream: OutputStream): Promise<void> | void {
    if (OutputStream.#room(stream) === 0) return OutputStream.#waitingFlush(stream);
  }
  static async #waitingFlush(stream: OutputStream): Promise<void> {
    while (OutputStream.#room(stream) === 0) await stream.#sink.wait();
  }
  /** Ready when there is room, or the stream broke off. */
  static subscribe(stream: OutputStream): Pollable {
    const sink = stream.#sink;
    return new Pollable(() => sink.room() !== 0, () => sink.wait());
  }
  /** Ends the stream. */
  [Symbol.dispose](): void {
    this.#sink.close();
  }
}

/** `wasi:io` for one worker. */
export function ioImports(): HostImports {
  const count = (bytes: Uint8Array) => BigInt(bytes.length);
  const zeroes = (length: bigint) => {
    if (length > BigInt(wasmLimits.ioBytes)) throw new Trap("too many zeroes at once");
    return new Uint8Array(Number(length));
  };
  const splice = (to: OutputStream, from: InputStream, length: bigint) => {
    const room = OutputStream.checkWrite(to);
    if (room === 0n) return 0n;
    const bytes = InputStream.read(from, length < room ? length : room);
    OutputStream.write(to, bytes);
    return count(bytes);
  };
  return {
    "wasi:io/error@0.2": { "[method]error.to-debug-string": IoError.message },
    "wasi:io/poll@0.2": {
      "[method]pollable.ready": Pollable.ready,
      "[method]pollable.block": { suspending: Pollable.block },
      "poll": { suspending: Pollable.poll },
    },
    "wasi:io/streams@0.2": {
      "[method]input-stream.read": InputStream.read,
      "[method]input-stream.blocking-read": { suspending: InputStream.blockingRead },
      "[method]input-stream.skip": (s: InputStream, n: bigint) => count(InputStream.read(s, n)),
      "[method]input-stream.blocking-skip": {
        suspending: async (s: InputStream, n: bigint) => count(await InputStream.blockingRead(s, n)),
      },
      "[method]input-stream.subscribe": InputStream.subscribe,
      "[method]output-stream.check-write": OutputStream.checkWrite,
      "[method]output-stream.write": OutputStream.write,
      "[method]output-stream.blocking-write-and-flush": { suspending: OutputStream.blockingWrite },
      "[method]output-stream.flush": (s: OutputStream) => void OutputStream.checkWrite(s),
      "[method]output-stream.blocking-flush": { suspending: OutputStream.blockingFlush },
      "[method]output-stream.subscribe": OutputStream.subscribe,
      "[method]output-stream.write-zeroes": (s: OutputStream, n: bigint) => OutputStream.write(s, zeroes(n)),
      "[method]output-stream.blocking-write-zeroes-and-flush": {
        suspending: (s: OutputStream, n: bigint) => OutputStream.blockingWrite(s, zeroes(n)),
      },
      "[method]output-stream.splice": splice,
      "[method]output-stream.blocking-splice": {
        suspending: async (to: OutputStream, from: InputStream, length: bigint) => {
          await OutputStream.blockingFlush(to);
          if (length > 0n) await Pollable.block(InputStream.subscribe(from));
          return splice(to, from, length);
        },
      },
    },
  };
}
