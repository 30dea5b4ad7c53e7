import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { findInTar, hasIntegrity, openRuntime } from "./runtime.ts";
import { targetOf } from "./table.ts";

function tar(files: Readonly<Record<string, Uint8Array>>): Uint8Array {
  const parts: number[] = [];
  for (const [name, content] of Object.entries(files)) {
    const header = new Uint8Array(512);
    header.set(new TextEncoder().encode(name), 0);
    header.set(new TextEncoder().encode(content.length.toString(8).padStart(11, "0") + "\0"), 124);
    parts.push(...header, ...content, ...new Uint8Array((512 - content.length % 512) % 512));
  }
  return Uint8Array.from([...parts, ...new Uint8Array(1024)]);
}
function elf(machine: number): Uint8Array {
  const made = new Uint8Array(700);
  made.set([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
  made[18] = machine;
  return made;
}
const packed = (files: Readonly<Record<string, Uint8Array>>) => Uint8Array.from(gzipSync(tar(files)));

Deno.test("findInTar() finds a file behind others and refuses one that is missing or cut", () => {
  const made = tar({ a: new Uint8Array(513), "package/deno": elf(62) });
  assert.deepEqual(findInTar(made, "package/deno"), { offset: 512 + 1024 + 512, size: 700 });
  assert.throws(() => findInTar(made, "package/other"), { code: "bad_package" });
  assert.throws(() => findInTar(made.subarray(0, 2400), "package/deno"), { code: "bad_package" });
  assert.throws(() => findInTar(new Uint8Array(4096).fill(0xff), "package/deno"), { code: "bad_package" });
});

Deno.test("openRuntime() gives place and digest of the executable", () => {
  const runtime = openRuntime(targetOf("linux/arm64"), packed({ "package/deno": elf(183) }));
  assert.deepEqual([runtime.offset, runtime.size], [512, 700]);
  assert.equal(runtime.sha256, createHash("sha256").update(elf(183)).digest("hex"));
});

Deno.test("openRuntime() refuses an executable for another platform, or none", () => {
  for (const content of [elf(62), new Uint8Array(700)]) {
    assert.throws(() => openRuntime(targetOf("linux/arm64"), packed({ "package/deno": content })), {
      code: "bad_package",
      message: /not linux\/arm64/,
    });
  }
});

Deno.test("hasIntegrity() tells content from other content", () => {
  const integrity = `sha512-${createHash("sha512").update("a").digest("base64")}`;
  assert.equal(hasIntegrity(new TextEncoder().encode("a"), integrity), true);
  assert.equal(hasIntegrity(new TextEncoder().encode("b"), integrity), false);
});
