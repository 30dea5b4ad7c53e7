import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { limitMemory, pageBytes } from "./memory_limit.ts";
import { MemoryPool, openMemory, OWN_MEMORY } from "./own_memory.ts";

/** `(module (memory (export "m") PAGES) (data (i32.const 8) "hi"))`, with an import section when asked. */
function moduleOf(pages: number, importing = false, named = "e"): Uint8Array {
  const name = new TextEncoder().encode(named);
  const sections = [
    ...importing ? [[1, 4, 1, 0x60, 0, 0], [2, name.length + 6, 1, name.length, ...name, 1, 0x66, 0, 0]] : [],
    [5, 3, 1, 0, pages],
    [7, 5, 1, 1, 0x6d, 2, 0],
    [11, 8, 1, 0, 0x41, 8, 0x0b, 2, 0x68, 0x69],
  ];
  return Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...sections.flat()]);
}
const limited = (module: Uint8Array) => limitMemory(module, 4).bytes;
const compile = (bytes: Uint8Array) => new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>);

for (const importing of [false, true]) {
  Deno.test(`openMemory() gives a module ${importing ? "with" : "without"} imports its memory, data included`, () => {
    const opened = openMemory(limited(moduleOf(2, importing)))!;
    deepStrictEqual(opened.memory, { initial: 2, maximum: 64 });
    const pool = new MemoryPool(opened.memory, 1);
    const memory = pool.take();
    const imports = { [OWN_MEMORY]: { [OWN_MEMORY]: memory }, e: { f: () => {} } };
    const { exports } = new WebAssembly.Instance(compile(opened.bytes), imports);
    strictEqual(exports.m, memory);
    strictEqual(new TextDecoder().decode(new Uint8Array(memory.buffer, 8, 2)), "hi");
  });
}

Deno.test("openMemory() leaves alone what has no memory, a large one, or an import of the same name", () => {
  strictEqual(openMemory(Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0])), undefined);
  strictEqual(openMemory(limited(moduleOf(33))), undefined);
  ok(openMemory(limited(moduleOf(32))));
  strictEqual(openMemory(limited(moduleOf(1, true, OWN_MEMORY))), undefined);
});

Deno.test("MemoryPool lends a memory again only wiped, of its first size, and as many as it may keep", () => {
  const pool = new MemoryPool({ initial: 1, maximum: 4 }, 1);
  const [first, second] = [pool.take(), pool.take()];
  new Uint8Array(first.buffer).fill(7);
  pool.give(first);
  pool.give(second);
  const again = pool.take();
  strictEqual(again, first);
  ok(new Uint8Array(again.buffer).every((byte) => byte === 0));
  ok(pool.take() !== second);
  again.grow(1);
  pool.give(again);
  const fresh = pool.take();
  ok(fresh !== again);
  strictEqual(fresh.buffer.byteLength, pageBytes);
});
