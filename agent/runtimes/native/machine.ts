/** What a Linux machine is like, as far as sandboxes are concerned: where things are and who this process is. */
import { nativeLimits } from "../../protocol/native_limits.ts";
import { processesOf } from "./processes.ts";

/** Trees with programs and libraries, in every distribution's place. */
const SYSTEM = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"] as const;
/** Settings that programs read and that are secret nowhere; all else of /etc stays out of sight. */
const SETTINGS = [
  "alternatives",
  "ca-certificates",
  "ca-certificates.conf",
  "debian_version",
  "default/locale",
  "fonts",
  "gai.conf",
  "group",
  "host.conf",
  "hosts",
  "inputrc",
  "java",
  "java-17-openjdk",
  "ld.so.cache",
  "ld.so.conf",
  "ld.so.conf.d",
  "locale.alias",
  "locale.gen",
  "localtime",
  "login.defs",
  "magic",
  "mime.types",
  "nsswitch.conf",
  "os-release",
  "passwd",
  "perl",
  "pki/tls",
  "profile",
  "protocols",
  "python3",
  "python3.11",
  "resolv.conf",
  "services",
  "shells",
  "ssl/certs",
  "ssl/openssl.cnf",
  "terminfo",
  "timezone",
] as const;
/** What of the kernel's files is read by runtimes that look for processors. */
const KERNEL = ["/proc", "/sys/devices/system/cpu", "/sys/kernel/mm/transparent_hugepage"] as const;
/** Where programs are looked for. */
export const PROGRAM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** A directory that is a link on this machine (`/bin` → `usr/bin`), or one of its own. */
export interface SystemTree {
  readonly path: string;
  readonly link?: string;
}

/** The system's trees on this machine. */
export function systemTrees(): readonly SystemTree[] {
  return SYSTEM.flatMap((path): SystemTree[] => {
    try {
      return [Deno.lstatSync(path).isSymlink ? { path, link: Deno.readLinkSync(path) } : { path }];
    } catch {
      return [];
    }
  });
}

/** Settings that are there, as `[where programs look, where it is]`. */
export function systemSettings(): readonly (readonly [string, string])[] {
  return SETTINGS.flatMap((name) => {
    try {
      return [[`/etc/${name}`, Deno.realPathSync(`/etc/${name}`)] as const];
    } catch {
      return [];
    }
  });
}

/** Kernel's files that programs read. */
export const kernelFiles: readonly string[] = KERNEL;

/** First of some paths that is a file. */
export function firstFile(paths: readonly string[]): string | undefined {
  return paths.find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
}

/** The C library that this process uses: the launcher's is the same. Throws when there is none that is known. */
export function libcPath(): string {
  const maps = Deno.readTextFileSync("/proc/self/maps");
  const path = /\s(\/\S*\/libc(?:-[\d.]+)?\.so(?:\.6)?)$/m.exec(maps)?.[1];
  if (path === undefined) throw new Error("this process uses no C library that Realm knows (glibc)");
  return path;
}

/** Whether this process is root, in its own eyes. */
export const isRoot = (): boolean => Deno.uid() === 0;

/** Users that exist here beside those of the system: first number, and how many. */
export function userRange(
  idMap = Deno.readTextFileSync("/proc/self/uid_map"),
): { first: number; count: number } {
  const { firstUser, users, smallFirstUser, smallUsers } = nativeLimits;
  const mapped = idMap.trim().split("\n").map((line) => line.trim().split(/\s+/).map(Number));
  const holds = (from: number, count: number) =>
    mapped.some(([inside, , length]) => inside <= from && from + count <= inside + length);
  return holds(firstUser, users)
    ? { first: firstUser, count: users }
    : { first: smallFirstUser, count: smallUsers };
}

/**
 * A user that nobody is: by chance among very many, or, where there are few, looked for among the processes. The first
 * of the range is no user but the group that all runs have in common.
 */
export function freeUser(): number {
  const { first, count } = userRange();
  for (;;) {
    const uid = first + 1 + crypto.getRandomValues(new Uint32Array(1))[0] % (count - 1);
    if (first === nativeLimits.firstUser || processesOf(uid).length === 0) return uid;
  }
}

/** The group that lets runs pass through directories which are closed to all others. */
export const passGroup = (): number => userRange().first;
