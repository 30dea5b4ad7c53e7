import assert from "node:assert/strict";
import { RealmError } from "../../protocol/errors.ts";
import { wasmLimits } from "../../protocol/limits.ts";
import { limitMemory } from "./memory_limit.ts";

/** A section: id, size, content (all short). */
const section = (id: number, ...content: number[]) => [id, content.length, ...content];
const text = (s: string) => [s.length, ...new TextEncoder().encode(s)];
const module = (...sections: number[][]) =>
  Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...sections.flat());
const exported = (name: string, kind: number) => section(7, 1, ...text(name), kind, 0);

function instance(bytes: Uint8Array, imports: WebAssembly.Imports = {}) {
  return new WebAssembly.Instance(new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>), imports);
}
const refused = (work: () => unknown, message: RegExp) =>
  assert.throws(
    work,
    (e: unknown) => e instanceof RealmError && e.code === "failed" && message.test(e.message),
  );

Deno.test("a memory without a maximum cannot grow past the ceiling", () => {
  const source = module(section(5, 1, 0, 1), exported("m", 2));
  const limited = limitMemory(source, 1);
  assert.equal(limited.definesMemory, true);
  const memory = instance(limited.bytes).exports.m as WebAssembly.Memory;
  assert.equal(memory.grow(15), 1);
  assert.throws(() => memory.grow(1), RangeError);
  // Without the rewriting it does grow: the test can fail.
  (instance(source).exports.m as WebAssembly.Memory).grow(100);
});

Deno.test("a lower maximum of the module stays, a higher one is lowered", () => {
  const low = limitMemory(module(section(5, 1, 1, 1, 2), exported("m", 2)), 1);
  assert.throws(() => (instance(low.bytes).exports.m as WebAssembly.Memory).grow(2), RangeError);
  const high = limitMemory(module(section(5, 1, 1, 1, 0xff, 0x01), exported("m", 2)), 1);
  assert.throws(() => (instance(high.bytes).exports.m as WebAssembly.Memory).grow(16), RangeError);
});

Deno.test("an imported memory must be bounded where it is made", () => {
  const importing = limitMemory(module(section(2, 1, ...text("e"), ...text("m"), 2, 0, 1)), 1).bytes;
  assert.throws(
    () => instance(importing, { e: { m: new WebAssembly.Memory({ initial: 1 }) } }),
    WebAssembly.LinkError,
  );
  const defining = limitMemory(module(section(5, 1, 0, 1), exported("m", 2)), 1).bytes;
  instance(importing, { e: { m: instance(defining).exports.m! } });
});

Deno.test("a module that starts above the ceiling is refused with both figures", () => {
  refused(
    () => limitMemory(module(section(5, 1, 0, 33)), 2),
    /needs 3 MiB of memory to start and its ceiling is 2 MiB/,
  );
  refused(() => limitMemory(module(section(2, 1, ...text("e"), ...text("m"), 2, 0, 33)), 2), /needs 3 MiB/);
});

Deno.test("tables cannot grow without end, and stay as large as they start", () => {
  const source = module(section(4, 2, 0x70, 0, 5, 0x6f, 1, 1, 2), exported("t", 1));
  const table = instance(limitMemory(source, 1).bytes).exports.t as WebAssembly.Table;
  const part = wasmLimits.tableEntries / 2;
  table.grow(part - 5);
  assert.throws(() => table.grow(1), RangeError);
  const withInitialiser = module(section(4, 1, 0x40, 0, 0x70, 0, 3, 0xd0, 0x70, 0x0b), exported("t", 1));
  const second = instance(limitMemory(withInitialiser, 1).bytes).exports.t as WebAssembly.Table;
  assert.equal(second.length, 3);
  assert.throws(() => second.grow(wasmLimits.tableEntries), RangeError);
  refused(() => limitMemory(module(section(4, 1, 0x70, 0, 0x81, 0x89, 0x7a)), 1), /tables of more than/);
  refused(
    () => limitMemory(module(section(4, 40, ...Array(40).fill([0x70, 0, 1]).flat())), 1),
    /more than 32 tables/,
  );
});

Deno.test("other imports, custom sections and code pass unchanged", () => {
  const source = module(
    section(0, ...text("name"), 1, 2, 3),
    section(1, 1, 0x60, 0, 0),
    section(
      2,
      3,
      ...text("e"),
      ...text("f"),
      0,
      0,
      ...text("e"),
      ...text("t"),
      1,
      0x70,
      0,
      1,
      ...text("e"),
      ...text("g"),
      3,
      0x7f,
      0,
    ),
    section(3, 1, 0),
    exported("f", 0),
    section(10, 1, 2, 0, 0x0b),
  );
  assert.ok(WebAssembly.validate(source));
  assert.deepEqual(limitMemory(source, 1).bytes, source);
});

Deno.test("what could get around the ceiling is refused", () => {
  refused(() => limitMemory(module(section(5, 2, 0, 1, 0, 1)), 1), /several memories/);
  refused(
    () => limitMemory(module(section(2, 1, ...text("e"), ...text("m"), 2, 0, 1), section(5, 1, 0, 1)), 1),
    /several/,
  );
  refused(() => limitMemory(module(section(5, 1, 4, 1)), 1), /64 bits/);
  refused(() => limitMemory(module(section(5, 1, 3, 1, 1)), 1), /shared memory/);
  refused(() => limitMemory(module(section(5, 1, 8, 1, 0)), 1), /page size/);
});

Deno.test("what is no module is refused, at every length it is cut to", () => {
  refused(
    () => limitMemory(Uint8Array.of(0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0), 1),
    /component, not a core module/,
  );
  refused(
    () => limitMemory(new TextEncoder().encode("<!doctype html>"), 1),
    /not a valid WebAssembly module/,
  );
  const source = module(section(2, 1, ...text("e"), ...text("m"), 2, 0, 1), section(4, 1, 0x70, 0, 5));
  const starts = [8, 18, source.length];
  for (let length = 0; length < source.length; length++) {
    if (starts.includes(length)) continue;
    refused(() => limitMemory(source.subarray(0, length), 1), /not a valid/);
  }
});
