/**
 * The C library's calls that a launcher needs. `syscall` and `prctl` are variadic in C; on Linux for amd64 and arm64
 * the register convention is the same. With a scoped `--allow-ffi=PATH` there are no raw pointers: `memset` and `memcpy`
 * tell and read addresses instead.
 */

const SYMBOLS = {
  syscall: { parameters: ["i64", "i64", "i64", "i64", "i64", "i64", "i64"], result: "i64" },
  syscallBuffer: {
    name: "syscall",
    parameters: ["i64", "buffer", "i64", "i64", "i64", "i64", "i64"],
    result: "i64",
  },
  syscallPath: {
    name: "syscall",
    parameters: ["i64", "i64", "buffer", "i64", "buffer", "i64", "i64"],
    result: "i64",
  },
  syscallPaths: {
    name: "syscall",
    parameters: ["i64", "buffer", "buffer", "i64", "i64", "i64", "i64"],
    result: "i64",
  },
  syscallRule: {
    name: "syscall",
    parameters: ["i64", "i64", "i64", "buffer", "i64", "i64", "i64"],
    result: "i64",
  },
  prctl: { parameters: ["i32", "u64", "u64", "u64", "u64"], result: "i32" },
  prctlBuffer: { name: "prctl", parameters: ["i32", "u64", "buffer", "u64", "u64"], result: "i32" },
  open: { parameters: ["buffer", "i32", "u32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  access: { parameters: ["buffer", "i32"], result: "i32" },
  chdir: { parameters: ["buffer"], result: "i32" },
  mkdir: { parameters: ["buffer", "u32"], result: "i32" },
  chmod: { parameters: ["buffer", "u32"], result: "i32" },
  rmdir: { parameters: ["buffer"], result: "i32" },
  symlink: { parameters: ["buffer", "buffer"], result: "i32" },
  mount: { parameters: ["buffer", "buffer", "buffer", "u64", "buffer"], result: "i32" },
  umount2: { parameters: ["buffer", "i32"], result: "i32" },
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
  setrlimit: { parameters: ["i32", "buffer"], result: "i32" },
  setgroups: { parameters: ["usize", "buffer"], result: "i32" },
  setresgid: { parameters: ["u32", "u32", "u32"], result: "i32" },
  setresuid: { parameters: ["u32", "u32", "u32"], result: "i32" },
  setsid: { parameters: [], result: "i32" },
  capset: { parameters: ["buffer", "buffer"], result: "i32" },
  close_range: { parameters: ["u32", "u32", "i32"], result: "i32" },
  umask: { parameters: ["u32"], result: "u32" },
  sigaction: { parameters: ["i32", "buffer", "pointer"], result: "i32" },
  sigprocmask: { parameters: ["i32", "buffer", "pointer"], result: "i32" },
  fcntl: { parameters: ["i32", "i32", "i64"], result: "i32" },
  execve: { parameters: ["buffer", "buffer", "buffer"], result: "i32" },
  exit: { name: "_exit", parameters: ["i32"], result: "void" },
  address: { name: "memset", parameters: ["buffer", "i32", "usize"], result: "u64" },
  peek: { name: "memcpy", parameters: ["buffer", "u64", "usize"], result: "pointer" },
  errnoAddress: { name: "__errno_location", parameters: [], result: "u64" },
} as const satisfies Deno.ForeignLibraryInterface;

/** The calls. */
export type Calls = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** A system call that failed; the message names it. */
export class CallError extends Error {
  /** The error number of the C library. */
  readonly errno: number;

  /** `what` was tried. */
  constructor(what: string, errno: number) {
    super(`${what}: ${ERRORS[errno] ?? `error ${errno}`}`);
    this.errno = errno;
  }
}

/** errno → words, for what a launcher meets. */
const ERRORS: Readonly<Record<number, string>> = {
  1: "not permitted",
  2: "no such file or directory",
  7: "the arguments are too long",
  8: "not an executable of this machine",
  11: "too many processes",
  12: "no memory",
  13: "permission denied",
  16: "busy",
  17: "exists",
  20: "not a directory",
  22: "invalid argument",
  26: "the file is being written",
  28: "no space",
  38: "the kernel does not have it",
  95: "not supported",
};

/** The C library with what makes it usable from here. */
export interface Libc {
  readonly calls: Calls;
  /** The result when it is no failure; throws {@link CallError} otherwise. */
  check(what: string, result: number | bigint): number;
  errno(): number;
  /** Address of a buffer, which the caller keeps. */
  address(bytes: Uint8Array<ArrayBuffer>): bigint;
}

const encoder = new TextEncoder();
/** Bytes of a string that C understands; throws when it has a NUL in it. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  if (text.includes("\0")) throw new Error("a text with a NUL in it cannot be given to a program");
  return encoder.encode(`${text}\0`);
}

/** Opens the C library at its absolute `path`. */
export function openLibc(path: string): Libc {
  const calls = Deno.dlopen(path, SYMBOLS).symbols;
  const where = calls.errnoAddress();
  const number = new Int32Array(1);
  const errno = () => {
    calls.peek(new Uint8Array(number.buffer), where, 4n);
    return number[0];
  };
  return {
    calls,
    errno,
    check(what, result) {
      if (Number(result) < 0) throw new CallError(what, errno());
      return Number(result);
    },
    address: (bytes) => calls.address(bytes, 0, 0n),
  };
}
