import assert from "node:assert/strict";
import { artifactName, hostTarget, targetOf, targets } from "./table.ts";

Deno.test("the table has each platform, triple and package once, in order", () => {
  const platforms = targets.map((t) => t.platform);
  assert.deepEqual(platforms, [
    "darwin/amd64",
    "darwin/arm64",
    "linux/amd64",
    "linux/arm64",
    "windows/amd64",
    "windows/arm64",
  ]);
  for (const column of ["platform", "triple", "npmPackage", "integrity"] as const) {
    assert.equal(new Set(targets.map((t) => t[column])).size, 6, column);
  }
});

Deno.test("the columns of the table fit each other", () => {
  const os = {
    linux: ["linux", "linux"],
    darwin: ["apple-darwin", "darwin"],
    windows: ["windows", "win32"],
  } as const;
  const arch = { amd64: ["x86_64", "x64"], arm64: ["aarch64", "arm64"] } as const;
  for (const target of targets) {
    const [system, machine] = target.platform.split("/") as [keyof typeof os, keyof typeof arch];
    assert.ok(
      target.triple.startsWith(`${arch[machine][0]}-`) && target.triple.includes(os[system][0]),
      target.triple,
    );
    assert.ok(target.npmPackage.startsWith(`@deno/${os[system][1]}-${arch[machine][1]}`), target.npmPackage);
    assert.equal(target.extension, system === "windows" ? ".exe" : "");
    assert.equal(target.uname === undefined, system === "windows");
    assert.match(target.integrity, /^sha512-[A-Za-z0-9+/]{86}==$/);
  }
});

Deno.test("targetOf() takes platform and triple, and names the choice otherwise", () => {
  assert.equal(targetOf("x86_64-apple-darwin"), targetOf("darwin/amd64"));
  assert.throws(() => targetOf("linux/riscv64"), { code: "usage", message: /linux\/amd64/ });
});

Deno.test("artifactName() is unique by platform", () => {
  assert.equal(artifactName(targetOf("windows/arm64"), "1.2.3"), "realm-1.2.3-windows-arm64.exe");
  assert.equal(new Set(targets.map((t) => artifactName(t, "1.2.3"))).size, 6);
});

Deno.test("hostTarget() is this machine", () => {
  assert.equal(hostTarget()?.triple, Deno.build.target);
});
