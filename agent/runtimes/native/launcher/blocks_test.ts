import assert from "node:assert/strict";
import { collect } from "../../../../tests/garbage.ts";
import { libcPath } from "../machine.ts";
import { filterBlock, stringList } from "./blocks.ts";
import { cString, type Libc, openLibc } from "./libc.ts";
import { seccompBytes, seccompProgram } from "./seccomp.ts";

const ignore = Deno.build.os !== "linux";

/** Collects all memory that nothing holds and fills what became free with something else. */
function refill(): void {
  collect();
  for (let n = 0; n < 20_000; n++) cString("#".repeat(n % 1_000));
}

/** What lies at an address, as the program that is started would read it. */
function memoryAt(libc: Libc, address: bigint, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  libc.calls.peek(bytes, address, BigInt(length));
  return bytes;
}

Deno.test({
  name:
    "arguments and environment are what they were when a program is started, whatever was collected meanwhile",
  ignore,
  fn() {
    const libc = openLibc(libcPath());
    const lists = Array.from({ length: 50 }, (_, n) => ["sh", "-c", "", `echo ${n} ✓`, "x".repeat(n * 7)]);
    const blocks = lists.map((list) => stringList(libc, list));
    refill();
    lists.forEach((list, n) => {
      const pointers = new BigUint64Array(blocks[n].buffer, 0, list.length + 1);
      assert.equal(pointers[list.length], 0n);
      list.forEach((text, i) => {
        const expected = cString(text);
        assert.deepEqual(memoryAt(libc, pointers[i], expected.length), expected, `${n}: ${text}`);
      });
    });
    assert.throws(() => stringList(libc, ["a\0b"]), /NUL/);
    assert.deepEqual(stringList(libc, []), new Uint8Array(8));
  },
});

Deno.test({
  name: "a filter is whole when it is put into force, whatever was collected meanwhile",
  ignore,
  fn() {
    const libc = openLibc(libcPath());
    const program = seccompProgram(Deno.build.arch, "none", false);
    const blocks = Array.from({ length: 50 }, () => filterBlock(libc, seccompBytes(program)));
    refill();
    for (const { buffer } of blocks) {
      const view = new DataView(buffer);
      assert.equal(view.getUint16(0, true), program.length);
      assert.deepEqual(memoryAt(libc, view.getBigUint64(8, true), program.length * 8), seccompBytes(program));
    }
  },
});
