/**
 * The file system of WASM guests: mounted host directories behind synchronous calls, used by the WASI preview 1 host
 * and by `wasi:filesystem`. It knows nothing of WebAssembly, memory or descriptor numbers.
 *
 * **What holds.** A guest reaches nothing outside the directories it was given: not by `..`, absolute paths, absolute
 * or relative symlinks (its own or planted ones), hard links or renames across mounts; and it changes nothing in a
 * read-only mount. A writable mount never grows beyond its quota by what the guest does through one instance.
 *
 * **How.** Deno's scoped permissions follow symlinks out of their scope, so they are the second wall, not the first.
 * Every path is walked here, component by component (`resolve.ts`): each is looked at without following, symlinks are
 * expanded by hand with a limit, and what reaches the platform consists of names just seen to be real directories.
 * The last component is opened with `O_NOFOLLOW` (and `O_EXCL` when created). An open directory is kept as its names
 * from the mount's root and as the inode it had; before use, its names are walked again if any directory has moved
 * since.
 *
 * **Why check and use cannot be torn apart.** There is no `openat` to hold on to, so this rests on two facts:
 * 1. Nobody but the guest changes a writable mount while it runs (the agent gives a writable mount to one app's
 *    process at a time, and changes read-only ones by mounting another directory).
 * 2. The guest cannot act between our check and our use. Within an instance it is single-threaded and blocked in our
 *    call. Between instances of one app (workers sharing mounts) a lock in shared memory encloses every path operation
 *    (`shared_state.ts`); pass the same `shared` to all of them. Without it, mounts must not be shared.
 *
 * So the classic race (swap a directory for a symlink between check and use, through another descriptor) needs a
 * second writer, and there is none. What is not covered: a native process on the same host with write access to the
 * mount; hard links to outside files and device nodes that the host itself put there (devices and FIFOs are refused on
 * open, hard links cannot be told from files); space held by removed files that another instance still has open.
 *
 * Symlink making needs `symlinkClient`/`serveSymlinks` in scoped workers. Directory handles follow renames made by the
 * same instance; when another instance moves an open directory, it answers `ENOENT`. File times are exact to the
 * nanosecond within an instance and to the millisecond beyond it (`times.ts`).
 */
export { FsError, fsErrorCodeOf, fsErrorCodes } from "./errors.ts";
export type { FsErrorCode } from "./errors.ts";
export { GuestFs } from "./guest_fs.ts";
export type { DirEntry, GuestFsOptions, OpenOptions, Preopen, SymlinkMaker } from "./options.ts";
export { OpenFile } from "./handles.ts";
export type { FileAccess, FileContext, OpenDir } from "./handles.ts";
export type { Mount } from "./mount.ts";
export { countUsage, Quota } from "./quota.ts";
export { createSharedState, releaseDeadOwner, SharedState } from "./shared_state.ts";
export type { FileStat, FileType, RawStat } from "./stat.ts";
export {
  makeSymlink,
  relaySymlinks,
  serveSymlinks,
  symlinkAnswer,
  symlinkClient,
} from "./symlink_service.ts";
export type { SymlinkRequest } from "./symlink_service.ts";
export { ExactTimes } from "./times.ts";
export type { TimeChange } from "./times.ts";
