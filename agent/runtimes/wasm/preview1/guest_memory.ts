/** Guest memory with checked access: a pointer or length from the guest never reaches past its memory. */
import { fromUtf8 } from "../../../protocol/encoding.ts";
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
    return this.#view.getUint8(this.#checked(pointer, 1));
  }
  u16(pointer: number): number {
    return this.#view.getUint16(this.#checked(pointer, 2), true);
  }
  u32(pointer: number): number {
    return this.#view.getUint32(this.#checked(pointer, 4), true);
  }
  u64(pointer: number): bigint {
    return this.#view.getBigUint64(this.#checked(pointer, 8), true);
  }
  setU8(pointer: number, value: number): void {
    this.#view.setUint8(this.#checked(pointer, 1), value);
  }
  setU16(pointer: number, value: number): void {
    this.#view.setUint16(this.#checked(pointer, 2), value, true);
  }
  setU32(pointer: number, value: number): void {
    this.#view.setUint32(this.#checked(pointer, 4), value, true);
  }
  setU64(pointer: number, value: bigint): void {
    this.#view.setBigUint64(this.#checked(pointer, 8), value, true);
  }
  /** Refuses the call unless `length` bytes at `pointer` are inside: for results, before an effect is made. */
  check(pointer: number, length: number): void {
    this.#checked(pointer, length);
  }

  /** The pointer as an unsigned number. WebAssembly hands `i32` over as signed. */
  #checked(pointer: number, length: number): number {
    const buffer = this.#memory?.buffer;
    if (buffer === undefined) refuse(errno.FAULT);
    // Growing detaches the old buffer.
    if (this.#view.buffer !== buffer) {
      this.#bytes = new Uint8Array(buffer as ArrayBuffer);
      this.#view = new DataView(buffer);
    }
    const at = pointer >>> 0;
    if (at + length > this.#bytes.length) refuse(errno.FAULT);
    return at;
  }
}
