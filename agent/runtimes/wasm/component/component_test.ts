/** The component engine: values through the canonical ABI, hostile files, real components. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { buildWasmFixtures } from "../../../../tests/fixtures/build.ts";
import { canRun } from "../../../../tests/system_packages.ts";
import {
  enumCodec,
  flagsCodec,
  listCodec,
  optionCodec,
  primitiveCodecs as p,
  productCodec,
  variantCodec,
} from "./codec.ts";
import type { Codec, CoreValue } from "./codec.ts";
import { GuestMemory, HandleTable } from "./memory.ts";
import { ComponentError, decodeComponent, link, Trap, wasmKindOf, withoutVersion } from "./mod.ts";

/** Memory with an allocator that only goes up. */
function guest(encoding: "utf8" | "utf16" = "utf8"): GuestMemory {
  const memory = new WebAssembly.Memory({ initial: 4 });
  let top = 64;
  const realloc = (_old: number, _size: number, align: number, size: number) => {
    top = Math.ceil(top / align) * align;
    const at = top;
    top += size;
    return at;
  };
  return new GuestMemory(new HandleTable(), 0, () => memory, () => realloc, encoding);
}
function throughMemory(codec: Codec, value: unknown, memory: GuestMemory): unknown {
  const at = memory.allocate(codec.align, codec.size);
  codec.store(memory, value, at);
  return codec.load(memory, at);
}
function throughCore(codec: Codec, value: unknown, memory: GuestMemory): unknown {
  const values: CoreValue[] = [];
  codec.lower(memory, value, values);
  assert.equal(values.length, codec.flat.length);
  values.forEach((v, i) => assert.equal(typeof v, codec.flat[i] === "i64" ? "bigint" : "number"));
  return codec.lift(memory, { values, at: 0 });
}

const text = fc.string({ unit: "grapheme", maxLength: 20 });
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const cases: readonly [string, Codec, fc.Arbitrary<unknown>][] = [
  ["bool", p.bool, fc.boolean()],
  ["u8", p.u8, fc.integer({ min: 0, max: 255 })],
  ["s8", p.s8, fc.integer({ min: -128, max: 127 })],
  ["s16", p.s16, fc.integer({ min: -32768, max: 32767 })],
  ["u32", p.u32, u32],
  ["s32", p.s32, fc.integer()],
  ["u64", p.u64, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })],
  ["s64", p.s64, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })],
  ["f64", p.f64, fc.double({ noNaN: true })],
  ["f32", p.f32, fc.float({ noNaN: true })],
  ["char", p.char, fc.constantFrom("a", "ß", "€", "𝄞")],
  ["string", p.string, text],
  ["list<u8>", listCodec(p.u8), fc.uint8Array()],
  ["list<string>", listCodec(p.string), fc.array(text, { maxLength: 5 })],
  ["tuple", productCodec([p.u8, p.u64, p.u16]), fc.tuple(fc.constant(7), fc.constant(8n), fc.constant(9))],
  [
    "record",
    productCodec([p.string, p.u8], ["name", "size"]),
    fc.record({ name: text, size: fc.constant(3) }, { noNullPrototype: true }),
  ],
  ["enum", enumCodec(["a", "b", "c"]), fc.constantFrom("a", "b", "c")],
  ["flags", flagsCodec(["x", "y", "z"]), fc.subarray(["x", "y", "z"]).map((names) => new Set(names))],
  ["option<u32>", optionCodec(p.u32), fc.option(u32, { nil: undefined })],
  [
    "option<option<u8>>",
    optionCodec(optionCodec(p.u8)),
    fc.constantFrom({ tag: "none" }, { tag: "some", val: undefined }, { tag: "some", val: 4 }),
  ],
  [
    "variant with joined core types",
    variantCodec([
      { name: "f", codec: p.f32 },
      { name: "d", codec: p.f64 },
      { name: "l", codec: p.u64 },
      {
        name: "s",
        codec: p.string,
      },
      { name: "i", codec: p.s32 },
      { name: "none" },
    ]),
    fc.oneof(
      fc.float({ noNaN: true }).map((val) => ({ tag: "f", val })),
      fc.double({ noNaN: true }).map((val) => ({ tag: "d", val })),
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((val) => ({ tag: "l", val })),
      text.map((val) => ({ tag: "s", val })),
      fc.integer().map((val) => ({ tag: "i", val })),
      fc.constant({ tag: "none" }),
    ),
  ],
];
for (const [name, codec, values] of cases) {
  Deno.test(`${name} comes back as it went, through memory and through core values`, () => {
    fc.assert(
      fc.property(values, (value) => {
        assert.deepEqual(throughMemory(codec, value, guest()), value);
        assert.deepEqual(throughCore(codec, value, guest()), value);
      }),
      { numRuns: 50 },
    );
  });
}

