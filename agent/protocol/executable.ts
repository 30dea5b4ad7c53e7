/**
 * What platform an executable is for, read from its first bytes: ELF, PE and Mach-O headers, and the marker line of
 * Realm's own portable files (a shell prelude, or on Windows a stub, in front of a runtime). Browser-safe.
 */

/** A platform as Realm names it: `os/arch`. */
export type Platform = `${"linux" | "darwin" | "windows"}/${"amd64" | "arm64"}`;

/** Bytes from the start of a file that {@link executablePlatform} needs at most. */
export const EXECUTABLE_HEADER_BYTES = 4096;

/** Second line of a portable file, on Windows first line of its code, in front of its version and platform. */
export const PORTABLE_MARK = "# realm-portable 1";

/** ELF e_machine (System V ABI) → architecture. */
const ELF_MACHINE: Readonly<Record<number, "amd64" | "arm64">> = { 62: "amd64", 183: "arm64" };
/** COFF machine (PE format specification) → architecture. */
const PE_MACHINE: Readonly<Record<number, "amd64" | "arm64">> = { 0x8664: "amd64", 0xaa64: "arm64" };
/** Mach-O cputype (mach/machine.h) → architecture. */
const MACHO_CPU: Readonly<Record<number, "amd64" | "arm64">> = { 0x01000007: "amd64", 0x0100000c: "arm64" };

/** The beginning of a shell prelude. */
const PRELUDE = new RegExp(`^#!/bin/sh\n${PORTABLE_MARK} (\\S+) ((?:linux|darwin)/(?:amd64|arm64))\n`);
/** Anywhere in the first bytes of a stub for Windows. */
const STUB = new RegExp(`${PORTABLE_MARK} (\\S+) (windows/(?:amd64|arm64))\n`);

/** What a portable file says of itself; `undefined` when `head` is no portable file's start. */
export function portableHeader(head: Uint8Array): { version: string; platform: Platform } | undefined {
  const machine = peMachine(head);
  const text = new TextDecoder("latin1").decode(head.subarray(0, EXECUTABLE_HEADER_BYTES));
  const match = (machine ? STUB : PRELUDE).exec(text);
  if (!match || (machine && match[2] !== `windows/${machine}`)) return undefined;
  return { version: match[1], platform: match[2] as Platform };
}

/** Architecture of a PE file; `undefined` when it is none, or for another. */
function peMachine(head: Uint8Array): "amd64" | "arm64" | undefined {
  if (head.length < 64 || head[0] !== 0x4d || head[1] !== 0x5a) return undefined;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const at = view.getUint32(0x3c, true);
  if (at + 6 > head.length || view.getUint32(at) !== 0x50450000) return undefined;
  return PE_MACHINE[view.getUint16(at + 4, true)];
}

/** The platform that a file is for, from its first bytes; `undefined` when it is no executable for a known one. */
export function executablePlatform(head: Uint8Array): Platform | undefined {
  const portable = portableHeader(head);
  if (portable) return portable.platform;
  if (head.length < 64) return undefined;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const magic = view.getUint32(0);
  if (magic === 0x7f454c46) {
    const little64 = head[4] === 2 && head[5] === 1;
    const arch = little64 ? ELF_MACHINE[view.getUint16(18, true)] : undefined;
    return arch && `linux/${arch}`;
  }
  if (magic === 0xcffaedfe) {
    const arch = MACHO_CPU[view.getUint32(4, true)];
    return arch && `darwin/${arch}`;
  }
  const windows = peMachine(head);
  return windows && `windows/${windows}`;
}
