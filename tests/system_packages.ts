/**
 * Debian packages that suites need beside Deno, in one place: the test command installs them where it may, and suites
 * ask here what to name when something is missing. Names as in Debian 12 (bookworm).
 */

/** A suite's packages, and the files by which their presence is known. */
export interface SystemNeeds {
  readonly packages: readonly string[];
  /** Absolute paths, all of which must exist. */
  readonly files: readonly string[];
}

/** Suite → what it needs. */
export const systemPackages = {
  /** C guests for WASI preview 1: compiler, linker (`wasm-ld`), C library and compiler runtime for wasm32. */
  wasi: {
    packages: ["clang", "lld", "wasi-libc", "libclang-rt-14-dev-wasm32"],
    files: [
      "/usr/bin/clang",
      "/usr/bin/wasm-ld",
      "/usr/include/wasm32-wasi/wasi/api.h",
      "/usr/lib/llvm-14/lib/clang/14.0.6/lib/wasi/libclang_rt.builtins-wasm32.a",
    ],
  },
  /** Programs in C for the native runtime's sandbox. */
  native: {
    packages: ["clang", "util-linux"],
    files: ["/usr/bin/clang", "/usr/include/stdio.h", "/usr/bin/unshare", "/usr/bin/setpriv"],
  },
  /** The dashboard's tests drive a real browser. */
  browser: { packages: ["chromium"], files: ["/usr/bin/chromium"] },
} as const satisfies Record<string, SystemNeeds>;

/** Name of a suite that needs system packages. */
export type SuiteName = keyof typeof systemPackages;

/** Files of a suite's needs that are not there. */
export function missingFiles(suite: SuiteName): readonly string[] {
  const there = (path: string) => {
    try {
      Deno.statSync(path);
      return true;
    } catch {
      return false;
    }
  };
  return systemPackages[suite].files.filter((path) => !there(path));
}

/**
 * Whether a suite can run. When it cannot: throws with `CI=true`, since a suite left out is a failure there, else
 * prints one line that says what to install.
 */
export function canRun(suite: SuiteName): boolean {
  const line = leftOut(suite, missingFiles(suite), Deno.env.get("CI") === "true");
  if (line !== undefined) console.log(line);
  return line === undefined;
}

/** The line that says that a suite is left out, `undefined` when nothing is missing; throws it when `strict`. */
export function leftOut(suite: SuiteName, missing: readonly string[], strict: boolean): string | undefined {
  if (missing.length === 0) return undefined;
  const line = `left out: suite ${suite} needs ${missing.join(", ")} ` +
    `(apt-get install -y ${systemPackages[suite].packages.join(" ")})`;
  if (strict) throw new Error(line);
  return line;
}
