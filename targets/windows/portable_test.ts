import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { gunzipSync, gzipSync, inflateRawSync } from "node:zlib";
import { unpackTar } from "modern-tar";
import { concatBytes, utf8 } from "../../agent/protocol/encoding.ts";
import {
  EXECUTABLE_HEADER_BYTES,
  executablePlatform,
  portableHeader,
} from "../../agent/protocol/executable.ts";
import type { Runtime } from "../runtime.ts";
import { targetOf } from "../table.ts";
import { archiveTar, deflateOffset, windowsPortable } from "./portable.ts";
import { missingCompiler, STUB_SIZE } from "./stub.ts";

const missing = await missingCompiler();
if (missing) console.log(`left out: tests of the portable file for Windows, since ${missing}`);

const bundle = new Map([["agent/child.js", "1;"], ["main.js", "2;"], ["part0.js", "3;"]]);
function runtime(): Runtime {
  const executable = utf8("MZ, as it were");
  const tarball = Uint8Array.from(
    gzipSync(concatBytes(new Uint8Array(512), executable, new Uint8Array(1538))),
  );
  const sha256 = createHash("sha256").update(executable).digest("hex");
  return { tarball, offset: 512, size: executable.length, sha256, executable };
}

Deno.test({
  name: "windowsPortable() names version and platform, bears both parts, and is the same for the same input",
  ignore: missing !== undefined,
  async fn() {
    const [one, again] = await Promise.all(
      [1, 2].map(() => windowsPortable(targetOf("windows/amd64"), "1.2.3", bundle, runtime())),
    );
    assert.deepEqual(one, again);
    for (const platform of ["windows/amd64", "windows/arm64"] as const) {
      const target = targetOf(platform);
      const file = await windowsPortable(target, "1.2.3-rc.1", bundle, runtime());
      const head = file.subarray(0, EXECUTABLE_HEADER_BYTES);
      assert.equal(executablePlatform(head), platform);
      assert.deepEqual(portableHeader(head), { version: "1.2.3-rc.1", platform });
      const { tarball } = runtime();
      assert.deepEqual(file.slice(-tarball.length), tarball);
      const tar = gunzipSync(file.subarray(STUB_SIZE, -tarball.length));
      const files = await unpackTar(tar);
      const text = (data?: Uint8Array) => new TextDecoder().decode(data);
      assert.deepEqual(files.map(({ header, data }) => [header.name, text(data)]), [...bundle]);
    }
  },
});

Deno.test("archiveTar() refuses what the stub cannot unpack", async () => {
  for (const name of ["ü.js", "a b.js", `${"x".repeat(98)}.js`]) {
    await assert.rejects(() => archiveTar(new Map([[name, ""]])), { code: "bad_request" });
  }
  assert.equal((await archiveTar(new Map([[`${"x".repeat(97)}.js`, ""]]))).length % 512, 0);
});

Deno.test("deflateOffset() skips every kind of gzip header", () => {
  const plain = gzipSync(utf8("content"));
  const fields = [[], [4, 3, 0, 1, 2, 3], [8, ...utf8("name\0")], [16, ...utf8("comment\0")], [2, 9, 9]];
  for (const [flag = 0, ...field] of fields) {
    const made = concatBytes(
      plain.subarray(0, 3),
      Uint8Array.of(flag),
      plain.subarray(4, 10),
      Uint8Array.from(field),
    );
    const whole = concatBytes(made, plain.subarray(10));
    assert.equal(deflateOffset(whole), made.length);
    assert.equal(String(inflateRawSync(whole.subarray(deflateOffset(whole), -8))), "content");
  }
  assert.throws(() => deflateOffset(utf8("no gzip file at all")), { code: "bad_package" });
});
