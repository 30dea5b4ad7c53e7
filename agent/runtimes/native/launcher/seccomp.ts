/**
 * The seccomp filter (seccomp(2)): system calls that no job needs and that reach beyond it are answered with an error;
 * sockets are those that its network rule allows. A call of a foreign architecture ends the process.
 */
import type { NetworkRule } from "../order.ts";
import { type CallTable, callTables } from "./seccomp_calls.ts";

/** One instruction of classic BPF: code, jump if true, jump if false, operand. */
export type Instruction = readonly [code: number, jt: number, jf: number, k: number];

const load = (offset: number): Instruction => [0x20, 0, 0, offset];
const ifEqual = (k: number, jt: number, jf: number): Instruction => [0x15, jt, jf, k];
const ifAtLeast = (k: number, jt: number, jf: number): Instruction => [0x35, jt, jf, k];
const ifAnyBit = (k: number, jt: number, jf: number): Instruction => [0x45, jt, jf, k];
const and = (k: number): Instruction => [0x54, 0, 0, k];
const give = (k: number): Instruction => [0x06, 0, 0, k];

const ALLOW = 0x7fff0000, KILL_PROCESS = 0x80000000;
const error = (errno: number) => 0x00050000 | errno;
const EPERM = 1, EACCES = 13, ENOSYS = 38, EAFNOSUPPORT = 97;

/** Offsets in struct seccomp_data; arguments are 8 bytes each, of which the low word comes first. */
const NUMBER = 0, ARCH = 4;
const argument = (n: number) => 16 + 8 * n;
/** Calls of the x32 form of amd64 have this bit. */
const X32 = 0x40000000;
/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET, NEWTIME. */
const NEW_NAMESPACES = 0x7e020000 | 0x80;
/** Requests of ioctl that put characters into a terminal: TIOCSTI, TIOCLINUX. */
const TERMINAL_INPUT = [0x5412, 0x541c] as const;
const AF_UNIX = 1, AF_INET = 2, AF_INET6 = 10, AF_NETLINK = 16;
const SOCK_STREAM = 1, SOCK_TYPE_MASK = 0xf;

/** What `socket` may do: ends in a verdict. */
function socketRules(network: NetworkRule, ownNetwork: boolean): readonly Instruction[] {
  if (ownNetwork || network === "full") {
    return [
      load(argument(0)),
      ifEqual(AF_UNIX, 4, 0),
      ifEqual(AF_INET, 3, 0),
      ifEqual(AF_INET6, 2, 0),
      ifEqual(AF_NETLINK, 1, 0),
      give(error(EAFNOSUPPORT)),
      give(ALLOW),
    ];
  }
  if (network === "none") {
    return [load(argument(0)), ifEqual(AF_UNIX, 1, 0), give(error(EACCES)), give(ALLOW)];
  }
  // Landlock's rules are for TCP alone: nothing else of the Internet's families.
  return [
    load(argument(0)),
    ifEqual(AF_UNIX, 6, 0),
    ifEqual(AF_INET, 1, 0),
    ifEqual(AF_INET6, 0, 3),
    load(argument(1)),
    and(SOCK_TYPE_MASK),
    ifEqual(SOCK_STREAM, 1, 0),
    give(error(EACCES)),
    give(ALLOW),
  ];
}

/** The filter's instructions. */
export function seccompProgram(
  arch: typeof Deno.build.arch,
  network: NetworkRule,
  ownNetwork: boolean,
): readonly Instruction[] {
  const table: CallTable = callTables[arch];
  const sockets = socketRules(network, ownNetwork);
  const x32 = arch === "x86_64" ? [ifAtLeast(X32, 0, 1), give(error(ENOSYS))] : [];
  return [
    load(ARCH),
    ifEqual(table.arch, 1, 0),
    give(KILL_PROCESS),
    load(NUMBER),
    ...x32,
    // Its flags lie in memory, where no filter sees them; C libraries then use clone.
    ifEqual(table.clone3, 0, 1),
    give(error(ENOSYS)),
    ifEqual(table.clone, 0, 4),
    load(argument(0)),
    ifAnyBit(NEW_NAMESPACES, 0, 1),
    give(error(EPERM)),
    give(ALLOW),
    ifEqual(table.socket, 0, sockets.length),
    ...sockets,
    ifEqual(table.ioctl, 0, 2 + TERMINAL_INPUT.length * 2),
    load(argument(1)),
    ...TERMINAL_INPUT.flatMap((request) => [ifEqual(request, 0, 1), give(error(EPERM))]),
    give(ALLOW),
    ...Object.values(table.denied).flatMap((number) => [ifEqual(number, 0, 1), give(error(EPERM))]),
    give(ALLOW),
  ];
}

/** The instructions as the kernel reads them: u16 code, u8 jt, u8 jf, u32 k. */
export function seccompBytes(program: readonly Instruction[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(program.length * 8);
  const view = new DataView(bytes.buffer);
  program.forEach(([code, jt, jf, k], i) => {
    view.setUint16(i * 8, code, true);
    view.setUint8(i * 8 + 2, jt);
    view.setUint8(i * 8 + 3, jf);
    view.setUint32(i * 8 + 4, k >>> 0, true);
  });
  return bytes;
}
