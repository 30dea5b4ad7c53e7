/** The command line that starts a launcher, alone or inside namespaces of its own. */
import type { SandboxLevel } from "../../protocol/policy.ts";
import { firstFile, isRoot } from "./machine.ts";

/** A command line. */
export interface LauncherCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** Makes the command of a process that calls `launch(libc)`, with no right but to call that library. */
export type SpawnLauncher = (libc: string) => LauncherCommand;

/** Deno's flags for a launcher: it may call the C library and ask for nothing else. */
export const launcherFlags = (libc: string): readonly string[] => ["--no-prompt", `--allow-ffi=${libc}`];

/** Launchers from source: `entry` is the path of `launcher/entry.ts`. */
export function sourceLauncher(entry: string): SpawnLauncher {
  return (libc) => ({
    command: Deno.execPath(),
    args: [
      "run",
      "--quiet",
      "--no-config",
      "--no-lock",
      "--no-check",
      "--cached-only",
      "--no-remote",
      ...launcherFlags(libc),
      entry,
      libc,
    ],
    env: launcherEnvironment(),
  });
}

/** The little that a Deno process needs. */
export function launcherEnvironment(): Record<string, string> {
  const env: Record<string, string> = { DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" };
  for (const name of ["DENO_DIR", "HOME"]) {
    const value = Deno.env.get(name);
    if (value !== undefined) env[name] = value;
  }
  return env;
}

/** Programs of util-linux. `unshare` forks for a pid namespace, which no process with threads can do for itself. */
const UNSHARE = ["/usr/bin/unshare", "/bin/unshare"], SETPRIV = ["/usr/bin/setpriv", "/bin/setpriv"];

/** The same inside namespaces. A string says why that cannot be. */
export function namespacedCommand(launcher: LauncherCommand, ownNetwork: boolean): LauncherCommand | string {
  const unshare = firstFile(UNSHARE), setpriv = firstFile(SETPRIV);
  if (!unshare || !setpriv) return "the programs unshare and setpriv are missing: install util-linux";
  return {
    command: setpriv,
    args: [
      // Ends with the agent, and with it everything in the pid namespace.
      "--pdeathsig",
      "KILL",
      "--",
      unshare,
      ...(isRoot() ? [] : ["--user", "--map-current-user", "--keep-caps"]),
      "--mount",
      "--pid",
      "--ipc",
      "--uts",
      ...(ownNetwork ? ["--net"] : []),
      "--fork",
      "--kill-child=SIGKILL",
      "--",
      launcher.command,
      ...launcher.args,
    ],
    env: launcher.env,
  };
}

/** The command for a level. */
export function commandFor(
  level: SandboxLevel,
  launcher: LauncherCommand,
  ownNetwork: boolean,
): LauncherCommand | string {
  return level === "floor" ? launcher : namespacedCommand(launcher, ownNetwork);
}
