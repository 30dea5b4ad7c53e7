/** Guest memory with checked access: a pointer or length from the guest never reaches past its memory. */
import { fromUtf8 } from "../../../protocol/bytes.ts";
import { wasmLimits } from "../../../protocol/limits.ts";
import { errno, refuse } from "./errno.ts";

/** A guest's linear memory. Every access outside it makes the call return `EFAULT`. */
export class GuestMemory {
  #memory: WebAssembly.Memory | undefined;
  #bytes = new Uint8Array(0);
  #view: DataView = new DataView(new ArrayBuffer(0));

  /** Uses `memory` from now on. */
  attach(memory: WebAssembly.Memory): void {
    this.#memory = memory;
  }

  /** A view of `length` bytes at `pointer`, valid until the guest runs again. */
  bytes(pointer: number, length: number): Uint8Array {
    const at = this.#checked(pointer, length >>> 0);
    return this.#bytes.subarray(at, at + (length >>> 0));
  }
  /** A path: UTF-8 text, else `EILSEQ`; too long for any path: `ENAMETOOLONG`. */
  path(pointer: number, length: number): string {
    const bytes = this.bytes(pointer, length);
    if (bytes.length > wasmLimits.guestPathBytes) refuse(errno.NAMETOOLONG);
    try {
      return fromUtf8(bytes);
    } catch {
      return refuse(errno.ILSEQ);
    }
  }

  u8(pointer: number): number {
    const at = this.#checked(pointer, 1);
    return this.#view.getUint8(at);
  }
  u16(pointer: number): number {
    const at = this.#checked(pointer, 2);
    return this.#view.getUint16(at, true);
  }
  u32(pointer: number): number {
    const at = this.#checked(pointer, 4);
    return this.#view.getUint32(at, true);
  }
  u64(pointer: number): bigint {
    const at = this.#checked(pointer, 8);
    return this.#view.getBigUint64(at, true);
  }
  setU8(pointer: number, value: number): void {
    const at = this.#checked(pointer, 1);
    this.#view.setUint8(at, value);
  }
  setU16(pointer: number, value: number): void {
    const at = this.#checked(pointer, 2);
    this.#view.setUint16(at, value, true);
  }
  setU32(pointer: number, value: number): void {
    const at = this.#checked(pointer, 4);
    this.#view.setUint32(at, value, true);
  }
  setU64(pointer: number, value: bigint): void {
    const at = this.#checked(pointer, 8);
    this.#view.setBigUint64(at, value, true);
  }
  /** Refuses the call unless `length` bytes at `pointer` are inside: for results, before an effect is made. */
  check(pointer: number, length: number): void {
    this.#checked(pointer, length);
  }

  /**
   * The pointer as an unsigned number (WebAssembly hands `i32` over as signed). Renews the views when the memory has
   * grown: to be called before one of them is used.
   */
  #checked(pointer: number, length: number): number {
    const buffer = this.#memory?.buffer;
    if (buffer === undefined) refuse(errno.FAULT);
    // Growing detaches the old buffer.
    if (this.#view.buffer !== buffer) {
      this.#bytes = new Uint8Array(buffer as ArrayBuffer);
      this.#view = new DataView(buffer);
    }
    // Not `>>> 0`: a pointer computed from a guest's must not wrap round to the start.
    const at = pointer < 0 ? pointer + 0x1_0000_0000 : pointer;
    if (at + length > this.#bytes.length) refuse(errno.FAULT);
    return at;
  }
}
