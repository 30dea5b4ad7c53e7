/**
 * Component values ↔ core values: the canonical ABI's load, store, lift and lower, made once per type as closures.
 * Algorithm: component-model, design/mvp/CanonicalABI.md.
 *
 * Values in JavaScript: integers up to 32 bits and floats are numbers, 64-bit integers bigints, `char` and `string`
 * strings, `list<u8>` a `Uint8Array` of its own, other lists and tuples arrays, records objects by field name, variants
 * and results `{ tag, val }`, enums their name, flags a set of names, options the value or `undefined` (an option in an
 * option: `{ tag: "some" | "none", val }`), resources the host's object.
 */
import { ComponentError, Trap } from "./errors.ts";
import type { GuestMemory } from "./memory.ts";

/** Types of core values. */
export type CoreType = "i32" | "i64" | "f32" | "f64";
/** A core value. */
export type CoreValue = number | bigint;
/** Core values being read one after the other. */
export interface FlatInput {
  readonly values: readonly CoreValue[];
  at: number;
}

/** How values of one type are laid out and moved. */
export interface Codec {
  readonly size: number;
  readonly align: number;
  readonly flat: readonly CoreType[];
  /** Reads from memory. */
  load(memory: GuestMemory, at: number): unknown;
  /** Writes to memory. */
  store(memory: GuestMemory, value: unknown, at: number): void;
  /** Reads from core values. */
  lift(memory: GuestMemory, from: FlatInput): unknown;
  /** Appends core values. */
  lower(memory: GuestMemory, value: unknown, to: CoreValue[]): void;
  /** For options: whether `undefined` is one of the values. */
  readonly nullable?: boolean;
}

/** A value with a case, as variants and results are. */
export interface Case {
  readonly tag: string;
  readonly val?: unknown;
}

/** Core values of one type beyond which it is refused: types can double at each level of nesting. */
const MAX_FLAT = 4096;
function bounded(flat: readonly CoreType[]): readonly CoreType[] {
  if (flat.length > MAX_FLAT) throw new ComponentError("a type is too large");
  return flat;
}

/** Rounds up to a multiple of `align`. */
export const alignTo = (at: number, align: number): number => Math.ceil(at / align) * align;
const next = (from: FlatInput) => from.values[from.at++]!;

function number(
  size: number,
  flat: CoreType,
  get: (view: DataView, at: number) => CoreValue,
  set: (view: DataView, at: number, value: never) => void,
  fromCore: (value: never) => unknown,
  toCore: (value: never) => CoreValue,
): Codec {
  return {
    size,
    align: size,
    flat: [flat],
    load: (memory, at) => fromCore(get(memory.view, at) as never),
    store: (memory, value, at) => set(memory.view, at, toCore(value as never) as never),
    lift: (_, from) => fromCore(next(from) as never),
    lower: (_, value, to) => void to.push(toCore(value as never)),
  };
}
const same = (value: never) => value;
const char = (code: number) => {
  const value = code >>> 0;
  if (value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) throw new Trap("not a Unicode scalar value");
  return String.fromCodePoint(value);
};

const string: Codec = {
  size: 8,
  align: 4,
  flat: ["i32", "i32"],
  load: (memory, at) => memory.string(memory.view.getUint32(at, true), memory.view.getUint32(at + 4, true)),
  store(memory, value, at) {
    const [pointer, units] = memory.writeString(String(value));
    memory.view.setUint32(at, pointer, true);
    memory.view.setUint32(at + 4, units, true);
  },
  lift: (memory, from) => memory.string(Number(next(from)) >>> 0, Number(next(from)) >>> 0),
  lower: (memory, value, to) => void to.push(...memory.writeString(String(value))),
};

/** Codecs of the types without parts. */
export const primitiveCodecs = {
  bool: number(
    1,
    "i32",
    (v, at) => v.getUint8(at),
    (v, at, n) => v.setUint8(at, n),
    (n: number) => n !== 0,
    (b) => b ? 1 : 0,
  ),
  u8: number(
    1,
    "i32",
    (v, at) => v.getUint8(at),
    (v, at, n) => v.setUint8(at, n),
    (n: number) => n & 0xff,
    same,
  ),
  s8: number(
    1,
    "i32",
    (v, at) => v.getInt8(at),
    (v, at, n) => v.setInt8(at, n),
    (n: number) => (n << 24) >> 24,
    same,
  ),
  u16: number(
    2,
    "i32",
    (v, at) => v.getUint16(at, true),
    (v, at, n) => v.setUint16(at, n, true),
    (n: number) => n & 0xffff,
    same,
  ),
  s16: number(
    2,
    "i32",
    (v, at) => v.getInt16(at, true),
    (v, at, n) => v.setInt16(at, n, true),
    (n: number) => (n << 16) >> 16,
    same,
  ),
  u32: number(
    4,
    "i32",
    (v, at) => v.getUint32(at, true),
    (v, at, n) => v.setUint32(at, n, true),
    (n: number) => n >>> 0,
    same,
  ),
  s32: number(
    4,
    "i32",
    (v, at) => v.getInt32(at, true),
    (v, at, n) => v.setInt32(at, n, true),
    (n: number) => n | 0,
    same,
  ),
  u64: number(
    8,
    "i64",
    (v, at) => v.getBigUint64(at, true),
    (v, at, n) => v.setBigUint64(at, n, true),
    (n: bigint) => BigInt.asUintN(64, n),
    (n: bigint) => BigInt.asUintN(64, n),
  ),
  s64: number(
    8,
    "i64",
    (v, at) => v.getBigInt64(at, true),
    (v, at, n) => v.setBigInt64(at, n, true),
    (n: bigint) => BigInt.asIntN(64, n),
    (n: bigint) => BigInt.asIntN(64, n),
  ),
  f32: number(
    4,
    "f32",
    (v, at) => v.getFloat32(at, true),
    (v, at, n) => v.setFloat32(at, n, true),
    same,
    same,
  ),
  f64: number(
    8,
    "f64",
    (v, at) => v.getFloat64(at, true),
    (v, at, n) => v.setFloat64(at, n, true),
    same,
    same,
  ),
  char: number(
    4,
    "i32",
    (v, at) => v.getUint32(at, true),
    (v, at, n) => v.setUint32(at, n, true),
    char,
    (s: string) => s.codePointAt(0) ?? 0,
  ),
  string,
} as const satisfies Record<string, Codec>;

