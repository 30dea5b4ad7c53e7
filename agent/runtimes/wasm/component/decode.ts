/**
 * Component binary → definitions, as plain data that can be posted to workers. Nothing is resolved here.
 * Format: WebAssembly component-model, design/mvp/Binary.md (version 0x0d, layer 1, without the asynchronous part).
 */
import { wasmLimits } from "../../../protocol/limits.ts";
import { ComponentError } from "./errors.ts";
import { ByteReader } from "./reader.ts";
import { readType } from "./decode_types.ts";
import type { ExternDesc, TypeDef } from "./decode_types.ts";

/** Sorts of the component level. */
export type Sort = "func" | "value" | "type" | "component" | "instance" | "module" | CoreSort;
/** Sorts of core WebAssembly. */
export type CoreSort =
  | "core func"
  | "core table"
  | "core memory"
  | "core global"
  | "core tag"
  | "core type"
  | "core instance";
/** Something in an index space. */
export interface SortIndex {
  readonly sort: Sort;
  readonly index: number;
}
/** Options of a canonical function. Indices are of core memories and core functions. */
export interface CanonOptions {
  readonly encoding: "utf8" | "utf16";
  readonly memory?: number;
  readonly realloc?: number;
  readonly postReturn?: number;
}
/** A function made by the canonical ABI. */
export type Canon =
  | { readonly op: "lift"; readonly func: number; readonly options: CanonOptions; readonly type: number }
  | { readonly op: "lower"; readonly func: number; readonly options: CanonOptions }
  | { readonly op: "new" | "drop" | "rep"; readonly resource: number };
/** A reference to something defined elsewhere. */
export type Alias =
  | {
    readonly from: "export";
    readonly sort: Sort;
    readonly instance: number;
    readonly name: string;
  }
  | {
    readonly from: "core export";
    readonly sort: Sort;
    readonly instance: number;
    readonly name: string;
  }
  | { readonly from: "outer"; readonly sort: Sort; readonly count: number; readonly index: number };
type Named = readonly (readonly [name: string, item: SortIndex])[];

/** One definition; the index spaces grow in the order of definitions. */
export type Definition =
  /** `module` is an index into {@link DecodedComponent.modules}. */
  | { readonly define: "module"; readonly module: number }
  | {
    readonly define: "core instance";
    readonly module: number;
    readonly args: readonly (readonly [string, number])[];
  }
  | { readonly define: "core instance of exports"; readonly exports: Named }
  | { readonly define: "component"; readonly body: readonly Definition[] }
  | { readonly define: "instance"; readonly component: number; readonly args: Named }
  | { readonly define: "instance of exports"; readonly exports: Named }
  | { readonly define: "alias"; readonly alias: Alias }
  | { readonly define: "type"; readonly type: TypeDef }
  | { readonly define: "canon"; readonly canon: Canon }
  | { readonly define: "import"; readonly name: string; readonly desc: ExternDesc }
  | { readonly define: "export"; readonly name: string; readonly item: SortIndex };

/** A component file. */
export interface DecodedComponent {
  readonly body: readonly Definition[];
  /** Bytes of all core modules, nested components' too. */
  readonly modules: readonly Uint8Array[];
}

/** What a WebAssembly file is, by its first eight bytes. */
export function wasmKindOf(bytes: Uint8Array): "component" | "module" | undefined {
  if (bytes.length < 8 || bytes[0] !== 0 || bytes[1] !== 0x61 || bytes[2] !== 0x73 || bytes[3] !== 0x6d) {
    return;
  }
  if (bytes[4] === 1 && bytes[5] === 0 && bytes[6] === 0 && bytes[7] === 0) return "module";
  if (bytes[4] === 0x0d && bytes[5] === 0 && bytes[6] === 1 && bytes[7] === 0) return "component";
}

/** Reads a whole component. Throws {@link ComponentError}. */
export function decodeComponent(bytes: Uint8Array): DecodedComponent {
  const modules: Uint8Array[] = [];
  const body = readComponent(new ByteReader(bytes), modules, 0);
  return { body, modules };
}

function readComponent(r: ByteReader, modules: Uint8Array[], depth: number): Definition[] {
  if (depth > wasmLimits.componentDepth) throw new ComponentError("components are nested too deeply");
  if (wasmKindOf(r.bytes.subarray(r.at, r.end)) !== "component") throw new ComponentError("not a component");
  r.skip(8);
  const body: Definition[] = [];
  const add = (definition: Definition) => {
    if (body.length >= wasmLimits.componentDefinitions) throw new ComponentError("too many definitions");
    body.push(definition);
  };
  while (!r.done) {
    const id = r.byte();
    const size = r.u32();
    const start = r.skip(size);
    const s = new ByteReader(r.bytes, start, r.at);
    readSection(id, s, add, modules, depth);
    if (id !== 0 && !s.done) throw new ComponentError(`section ${id} has bytes left`);
  }
  return body;
}

