/**
 * What the C library is given that points to more: in one block, its pointers first. Who holds the block holds all that
 * they point to. Memory of which nothing but an address is left is collected, and may be another's when it is read.
 */
import { cString, type Libc } from "./libc.ts";

const POINTER = 8;

/** A block of `length` bytes and where it lies; never inside the collector's heap, where it could be moved. */
function block(libc: Libc, length: number) {
  const bytes = new Uint8Array(new ArrayBuffer(length));
  return { bytes, view: new DataView(bytes.buffer), address: libc.address(bytes) };
}

/** A list of strings as execve(2) wants it: char *[], ended by a null. Throws for a text with a NUL in it. */
export function stringList(libc: Libc, list: readonly string[]): Uint8Array<ArrayBuffer> {
  const texts = list.map(cString);
  let at = (texts.length + 1) * POINTER;
  const { bytes, view, address } = block(libc, texts.reduce((sum, text) => sum + text.length, at));
  texts.forEach((text, i) => {
    view.setBigUint64(i * POINTER, address + BigInt(at), true);
    bytes.set(text, at);
    at += text.length;
  });
  return bytes;
}

/** A filter as seccomp(2) wants it: struct sock_fprog, which is u16 number of instructions and their address. */
export function filterBlock(libc: Libc, instructions: Uint8Array): Uint8Array<ArrayBuffer> {
  const head = 2 * POINTER;
  const { bytes, view, address } = block(libc, head + instructions.length);
  view.setUint16(0, instructions.length / INSTRUCTION, true);
  view.setBigUint64(POINTER, address + BigInt(head), true);
  bytes.set(instructions, head);
  return bytes;
}

/** Bytes of struct sock_filter. */
const INSTRUCTION = 8;
