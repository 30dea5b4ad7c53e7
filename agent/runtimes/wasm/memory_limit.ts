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
import { Editor, encodeU32, HAS_MAXIMUM, malformed, Reader, section, unsupported } from "./module_bytes.ts";

/** Bytes of a page of linear memory. */
export const pageBytes = 65_536;
/** Pages that a 32-bit memory can have. */
const LAST_PAGE = 65_536;

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
    if (id === section.import) imports(edit, memory);
    else if (id === section.memory) {
      for (let n = edit.u32(); n > 0; n--) {
        found.definesMemory = true;
        memory(edit);
      }
    } else if (id === section.table) tables(edit);
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
