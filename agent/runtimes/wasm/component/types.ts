/** Resolved types: what a definition means where it stands. */
import {
  enumCodec,
  flagsCodec,
  listCodec,
  optionCodec,
  primitiveCodecs,
  productCodec,
  variantCodec,
} from "./codec.ts";
import type { Codec } from "./codec.ts";
import type { TypeDecl, TypeDef, ValRef } from "./decode_types.ts";
import { ComponentError } from "./errors.ts";
import type { ResourceType } from "./memory.ts";

/** A function type, ready to move values. */
export interface FuncType {
  readonly params: readonly Codec[];
  /** Absent: no result. */
  readonly result?: Codec;
  /** The result is a WIT `result` at the top: `err` travels as an exception. */
  readonly fallible: boolean;
}
/** What a type index stands for. */
export type TypeEntity =
  | { readonly is: "value"; readonly codec: Codec; readonly fallible?: boolean }
  | { readonly is: "func"; readonly func: FuncType }
  | { readonly is: "resource"; readonly resource: ResourceType }
  | { readonly is: "instance" | "component"; readonly decls: readonly TypeDecl[]; readonly scope: unknown };

/** The codec of a value type. `types` is the index space it stands in. */
export function codecOf(ref: ValRef, types: readonly TypeEntity[]): Codec {
  if (typeof ref === "string") return primitiveCodecs[ref];
  const entity = types[ref];
  if (entity?.is !== "value") throw new ComponentError(`type ${ref} is not a value type`);
  return entity.codec;
}

/** Resolves a type definition, except for resources, instances and components, which need their surroundings. */
export function resolveType(def: TypeDef, types: readonly TypeEntity[]): TypeEntity {
  const codec = (ref: ValRef) => codecOf(ref, types);
  switch (def.kind) {
    case "primitive":
      return { is: "value", codec: primitiveCodecs[def.type] };
    case "record":
      return {
        is: "value",
        codec: productCodec(def.fields.map((f) => codec(f.type)), def.fields.map((f) => f.name)),
      };
    case "tuple":
      return { is: "value", codec: productCodec(def.types.map(codec)) };
    case "list":
      return { is: "value", codec: listCodec(codec(def.type)) };
    case "option":
      return { is: "value", codec: optionCodec(codec(def.type)) };
    case "flags":
      return { is: "value", codec: flagsCodec(def.names) };
    case "enum":
      return { is: "value", codec: enumCodec(def.names) };
    case "variant":
      return {
        is: "value",
        codec: variantCodec(def.cases.map((c) => payload(c.name, c.type, codec))),
      };
    case "result":
      return {
        is: "value",
        fallible: true,
        codec: variantCodec([payload("ok", def.ok, codec), payload("err", def.err, codec)]),
      };
    case "own":
    case "borrow":
      return { is: "value", codec: handleCodec(resourceAt(def.resource, types), def.kind === "own") };
    case "func": {
      const params = def.params.map((p) => codec(p.type));
      if (def.result === undefined) return { is: "func", func: { params, fallible: false } };
      const entity = typeof def.result === "number" ? types[def.result] : undefined;
      const fallible = entity?.is === "value" && entity.fallible === true;
      return { is: "func", func: { params, result: codec(def.result), fallible } };
    }
    default:
      throw new ComponentError(`${def.kind} type is not supported here`);
  }
}

const payload = (name: string, type: ValRef | undefined, codec: (ref: ValRef) => Codec) =>
  type === undefined ? { name } : { name, codec: codec(type) };

/** The resource type at an index. */
export function resourceAt(index: number, types: readonly TypeEntity[]): ResourceType {
  const entity = types[index];
  if (entity?.is !== "resource") throw new ComponentError(`type ${index} is not a resource`);
  return entity.resource;
}

/** Handles ↔ objects of the host, or `GuestResource`s of a guest's own types. */
function handleCodec(type: ResourceType, own: boolean): Codec {
  const { u32 } = primitiveCodecs;
  const outward = (rep: unknown) => type.owner === undefined ? rep : { type, rep };
  const inward = (value: unknown) => type.owner === undefined ? value : (value as { rep: number }).rep;
  const lift: (memory: Parameters<Codec["load"]>[0], handle: number) => unknown = own
    ? (memory, handle) => outward(memory.table.remove(handle, type).rep)
    : (memory, handle) => outward(memory.table.get(handle, type).rep);
  const lower = (memory: Parameters<Codec["load"]>[0], value: unknown) => {
    // A guest gets borrows of its own resources as the number it gave, not as a handle.
    if (!own && memory.owner === type.owner) return inward(value);
    return memory.table.add(type, own, inward(value));
  };
  return {
    ...u32,
    load: (memory, at) => lift(memory, u32.load(memory, at) as number),
    store: (memory, value, at) => u32.store(memory, lower(memory, value), at),
    lift: (memory, from) => lift(memory, u32.lift(memory, from) as number),
    lower: (memory, value, to) => u32.lower(memory, lower(memory, value), to),
  };
}
