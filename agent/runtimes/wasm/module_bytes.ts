/** Reading and editing the binary format of core modules (WebAssembly core specification 3.0, chapter 5). */
import { concatBytes } from "../../protocol/bytes.ts";
import { RealmError } from "../../protocol/errors.ts";

/** Numbers of sections. */
export const section = { import: 2, table: 4, memory: 5 } as const;
/** Bit of a limits flag. */
export const HAS_MAXIMUM = 1;

/** Refuses a module for what it uses. */
export function unsupported(what: string): never {
  throw new RealmError("failed", `The module uses ${what}, which this runtime does not allow.`);
}
/** Refuses a module for what it is. */
export function malformed(why: string): never {
  throw new RealmError("failed", `The file is not a valid WebAssembly module: ${why}.`);
}

/** Unsigned LEB128. */
export function encodeU32(value: number): Uint8Array {
  const out: number[] = [];
  let rest = value;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    out.push(rest > 0 ? low | 0x80 : low);
  } while (rest > 0);
  return Uint8Array.from(out);
}

/** Reads the binary format; refuses to read past the end. */
export class Reader {
  position = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.position >= this.#bytes.length;
  }

  /** Magic number and version of a core module. */
  header(): void {
    const head = this.#bytes.subarray(0, 8);
    const magic = [0x00, 0x61, 0x73, 0x6d];
    if (head.length < 8 || !magic.every((b, i) => head[i] === b)) malformed("it does not start like one");
    if (head[4] !== 1 || head[5] !== 0 || head[6] !== 0 || head[7] !== 0) {
      malformed(head[6] === 1 ? "it is a component, not a core module" : "its version is unknown");
    }
    this.position = 8;
  }
  peek(): number {
    if (this.atEnd) malformed("it ends too early");
    return this.#bytes[this.position]!;
  }
  byte(): number {
    const value = this.peek();
    this.position++;
    return value;
  }
  skip(count: number): void {
    if (this.position + count > this.#bytes.length) malformed("it ends too early");
    this.position += count;
  }
  part(count: number): Uint8Array {
    const start = this.position;
    this.skip(count);
    return this.#bytes.subarray(start, this.position);
  }
  u32(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const b = this.byte();
      value += (b & 0x7f) * 2 ** shift;
      if ((b & 0x80) === 0) {
        if (value > 0xffff_ffff) malformed("a number is too large");
        return value;
      }
    }
    return malformed("a number is too long");
  }
  /** A LEB128 number of any kind, whose value does not matter. */
  skipNumber(): void {
    for (let i = 0; i < 10; i++) if ((this.byte() & 0x80) === 0) return;
    malformed("a number is too long");
  }
  /** A value or reference type. */
  valueType(): void {
    const first = this.byte();
    // (ref null ht) and (ref ht) carry a heap type.
    if (first === 0x63 || first === 0x64) this.skipNumber();
  }
  /** Limits of a table. */
  limits(): { readonly flags: number; readonly initial: number; readonly declared: number } {
    const flags = this.byte();
    if ((flags & ~HAS_MAXIMUM) !== 0) unsupported("a shared table or one of 64 bits");
    const initial = this.u32();
    return { flags, initial, declared: (flags & HAS_MAXIMUM) !== 0 ? this.u32() : 0xffff_ffff };
  }
  /** A constant expression as a table's initial element can have one. */
  constantExpression(): void {
    while (true) {
      const opcode = this.byte();
      if (opcode === 0x0b) return;
      // i32.const, i64.const, global.get, ref.null, ref.func
      if ([0x41, 0x42, 0x23, 0xd0, 0xd2].includes(opcode)) this.skipNumber();
      else unsupported("a table with an unusual initial element");
    }
  }
}

/** Reads a section and notes replacements of parts of it. */
export class Editor extends Reader {
  readonly #source: Uint8Array;
  readonly #pieces: Uint8Array[] = [];
  #copied = 0;

  constructor(bytes: Uint8Array) {
    super(bytes);
    this.#source = bytes;
  }

  /** Replaces what lies between `from` and the position. */
  replace(from: number, by: Uint8Array): void {
    this.#pieces.push(this.#source.subarray(this.#copied, from), by);
    this.#copied = this.position;
  }
  get changed(): boolean {
    return this.#pieces.length > 0;
  }
  get length(): number {
    return this.result().length;
  }
  result(): Uint8Array {
    return concatBytes(...this.#pieces, this.#source.subarray(this.#copied));
  }
}