Deno.test("strings travel as UTF-16 too", () => {
  for (const value of ["", "plain", "ß€𝄞"]) {
    assert.equal(throughMemory(p.string, value, guest("utf16")), value);
  }
});

Deno.test("values that break the ABI trap", () => {
  const memory = guest();
  const end = memory.view.byteLength;
  const lift = (codec: Codec, ...values: CoreValue[]) => () => codec.lift(memory, { values, at: 0 });
  assert.throws(lift(p.string, end - 1, 2), Trap);
  assert.throws(lift(p.string, -1, 5), Trap);
  assert.throws(lift(listCodec(p.u8), 0, -1), Trap);
  assert.throws(lift(listCodec(p.u32), 2, 1), Trap);
  assert.throws(lift(listCodec(productCodec([])), 0, 1_000_000_000), Trap);
  assert.throws(lift(p.char, 0xd800), Trap);
  assert.throws(lift(p.char, 0x110000), Trap);
  assert.throws(lift(enumCodec(["a"]), 1), Trap);
  memory.view.setUint8(8, 0xff);
  assert.throws(lift(p.string, 8, 1), Trap);
});

Deno.test("a handle is of one type, and gone once it is taken", () => {
  const table = new HandleTable();
  const [a, b] = [{ name: "a" }, { name: "b" }];
  const handle = table.add(a, true, "object");
  assert.throws(() => table.get(handle, b), Trap);
  assert.equal(table.remove(handle, a).rep, "object");
  assert.throws(() => table.get(handle, a), Trap);
  assert.throws(() => table.get(0, a), Trap);
  assert.throws(() => table.get(-1, a), Trap);
});

Deno.test("versions of an interface differ in their patch only", () => {
  assert.equal(withoutVersion("wasi:http/types@0.2.12"), "wasi:http/types@0.2");
  assert.equal(withoutVersion("wasi:http/types@0.3.0-rc1"), "wasi:http/types@0.3");
  assert.equal(withoutVersion("a:b/c@1.2.3"), "a:b/c@1");
  assert.equal(withoutVersion("plain"), "plain");
});

const ignore = !canRun("wasi");
const component = ignore ? new Uint8Array() : Deno.readFileSync((await buildWasmFixtures()).probe);

Deno.test({
  name: "a real component is decoded and linked",
  ignore,
  fn() {
    assert.equal(wasmKindOf(component), "component");
    const plan = link(decodeComponent(component));
    assert.ok(plan.exports.get("wasi:http/incoming-handler@0.2.3")?.has("handle"));
    assert.ok(plan.imports.includes("wasi:http/types@0.2#[constructor]fields"));
    assert.ok(plan.steps.length >= 3);
  },
});

Deno.test({
  name: "trampolines are left out where every import is the host's, and kept where an adapter stands between",
  ignore,
  async fn() {
    const { hello, probe } = await buildWasmFixtures();
    const stepsOf = (path: string) => {
      const decoded = decodeComponent(Deno.readFileSync(path));
      const modules = decoded.modules.map((m) => new WebAssembly.Module(m as Uint8Array<ArrayBuffer>));
      const made = (plan: ReturnType<typeof link>) => plan.steps.filter((step) => step !== undefined).length;
      return [made(link(decoded)), made(link(decoded, modules))];
    };
    assert.deepEqual(stepsOf(hello), [3, 1]);
    const [all, left] = stepsOf(probe);
    assert.equal(left, all);
  },
});

Deno.test({
  name: "damaged components are refused by name, quickly, whatever the damage",
  ignore,
  fn() {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(component.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        fc.option(fc.nat(component.length)),
        (changes, cut) => {
          const bytes = component.slice(0, cut ?? component.length);
          for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
          try {
            link(decodeComponent(bytes));
          } catch (error) {
            // A name that is no UTF-8 is a TypeError of the decoder; all else is ours.
            if (!(error instanceof ComponentError || error instanceof TypeError)) throw error;
          }
        },
      ),
      { numRuns: 500 },
    );
  },
});
