/**
 * Wine, by which files for windows/amd64 are started on Linux. Its prefix (the directory that is a Windows to it) is made
 * once and kept beside the build's other caches. Wine 8 lacks what the runtime asks for; the prefix gets it, see
 * `testing/wine_shim.c`. The files that are tried are what a build made.
 */
import { targetOf } from "../table.ts";
import { missingCompiler, outputOf, program } from "./stub.ts";

/** Where Debian has it; its package names no command in the path. */
const LOADERS = ["wine64", "wine", "/usr/lib/wine/wine64", "/usr/bin/wine"];
const INSTALL = "apt-get install -y --no-install-recommends wine64";

/** A Wine that is ready. */
export interface Wine {
  /** As it says itself. */
  readonly version: string;
  /** Whether the prefix got what this Wine lacks. */
  readonly patched: boolean;
  /** A command that starts a Windows program; `env` is all that it gets besides what Wine needs. */
  command(file: string, options: WineOptions): Deno.Command;
}

/** How a Windows program is started. */
export interface WineOptions extends Pick<Deno.CommandOptions, "cwd" | "stdin" | "stdout" | "stderr"> {
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** A path here as a Windows program under Wine names it. */
export const winePath = (path: string): string => `Z:${path.replaceAll("/", "\\")}`;

/** Wine with a prefix under `cacheDir`, or why there is none. */
export async function wineIn(cacheDir: string): Promise<Wine | string> {
  if (Deno.build.target !== "x86_64-unknown-linux-gnu") return "Wine is used on linux/amd64 only";
  const found = await loader();
  if (!found) return `Wine is not installed (${INSTALL})`;
  const missing = await missingCompiler();
  if (missing) return missing;
  const { path, version } = found;
  const prefix = `${cacheDir}/${version.replaceAll(/[^\w.-]+/g, "_")}`;
  const environment = (prefix: string) => ({
    PATH: Deno.env.get("PATH") ?? "",
    HOME: Deno.env.get("HOME") ?? cacheDir,
    LC_ALL: "C.UTF-8",
    WINEPREFIX: prefix,
    WINEDEBUG: "-all",
    // No browser engine and no .NET, for which it would ask.
    WINEDLLOVERRIDES: "mscoree=;mshtml=",
  });
  if (!await present(prefix)) {
    const made = `${prefix}.${crypto.randomUUID()}`;
    await Deno.mkdir(made, { recursive: true });
    const { success } = await new Deno.Command(path, {
      args: ["wineboot", "--init"],
      clearEnv: true,
      env: environment(made),
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).output();
    const system = `${made}/drive_c/windows/system32`;
    if (!success || !await present(`${system}/kernel32.dll`)) {
      return `Wine cannot make a prefix (${version}, in ${made})`;
    }
    if (!await present(`${system}/bcryptprimitives.dll`)) {
      await Deno.writeFile(`${system}/bcryptprimitives.dll`, await shim());
      await Deno.writeTextFile(`${made}/patched`, "");
    }
    // Two at once: the later one uses the other's.
    await Deno.rename(made, prefix).catch(() => Deno.remove(made, { recursive: true }));
  }
  // Wine's own processes inherit the streams of whoever is first, and stay while any program runs: one without streams is
  // first, and runs as long as this process.
  const quiet = { clearEnv: true, env: environment(prefix), stdout: "null", stderr: "null" } as const;
  new Deno.Command(path, { ...quiet, args: ["cmd", "/q"], stdin: "piped" }).spawn().unref();
  await new Deno.Command(path, { ...quiet, args: ["cmd", "/c", "exit"], stdin: "null" }).output();
  return {
    version,
    patched: await present(`${prefix}/patched`),
    command: (file, { args, env, ...options }) =>
      new Deno.Command(path, {
        ...options,
        args: [file, ...args],
        clearEnv: true,
        env: { ...environment(prefix), ...env },
      }),
  };
}

const present = (path: string) => Deno.stat(path).then(() => true, () => false);

async function loader(): Promise<{ path: string; version: string } | undefined> {
  for (const path of LOADERS) {
    const said = await outputOf(path, ["--version"]);
    const version = said?.success ? new TextDecoder().decode(said.stdout).trim() : "";
    if (version.startsWith("wine-")) return { path, version };
  }
}

const shim = () =>
  program(targetOf("windows/amd64"), ["testing/wine_shim_imports.S", "testing/wine_shim.c"], {
    link: ["/dll", "/entry:attach", "/export:ProcessPrng"],
  });
