/** The type section of a component: type definitions as plain data. Format: component-model Binary.md. */
import { wasmLimits } from "../../../protocol/limits.ts";
import { externDesc, externName, readAlias } from "./decode.ts";
import type { Alias } from "./decode.ts";
import { ComponentError } from "./errors.ts";
import type { ByteReader } from "./reader.ts";

/** Types without parts. */
export type Primitive =
  | "bool"
  | "s8"
  | "u8"
  | "s16"
  | "u16"
  | "s32"
  | "u32"
  | "s64"
  | "u64"
  | "f32"
  | "f64"
  | "char"
  | "string";
/** A primitive, or an index into the type space. */
export type ValRef = Primitive | number;
/** A named part. */
export interface Field {
  readonly name: string;
  readonly type: ValRef;
}
/** What an import, or an export of a type, is. Numbers are type indices. */
export type ExternDesc =
  | { readonly sort: "module" | "func" | "component" | "instance"; readonly type: number }
  /** `equals` absent: a fresh resource type. */
  | { readonly sort: "type"; readonly equals?: number };
/** A declaration inside an instance or component type. */
export type TypeDecl =
  | { readonly declare: "type"; readonly type: TypeDef }
  | { readonly declare: "alias"; readonly alias: Alias }
  | { readonly declare: "import" | "export"; readonly name: string; readonly desc: ExternDesc };
/** A type definition. */
export type TypeDef =
  | { readonly kind: "primitive"; readonly type: Primitive }
  | { readonly kind: "record"; readonly fields: readonly Field[] }
  | { readonly kind: "variant"; readonly cases: readonly { readonly name: string; readonly type?: ValRef }[] }
  | { readonly kind: "list" | "option"; readonly type: ValRef }
  | { readonly kind: "tuple"; readonly types: readonly ValRef[] }
  | { readonly kind: "flags" | "enum"; readonly names: readonly string[] }
  | { readonly kind: "result"; readonly ok?: ValRef; readonly err?: ValRef }
  | { readonly kind: "own" | "borrow"; readonly resource: number }
  | { readonly kind: "func"; readonly params: readonly Field[]; readonly result?: ValRef }
  | { readonly kind: "instance" | "component"; readonly decls: readonly TypeDecl[] }
  /** `destructor`: index of a core function. */
  | { readonly kind: "resource"; readonly destructor?: number };

const primitives: Readonly<Record<number, Primitive>> = {
  0x7f: "bool",
  0x7e: "s8",
  0x7d: "u8",
  0x7c: "s16",
  0x7b: "u16",
  0x7a: "s32",
  0x79: "u32",
  0x78: "s64",
  0x77: "u64",
  0x76: "f32",
  0x75: "f64",
  0x74: "char",
  0x73: "string",
};

function valRef(r: ByteReader): ValRef {
  const byte = r.peek();
  const primitive = primitives[byte];
  if (primitive !== undefined) {
    r.at++;
    return primitive;
  }
  // A type index is a signed 33-bit LEB128: a single byte with bit 6 set would be negative.
  if (byte >= 0x40 && byte < 0x80) throw new ComponentError(`type 0x${byte.toString(16)} is not supported`);
  return r.u32();
}
const optional = (r: ByteReader): ValRef | undefined => r.byte() === 0 ? undefined : valRef(r);
const field = (r: ByteReader): Field => ({ name: r.name(), type: valRef(r) });

/** One type definition. */
export function readType(r: ByteReader, depth: number): TypeDef {
  if (depth > wasmLimits.componentDepth) throw new ComponentError("types are nested too deeply");
  const byte = r.byte();
  const primitive = primitives[byte];
  if (primitive !== undefined) return { kind: "primitive", type: primitive };
  switch (byte) {
    case 0x72:
      return { kind: "record", fields: r.list(() => field(r)) };
    case 0x71:
      return {
        kind: "variant",
        cases: r.list(() => {
          const name = r.name();
          const type = optional(r);
          if (r.byte() !== 0) throw new ComponentError("variant refinement is not supported");
          return { name, ...(type === undefined ? {} : { type }) };
        }),
      };
    case 0x70:
      return { kind: "list", type: valRef(r) };
    case 0x6f:
      return { kind: "tuple", types: r.list(() => valRef(r)) };
    case 0x6e:
      return { kind: "flags", names: r.list(() => r.name()) };
    case 0x6d:
      return { kind: "enum", names: r.list(() => r.name()) };
    case 0x6b:
      return { kind: "option", type: valRef(r) };
    case 0x6a: {
      const ok = optional(r);
      const err = optional(r);
      return { kind: "result", ...(ok === undefined ? {} : { ok }), ...(err === undefined ? {} : { err }) };
    }
    case 0x69:
      return { kind: "own", resource: r.u32() };
    case 0x68:
      return { kind: "borrow", resource: r.u32() };
    case 0x40: {
      const params = r.list(() => field(r));
      if (r.byte() === 0) return { kind: "func", params, result: valRef(r) };
      if (r.byte() !== 0) throw new ComponentError("named results are not supported");
      return { kind: "func", params };
    }
    case 0x41:
      return { kind: "component", decls: r.list(() => typeDecl(r, depth)) };
    case 0x42:
      return { kind: "instance", decls: r.list(() => typeDecl(r, depth)) };
    case 0x3f: {
      if (r.byte() !== 0x7f) throw new ComponentError("representation of a resource is not supported");
      return r.byte() === 0 ? { kind: "resource" } : { kind: "resource", destructor: r.u32() };
    }
    default:
      throw new ComponentError(`type 0x${byte.toString(16)} is not supported (WASI 0.3?)`);
  }
}

function typeDecl(r: ByteReader, depth: number): TypeDecl {
  const byte = r.byte();
  switch (byte) {
    case 0x01:
      return { declare: "type", type: readType(r, depth + 1) };
    case 0x02:
      return { declare: "alias", alias: readAlias(r) };
    case 0x03:
      return { declare: "import", name: externName(r), desc: externDesc(r) };
    case 0x04:
      return { declare: "export", name: externName(r), desc: externDesc(r) };
    default:
      throw new ComponentError(`declaration 0x${byte.toString(16)} is not supported`);
  }
}
