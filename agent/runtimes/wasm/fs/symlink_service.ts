/**
 * Symlinks for scoped workers. Deno makes symlinks only for code whose file permissions are unscoped, since it does not
 * look where a link leads. A guest's worker is scoped, so it asks the thread that started it, which trusts nothing of
 * the request: it checks target, mount and every directory on the way itself.
 *
 * The worker waits blocked for the answer, holding its file system lock where there is one; so nothing below the mount
 * changes between the check and the making, as long as all workers that use the mount share that lock.
 */
import { wasmLimits } from "../../../protocol/limits.ts";
import type { RuntimeMount } from "../../runtime.ts";
import { fail, fsErrorCodeOf, fsErrorCodes, platform } from "./errors.ts";
import { withoutTrailingSlash } from "./mount.ts";
import type { SymlinkMaker } from "./options.ts";
import { lstat } from "./stat.ts";

/** One request: make `path` a symlink to `target` and answer in `reply`. */
export interface SymlinkRequest {
  readonly target: string;
  readonly path: string;
  readonly reply: SharedArrayBuffer;
}
const PENDING = 0;
const DONE = 1;
/** `FAILED + i`: refused with `fsErrorCodes[i]`. */
const FAILED = 2;

/** The worker's end: asks through `port` and blocks until it is done, for `timeoutMs` at most. Throws `FsError`. */
export function symlinkClient(
  port: { postMessage(message: SymlinkRequest): void },
  timeoutMs: number = wasmLimits.symlinkServiceMs,
): SymlinkMaker {
  return (target, path) => {
    const reply = new SharedArrayBuffer(4);
    const word = new Int32Array(reply);
    port.postMessage({ target, path, reply } satisfies SymlinkRequest);
    Atomics.wait(word, 0, PENDING, timeoutMs);
    const answer = Atomics.load(word, 0);
    if (answer === PENDING) fail("EIO", "nobody makes symlinks");
    if (answer !== DONE) fail(fsErrorCodes[answer - FAILED] ?? "EIO");
  };
}

/** The trusted end: serves requests for symlinks below the writable ones of `mounts` until the port is closed. */
export function serveSymlinks(port: MessagePort, mounts: readonly RuntimeMount[]): void {
  port.onmessage = ({ data: { target, path, reply } }: MessageEvent<SymlinkRequest>) =>
    give(reply, symlinkAnswer(target, path, mounts));
}

/** Between both ends: hands requests on to `ask`, for a thread that may not make symlinks itself either. */
export function relaySymlinks(
  port: MessagePort,
  ask: (target: string, path: string) => Promise<number>,
): void {
  port.onmessage = async ({ data: { target, path, reply } }: MessageEvent<SymlinkRequest>) =>
    give(reply, await ask(target, path));
}

/** Makes a symlink as {@link makeSymlink} does; the number that {@link symlinkClient} is to be answered with. */
export function symlinkAnswer(target: string, path: string, mounts: readonly RuntimeMount[]): number {
  try {
    makeSymlink(target, path, mounts);
    return DONE;
  } catch (error) {
    return FAILED + fsErrorCodes.indexOf(fsErrorCodeOf(error));
  }
}

function give(reply: SharedArrayBuffer, answer: number): void {
  const word = new Int32Array(reply);
  Atomics.store(word, 0, answer);
  Atomics.notify(word, 0);
}

/** Makes one symlink after checking it: relative target, path below a writable mount, real directories on the way. */
export function makeSymlink(target: string, path: string, mounts: readonly RuntimeMount[]): void {
  if (typeof target !== "string" || typeof path !== "string") fail("EINVAL");
  if (target === "" || target.startsWith("/") || target.includes("\0")) fail("EPERM");
  const root = mounts.filter((m) => !m.readOnly).map((m) => withoutTrailingSlash(m.host))
    .find((host) => path.startsWith(`${host}/`));
  if (root === undefined) fail("EPERM", "not below a writable mount");
  const names = path.slice(root.length + 1).split("/");
  if (names.some((name) => name === "" || name === "." || name === ".." || name.includes("\0"))) {
    fail("EPERM");
  }
  let directory = root;
  for (const name of names.slice(0, -1)) {
    directory += `/${name}`;
    if (lstat(directory).type !== "directory") fail("ENOTDIR");
  }
  platform(() => Deno.symlinkSync(target, `${directory}/${names.at(-1)}`));
}
