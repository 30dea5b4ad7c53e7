/**
 * The compilers that the examples (and test fixtures) need, and how they are called: clang with wasi-libc from Debian
 * packages for C, and the component tools from npm in a process of their own (`tools/`), so that their dependencies do not
 * become Realm's.
 */

import { fileURLToPath } from "node:url";

/** The Debian 12 packages with which C becomes WebAssembly: compiler, linker, C library, compiler run-time library. */
export const CLANG_PACKAGES: readonly string[] = [
  "clang",
  "lld",
  "wasi-libc",
  "libclang-rt-14-dev-wasm32",
];

const TOOLS = new URL("./tools/", import.meta.url);
const decoder = new TextDecoder();
const textOf = (path: string | URL) => Deno.readTextFile(path);

/** Runs a program to its end; throws with what it printed when it fails. */
async function run(program: string, args: readonly string[]): Promise<string> {
  const output = await new Deno.Command(program, { args: [...args], stdin: "null" }).output();
  const said = decoder.decode(output.stdout) + decoder.decode(output.stderr);
  if (!output.success) {
    throw new Error(`${program} failed (${output.signal ?? `exit code ${output.code}`}):\n${said.trim()}`);
  }
  return said;
}

/** Whether `path` exists. */
export async function exists(path: string | URL): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch {
    return false;
  }
}

/** What keeps C from being built here, in words; empty when everything stands. Tries by compiling three lines. */
export async function missingForC(): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "realm-toolchain-" });
  try {
    await Deno.writeTextFile(
      `${folder}/try.c`,
      '#include <stdio.h>\nint main(void) { return puts("") < 0; }\n',
    );
    await run("clang", ["--target=wasm32-wasi", `${folder}/try.c`, "-o", `${folder}/try.wasm`]);
    return "";
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return "clang is not installed";
    const said = cause instanceof Error ? cause.message : String(cause);
    if (said.includes("stdio.h")) return "wasi-libc (the C library for WebAssembly) is not installed";
    if (said.includes("libclang_rt")) return "clang's run-time library for wasm32 is not installed";
    if (said.includes("wasm-ld")) return "wasm-ld (the linker, package lld) is not installed";
    return said;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Whether this process may install Debian packages: apt-get is there and it runs as root. */
export async function canInstall(): Promise<boolean> {
  return Deno.build.os === "linux" && Deno.uid() === 0 && await exists("/usr/bin/apt-get");
}

/**
 * Makes sure that C can be built. With `install`, installs {@link CLANG_PACKAGES} where it may, announced on stderr.
 * Throws one sentence that says what is missing and the command that installs it.
 */
export async function ensureClang(install = false): Promise<void> {
  let missing = await missingForC();
  if (missing && install && await canInstall()) {
    console.error(`installing ${CLANG_PACKAGES.join(" ")} (${missing})`);
    await run("apt-get", ["update", "-q"]);
    await run("env", [
      "DEBIAN_FRONTEND=noninteractive",
      "apt-get",
      "install",
      "-y",
      "-q",
      "--no-install-recommends",
      ...CLANG_PACKAGES,
    ]);
    missing = await missingForC();
  }
  if (missing) {
    throw new Error(
      `C cannot be built for WebAssembly here: ${missing}. On Debian 12 install it with ` +
        `"apt-get install -y ${CLANG_PACKAGES.join(" ")}" (as root), or pass --install.`,
    );
  }
}

/** One call of clang: what becomes of which sources. */
export interface CompileOptions {
  readonly sources: readonly string[];
  readonly out: string;
  /** `command` has `main`; `reactor` is called by its exports, as a wasi:http component is. */
  readonly model: "command" | "reactor";
  readonly include?: readonly string[];
  readonly flags?: readonly string[];
}

/** The flags of every C build; part of a build's cache key. */
export const C_FLAGS: readonly string[] = [
  "--target=wasm32-wasi",
  "-std=gnu17",
  "-O2",
  "-Wall",
  "-Wextra",
  "-Werror",
  "-Wl,--strip-all",
  // The stack lies below the data, so that an overflow traps instead of overwriting variables.
  "-Wl,--stack-first",
  "-Wl,-z,stack-size=262144",
];

/** Compiles C to a WASI preview 1 core module. Needs {@link ensureClang}. */
export async function compileC(options: CompileOptions): Promise<void> {
  await run("clang", [
    ...C_FLAGS,
    `-mexec-model=${options.model}`,
    ...(options.include ?? []).map((folder) => `-I${folder}`),
    ...(options.flags ?? []),
    ...options.sources,
    "-o",
    options.out,
  ]);
}

async function tool(name: string, args: readonly string[]): Promise<void> {
  const at = (file: string) => fileURLToPath(new URL(file, TOOLS));
  const lock = ["--config", at("tools.json"), "--lock", at("tools.lock"), "--frozen"];
  await run(Deno.execPath(), ["run", "-A", "-q", ...lock, at(name), ...args]);
}

/** Makes a WASI 0.2 component of a preview 1 core module (reactor) for the world in the WIT file. About 0.3 s. */
export function componentFromCore(wit: string, core: string, out: string): Promise<void> {
  return tool("component.ts", [wit, core, out]);
}

/** Makes a WASI 0.2 component of a preview 1 core module with `main`, to be run as a command. */
export function commandFromCore(core: string, out: string): Promise<void> {
  return tool("component.ts", ["--command", core, out]);
}

/** Makes a WASI 0.2 component of a JavaScript module with a `fetch` event handler. About 10 s and 12 MB. */
export function componentFromJavaScript(wit: string, script: string, out: string): Promise<void> {
  return tool("js_component.ts", [wit, script, out]);
}

/** Bundles a script and what it imports into one minified file. */
export async function bundleScript(script: string, out: string): Promise<void> {
  await run(Deno.execPath(), ["bundle", "-q", "--platform", "browser", "--minify", "-o", out, script]);
}

/** What identifies the component tools in a cache key. */
export async function toolsKey(): Promise<string> {
  const files = ["tools.lock", "component.ts", "js_component.ts"];
  return (await Promise.all(files.map((file) => textOf(new URL(file, TOOLS))))).join("\0");
}