function readSection(
  id: number,
  s: ByteReader,
  add: (definition: Definition) => void,
  modules: Uint8Array[],
  depth: number,
): void {
  switch (id) {
    case 0:
      return;
    case 1:
      if (modules.length >= wasmLimits.componentModules) throw new ComponentError("too many core modules");
      add({ define: "module", module: modules.length });
      modules.push(s.bytes.subarray(s.at, s.end));
      s.at = s.end;
      return;
    case 2:
      s.list(() => add(readCoreInstance(s)));
      return;
    case 4: {
      const inner = new ByteReader(s.bytes, s.at, s.end);
      add({ define: "component", body: readComponent(inner, modules, depth + 1) });
      s.at = s.end;
      return;
    }
    case 5:
      s.list(() => add(readInstance(s)));
      return;
    case 6:
      s.list(() => add({ define: "alias", alias: readAlias(s) }));
      return;
    case 7:
      s.list(() => add({ define: "type", type: readType(s, 0) }));
      return;
    case 8:
      s.list(() => add({ define: "canon", canon: readCanon(s) }));
      return;
    case 10:
      s.list(() => add({ define: "import", name: externName(s), desc: externDesc(s) }));
      return;
    case 11:
      s.list(() => {
        const name = externName(s);
        const item = readSortIndex(s);
        if (s.byte() === 1) externDesc(s);
        add({ define: "export", name, item });
      });
      return;
    default:
      throw new ComponentError(`section ${id} is not supported`);
  }
}

const coreSorts: Readonly<Record<number, Sort>> = {
  0x00: "core func",
  0x01: "core table",
  0x02: "core memory",
  0x03: "core global",
  0x04: "core tag",
  0x10: "core type",
  0x11: "module",
  0x12: "core instance",
};
const sorts: Readonly<Record<number, Sort>> = {
  0x01: "func",
  0x02: "value",
  0x03: "type",
  0x04: "component",
  0x05: "instance",
};

function readCoreSort(r: ByteReader): Sort {
  return coreSorts[r.byte()] ?? unsupported("core sort");
}
function readSort(r: ByteReader): Sort {
  const byte = r.byte();
  return byte === 0 ? readCoreSort(r) : sorts[byte] ?? unsupported("sort");
}
function readSortIndex(r: ByteReader): SortIndex {
  return { sort: readSort(r), index: r.u32() };
}
function unsupported(what: string): never {
  throw new ComponentError(`${what} is not supported`);
}

/** An import or export name: a discriminator, then the name. */
export function externName(r: ByteReader): string {
  if (r.byte() > 1) throw new ComponentError("kind of name is not supported");
  return r.name();
}

/** What an import or an exported item of a type is. */
export function externDesc(r: ByteReader): ExternDesc {
  const byte = r.byte();
  switch (byte) {
    case 0x00:
      if (r.byte() !== 0x11) unsupported("core item");
      return { sort: "module", type: r.u32() };
    case 0x01:
      return { sort: "func", type: r.u32() };
    case 0x03:
      return r.byte() === 0 ? { sort: "type", equals: r.u32() } : { sort: "type" };
    case 0x04:
      return { sort: "component", type: r.u32() };
    case 0x05:
      return { sort: "instance", type: r.u32() };
    default:
      return unsupported("kind of import");
  }
}

function readCoreInstance(r: ByteReader): Definition {
  if (r.byte() === 0) {
    const module = r.u32();
    const args = r.list((): [string, number] => {
      const name = r.name();
      if (readCoreSort(r) !== "core instance") unsupported("argument of a core module");
      return [name, r.u32()];
    });
    return { define: "core instance", module, args };
  }
  const exports = r.list((): [string, SortIndex] => [r.name(), { sort: readCoreSort(r), index: r.u32() }]);
  return { define: "core instance of exports", exports };
}

function readInstance(r: ByteReader): Definition {
  if (r.byte() === 0) {
    const component = r.u32();
    return {
      define: "instance",
      component,
      args: r.list((): [string, SortIndex] => [r.name(), readSortIndex(r)]),
    };
  }
  const exports = r.list((): [string, SortIndex] => [externName(r), readSortIndex(r)]);
  return { define: "instance of exports", exports };
}

/** An alias, in a component or in a type. */
export function readAlias(r: ByteReader): Alias {
  const sort = readSort(r);
  switch (r.byte()) {
    case 0x00:
      return { from: "export", sort, instance: r.u32(), name: r.name() };
    case 0x01:
      return { from: "core export", sort, instance: r.u32(), name: r.name() };
    case 0x02:
      return { from: "outer", sort, count: r.u32(), index: r.u32() };
    default:
      return unsupported("kind of alias");
  }
}

function readCanon(r: ByteReader): Canon {
  const op = r.byte();
  switch (op) {
    case 0x00: {
      if (r.byte() !== 0) unsupported("canon lift");
      const func = r.u32();
      const options = readOptions(r);
      return { op: "lift", func, options, type: r.u32() };
    }
    case 0x01:
      if (r.byte() !== 0) unsupported("canon lower");
      return { op: "lower", func: r.u32(), options: readOptions(r) };
    case 0x02:
      return { op: "new", resource: r.u32() };
    case 0x03:
      return { op: "drop", resource: r.u32() };
    case 0x04:
      return { op: "rep", resource: r.u32() };
    default:
      return unsupported(`canonical function 0x${op.toString(16)} (WASI 0.3?)`);
  }
}

function readOptions(r: ByteReader): CanonOptions {
  const options: { -readonly [K in keyof CanonOptions]: CanonOptions[K] } = { encoding: "utf8" };
  r.list(() => {
    const byte = r.byte();
    switch (byte) {
      case 0x00:
        return options.encoding = "utf8";
      case 0x01:
        return options.encoding = "utf16";
      case 0x03:
        return options.memory = r.u32();
      case 0x04:
        return options.realloc = r.u32();
      case 0x05:
        return options.postReturn = r.u32();
      default:
        return unsupported(`canonical option 0x${byte.toString(16)}`);
    }
  });
  return options;
}
