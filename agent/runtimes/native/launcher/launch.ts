/**
 * The launcher: a small process that limits itself and then becomes the program; nothing of it remains. The order of
 * the steps matters: what needs rights comes before they are given up, what may starve this process comes last.
 * Trusted code: calling the C library is every right that the process has.
 */
import process from "node:process";
import { failedMark, type LaunchOrder, readyLine } from "../order.ts";
import { enterView, raiseLoopback } from "./file_view.ts";
import { prepareLandlock } from "./landlock.ts";
import { CallError, cString, type Libc, openLibc } from "./libc.ts";
import { filterBlock, stringList } from "./blocks.ts";
import { prepareLimits } from "./process_limits.ts";
import { seccompBytes, seccompProgram } from "./seccomp.ts";

/** prctl(2). */
const SET_PDEATHSIG = 1, SET_SECCOMP = 22, CAPBSET_DROP = 24, SET_NO_NEW_PRIVS = 38, CAP_AMBIENT = 47;
const SIGKILL = 9n, SIGPIPE = 13, SECCOMP_FILTER = 2n, AMBIENT_CLEAR_ALL = 4n;
const F_GETFL = 3, F_SETFL = 4, O_NONBLOCK = 0x800, O_WRONLY_CLOEXEC = 1 | 0x80000;
const SIG_SETMASK = 2, CLOSE_RANGE_CLOEXEC = 4, LAST_DESCRIPTOR = 0x7fffffff;
/** _LINUX_CAPABILITY_VERSION_3. */
const CAPABILITY_VERSION = 0x20080522;
const CAPABILITIES = 64n;
const X_OK = 1;
/** Exit code of a launcher that could not become its program. */
const FAILED = 126;
const encoder = new TextEncoder();

/** Reads one order from stdin and not a byte more: what follows is the program's. */
function readOrder(): LaunchOrder {
  const take = (length: number) => {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length;) {
      const n = Deno.stdin.readSync(bytes.subarray(at));
      if (n === null) Deno.exit(FAILED);
      at += n;
    }
    return bytes;
  };
  const length = new DataView(take(4).buffer).getUint32(0, true);
  return JSON.parse(new TextDecoder().decode(take(length)));
}

/** Opens the cgroups while their files can still be named; returns what enters them. */
function prepareCgroups(libc: Libc, paths: readonly string[]): () => void {
  const me = encoder.encode("0");
  const files = paths.map((path) => {
    const at = libc.check(`open ${path}`, libc.calls.open(cString(path), O_WRONLY_CLOEXEC, 0));
    return { path, at };
  });
  return () => {
    for (const { path, at } of files) {
      libc.check(`enter ${path}`, libc.calls.write(at, me, BigInt(me.length)));
      libc.calls.close(at);
    }
  };
}

function takeIdentity(libc: Libc, { uid, gid, groups }: NonNullable<LaunchOrder["identity"]>): void {
  const list = new Uint8Array(new Uint32Array(groups).buffer);
  libc.check("setgroups", libc.calls.setgroups(BigInt(groups.length), list));
  libc.check("setresgid", libc.calls.setresgid(gid, gid, gid));
  libc.check("setresuid", libc.calls.setresuid(uid, uid, uid));
}

/** No program that it starts may regain anything. Refused to whoever has no capabilities, and so nothing to lose. */
function dropBounds(libc: Libc): void {
  for (let n = 0n; n < CAPABILITIES; n++) if (libc.calls.prctl(CAPBSET_DROP, n, 0n, 0n, 0n) < 0) break;
}

/** Root in a user namespace, or a launcher that keeps its user, still has what it was given: all of it goes. */
function dropCapabilities(libc: Libc): void {
  const { calls } = libc;
  calls.prctl(CAP_AMBIENT, AMBIENT_CLEAR_ALL, 0n, 0n, 0n);
  const header = new Uint8Array(new Uint32Array([CAPABILITY_VERSION, 0]).buffer);
  libc.check("capset", calls.capset(header, new Uint8Array(24)));
}

