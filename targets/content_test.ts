import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { concatBytes, utf8 } from "../agent/protocol/encoding.ts";
import { contentOf } from "./content.ts";
import { portable } from "./portable.ts";
import type { Runtime } from "./runtime.ts";
import { type Target, targetOf } from "./table.ts";
import { windowsPortable } from "./windows/portable.ts";
import { missingCompiler } from "./windows/stub.ts";

const bundle = new Map([["agent/child.js", "1;"], ["main.js", "ü;"]]);
const executable = utf8("a runtime");
const runtime: Runtime = {
  tarball: Uint8Array.from(gzipSync(executable)),
  offset: 0,
  size: executable.length,
  sha256: createHash("sha256").update(executable).digest("hex"),
  executable,
};
const integrity = `sha512-${createHash("sha512").update(runtime.tarball).digest("base64")}`;
const of = (platform: string): Target => ({ ...targetOf(platform), integrity });
const noCompiler = await missingCompiler();
if (noCompiler) console.log(`left out: what a portable file for Windows bears, since ${noCompiler}`);

Deno.test("contentOf() finds the same program in the files of all platforms", async () => {
  const found = [
    await contentOf(of("linux/arm64"), portable(of("linux/arm64"), "1.2.3", bundle, runtime)),
    await contentOf(of("darwin/arm64"), portable(of("darwin/arm64"), "1.2.3", bundle, runtime)),
  ];
  if (!noCompiler) {
    const file = await windowsPortable(of("windows/arm64"), "1.2.3", bundle, runtime);
    found.push(await contentOf(of("windows/arm64"), file));
  }
  for (const content of found) assert.deepEqual(content, found[0]);
  assert.deepEqual([found[0].version, found[0].files], ["1.2.3", 2]);
  const other = portable(of("linux/arm64"), "1.2.3", new Map([...bundle, ["x.js", ""]]), runtime);
  assert.notEqual((await contentOf(of("linux/arm64"), other)).digest, found[0].digest);
});

Deno.test("contentOf() refuses another platform's file, another runtime and what is no portable file", async () => {
  const file = portable(of("linux/arm64"), "1.2.3", bundle, runtime);
  const altered = file.map((byte, at) => at === file.length - 1 ? byte ^ 1 : byte);
  const rows: readonly [Target, Uint8Array, RegExp][] = [
    [of("darwin/arm64"), file, /for darwin\/arm64 does not say/],
    [of("linux/arm64"), altered, /does not end with @deno\/linux-arm64-glibc/],
    [targetOf("linux/arm64"), file, /does not end with/],
    [of("linux/arm64"), concatBytes(new Uint8Array(4096), runtime.tarball), /does not say/],
  ];
  for (const [target, content, message] of rows) {
    await assert.rejects(() => contentOf(target, content), { code: "bad_release", message });
  }
});
