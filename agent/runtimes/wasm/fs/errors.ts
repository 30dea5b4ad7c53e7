/** The closed set of failures of the guest file system, in POSIX words; each WASI host maps them to its own numbers. */

/** Every code that {@link FsError} can carry. */
export const fsErrorCodes = [
  "EACCES",
  "EAGAIN",
  "EBADF",
  "EBUSY",
  "EEXIST",
  "EFBIG",
  "EILSEQ",
  "EINVAL",
  "EIO",
  "EISDIR",
  "ELOOP",
  "EMFILE",
  "EMLINK",
  "ENAMETOOLONG",
  "ENFILE",
  "ENOENT",
  "ENOSPC",
  "ENOTDIR",
  "ENOTEMPTY",
  "ENOTSUP",
  "EOVERFLOW",
  "EPERM",
  "EPIPE",
  "EROFS",
  "ESPIPE",
  "ETXTBSY",
  "EXDEV",
] as const;

/** One of {@link fsErrorCodes}. `EPERM`: the path leaves the directory it was given for. */
export type FsErrorCode = typeof fsErrorCodes[number];

/** A refused or failed file operation. An expected outcome: hosts turn it into an error number for the guest. */
export class FsError extends Error {
  /** Always `FsError`. */
  override readonly name = "FsError";
  /** What went wrong. */
  readonly code: FsErrorCode;
  /** `detail` is for people who debug the host; guests see the code alone. */
  constructor(code: FsErrorCode, detail?: string) {
    super(detail === undefined ? code : `${code}: ${detail}`);
    this.code = code;
  }
}

/** Throws {@link FsError}; typed `never`, to be used in expressions. */
export function fail(code: FsErrorCode, detail?: string): never {
  throw new FsError(code, detail);
}

const known: ReadonlySet<string> = new Set(fsErrorCodes);
/** Codes of the platform that have another name or no name of their own here. */
const renamed: Readonly<Record<string, FsErrorCode>> = {
  EDQUOT: "ENOSPC",
  EOPNOTSUPP: "ENOTSUP",
  ENXIO: "ENOTSUP",
  ENODEV: "ENOTSUP",
  ENOSYS: "ENOTSUP",
};
/** Linux numbers, for errors that reach JavaScript as text only ("os error N"). */
const byNumber: Readonly<Record<number, FsErrorCode>> = {
  1: "EPERM",
  2: "ENOENT",
  9: "EBADF",
  11: "EAGAIN",
  13: "EACCES",
  16: "EBUSY",
  17: "EEXIST",
  18: "EXDEV",
  20: "ENOTDIR",
  21: "EISDIR",
  22: "EINVAL",
  23: "ENFILE",
  24: "EMFILE",
  26: "ETXTBSY",
  27: "EFBIG",
  28: "ENOSPC",
  29: "ESPIPE",
  30: "EROFS",
  31: "EMLINK",
  32: "EPIPE",
  36: "ENAMETOOLONG",
  39: "ENOTEMPTY",
  40: "ELOOP",
  95: "ENOTSUP",
  122: "ENOSPC",
};

/** The {@link FsErrorCode} of anything that a file operation of the platform threw; `EIO` when it says nothing known. */
export function fsErrorCodeOf(error: unknown): FsErrorCode {
  if (error instanceof FsError) return error.code;
  if (!(error instanceof Error)) return "EIO";
  const code = (error as { code?: unknown }).code;
  if (typeof code === "string") {
    if (known.has(code)) return code as FsErrorCode;
    if (code in renamed) return renamed[code]!;
  }
  if (error.name === "NotCapable" || error.name === "PermissionDenied") return "EACCES";
  if (error.name === "NotFound") return "ENOENT";
  if (error.name === "AlreadyExists") return "EEXIST";
  const number = /os error (\d+)/.exec(error.message)?.[1];
  return (number === undefined ? undefined : byNumber[Number(number)]) ?? "EIO";
}

/** Runs a platform call and turns what it throws into {@link FsError}. */
export function platform<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (error instanceof FsError) throw error;
    throw new FsError(fsErrorCodeOf(error), error instanceof Error ? error.message : String(error));
  }
}
