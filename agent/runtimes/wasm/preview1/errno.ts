/** Error numbers of WASI preview 1 (`errno` in wasi_snapshot_preview1.witx), and how host failures map to them. */
import type { FsErrorCode } from "../fs/mod.ts";

/** The numbers that this host returns. */
export const errno = {
  SUCCESS: 0,
  ACCES: 2,
  AGAIN: 6,
  BADF: 8,
  BUSY: 10,
  EXIST: 20,
  FAULT: 21,
  FBIG: 22,
  ILSEQ: 25,
  INVAL: 28,
  IO: 29,
  ISDIR: 31,
  LOOP: 32,
  MFILE: 33,
  MLINK: 34,
  NAMETOOLONG: 37,
  NFILE: 41,
  NOENT: 44,
  NOSPC: 51,
  NOSYS: 52,
  NOTDIR: 54,
  NOTEMPTY: 55,
  NOTSOCK: 57,
  NOTSUP: 58,
  OVERFLOW: 61,
  PERM: 63,
  PIPE: 64,
  ROFS: 69,
  SPIPE: 70,
  TXTBSY: 74,
  XDEV: 75,
  NOTCAPABLE: 76,
} as const;

/** Number of a file system failure. */
export const errnoOfFs: Readonly<Record<FsErrorCode, number>> = {
  EACCES: errno.ACCES,
  EAGAIN: errno.AGAIN,
  EBADF: errno.BADF,
  EBUSY: errno.BUSY,
  EEXIST: errno.EXIST,
  EFBIG: errno.FBIG,
  EILSEQ: errno.ILSEQ,
  EINVAL: errno.INVAL,
  EIO: errno.IO,
  EISDIR: errno.ISDIR,
  ELOOP: errno.LOOP,
  EMFILE: errno.MFILE,
  EMLINK: errno.MLINK,
  ENAMETOOLONG: errno.NAMETOOLONG,
  ENFILE: errno.NFILE,
  ENOENT: errno.NOENT,
  ENOSPC: errno.NOSPC,
  ENOTDIR: errno.NOTDIR,
  ENOTEMPTY: errno.NOTEMPTY,
  ENOTSUP: errno.NOTSUP,
  EOVERFLOW: errno.OVERFLOW,
  EPERM: errno.PERM,
  EPIPE: errno.PIPE,
  EROFS: errno.ROFS,
  ESPIPE: errno.SPIPE,
  ETXTBSY: errno.TXTBSY,
  EXDEV: errno.XDEV,
};

/** Carries an error number from where a call fails to where it returns. */
export class Refusal extends Error {
  /** Always `Refusal`. */
  override readonly name = "Refusal";
  /** One of {@link errno}. */
  readonly errno: number;
  /** `number`: one of {@link errno}. */
  constructor(number: number) {
    super(`errno ${number}`);
    this.errno = number;
  }
}

/** Makes the call return `number`. */
export function refuse(number: number): never {
  throw new Refusal(number);
}