/** Whoever starts programs leaves traces in them: a runtime that ignores SIGPIPE, pipes that do not wait. */
function cleanProcess(libc: Libc): void {
  const { calls } = libc;
  calls.sigaction(SIGPIPE, new Uint8Array(152), null);
  calls.sigprocmask(SIG_SETMASK, new Uint8Array(128), null);
  for (const at of [0, 1, 2]) {
    calls.fcntl(at, F_SETFL, BigInt(calls.fcntl(at, F_GETFL, 0n) & ~O_NONBLOCK));
  }
  calls.umask(0o022);
  calls.close_range(3, LAST_DESCRIPTOR, CLOSE_RANGE_CLOEXEC);
}

/** The file that a command names: a path, or the first of that name on PATH. */
function findProgram(libc: Libc, name: string, env: Readonly<Record<string, string>>): string {
  if (name.includes("/")) {
    libc.check(name, libc.calls.access(cString(name), X_OK));
    return name;
  }
  for (const directory of (env.PATH ?? "").split(":")) {
    const path = `${directory || "."}/${name}`;
    if (libc.calls.access(cString(path), X_OK) === 0) return path;
  }
  throw new Error(`there is no program ${name} on PATH (${env.PATH ?? ""})`);
}

/** Everything up to the point where only execve is left. Returns that. */
function confine(libc: Libc, order: LaunchOrder): () => never {
  const { calls } = libc;
  const argv = stringList(libc, [...order.before, ...order.argv]);
  const envp = stringList(libc, Object.entries(order.env).map(([k, v]) => `${k}=${v}`));
  const cwd = cString(order.cwd);
  const filter = filterBlock(
    libc,
    seccompBytes(seccompProgram(Deno.build.arch, order.network, order.ownNetwork)),
  );
  const limit = prepareLimits(libc, order.limits);
  const enterCgroups = prepareCgroups(libc, order.cgroups);
  if (order.view) enterView(libc, order.view);
  if (order.ownNetwork) raiseLoopback(libc);
  const restrict = prepareLandlock(libc, order.files, order.network, order.ownNetwork);

  // Late, so that little of this process counts as the program's.
  enterCgroups();
  dropBounds(libc);
  if (order.identity) takeIdentity(libc, order.identity);
  dropCapabilities(libc);
  calls.setsid();
  // A change of user clears it.
  calls.prctl(SET_PDEATHSIG, SIGKILL, 0n, 0n, 0n);
  libc.check("no_new_privs", calls.prctl(SET_NO_NEW_PRIVS, 1n, 0n, 0n, 0n));
  restrict();
  libc.check(`working directory ${order.cwd}`, calls.chdir(cwd));
  const program = findProgram(libc, order.argv[0], order.env);
  const path = cString(order.before[0] ?? program);
  const { user, system } = process.cpuUsage();
  const ready = encoder.encode(readyLine(order.nonce, user + system));
  cleanProcess(libc);
  libc.check("seccomp", calls.prctlBuffer(SET_SECCOMP, SECCOMP_FILTER, filter, 0n, 0n));
  return () => {
    calls.write(2, ready, BigInt(ready.length));
    limit();
    calls.execve(path, argv, envp);
    throw new CallError(`start ${order.argv[0]}`, libc.errno());
  };
}

/** Reads an order and becomes its program. `libcPath`: where the C library is. */
export function launch(libcPath: string): never {
  const libc = openLibc(libcPath);
  // A launcher that waits for its order has compiled by then what it needs first.
  seccompBytes(seccompProgram(Deno.build.arch, "none", false));
  const order = readOrder();
  try {
    return confine(libc, order)();
  } catch (error) {
    const words = encoder.encode(
      `${failedMark(order.nonce)}${error instanceof Error ? error.message : error}\n`,
    );
    libc.calls.write(2, words, BigInt(words.length));
    libc.calls.exit(FAILED);
    throw error;
  }
}
