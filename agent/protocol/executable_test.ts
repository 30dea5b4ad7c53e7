import assert from "node:assert/strict";
import { executablePlatform, portableHeader } from "./executable.ts";

const bytes = (length: number, ...parts: readonly (readonly [at: number, hex: string])[]): Uint8Array => {
  const made = new Uint8Array(length);
  for (const [at, hex] of parts) made.set(hex.match(/../g)!.map((b) => parseInt(b, 16)), at);
  return made;
};
const elf = (machine: string, head = "7f454c460201") => bytes(64, [0, head], [18, machine]);
const pe = (machine: string, length = 512) =>
  bytes(length, [0, "4d5a"], [0x3c, "80"], [0x80, "50450000" + machine]);
const macho = (cpu: string, magic = "cffaedfe") => bytes(64, [0, magic + cpu]);
const text = (t: string) => new TextEncoder().encode(t.padEnd(100, "\n"));

Deno.test("executablePlatform() knows the six platforms and no other", () => {
  const cases: [string, Uint8Array, string | undefined][] = [
    ["ELF amd64", elf("3e00"), "linux/amd64"],
    ["ELF arm64", elf("b700"), "linux/arm64"],
    ["ELF riscv64", elf("f300"), undefined],
    ["ELF of 32 bits", elf("3e00", "7f454c460101"), undefined],
    ["ELF big-endian", elf("00b7", "7f454c460202"), undefined],
    ["PE amd64", pe("6486"), "windows/amd64"],
    ["PE arm64", pe("64aa"), "windows/arm64"],
    ["PE i386", pe("4c01"), undefined],
    ["PE whose header lies past the bytes given", pe("6486").subarray(0, 0x84), undefined],
    ["PE with a wild offset", bytes(64, [0, "4d5a"], [0x3c, "ffffffff"]), undefined],
    ["Mach-O amd64", macho("07000001"), "darwin/amd64"],
    ["Mach-O arm64", macho("0c000001"), "darwin/arm64"],
    ["Mach-O of 32 bits", macho("07000000", "cefaedfe"), undefined],
    ["portable", text("#!/bin/sh\n# realm-portable 1 1.2.3 darwin/arm64\n"), "darwin/arm64"],
    ["another script", text("#!/bin/sh\necho realm-portable 1 1.2.3 darwin/arm64\n"), undefined],
    ["another format", text("#!/bin/sh\n# realm-portable 12 1.2.3 linux/arm64\n"), undefined],
    ["a portable for what has none", text("#!/bin/sh\n# realm-portable 1 1.2.3 windows/amd64\n"), undefined],
    ["nothing", new Uint8Array(), undefined],
    ["too short", elf("3e00").subarray(0, 19), undefined],
    ["zeros", new Uint8Array(4096), undefined],
  ];
  for (const [what, head, expected] of cases) assert.equal(executablePlatform(head), expected, what);
});

Deno.test("portableHeader() reads the version, pre-releases too", () => {
  const head = text("#!/bin/sh\n# realm-portable 1 1.2.3-rc.1 linux/amd64\n");
  assert.deepEqual(portableHeader(head), { version: "1.2.3-rc.1", platform: "linux/amd64" });
});

Deno.test("portableHeader() reads version and platform of a stub for Windows, which must be that of its header", () => {
  const stub = (machine: string, mark: string) => {
    const made = pe(machine, 4096);
    made.set(text(mark), 0x400);
    return made;
  };
  assert.deepEqual(portableHeader(stub("64aa", "# realm-portable 1 1.2.3-rc.1 windows/arm64\n")), {
    version: "1.2.3-rc.1",
    platform: "windows/arm64",
  });
  for (const mark of ["windows/arm64", "linux/amd64"]) {
    assert.equal(portableHeader(stub("6486", `# realm-portable 1 1.2.3 ${mark}\n`)), undefined, mark);
  }
  assert.equal(portableHeader(pe("6486")), undefined);
});
