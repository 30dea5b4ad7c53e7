/**
 * The beginning of a portable file for Windows, where there is no shell that could be a prelude: a small program in C,
 * compiled by clang and linked by LLD, which know both architectures and need no Windows headers or libraries for it.
 * Same sources, values and compiler, same bytes.
 */
import { fileURLToPath } from "node:url";
import { RealmError } from "../../agent/protocol/errors.ts";
import type { Target } from "../table.ts";

/** What the build writes into the stub: names as in its sources. Texts become wide unless they are `bytes`. */
export interface StubValues {
  readonly texts: Readonly<Record<string, string>>;
  readonly bytes: Readonly<Record<string, string>>;
  readonly numbers: Readonly<Record<string, number>>;
  /** Variables that the runtime starts with. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Bytes that a stub takes in the file: the payload begins behind them, whatever the compiler made of the sources. */
export const STUB_SIZE = 32 * 1024;

const SOURCES = ["imports.S", "start.c", "unpack.c", "system.c", "inflate.c"];
const COMPILE = ["-c", "-std=c17", "-O2", "-ffreestanding", "-nostdlibinc", "-fno-ident"];
const WARNINGS = ["-Wall", "-Wextra", "-Werror"];
/** A console program that begins in `start()`. */
const LINK = ["/entry:start", "/subsystem:console"];

/** The compiler and linker, and how to get them. */
const TOOLS = ["clang", "lld-link"] as const;
const INSTALL = "apt-get install -y clang lld";

/** What a command printed; `undefined` when it cannot be started. */
export async function outputOf(
  command: string,
  args: readonly string[],
): Promise<Deno.CommandOutput | undefined> {
  try {
    return await new Deno.Command(command, { args: [...args], stdin: "null" }).output();
  } catch {
    return undefined;
  }
}

/** Why this machine cannot make a stub; `undefined` when it can. */
export async function missingCompiler(): Promise<string | undefined> {
  const missing: string[] = [];
  for (const tool of TOOLS) if (!(await outputOf(tool, ["--version"]))?.success) missing.push(tool);
  if (missing.length === 0) return undefined;
  const which = `${missing.join(" and ")} ${missing.length === 1 ? "is" : "are"}`;
  return `it begins with a stub that is compiled, and ${which} not installed (${INSTALL})`;
}

/** `config.h`. */
function configuration({ texts, bytes, numbers, environment }: StubValues): string {
  const literal = (text: string) => {
    if (/^[\x20-\x7e]*$/.test(text)) return JSON.stringify(text);
    throw new Error(`the stub takes plain ASCII only, not ${JSON.stringify(text)}`);
  };
  return [
    ...Object.entries(texts).map(([name, text]) => `#define ${name} u${literal(text)}`),
    ...Object.entries(bytes).map(([name, text]) => `#define ${name} ${literal(text)}`),
    ...Object.entries(numbers).map(([name, value]) => `#define ${name} ${value}`),
    `#define ENVIRONMENT ${
      Object.entries(environment).map(([name, value]) => `{u${literal(name)}, u${literal(value)}}`).join(", ")
    }`,
    "",
  ].join("\n");
}

async function run(command: string, args: readonly string[]): Promise<void> {
  const output = await outputOf(command, args);
  if (output?.success) return;
  const said = [output?.stdout, output?.stderr].map((bytes) => new TextDecoder().decode(bytes)).join("")
    .trim();
  throw new RealmError(
    "failed",
    output
      ? `the stub for Windows cannot be made, ${command} says:\n${said}`
      : `${command} cannot be started; install it (${INSTALL})`,
  );
}

/** Compiles and links the stub for a target; {@link STUB_SIZE} bytes. Throws `RealmError("failed")`. */
export async function stub(target: Target, values: StubValues): Promise<Uint8Array<ArrayBuffer>> {
  const made = await program(target, SOURCES, { config: configuration(values) });
  if (made.length > STUB_SIZE) {
    throw new RealmError("failed", `the stub for Windows has ${made.length} bytes, more than ${STUB_SIZE}`);
  }
  const padded = new Uint8Array(STUB_SIZE);
  padded.set(made);
  return padded;
}

/**
 * Compiles C and assembler sources beside this module into an executable without a C library. `config` becomes
 * `config.h`; `link` is for the linker. Throws `RealmError("failed")`.
 */
export async function program(
  target: Target,
  sources: readonly string[],
  { config = "", link = LINK }: { readonly config?: string; readonly link?: readonly string[] } = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const dir = await Deno.makeTempDir({ prefix: "realm-stub-" });
  const source = fileURLToPath(new URL(".", import.meta.url));
  try {
    await Deno.writeTextFile(`${dir}/config.h`, config);
    const objects: string[] = [];
    for (const name of sources) {
      const object = `${dir}/${objects.length}.obj`;
      const args = [...COMPILE, ...WARNINGS, `--target=${target.triple}`, `-I${dir}`, `${source}${name}`];
      await run("clang", [...args, "-o", object]);
      objects.push(object);
    }
    await run("lld-link", ["/nodefaultlib", "/brepro", ...link, `/out:${dir}/made.exe`, ...objects]);
    return await Deno.readFile(`${dir}/made.exe`);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}
