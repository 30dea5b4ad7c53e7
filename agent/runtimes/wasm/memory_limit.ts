/**
 * Ceilings on what a core module can allocate by itself, by rewriting its binary before it is compiled: the maximum of
 * its memory and of its tables. The engine then refuses to grow past them (`memory.grow` and `table.grow` return -1,
 * which the specification allows at any time), so no guest can notice anything but a smaller machine.
 *
 * Sound for every core module of a component too, when all are rewritten with the same ceiling: lowering the maximum
 * of a memory or table that one module defines keeps it importable by the others.
 *
 * Not bounded here: objects of the garbage-collected heap (GC proposal), code size and the stack; those count against
 * the process. Binary format: WebAssembly core specification 3.0, chapter 5.
 */
import { concatBytes } from "../../protocol/bytes.ts";
import { RealmError } from "../../protocol/errors.ts";
import { wasmLimits } from "../../protocol/limits.ts";

/** Bytes of a page of linear memory. */
export const pageBytes = 65_536;
/** Pages that a 32-bit memory can have. */
const LAST_PAGE = 65_536;

const IMPORT_SECTION = 2;
const TABLE_SECTION = 4;
const MEMORY_SECTION = 5;
/** Bits of a limits flag. */
const HAS_MAXIMUM = 1;

/** A module with ceilings. */
export interface LimitedModule {
  /** The module to compile. */
  readonly bytes: Uint8Array;
  /** Whether it defines a memory of its own; each such module of a component may use the whole ceiling. */
  readonly definesMemory: boolean;
  /** Pages its memory has at the start. */
  readonly initialPages: number;
}

/**
 * Bounds the memory of a core module to `memoryMb` MiB and its tables to {@link wasmLimits.tableEntries} in all.
 * Throws `RealmError("failed")` when `module` is no core module, is malformed, needs more than that from the start, or
 * has several memories, a shared one, or one of 64 bits or other page sizes.
 */
export function limitMemory(module: Uint8Array, memoryMb: number): LimitedModule {
  const reader = new Reader(module);
  reader.header();
  const ceiling = Math.min(Math.floor(memoryMb * 1024 * 1024 / pageBytes), LAST_PAGE);
  const out: Uint8Array[] = [module.subarray(0, 8)];
  const found = { memories: 0, definesMemory: false, initialPages: 0 };
  const memory = (edit: Editor) => {
    if (++found.memories > 1) unsupported("several memories");
    found.initialPages = limitMemoryType(edit, ceiling, memoryMb);
  };
  while (!reader.atEnd) {
    const start = reader.position;
    const id = reader.byte();
    const size = reader.u32();
    const edit = new Editor(reader.part(size));
    if (id === IMPORT_SECTION) imports(edit, memory);
    else if (id === MEMORY_SECTION) {
      for (let n = edit.u32(); n > 0; n--) {
        found.definesMemory = true;
        memory(edit);
      }
    } else if (id === TABLE_SECTION) tables(edit);
    out.push(
      edit.changed
        ? concatBytes(Uint8Array.of(id), encodeU32(edit.length), edit.result())
        : module.subarray(start, reader.position),
    );
  }
  return { bytes: concatBytes(...out), definesMemory: found.definesMemory, initialPages: found.initialPages };
}

function limitMemoryType(edit: Editor, ceiling: number, memoryMb: number): number {
  const at = edit.position;
  const flags = edit.byte();
  if ((flags & 2) !== 0) unsupported("shared memory (threads)");
  if ((flags & ~HAS_MAXIMUM) !== 0) unsupported("a memory of 64 bits or with another page size");
  const initial = edit.u32();
  const declared = (flags & HAS_MAXIMUM) !== 0 ? edit.u32() : LAST_PAGE;
  if (initial > ceiling) {
    throw new RealmError(
      "failed",
      `The module needs ${mib(initial)} MiB of memory to start and its ceiling is ${memoryMb} MiB; ` +
        `raise the memory limit or build it with less initial memory.`,
      { detail: { initialMb: mib(initial), ceilingMb: memoryMb } },
    );
  }
  const maximum = Math.min(declared, ceiling);
  if (maximum !== declared || (flags & HAS_MAXIMUM) === 0) {
    edit.replace(at, concatBytes(Uint8Array.of(HAS_MAXIMUM), encodeU32(initial), encodeU32(maximum)));
  }
  return initial;
}

const mib = (pages: number) => Math.ceil(pages * pageBytes / 1024 / 1024);

/** Bounds imported memories; imported tables are bounded where they are defined. */
function imports(edit: Editor, memory: (edit: Editor) => void): void {
  for (let n = edit.u32(); n > 0; n--) {
    edit.skip(edit.u32());
    edit.skip(edit.u32());
    const kind = edit.byte();
    if (kind === 0) edit.u32();
    else if (kind === 1) {
      edit.valueType();
      edit.limits();
    } else if (kind === 2) memory(edit);
    else if (kind === 3) {
      edit.valueType();
      edit.byte();
    } else if (kind === 4) {
      edit.byte();
      edit.u32();
    } else malformed(`import of unknown kind ${kind}`);
  }
}

/** Shares the entries allowed among the module's tables: each may grow to its part, or stay as large as it starts. */
function tables(edit: Editor): void {
  const count = edit.u32();
  if (count > wasmLimits.tables) unsupported(`more than ${wasmLimits.tables} tables`);
  const part = Math.floor(wasmLimits.tableEntries / Math.max(count, 1));
  let total = 0;
  for (let n = count; n > 0; n--) {
    const withInitialiser = edit.peek() === 0x40;
    if (withInitialiser) edit.skip(2);
    edit.valueType();
    const at = edit.position;
    const { flags, initial, declared } = edit.limits();
    total += initial;
    if (total > wasmLimits.tableEntries) {
      unsupported(`tables of more than ${wasmLimits.tableEntries} entries`);
    }
    const maximum = Math.max(initial, Math.min(declared, part));
    if (maximum !== declared || (flags & HAS_MAXIMUM) === 0) {
      edit.replace(at, concatBytes(Uint8Array.of(HAS_MAXIMUM), encodeU32(initial), encodeU32(maximum)));
    }
    if (withInitialiser) edit.constantExpression();
  }
}

function unsupported(what: string): never {
  throw new RealmError("failed", `The module uses ${what}, which this runtime does not allow.`);
}
function malformed(why: string): never {
  throw new RealmError("failed", `The file is not a valid WebAssembly module: ${why}.`);
}

/** Unsigned LEB128. */
function encodeU32(value: number): Uint8Array {
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
class Reader {
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
class Editor extends Reader {
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
