/** Reading, writing and moving in files and standard streams: `fd_read` … `fd_tell`, and flushing. */
import { wasmLimits } from "../../../protocol/limits.ts";
import { fdflags, lastAdvice, sizes, whence } from "./abi.ts";
import { unsigned } from "./context.ts";
import type { Calls, Context } from "./context.ts";
import type { FileDescriptor } from "./descriptors.ts";
import { errno, refuse } from "./errno.ts";
import { rights } from "./rights.ts";

/** Offsets are signed in POSIX: what lies beyond is invalid. */
const LAST_OFFSET = 2n ** 63n - 1n;
/** Most bytes of one call, as `ssize_t` of a 32-bit system can count them. */
const LAST_LENGTH = 2 ** 31 - 1;

/** The calls. */
export function fdIoCalls({ memory, descriptors }: Context): Calls {
  /** Guest buffers of a call; empty ones are left out. */
  const buffers = (pointer: number, count: number): readonly Uint8Array[] => {
    if (count >>> 0 > wasmLimits.ioVectors) refuse(errno.INVAL);
    memory.check(pointer, count * sizes.iovec);
    const found: Uint8Array[] = [];
    let total = 0;
    for (let i = 0; i < count; i++) {
      const at = (pointer >>> 0) + sizes.iovec * i;
      const length = memory.u32(at + 4);
      if ((total += length) > LAST_LENGTH) refuse(errno.INVAL);
      if (length > 0) found.push(memory.bytes(memory.u32(at), length));
    }
    return found;
  };

  const readAt = ({ file }: FileDescriptor, into: readonly Uint8Array[], offset: bigint): number => {
    let done = 0;
    for (const buffer of into) {
      const n = file.read(buffer, offset + BigInt(done));
      done += n;
      if (n < buffer.length) break;
    }
    return done;
  };

  /** Where there is more than one buffer and a later one fails, what was written before counts. */
  const writeEach = (
    from: readonly Uint8Array[],
    write: (buffer: Uint8Array, done: number) => number,
  ): number => {
    let done = 0;
    for (const buffer of from) {
      try {
        done += write(buffer, done);
      } catch (error) {
        if (done === 0) throw error;
        break;
      }
    }
    return done;
  };

  const flushIfAsked = ({ file, flags }: FileDescriptor) => {
    if ((flags & fdflags.SYNC) !== 0) file.sync();
    else if ((flags & fdflags.DSYNC) !== 0) file.syncData();
  };

  const writeAt = (to: FileDescriptor, from: readonly Uint8Array[], offset: bigint): number => {
    const done = writeEach(from, (buffer, before) => to.file.write(buffer, offset + BigInt(before)));
    flushIfAsked(to);
    return done;
  };

  const append = (to: FileDescriptor, from: readonly Uint8Array[]): number => {
    let end = to.position;
    const done = writeEach(from, (buffer) => {
      end = to.file.append(buffer);
      return buffer.length;
    });
    if (done > 0) to.position = end;
    flushIfAsked(to);
    return done;
  };

  const offsetOf = (value: bigint): bigint => {
    const offset = unsigned(value);
    if (offset > LAST_OFFSET) refuse(errno.INVAL);
    return offset;
  };

  const flush = (fd: number, right: bigint, dataOnly: boolean) => {
    const found = descriptors.get(fd);
    if (found.kind !== "file") return;
    if ((found.base & right) === 0n) refuse(errno.NOTCAPABLE);
    if (dataOnly) found.file.syncData();
    else found.file.sync();
  };

  return {
    fd_read(fd: number, vectors: number, count: number, result: number) {
      const from = descriptors.stream(fd, rights.FD_READ);
      const into = buffers(vectors, count);
      memory.check(result, 4);
      let done = 0;
      if (from.kind === "file") {
        done = readAt(from, into, from.position);
        from.position += BigInt(done);
      } else if (from.kind === "input" && into.length > 0) {
        // One buffer a call: the next could block although something has been read.
        done = from.source.read(into[0]!);
      }
      memory.setU32(result, done);
    },
    fd_pread(fd: number, vectors: number, count: number, offset: bigint, result: number) {
      const from = descriptors.file(fd, rights.FD_READ | rights.FD_SEEK);
      memory.check(result, 4);
      memory.setU32(result, readAt(from, buffers(vectors, count), offsetOf(offset)));
    },
    fd_write(fd: number, vectors: number, count: number, result: number) {
      const to = descriptors.stream(fd, rights.FD_WRITE);
      const from = buffers(vectors, count);
      memory.check(result, 4);
      let done = 0;
      if (to.kind === "output") {
        for (const buffer of from) {
          to.sink(buffer);
          done += buffer.length;
        }
      } else if (to.kind === "file") {
        if ((to.flags & fdflags.APPEND) !== 0) done = append(to, from);
        else {
          done = writeAt(to, from, to.position);
          to.position += BigInt(done);
        }
      }
      memory.setU32(result, done);
    },
    fd_pwrite(fd: number, vectors: number, count: number, offset: bigint, result: number) {
      const to = descriptors.file(fd, rights.FD_WRITE | rights.FD_SEEK);
      memory.check(result, 4);
      // POSIX: the offset counts, O_APPEND or not.
      memory.setU32(result, writeAt(to, buffers(vectors, count), offsetOf(offset)));
    },
    fd_seek(fd: number, delta: bigint, from: number, result: number) {
      const found = descriptors.file(fd, rights.FD_SEEK);
      memory.check(result, 8);
      const base = from === whence.SET
        ? 0n
        : from === whence.CUR
        ? found.position
        : from === whence.END
        ? found.file.size()
        : refuse(errno.INVAL);
      const to = base + delta;
      if (to < 0n || to > LAST_OFFSET) refuse(errno.INVAL);
      found.position = to;
      memory.setU64(result, to);
    },
    fd_tell(fd: number, result: number) {
      memory.setU64(result, descriptors.file(fd, rights.FD_TELL).position);
    },
    fd_sync: (fd: number) => flush(fd, rights.FD_SYNC, false),
    fd_datasync: (fd: number) => flush(fd, rights.FD_DATASYNC, true),
    fd_advise(fd: number, offset: bigint, length: bigint, advice: number) {
      descriptors.file(fd, rights.FD_ADVISE);
      if (advice < 0 || advice > lastAdvice) refuse(errno.INVAL);
      if (unsigned(offset) > LAST_OFFSET || unsigned(length) > LAST_OFFSET) refuse(errno.INVAL);
      // Advice need not be taken.
    },
    fd_allocate(fd: number, offset: bigint, length: bigint) {
      const { file } = descriptors.file(fd, rights.FD_ALLOCATE);
      file.allocate(offsetOf(offset), offsetOf(length));
    },
  };
}
