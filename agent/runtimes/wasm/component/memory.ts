/** Memory, strings and handles of one component instance, as the canonical ABI sees them. */
import { wasmLimits } from "../../../protocol/limits.ts";
import { Trap } from "./errors.ts";

const decoders = {
  utf8: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }),
  utf16: new TextDecoder("utf-16le", { fatal: true, ignoreBOM: true }),
};
const encoder = new TextEncoder();

/** A type of resources, by identity. */
export interface ResourceType {
  readonly name: string;
  /** Frees what a guest's own resource stands for: a core function (`CoreItem`). Absent: nothing to free. */
  readonly destructorItem?: unknown;
  /** Which component instance implements it; absent: the host. */
  readonly owner?: number;
}

/** A resource that a guest implements, on its way through the host. */
export interface GuestResource {
  readonly type: ResourceType;
  readonly rep: number;
}

interface Entry {
  readonly type: ResourceType;
  readonly own: boolean;
  /** The host's object, or the number a guest gave. */
  readonly rep: unknown;
}

/** Handles of one component instance. */
export class HandleTable {
  readonly #entries: (Entry | undefined)[] = [undefined];
  readonly #free: number[] = [];

  /** A new handle. */
  add(type: ResourceType, own: boolean, rep: unknown): number {
    const entry = { type, own, rep };
    const index = this.#free.pop();
    if (index !== undefined) {
      this.#entries[index] = entry;
      return index;
    }
    if (this.#entries.length > wasmLimits.handles) throw new Trap("too many open handles");
    return this.#entries.push(entry) - 1;
  }

  /** What a handle stands for. Traps when there is none of that type. */
  get(index: number, type: ResourceType): Entry {
    const entry = this.#entries[index];
    if (entry === undefined || entry.type !== type) throw new Trap(`no handle ${index} of ${type.name}`);
    return entry;
  }

  /** Takes a handle out. */
  remove(index: number, type: ResourceType): Entry {
    const entry = this.get(index, type);
    this.#entries[index] = undefined;
    this.#free.push(index);
    return entry;
  }

  /** Everything that is still open, removed from the table. */
  drain(): Entry[] {
    const left = this.#entries.filter((entry) => entry !== undefined);
    this.#entries.length = 1;
    this.#free.length = 0;
    return left;
  }
}

/** What runs: core instances made so far, and the handles of each component instance in it. */
export interface Instance {
  readonly cores: WebAssembly.Exports[];
  readonly tables: readonly HandleTable[];
}

const noBytes = new Uint8Array(0);
const noView = new DataView(noBytes.buffer);

/** One core memory with its allocator and string encoding, during calls. */
export class GuestMemory {
  readonly table: HandleTable;
  /** Number of the component instance that the memory belongs to. */
  readonly owner: number;
  readonly #memory: () => WebAssembly.Memory;
  readonly #realloc: (() => CallableFunction) | undefined;
  readonly #encoding: "utf8" | "utf16";
  #view: DataView = noView;
  #bytes: Uint8Array = noBytes;

  /** `memory` and `realloc` are asked at each use: instances are made in an order that does not have them at once. */
  constructor(
    table: HandleTable,
    owner: number,
    memory: () => WebAssembly.Memory,
    realloc: (() => CallableFunction) | undefined,
    encoding: "utf8" | "utf16",
  ) {
    this.table = table;
    this.owner = owner;
    this.#memory = memory;
    this.#realloc = realloc;
    this.#encoding = encoding;
  }

  /** The memory as it is now; growing replaces it. */
  get view(): DataView {
    const { buffer } = this.#memory();
    if (this.#view.buffer !== buffer) {
      this.#view = new DataView(buffer);
      this.#bytes = new Uint8Array(buffer);
    }
    return this.#view;
  }

  /** `length` bytes at `at`, not copied. Traps when they are not all in memory. */
  slice(at: number, length: number): Uint8Array {
    const { byteLength } = this.view;
    if (at + length > byteLength) throw new Trap("pointer out of bounds");
    return this.#bytes.subarray(at, at + length);
  }

  /** Asks the guest for `size` bytes. */
  allocate(align: number, size: number): number {
    if (this.#realloc === undefined) throw new Trap("no realloc");
    const at = this.#realloc()(0, 0, align, size) >>> 0;
    if (at % align !== 0 || at + size > this.view.byteLength) throw new Trap("realloc answered nonsense");
    return at;
  }

  /** Reads a string. `units`: bytes of UTF-8, or 16-bit units of UTF-16. */
  string(at: number, units: number): string {
    const bytes = this.slice(at, this.#encoding === "utf8" ? units : units * 2);
    try {
      return decoders[this.#encoding].decode(bytes);
    } catch {
      throw new Trap("string is not valid Unicode");
    }
  }

  /** Writes a string into fresh memory. Returns where and its length in units. */
  writeString(text: string): [at: number, units: number] {
    if (this.#encoding === "utf8") {
      const bytes = encoder.encode(text);
      const at = this.allocate(1, bytes.length);
      this.slice(at, bytes.length).set(bytes);
      return [at, bytes.length];
    }
    const wellFormed = text.toWellFormed();
    const at = this.allocate(2, wellFormed.length * 2);
    const view = this.view;
    for (let i = 0; i < wellFormed.length; i++) view.setUint16(at + 2 * i, wellFormed.charCodeAt(i), true);
    return [at, wellFormed.length];
  }
}