/** `list<T>`. Lists of bytes are copied as a whole. */
export function listCodec(element: Codec): Codec {
  const bytes = element === primitiveCodecs.u8;
  const read = (memory: GuestMemory, at: number, length: number): unknown => {
    if (bytes) return memory.slice(at, length).slice();
    if (at % element.align !== 0) throw new Trap("unaligned list");
    if (element.size === 0 && length > 0) throw new Trap("list of nothing");
    memory.slice(at, length * element.size);
    const items: unknown[] = [];
    for (let i = 0; i < length; i++) items.push(element.load(memory, at + i * element.size));
    return items;
  };
  const write = (memory: GuestMemory, value: unknown): [number, number] => {
    if (bytes) {
      const data = value as Uint8Array;
      const at = memory.allocate(1, data.length);
      memory.slice(at, data.length).set(data);
      return [at, data.length];
    }
    const items = value as ArrayLike<unknown>;
    const at = memory.allocate(element.align, items.length * element.size);
    for (let i = 0; i < items.length; i++) element.store(memory, items[i], at + i * element.size);
    return [at, items.length];
  };
  return {
    size: 8,
    align: 4,
    flat: ["i32", "i32"],
    load: (memory, at) => read(memory, memory.view.getUint32(at, true), memory.view.getUint32(at + 4, true)),
    store(memory, value, at) {
      const [pointer, length] = write(memory, value);
      memory.view.setUint32(at, pointer, true);
      memory.view.setUint32(at + 4, length, true);
    },
    lift: (memory, from) => read(memory, Number(next(from)) >>> 0, Number(next(from)) >>> 0),
    lower: (memory, value, to) => void to.push(...write(memory, value)),
  };
}

/** Several values one after the other: a record when `names` are given, else a tuple. */
export function productCodec(parts: readonly Codec[], names?: readonly string[]): Codec {
  const offsets: number[] = [];
  let size = 0;
  let align = 1;
  for (const part of parts) {
    size = alignTo(size, part.align);
    offsets.push(size);
    size += part.size;
    align = Math.max(align, part.align);
  }
  const build = (values: unknown[]) =>
    names === undefined ? values : Object.fromEntries(values.map((value, i) => [names[i], value]));
  const take = (value: unknown, i: number) =>
    names === undefined ? (value as unknown[])[i] : (value as Record<string, unknown>)[names[i]!];
  return {
    size: alignTo(size, align),
    align,
    flat: bounded(parts.flatMap((part) => part.flat)),
    load: (memory, at) => build(parts.map((part, i) => part.load(memory, at + offsets[i]!))),
    store: (memory, value, at) =>
      parts.forEach((part, i) => part.store(memory, take(value, i), at + offsets[i]!)),
    lift: (memory, from) => build(parts.map((part) => part.lift(memory, from))),
    lower: (memory, value, to) => parts.forEach((part, i) => part.lower(memory, take(value, i), to)),
  };
}

/** `flags`: up to 32 names, as a set. */
export function flagsCodec(names: readonly string[]): Codec {
  if (names.length > 32) throw new ComponentError("more than 32 flags are not supported");
  const size = names.length <= 8 ? 1 : names.length <= 16 ? 2 : 4;
  const unit = size === 1 ? primitiveCodecs.u8 : size === 2 ? primitiveCodecs.u16 : primitiveCodecs.u32;
  const read = (bits: unknown) => new Set(names.filter((_, i) => ((bits as number) >>> i) & 1));
  const write = (value: unknown) =>
    names.reduce(
      (bits, name, i) => (value as ReadonlySet<string>).has(name) ? (bits | (1 << i)) >>> 0 : bits,
      0,
    );
  return mapped(unit, read, write);
}

