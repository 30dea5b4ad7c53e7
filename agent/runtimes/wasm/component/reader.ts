/** Reads the primitives of the WebAssembly binary format. */
import { ComponentError } from "./errors.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** A cursor over bytes. Every read throws {@link ComponentError} past the end. */
export class ByteReader {
  readonly bytes: Uint8Array;
  /** Index of the next byte. */
  at: number;
  readonly end: number;

  /** Reads `bytes` from `at` to `end`. */
  constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  /** Whether everything has been read. */
  get done(): boolean {
    return this.at >= this.end;
  }

  /** One byte. */
  byte(): number {
    if (this.at >= this.end) throw new ComponentError("unexpected end");
    return this.bytes[this.at++]!;
  }

  /** The next byte, without moving on. */
  peek(): number {
    if (this.at >= this.end) throw new ComponentError("unexpected end");
    return this.bytes[this.at]!;
  }

  /** Unsigned LEB128 of up to 32 bits. */
  u32(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        if (value > 0xffff_ffff) break;
        return value;
      }
    }
    throw new ComponentError("number too large");
  }

  /** A UTF-8 string with its length before it. */
  name(): string {
    const length = this.u32();
    const start = this.skip(length);
    return utf8.decode(this.bytes.subarray(start, start + length));
  }

  /** Moves on by `length` bytes; returns where they start. */
  skip(length: number): number {
    const start = this.at;
    if (length > this.end - start) throw new ComponentError("unexpected end");
    this.at = start + length;
    return start;
  }

  /** A vector: a count, then that many items. Every item has at least one byte, which bounds the count. */
  list<T>(item: () => T): T[] {
    const count = this.u32();
    if (count > this.end - this.at) throw new ComponentError("unexpected end");
    const items: T[] = [];
    for (let i = 0; i < count; i++) items.push(item());
    return items;
  }
}
