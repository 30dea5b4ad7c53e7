/**
 * How this program starts itself again: from source, as a bundle that a runtime runs (the portable single file unpacks
 * to that), or as a compiled executable.
 */
import type { Platform } from "../protocol/executable.ts";

/** A command line. */
export interface SelfCommand {
  readonly command: string;
  readonly args: readonly string[];
}

/** What a build leaves in the global scope in front of the bundle's code. */
export interface BuildMark {
  readonly version: string;
}

/** Key of the {@link BuildMark}. */
export const BUILD_MARK = Symbol.for("realm.build");

/** The mark of the build that this program comes from; `undefined` when it runs from source. */
export const buildMark = (): BuildMark | undefined =>
  (globalThis as Record<symbol, unknown>)[BUILD_MARK] as BuildMark | undefined;

/** Deno flags of a run from source, in front of the permissions. */
const SOURCE_FLAGS = ["run", "--quiet"] as const;
/** Deno flags of a bundle, in front of the permissions: nothing around it may change what runs. */
export const BUNDLE_FLAGS = [
  "run",
  "--quiet",
  "--no-config",
  "--no-lock",
  "--no-check",
  "--cached-only",
  "--no-remote",
  "--no-npm",
  "--node-modules-dir=none",
  "--unstable-worker-options",
  "--unstable-no-legacy-abort",
] as const;
/** Deno flags of a process that may do everything and never asks. */
export const ALL_PERMISSIONS = ["-A", "--no-prompt"] as const;
/** Environment that a bundle's runtime needs besides. */
export const BUNDLE_ENVIRONMENT = { DENO_NO_UPDATE_CHECK: "1", DENO_NO_PACKAGE_JSON: "1" } as const;
/**
 * Deno flags of the agent, which keep it small while idle: the young generation otherwise stays as large as it grew while
 * starting (13 MB). The code cache is worth its memory: 1.2 MB, for 150 ms of the start.
 */
export const AGENT_FLAGS = ["--v8-flags=--max-semi-space-size=1"] as const;
/** Environment of the agent, to the same end: one malloc arena (3 MB), no question for a newer Deno (2 MB of TLS code). */
export const AGENT_ENVIRONMENT = { MALLOC_ARENA_MAX: "1", DENO_NO_UPDATE_CHECK: "1" } as const;

/** A file URL's path as the operating system writes it. */
export function filePath(url: URL): string {
  const path = decodeURIComponent(url.pathname);
  return Deno.build.os === "windows" ? path.replace(/^\/([A-Za-z]:)/, "$1") : path;
}

/**
 * The command that runs the module at the file URL `module` of this program with `args`. `permissions` are Deno's flags
 * (default: all). A compiled executable has one module and baked-in permissions: there, `module` and `permissions`
 * say nothing, so that `args` must say it all and a child gives up by itself what it does not need.
 */
export function selfCommand(
  module: string,
  args: readonly string[],
  permissions: readonly string[] = ALL_PERMISSIONS,
): SelfCommand {
  if (Deno.build.standalone) return { command: Deno.execPath(), args };
  const flags = buildMark() ? BUNDLE_FLAGS : SOURCE_FLAGS;
  return { command: Deno.execPath(), args: [...flags, ...permissions, filePath(new URL(module)), ...args] };
}

/** The platform that this program runs on, as Realm names it. */
export const thisPlatform = (): Platform =>
  `${Deno.build.os === "windows" || Deno.build.os === "darwin" ? Deno.build.os : "linux"}/${
    Deno.build.arch === "x86_64" ? "amd64" : "arm64"
  }`;

/** The file that a person starts this program by; `undefined` when it runs from source. */
export function selfExecutable(): string | undefined {
  if (Deno.build.standalone) return Deno.execPath();
  return buildMark() && Deno.env.get("REALM_EXE");
}
