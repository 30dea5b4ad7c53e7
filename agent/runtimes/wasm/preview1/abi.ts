/** Flags and enumerations of wasi_snapshot_preview1.witx. */
import type { FileType } from "../fs/mod.ts";

/** `filetype` */
export const filetype: Readonly<Record<FileType, number>> = {
  unknown: 0,
  block_device: 1,
  character_device: 2,
  directory: 3,
  regular: 4,
  socket: 6,
  symlink: 7,
  // The ABI has no word for it.
  fifo: 0,
};

/** `fdflags` */
export const fdflags = { APPEND: 1, DSYNC: 2, NONBLOCK: 4, RSYNC: 8, SYNC: 16 } as const;
/** All {@link fdflags}. */
export const everyFdflag = 31;
/** `lookupflags` */
export const lookupflags = { SYMLINK_FOLLOW: 1 } as const;
/** `oflags` */
export const oflags = { CREAT: 1, DIRECTORY: 2, EXCL: 4, TRUNC: 8 } as const;
/** `fstflags` */
export const fstflags = { ATIM: 1, ATIM_NOW: 2, MTIM: 4, MTIM_NOW: 8 } as const;
/** `whence` */
export const whence = { SET: 0, CUR: 1, END: 2 } as const;
/** `clockid` */
export const clockid = { REALTIME: 0, MONOTONIC: 1, PROCESS_CPUTIME: 2, THREAD_CPUTIME: 3 } as const;
/** `eventtype` */
export const eventtype = { CLOCK: 0, FD_READ: 1, FD_WRITE: 2 } as const;
/** `subclockflags` */
export const subclockflags = { ABSTIME: 1 } as const;
/** `eventrwflags` */
export const eventrwflags = { HANGUP: 1 } as const;
/** Largest `advice` (`noreuse`). */
export const lastAdvice = 5;
/** Largest `signal` (`sys`). */
export const lastSignal = 30;

/** Bytes of records in guest memory. */
export const sizes = { iovec: 8, fdstat: 24, filestat: 64, dirent: 24, subscription: 48, event: 32 } as const;
