/** Rights of descriptors (`rights` in wasi_snapshot_preview1.witx). */

const bit = (n: number) => 1n << BigInt(n);

/** One bit per right. */
export const rights = {
  FD_DATASYNC: bit(0),
  FD_READ: bit(1),
  FD_SEEK: bit(2),
  FD_FDSTAT_SET_FLAGS: bit(3),
  FD_SYNC: bit(4),
  FD_TELL: bit(5),
  FD_WRITE: bit(6),
  FD_ADVISE: bit(7),
  FD_ALLOCATE: bit(8),
  PATH_CREATE_DIRECTORY: bit(9),
  PATH_CREATE_FILE: bit(10),
  PATH_LINK_SOURCE: bit(11),
  PATH_LINK_TARGET: bit(12),
  PATH_OPEN: bit(13),
  FD_READDIR: bit(14),
  PATH_READLINK: bit(15),
  PATH_RENAME_SOURCE: bit(16),
  PATH_RENAME_TARGET: bit(17),
  PATH_FILESTAT_GET: bit(18),
  PATH_FILESTAT_SET_SIZE: bit(19),
  PATH_FILESTAT_SET_TIMES: bit(20),
  FD_FILESTAT_GET: bit(21),
  FD_FILESTAT_SET_SIZE: bit(22),
  FD_FILESTAT_SET_TIMES: bit(23),
  PATH_SYMLINK: bit(24),
  PATH_REMOVE_DIRECTORY: bit(25),
  PATH_UNLINK_FILE: bit(26),
  POLL_FD_READWRITE: bit(27),
  SOCK_SHUTDOWN: bit(28),
  SOCK_ACCEPT: bit(29),
} as const;

/** Rights that mean something for a regular file. */
export const fileRights = rights.FD_DATASYNC | rights.FD_READ | rights.FD_SEEK | rights.FD_FDSTAT_SET_FLAGS |
  rights.FD_SYNC | rights.FD_TELL | rights.FD_WRITE | rights.FD_ADVISE | rights.FD_ALLOCATE |
  rights.FD_FILESTAT_GET | rights.FD_FILESTAT_SET_SIZE | rights.FD_FILESTAT_SET_TIMES |
  rights.POLL_FD_READWRITE;

/** Rights that mean something for a directory. */
export const directoryRights = rights.FD_FDSTAT_SET_FLAGS | rights.FD_SYNC | rights.FD_ADVISE |
  rights.PATH_CREATE_DIRECTORY | rights.PATH_CREATE_FILE | rights.PATH_LINK_SOURCE | rights.PATH_LINK_TARGET |
  rights.PATH_OPEN | rights.FD_READDIR | rights.PATH_READLINK | rights.PATH_RENAME_SOURCE |
  rights.PATH_RENAME_TARGET | rights.PATH_FILESTAT_GET | rights.PATH_FILESTAT_SET_SIZE |
  rights.PATH_FILESTAT_SET_TIMES | rights.FD_FILESTAT_GET | rights.FD_FILESTAT_SET_TIMES |
  rights.PATH_SYMLINK |
  rights.PATH_REMOVE_DIRECTORY | rights.PATH_UNLINK_FILE | rights.POLL_FD_READWRITE;

/** Rights of stdin. */
export const inputRights = rights.FD_READ | rights.FD_FDSTAT_SET_FLAGS | rights.FD_FILESTAT_GET |
  rights.POLL_FD_READWRITE;
/** Rights of stdout and stderr. */
export const outputRights = rights.FD_WRITE | rights.FD_FDSTAT_SET_FLAGS | rights.FD_FILESTAT_GET |
  rights.POLL_FD_READWRITE;

/** Rights for which a file has to be opened for writing. */
export const writingRights = rights.FD_WRITE | rights.FD_ALLOCATE | rights.FD_FILESTAT_SET_SIZE;

/** All rights that exist. */
export const everyRight = bit(30) - 1n;