/** `enum`: one of the names. */
export function enumCodec(names: readonly string[]): Codec {
  return mapped(
    discriminant(names.length),
    (index) => names[index as number] ?? trap("enum out of range"),
    (name) => {
      const index = names.indexOf(name as string);
      return index < 0 ? trap(`host answered unknown case ${name}`) : index;
    },
  );
}

function mapped(unit: Codec, read: (raw: unknown) => unknown, write: (value: unknown) => unknown): Codec {
  return {
    ...unit,
    load: (memory, at) => read(unit.load(memory, at)),
    store: (memory, value, at) => unit.store(memory, write(value), at),
    lift: (memory, from) => read(unit.lift(memory, from)),
    lower: (memory, value, to) => unit.lower(memory, write(value), to),
  };
}
function trap(message: string): never {
  throw new Trap(message);
}
const discriminant = (cases: number): Codec =>
  cases <= 256 ? primitiveCodecs.u8 : cases <= 65_536 ? primitiveCodecs.u16 : primitiveCodecs.u32;

const join = (a: CoreType, b: CoreType): CoreType =>
  a === b ? a : (a === "i32" && b === "f32") || (a === "f32" && b === "i32") ? "i32" : "i64";
const scratch = new DataView(new ArrayBuffer(8));
/** A joined core value as the type that a case wants. */
function narrow(value: CoreValue, have: CoreType, want: CoreType): CoreValue {
  if (have === want) return value;
  if (have === "i64") {
    scratch.setBigInt64(0, BigInt.asIntN(64, BigInt(value)), true);
    if (want === "i32") return scratch.getInt32(0, true);
    return want === "f32" ? scratch.getFloat32(0, true) : scratch.getFloat64(0, true);
  }
  scratch.setInt32(0, Number(value), true);
  return scratch.getFloat32(0, true);
}
/** A case's core value as the joined type. */
function widen(value: CoreValue, have: CoreType, want: CoreType): CoreValue {
  if (have === want) return value;
  if (have === "f64") {
    scratch.setFloat64(0, Number(value), true);
    return scratch.getBigInt64(0, true);
  }
  let bits = Number(value);
  if (have === "f32") {
    scratch.setFloat32(0, bits, true);
    bits = scratch.getInt32(0, true);
  }
  return want === "i64" ? BigInt(bits >>> 0) : bits;
}

/** `variant` and `result`: `{ tag, val }`. */
export function variantCodec(cases: readonly { readonly name: string; readonly codec?: Codec }[]): Codec {
  const tag = discriminant(cases.length);
  const align = Math.max(tag.align, ...cases.map((c) => c.codec?.align ?? 1));
  const offset = alignTo(tag.size, Math.max(1, ...cases.map((c) => c.codec?.align ?? 1)));
  const size = alignTo(offset + Math.max(0, ...cases.map((c) => c.codec?.size ?? 0)), align);
  const joined: CoreType[] = [];
  for (const { codec } of cases) {
    codec?.flat.forEach((type, i) => joined[i] = joined[i] === undefined ? type : join(joined[i], type));
  }
  const byName = new Map(cases.map((c, i) => [c.name, i]));
  const indexOf = (value: unknown) =>
    byName.get((value as Case).tag) ?? trap(`host answered unknown case ${(value as Case).tag}`);
  const caseAt = (index: unknown) => cases[index as number] ?? trap("variant out of range");
  return {
    size,
    align,
    flat: bounded(["i32", ...joined]),
    load(memory, at) {
      const { name, codec } = caseAt(tag.load(memory, at));
      return codec === undefined ? { tag: name } : { tag: name, val: codec.load(memory, at + offset) };
    },
    store(memory, value, at) {
      const index = indexOf(value);
      tag.store(memory, index, at);
      cases[index]!.codec?.store(memory, (value as Case).val, at + offset);
    },
    lift(memory, from) {
      const { name, codec } = caseAt(Number(next(from)) >>> 0);
      const end = from.at + joined.length;
      if (codec === undefined) {
        from.at = end;
        return { tag: name };
      }
      const values = codec.flat.map((type, i) => narrow(from.values[from.at + i]!, joined[i]!, type));
      from.at = end;
      return { tag: name, val: codec.lift(memory, { values, at: 0 }) };
    },
    lower(memory, value, to) {
      const index = indexOf(value);
      to.push(index);
      const { codec } = cases[index]!;
      const values: CoreValue[] = [];
      codec?.lower(memory, (value as Case).val, values);
      joined.forEach((type, i) => {
        const have = codec?.flat[i];
        to.push(have === undefined ? (type === "i64" ? 0n : 0) : widen(values[i]!, have, type));
      });
    },
  };
}

/** `option<T>`. */
export function optionCodec(inner: Codec): Codec {
  const variant = variantCodec([{ name: "none" }, { name: "some", codec: inner }]);
  if (inner.nullable) return variant;
  const read = (value: unknown) => (value as Case).tag === "some" ? (value as Case).val : undefined;
  const write = (value: unknown): Case => value === undefined ? { tag: "none" } : { tag: "some", val: value };
  return { ...mapped(variant, read, write), nullable: true };
}
