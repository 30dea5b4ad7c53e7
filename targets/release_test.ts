import assert from "node:assert/strict";
import { fromUtf8 } from "../agent/protocol/encoding.ts";
import { open, payloadTypes } from "../agent/protocol/envelope.ts";
import { newSeed, signerFromSeed, verifier } from "../mod.ts";
import { type Artifact, checksums, releaseManifest, signRelease } from "./release.ts";
import { billOfMaterials } from "./sbom.ts";
import { targetOf } from "./table.ts";

const artifact = (platform: Artifact["platform"], file: string): Artifact => ({
  platform,
  file,
  sha256: "ab".repeat(32),
  size: 5,
  builder: "portable",
});
const two = [artifact("linux/amd64", "b"), artifact("darwin/arm64", "a")];

Deno.test("releaseManifest() sorts by platform and leaves out bounds that are not set", () => {
  assert.deepEqual(releaseManifest("1.2.3", two), {
    format: 1,
    version: "1.2.3",
    artifacts: [two[1], two[0]],
  });
  const bound = releaseManifest("1.2.3", two, { minPrevious: "1.0.0", expires: 5 });
  assert.deepEqual([bound.min_previous, bound.expires], ["1.0.0", 5]);
});

Deno.test("signRelease() signs what a verifier opens, and not for another purpose", () => {
  const manifest = releaseManifest("1.2.3", two);
  const envelope = signRelease(manifest, signerFromSeed(newSeed()));
  const opened = open(envelope, payloadTypes.release, verifier);
  assert.ok(opened.ok);
  assert.deepEqual(JSON.parse(fromUtf8(opened.value)), manifest);
  assert.equal(open(envelope, payloadTypes.command, verifier).ok, false);
  const other = signRelease(releaseManifest("1.2.4", two), signerFromSeed(newSeed()));
  assert.equal(open({ ...envelope, payload: other.payload }, payloadTypes.release, verifier).ok, false);
});

Deno.test("checksums() are in the form of sha256sum, sorted by name", () => {
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
