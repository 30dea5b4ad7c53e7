import assert from "node:assert/strict";
import { newSeed, signerFromSeed, verifier } from "../../mod.ts";
import { canonicalBytes, utf8 } from "./encoding.ts";
import { payloadTypes, seal } from "./envelope.ts";
import type { Result } from "./errors.ts";
import { PORTABLE_MARK } from "./executable.ts";
import { type Role, sealGrant } from "./grant.ts";
import { digestOf, keyIdOf, type Signer } from "./identity.ts";
import {
  artifactFor,
  checkFile,
  formatSignedRelease,
  mayFollow,
  openRelease,
  orderVersions,
  parseSignedRelease,
  type ReleaseArtifact,
  type ReleaseManifest,
  releaseManifest,
  type SignedRelease,
  signRelease,
} from "./release.ts";

const NOW = Date.UTC(2026, 10, 1), DAY = 86_400_000;
const owner = signerFromSeed(newSeed()), realm = keyIdOf(owner.publicKey);
const admin = signerFromSeed(newSeed()), stranger = signerFromSeed(newSeed());

const content = utf8(`#!/bin/sh\n${PORTABLE_MARK} 1.2.3 linux/amd64\n` + "x".repeat(200));
const artifact: ReleaseArtifact = {
  platform: "linux/amd64",
  file: "realm-1.2.3-linux-amd64",
  sha256: digestOf(content),
  size: content.length,
  builder: "portable",
};
const manifest = releaseManifest("1.2.3", [artifact], { expires: NOW + 30 * DAY });
const seen = (bytes: Uint8Array) => ({
  head: bytes.subarray(0, 4096),
  size: bytes.length,
  sha256: digestOf(bytes),
});

const grantOf = (to: Signer, role: Exclude<Role, "owner">, until = NOW + 90 * DAY) =>
  sealGrant({ v: 1, realm, key: keyIdOf(to.publicKey), role, from: NOW - DAY, until }, owner);
const judged = (signed: SignedRelease, revoked: Record<string, number> = {}, now = NOW) =>
  openRelease(signed, { realm, verifier, revokedAt: (key) => revoked[key], now });
const codeOf = (result: Result<unknown>): string => result.ok ? "ok" : result.code;

Deno.test("a release is good when the owner, or an admin by the owner's word, signed it", () => {
  const opened = judged(signRelease(manifest, owner));
  assert.ok(opened.ok);
  assert.deepEqual(opened.value.manifest, manifest);
  assert.equal(opened.value.by, realm);
  assert.equal(codeOf(judged(signRelease(manifest, admin, [grantOf(admin, "admin")]))), "ok");
});

const signed = signRelease(manifest, owner);
const byAdmin = signRelease(manifest, admin, [grantOf(admin, "admin")]);
const sealed = (payload: unknown) => ({
  envelope: seal(payloadTypes.release, canonicalBytes(payload), owner),
  grants: [],
});
const other = signRelease({ ...manifest, version: "9.9.9" }, owner);
const bad: readonly (readonly [string, Result<unknown>, string, RegExp])[] = [
  [
    "unsigned",
    judged({ envelope: { ...signed.envelope, sig: "" }, grants: [] }),
    "bad_signature",
    /not validly/,
  ],
  [
    "with the payload of another",
    judged({ envelope: { ...signed.envelope, payload: other.envelope.payload }, grants: [] }),
    "bad_signature",
    /does not match/,
  ],
  [
    "signed for another purpose",
    judged({ envelope: seal(payloadTypes.command, canonicalBytes(manifest), owner), grants: [] }),
    "bad_signature",
    /was expected/,
  ],
  ["signed by a stranger", judged(signRelease(manifest, stranger)), "not_authorised", /has no grant/],
  [
    "signed by an operator",
    judged(signRelease(manifest, stranger, [grantOf(stranger, "operator")])),
    "role_too_low",
    /signature of an admin/,
  ],
  [
    "signed by a key that was revoked since",
    judged(byAdmin, { [keyIdOf(admin.publicKey)]: NOW - 1 }),
    "grant_revoked",
    /was revoked/,
  ],
  ["signed by a key whose grant has ended", judged(byAdmin, {}, NOW + 91 * DAY), "grant_expired", /expired/],
  ["expired", judged(signed, {}, NOW + 30 * DAY), "release_expired", /expired at .*sign it again/],
  [
    "with two files for a platform",
    judged(sealed({ ...manifest, artifacts: [artifact, artifact] })),
    "bad_request",
    /one file per platform/,
  ],
  ["without files", judged(sealed({ ...manifest, artifacts: [] })), "bad_request", /artifacts/],
  [
    "with a path as file",
    judged(sealed({ ...manifest, artifacts: [{ ...artifact, file: "../x" }] })),
    "bad_request",
    /file name/,
  ],
  [
    "with a version that is none",
    judged(sealed({ ...manifest, version: "1.2" })),
    "bad_request",
    /a version such as/,
  ],
  ["of a later form", judged(sealed({ ...manifest, format: 2 })), "bad_request", /format/],
  ["for other platforms", artifactFor(manifest, "linux/arm64"), "wrong_platform", /only for linux\/amd64/],
  ["older than what is installed", mayFollow(manifest, "1.3.0", false), "release_older", /--allow-downgrade/],
  ["installed already", mayFollow(manifest, "1.2.3", true), "release_older", /installed already/],
  [
    "for later versions to come from",
    mayFollow({ ...manifest, min_previous: "1.1.0" }, "1.0.9", false),
    "conflict",
    /upgrade to 1.1.0 first/,
  ],
  [
    "truncated",
    checkFile(artifact, "1.2.3", seen(content.subarray(0, 200))),
    "bad_release",
    /truncated: 200 bytes/,
  ],
  [
    "longer than signed",
    checkFile(artifact, "1.2.3", seen(utf8(new TextDecoder().decode(content) + "y"))),
    "bad_digest",
    /differs/,
  ],
  [
    "tampered with",
    checkFile(artifact, "1.2.3", seen(content.with(content.length - 1, 0x79))),
    "bad_digest",
    /SHA-256 differs/,
  ],
];
for (const [what, result, code, message] of bad) {
  Deno.test(`a release ${what} is refused as ${code}`, () => {
    assert.equal(codeOf(result), code);
    assert.match(result.ok ? "" : result.message, message);
  });
}

