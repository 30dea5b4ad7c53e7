/** Landlock (landlock(7)): which trees of files, and which TCP ports, this thread and its children may use. */
import type { FileRules, NetworkRule } from "../order.ts";
import { CallError, cString, type Libc } from "./libc.ts";

/** System calls; the same numbers on every architecture. */
const CREATE = 444n, ADD = 445n, RESTRICT = 446n;
const RULE_PATH = 1n, RULE_PORT = 2n;
const BIND_TCP = 1n, CONNECT_TCP = 2n;
/** LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET, LANDLOCK_SCOPE_SIGNAL. */
const SCOPES = 3n;

const EXECUTE = 1n << 0n, WRITE = 1n << 1n, READ = 1n << 2n, READ_DIRECTORY = 1n << 3n;
const MAKE_CHAR = 1n << 6n, MAKE_BLOCK = 1n << 11n;
const REFER = 1n << 13n, TRUNCATE = 1n << 14n, IOCTL = 1n << 15n;
/** What there is of rights over files from the first version on: bits 0 to 12. */
const FIRST_RIGHTS = (1n << 13n) - 1n;
/** Rights that a file, as opposed to a directory, has. */
const OF_FILES = EXECUTE | WRITE | READ | TRUNCATE | IOCTL;

/** Devices that every program expects. */
const DEVICES = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"] as const;

/** O_PATH | O_CLOEXEC. */
const OPEN_PATH = 0x200000 | 0x80000;
const ENOENT = 2, EINVAL = 22;

/** Version of Landlock's interface in this kernel; below 1 there is none. */
export const landlockVersion = (libc: Libc): number =>
  Number(libc.calls.syscall(CREATE, 0n, 0n, 1n, 0n, 0n, 0n));

/**
 * Opens the trees while this thread still may, and returns what puts the rules into force. Trees that do not exist are
 * passed over. With `ownNetwork` ports need no rule.
 */
export function prepareLandlock(
  libc: Libc,
  rules: FileRules,
  network: NetworkRule,
  ownNetwork: boolean,
): () => void {
  const version = landlockVersion(libc);
  if (version < 1) throw new CallError("Landlock", libc.errno());
  const rights = FIRST_RIGHTS | (version >= 2 ? REFER : 0n) | (version >= 3 ? TRUNCATE : 0n) |
    (version >= 5 ? IOCTL : 0n);
  const ports = version >= 4 && network !== "full" && !ownNetwork ? BIND_TCP | CONNECT_TCP : 0n;
  if (typeof network === "object" && version < 4) {
    throw new Error("rules for TCP ports need Linux 6.7 (Landlock 4)");
  }
  const attributes = new BigUint64Array([rights, ports, version >= 6 ? SCOPES : 0n]);
  const size = version >= 6 ? 24n : version >= 4 ? 16n : 8n;
  const set = libc.check(
    "landlock_create_ruleset",
    libc.calls.syscallBuffer(CREATE, new Uint8Array(attributes.buffer), size, 0n, 0n, 0n, 0n),
  );
  const allow = (path: string, wished: bigint) => {
    const at = libc.calls.open(cString(path), OPEN_PATH, 0);
    if (at < 0) {
      if (libc.errno() === ENOENT) return;
      throw new CallError(`open ${path}`, libc.errno());
    }
    if (addPath(libc, set, at, wished & rights) === EINVAL) {
      // It is no directory.
      const again = addPath(libc, set, at, wished & rights & OF_FILES);
      if (again !== 0) throw new CallError(`landlock_add_rule ${path}`, again);
    }
    libc.calls.close(at);
  };
  for (const path of rules.execute) allow(path, EXECUTE | READ | READ_DIRECTORY);
  for (const path of rules.read) allow(path, READ | READ_DIRECTORY);
  for (const path of rules.write) allow(path, rights & ~(MAKE_CHAR | MAKE_BLOCK | IOCTL));
  for (const path of DEVICES) allow(path, READ | WRITE | IOCTL);
  if (ports !== 0n && typeof network === "object") {
    const allowed = [
      ...network.connect.map((port) => [CONNECT_TCP, BigInt(port)]),
      ...(network.bind ?? []).map((port) => [BIND_TCP, BigInt(port)]),
    ];
    for (const words of allowed) {
      const rule = new Uint8Array(new BigUint64Array(words).buffer);
      libc.check(
        "landlock_add_rule (port)",
        libc.calls.syscallRule(ADD, BigInt(set), RULE_PORT, rule, 0n, 0n, 0n),
      );
    }
  }
  return () => {
    libc.check("landlock_restrict_self", libc.calls.syscall(RESTRICT, BigInt(set), 0n, 0n, 0n, 0n, 0n));
    libc.calls.close(set);
  };
}

/** Adds one rule; returns 0 or the error number. The kernel's structure is packed: u64 rights, s32 descriptor. */
function addPath(libc: Libc, set: number, at: number, rights: bigint): number {
  const rule = new Uint8Array(12);
  const view = new DataView(rule.buffer);
  view.setBigUint64(0, rights, true);
  view.setInt32(8, at, true);
  const result = libc.calls.syscallRule(ADD, BigInt(set), RULE_PATH, rule, 0n, 0n, 0n);
  return Number(result) < 0 ? libc.errno() : 0;
}
