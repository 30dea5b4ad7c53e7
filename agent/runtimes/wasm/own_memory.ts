/**
 * Gives a core module the memory that it defines from outside: mapping a fresh one for each instance costs more than a
 * small request does, wiping one that a finished instance has left costs a copy. An instance cannot tell the difference:
 * data segments are applied to an imported memory just as to a defined one.
 */
import { concatBytes } from "../../protocol/bytes.ts";
import { pageBytes } from "./memory_limit.ts";
import { encodeU32, HAS_MAXIMUM, Reader, section } from "./module_bytes.ts";

/** Module and field name of the import that stands for the module's own memory. */
export const OWN_MEMORY = "realm:own-memory";
/** Largest memory that is wiped: beyond, most pages stay untouched, and mapping new ones is cheaper than writing all. */
const WIPED_PAGES = 32;
const MEMORY_KIND = 2;

/** Size of a module's own memory, in pages of {@link pageBytes}. */
export interface OwnMemory {
  readonly initial: number;
  readonly maximum: number;
}
/** A module whose own memory is given to it as {@link OWN_MEMORY}. */
export interface OpenedModule {
  readonly bytes: Uint8Array;
  readonly memory: OwnMemory;
}

/**
 * Turns the memory that a module defines into an import, in a module that has been through `limitMemory`. Returns
 * `undefined` for a module without one, with a large one, or with an import of the same name.
 */
export function openMemory(module: Uint8Array): OpenedModule | undefined {
  const type = memoryType(module);
  if (type === undefined) return undefined;
  const name = new TextEncoder().encode(OWN_MEMORY);
  const named = concatBytes(encodeU32(name.length), name);
  const entry = concatBytes(named, named, Uint8Array.of(MEMORY_KIND), type.bytes);
  const reader = new Reader(module);
  reader.header();
  const out: Uint8Array[] = [module.subarray(0, 8)];
  const emit = (id: number, body: Uint8Array) => out.push(Uint8Array.of(id), encodeU32(body.length), body);
  let given = false;
  while (!reader.atEnd) {
    const start = reader.position;
    const id = reader.byte();
    const body = reader.part(reader.u32());
    // Sections come in the order of their numbers, custom ones (0) anywhere.
    if (!given && id > section.import) {
      emit(section.import, concatBytes(encodeU32(1), entry));
      given = true;
    }
    if (id === section.memory) continue;
    if (id === section.import) {
      const inside = new Reader(body);
      const count = inside.u32();
      if (mentions(body, name)) return undefined;
      emit(section.import, concatBytes(encodeU32(count + 1), body.subarray(inside.position), entry));
      given = true;
    } else out.push(module.subarray(start, reader.position));
  }
  return { bytes: concatBytes(...out), memory: type.memory };
}

/** The type of the one memory that a module defines, if it is small and bounded. */
function memoryType(
  module: Uint8Array,
): { readonly bytes: Uint8Array; readonly memory: OwnMemory } | undefined {
  const reader = new Reader(module);
  reader.header();
  while (!reader.atEnd) {
    const id = reader.byte();
    const body = new Reader(reader.part(reader.u32()));
    if (id !== section.memory) continue;
    if (body.u32() !== 1) return undefined;
    const start = body.position;
    if (body.byte() !== HAS_MAXIMUM) return undefined;
    const memory = { initial: body.u32(), maximum: body.u32() };
    const size = body.position - start;
    body.position = start;
    return memory.initial <= WIPED_PAGES ? { bytes: body.part(size), memory } : undefined;
  }
  return undefined;
}

/** Whether bytes contain a name anywhere: simpler than to parse, and a false alarm costs only speed. */
function mentions(body: Uint8Array, name: Uint8Array): boolean {
  for (let at = body.indexOf(name[0]!); at >= 0; at = body.indexOf(name[0]!, at + 1)) {
    if (name.every((byte, i) => body[at + i] === byte)) return true;
  }
  return false;
}

/** Memories of one module that finished instances have left. */
export class MemoryPool {
  readonly #memory: OwnMemory;
  readonly #keep: number;
  readonly #free: WebAssembly.Memory[] = [];

  /** Keeps at most `keep` memories. */
  constructor(memory: OwnMemory, keep: number) {
    this.#memory = memory;
    this.#keep = keep;
  }
  /** A memory of zeroes. Throws `RangeError` when there is no room for one. */
  take(): WebAssembly.Memory {
    return this.#free.pop() ?? new WebAssembly.Memory(this.#memory);
  }
  /** Takes back a memory that nothing uses any more; one that has grown cannot shrink and is dropped. */
  give(memory: WebAssembly.Memory): void {
    if (this.#free.length >= this.#keep) return;
    if (memory.buffer.byteLength !== this.#memory.initial * pageBytes) return;
    new Uint8Array(memory.buffer).fill(0);
    this.#free.push(memory);
  }
}