Deno.test("a file whose header names another platform or version is refused, though its digest is the signed one", () => {
  for (
    const [header, code] of [["1.2.3 linux/arm64", "wrong_platform"], ["1.2.4 linux/amd64", "bad_release"], [
      "",
      "wrong_platform",
    ]] as const
  ) {
    const bytes = utf8(`#!/bin/sh\n${PORTABLE_MARK} ${header}\n` + "x".repeat(200));
    const wrong = { ...artifact, sha256: digestOf(bytes), size: bytes.length };
    assert.equal(codeOf(checkFile(wrong, "1.2.3", seen(bytes))), code, header);
  }
  assert.equal(codeOf(checkFile(artifact, "1.2.3", seen(content))), "ok");
});

Deno.test("a release follows an older version, and an older release a newer one by explicit wish only", () => {
  assert.ok(mayFollow(manifest, "1.2.2", false).ok);
  assert.ok(mayFollow(manifest, "1.2.3-rc.1", false).ok);
  assert.ok(mayFollow(manifest, "2.0.0", true).ok);
  assert.ok(mayFollow({ ...manifest, min_previous: "1.1.0" }, "1.1.0", false).ok);
});

Deno.test("orderVersions() puts pre-releases before their release, numbers by value, and what is no version first", () => {
  const versions = [
    "dev",
    "0.9.0",
    "1.0.0-alpha",
    "1.0.0-rc.1",
    "1.0.0-rc.2",
    "1.0.0",
    "1.0.1",
    "1.9.0",
    "1.10.0",
  ];
  for (let i = 1; i < versions.length; i++) {
    assert.equal(orderVersions(versions[i - 1], versions[i]), -1, `${versions[i - 1]} < ${versions[i]}`);
    assert.equal(orderVersions(versions[i], versions[i - 1]), 1);
    assert.equal(orderVersions(versions[i], versions[i]), 0);
  }
});

Deno.test("releaseManifest() sorts by platform and leaves out bounds that are not set", () => {
  const two = [artifact, { ...artifact, platform: "darwin/arm64" as const, file: "a" }];
  const plain: ReleaseManifest = { format: 1, version: "1.2.3", artifacts: [two[1], two[0]] };
  assert.deepEqual(releaseManifest("1.2.3", two), plain);
  const bound = releaseManifest("1.2.3", two, { minPrevious: "1.0.0", expires: 5 });
  assert.deepEqual([bound.min_previous, bound.expires], ["1.0.0", 5]);
});

Deno.test("a signed release survives being written and read", () => {
  const read = parseSignedRelease(utf8(formatSignedRelease(byAdmin)), "release.signed.json");
  assert.ok(read.ok);
  assert.deepEqual(read.value, byAdmin);
  for (const text of ["", "{}", JSON.stringify(signed.envelope), "[1"]) {
    assert.equal(codeOf(parseSignedRelease(utf8(text), "release.signed.json")), "bad_request");
  }
});
