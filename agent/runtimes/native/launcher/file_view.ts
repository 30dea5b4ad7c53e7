/**
 * The private view of files, made in a mount namespace of this process's own: a directory of the run becomes `/`, and
 * the machine's system directories appear in it read-only.
 */
import type { FileView } from "../order.ts";
import { CallError, cString, type Libc } from "./libc.ts";

/** Flags of mount(2). */
const NOSUID = 2n, NODEV = 4n, NOEXEC = 8n, BIND = 4096n, RECURSIVE = 16384n, PRIVATE = 1n << 18n;
/** umount2: let go now, end when nobody uses it. */
const DETACH = 2;
/** mount_setattr(2), the same number on every architecture; AT_RECURSIVE, AT_FDCWD, and its attributes. */
const MOUNT_SETATTR = 442n, AT_RECURSIVE = 0x8000n, AT_FDCWD = -100n;
const ATTR_RDONLY = 1n, ATTR_NOSUID = 2n, ATTR_NODEV = 4n;
const PIVOT_ROOT = Deno.build.arch === "x86_64" ? 155n : 41n;
/** O_CREAT | O_WRONLY | O_CLOEXEC. */
const CREATE = 0o100 | 1 | 0x80000;
const EEXIST = 17;

const DEVICES = ["null", "zero", "full", "random", "urandom"] as const;
const DEVICE_LINKS = {
  fd: "/proc/self/fd",
  stdin: "/proc/self/fd/0",
  stdout: "/proc/self/fd/1",
  stderr: "/proc/self/fd/2",
} as const;
/** Shared memory of one run lies in memory and counts as such; this bounds what tmpfs takes without a cgroup. */
const SHM_OPTIONS = "mode=1777,size=50%";
/** Where the machine's own files are for as long as the view is made. */
const OLD_ROOT = ".machine";

/** Makes the view and enters it. */
export function enterView(libc: Libc, view: FileView): void {
  const { calls } = libc;
  const mount = (from: string, to: string, type: string, flags: bigint, data = "") =>
    libc.check(
      `mount ${to}`,
      calls.mount(cString(from), cString(to), cString(type), flags, cString(data)),
    );
  const attributes = (path: string, set: bigint) =>
    libc.check(
      `mount_setattr ${path}`,
      calls.syscallPath(
        MOUNT_SETATTR,
        AT_FDCWD,
        cString(path),
        AT_RECURSIVE,
        new Uint8Array(new BigUint64Array([set, 0n, 0n, 0n]).buffer),
        32n,
        0n,
      ),
    );
  const directory = (path: string) => {
    if (calls.mkdir(cString(path), 0o755) < 0 && libc.errno() !== EEXIST) {
      throw new CallError(`mkdir ${path}`, libc.errno());
    }
  };
  const file = (path: string) => {
    const at = libc.check(`create ${path}`, calls.open(cString(path), CREATE, 0o644));
    calls.close(at);
  };

  mount("none", "/", "none", RECURSIVE | PRIVATE);
  mount(view.root, view.root, "none", BIND);
  attributes(view.root, ATTR_NOSUID | ATTR_NODEV);
  directory(`${view.root}/${OLD_ROOT}`);
  libc.check(
    "pivot_root",
    calls.syscallPaths(
      PIVOT_ROOT,
      cString(view.root),
      cString(`${view.root}/${OLD_ROOT}`),
      0n,
      0n,
      0n,
      0n,
    ),
  );
  libc.check("chdir /", calls.chdir(cString("/")));
  for (const { from, to, readOnly } of view.binds) {
    const parts = to.split("/").filter((p) => p !== "");
    const isFile = !isDirectory(libc, `/${OLD_ROOT}${from}`);
    for (let n = 1; n < parts.length; n++) directory(`/${parts.slice(0, n).join("/")}`);
    if (isFile) file(to);
    else directory(to);
    mount(`/${OLD_ROOT}${from}`, to, "none", BIND | RECURSIVE);
    attributes(to, ATTR_NOSUID | ATTR_NODEV | (readOnly ? ATTR_RDONLY : 0n));
  }
  for (const [name, target] of Object.entries(view.links)) {
    if (calls.symlink(cString(target), cString(`/${name}`)) < 0 && libc.errno() !== EEXIST) {
      throw new CallError(`symlink /${name}`, libc.errno());
    }
  }
  directory("/proc");
  mount("proc", "/proc", "proc", NOSUID | NODEV | NOEXEC);
  directory("/dev");
  mount("tmpfs", "/dev", "tmpfs", NOSUID | NOEXEC, "mode=755,size=64k");
  for (const name of DEVICES) {
    file(`/dev/${name}`);
    mount(`/${OLD_ROOT}/dev/${name}`, `/dev/${name}`, "none", BIND);
  }
  for (const [name, target] of Object.entries(DEVICE_LINKS)) {
    libc.check(`symlink /dev/${name}`, calls.symlink(cString(target), cString(`/dev/${name}`)));
  }
  directory("/dev/shm");
  mount("tmpfs", "/dev/shm", "tmpfs", NOSUID | NODEV, SHM_OPTIONS);
  libc.check("umount", calls.umount2(cString(`/${OLD_ROOT}`), DETACH));
  calls.rmdir(cString(`/${OLD_ROOT}`));
}

/** O_PATH | O_DIRECTORY | O_CLOEXEC. */
const OPEN_DIRECTORY = 0x200000 | (Deno.build.arch === "x86_64" ? 0o200000 : 0o40000) | 0x80000;

function isDirectory(libc: Libc, path: string): boolean {
  const at = libc.calls.open(cString(path), OPEN_DIRECTORY, 0);
  if (at < 0) return false;
  libc.calls.close(at);
  return true;
}

/** Brings up the loopback of a network namespace of this process's own: SIOCSIFFLAGS with IFF_UP | IFF_RUNNING. */
export function raiseLoopback(libc: Libc): void {
  const socket = libc.check("socket", libc.calls.socket(2, 2 | 0x80000, 0));
  const request = new Uint8Array(40);
  request.set(new TextEncoder().encode("lo"));
  new DataView(request.buffer).setUint16(16, 0x1 | 0x40, true);
  libc.check("loopback", libc.calls.ioctl(socket, 0x8914n, request));
  libc.calls.close(socket);
}
