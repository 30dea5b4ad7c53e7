/**
 * macOS: a sandbox profile (sandbox_init(3), the language of `sandbox-exec`) and limits of a shell in front of the
 * program. Written by its documentation and by the profiles that the system ships; not tried on a machine.
 */
import { RealmError } from "../../protocol/errors.ts";
import { nativeLimits } from "../../protocol/native_limits.ts";
import type { ProgramSpec } from "../program.ts";
import type { LauncherCommand } from "./launch_command.ts";

/** Where programs and libraries are. */
const SYSTEM = ["/usr", "/bin", "/sbin", "/System", "/Library/Apple", "/Library/Developer", "/opt/homebrew"];
/** Files that every program reads. */
const SETTINGS = [
  "/private/etc/localtime",
  "/private/etc/passwd",
  "/private/etc/group",
  "/private/etc/services",
  "/private/etc/protocols",
  "/private/etc/ssl",
  "/private/var/db/timezone",
];
const DEVICES = ["/dev/null", "/dev/zero", "/dev/random", "/dev/urandom", "/dev/dtracehelper", "/dev/fd"];
const PROGRAM_PATH = "/usr/local/bin:/opt/homebrew/bin:/usr/bin:/bin:/usr/sbin:/sbin";

/** A path as the profile language quotes it. */
function quoted(path: string): string {
  if (/[\0\n\r]/.test(path)) {
    throw new RealmError("failed", `${JSON.stringify(path)} cannot stand in a sandbox profile.`);
  }
  return `"${path.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

/** The profile of a program: everything is denied but what is named. The last rule that fits counts. */
export function sandboxProfile({ root, read, network }: ProgramSpec): string {
  const trees = (paths: readonly string[]) => paths.map((path) => `(subpath ${quoted(path)})`).join(" ");
  const files = (paths: readonly string[]) => paths.map((path) => `(literal ${quoted(path)})`).join(" ");
  return [
    "(version 1)",
    "(deny default)",
    "(allow process-fork)",
    "(allow signal (target same-sandbox))",
    "(allow sysctl-read)",
    // Programs look at every directory on the way to a file.
    "(allow file-read-metadata)",
    `(allow process-exec file-read* ${trees([...SYSTEM, ...read, root])})`,
    `(allow file-read* ${trees(SETTINGS)} ${files(["/", "/private", "/private/etc", "/private/var"])})`,
    `(allow file-read* file-write-data ${files(DEVICES)})`,
    `(allow file-write* ${trees([root])})`,
    ...(network === "full" ? ["(allow network*)", "(allow system-socket)"] : []),
    ...(typeof network === "object"
      ? network.connect.map((port) => `(allow network-outbound (remote tcp "*:${port}"))`)
      : []),
    "",
  ].join("\n");
}

/**
 * The command line: a shell sets the limits, which hold for everything after it, and becomes the sandbox, which becomes
 * the program. Arguments are passed on as they are; none of them is read as a script.
 */
export function darwinCommand(spec: ProgramSpec): LauncherCommand {
  const kib = spec.diskMb * 1024;
  const limits = [
    "ulimit -c 0",
    `ulimit -n ${Math.min(nativeLimits.openFiles, 10_240)}`,
    `ulimit -u ${spec.pids}`,
    // Of files in blocks of 512 bytes.
    `ulimit -f ${kib * 2}`,
  ].join(" && ");
  const within = `${spec.root}${spec.workingDir === "/" ? "" : spec.workingDir}`;
  return {
    command: "/bin/sh",
    args: [
      "-c",
      `${limits} && cd "$1" && shift && exec /usr/bin/sandbox-exec "$@"`,
      "realm",
      within,
      "-p",
      sandboxProfile(spec),
      ...spec.argv,
    ],
    env: {
      PATH: PROGRAM_PATH,
      LANG: "C.UTF-8",
      HOME: spec.root,
      TMPDIR: `${spec.root}/tmp`,
      ...spec.env,
      REALM_ROOT: spec.root,
    },
  };
}
