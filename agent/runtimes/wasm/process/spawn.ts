/** How a child process is started. */
import { RealmError } from "../../../protocol/errors.ts";
import type { RunSpec } from "../../runtime.ts";
import { OutboundRules } from "../host/outbound.ts";

/** What a child process may do: scopes of Deno's permissions. */
export interface ChildPermissions {
  readonly read: readonly string[];
  readonly write: readonly string[];
  readonly net: readonly string[];
}
/** A command line. */
export interface ChildCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
}
/** Makes the command line of a child that runs `runWasmChild()` with these permissions. */
export type SpawnChild = (permissions: ChildPermissions) => ChildCommand;

/** The permissions that a run needs. Throws `RealmError("bad_request")` for a path that cannot be a scope. */
export function permissionsOf(spec: RunSpec): ChildPermissions {
  const paths = [spec.wasm, ...spec.mounts.map(({ host }) => host)];
  const bad = paths.find((path) => path.includes(","));
  if (bad !== undefined) {
    throw new RealmError(
      "bad_request",
      `Path ${bad} has a comma in it, which permission scopes cannot express.`,
    );
  }
  return {
    read: paths,
    write: spec.mounts.filter(({ readOnly }) => !readOnly).map(({ host }) => host),
    net: OutboundRules.permissions(spec.outbound),
  };
}

/** Deno's flags for permissions: what is not named is refused without asking. */
export function permissionFlags({ read, write, net }: ChildPermissions): string[] {
  const scoped = (name: string, scopes: readonly string[]) =>
    scopes.length === 0 ? [] : [`--allow-${name}=${scopes.join(",")}`];
  return ["--no-prompt", ...scoped("read", read), ...scoped("write", write), ...scoped("net", net)];
}

/**
 * Children from source: `deno run FLAGS entry ARGS`. `sources`: directories that the child's code is read from.
 */
export function denoChild(entry: string, args: readonly string[], sources: readonly string[]): SpawnChild {
  return (permissions) => ({
    command: Deno.execPath(),
    args: [
      "run",
      "--unstable-worker-options",
      "--no-check",
      "--cached-only",
      "--no-remote",
      ...permissionFlags({ ...permissions, read: [...permissions.read, ...sources] }),
      entry,
      ...args,
    ],
    env: environment(),
  });
}

/** The little that a Deno process needs; nothing of the agent's own. */
export function environment(): Record<string, string> {
  const env: Record<string, string> = { DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" };
  for (const name of ["DENO_DIR", "HOME", "TMPDIR", "SYSTEMROOT", "USERPROFILE", "LOCALAPPDATA"]) {
    const value = Deno.env.get(name);
    if (value !== undefined) env[name] = value;
  }
  return env;
}
