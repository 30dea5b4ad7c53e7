import assert from "node:assert/strict";
import { checksums } from "./release.ts";
import { billOfMaterials } from "./sbom.ts";
import { targetOf } from "./table.ts";

Deno.test("checksums() are in the form of sha256sum, sorted by name", () => {
  const two = [{ file: "b", sha256: "ab".repeat(32) }, { file: "a", sha256: "ab".repeat(32) }];
  assert.equal(checksums(two), `${"ab".repeat(32)}  a\n${"ab".repeat(32)}  b\n`);
});

Deno.test("billOfMaterials() names packages and runtimes with purl, licence and hash", () => {
  const integrity = `sha512-${btoa(String.fromCharCode(...new Uint8Array(64).fill(0xab)))}`;
  const bill = JSON.parse(billOfMaterials("1.2.3", [
    { name: "@a/b", version: "2.0.0", integrity, licence: "(MIT OR Apache-2.0)", texts: [] },
    { name: "c", version: "3.0.0", integrity, licence: "MIT", texts: [] },
  ], [targetOf("linux/amd64")]));
  assert.deepEqual([bill.bomFormat, bill.specVersion, bill.metadata.component.version], [
    "CycloneDX",
    "1.6",
    "1.2.3",
  ]);
  assert.deepEqual(
    bill.components.map((c: { purl: string }) => c.purl),
    ["pkg:npm/%40a/b@2.0.0", "pkg:npm/c@3.0.0", "pkg:npm/%40deno/linux-x64-glibc@2.9.5"],
  );
  assert.deepEqual(bill.components[0].hashes, [{ alg: "SHA-512", content: "ab".repeat(64) }]);
  assert.deepEqual(bill.components[0].licenses, [{ expression: "(MIT OR Apache-2.0)" }]);
  assert.deepEqual(bill.dependencies[0].dependsOn.length, 3);
});
