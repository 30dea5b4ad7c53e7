/**
 * Builds the guests of the suite from `guests/*.c` into `.cache/wasi/`, once per content of the sources and flags.
 * By hand: `deno run -A tests/wasi/build.ts`.
 */
import { toHex, utf8 } from "../../agent/protocol/encoding.ts";
import { systemPackages } from "../system_packages.ts";

const sources = new URL("guests/", import.meta.url);
const cache = new URL("../../.cache/wasi/", import.meta.url);
const [compiler] = systemPackages.wasi.files;
const hostFlags = ["-O1", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function"];
const guestFlags = ["--target=wasm32-wasi", ...hostFlags];
/** Guests built at once: compilers are short and the machine is shared. */
const AT_ONCE = 2;

/** Builds what is not built yet and returns the module's path for each guest. Throws with the compiler's words. */
export async function buildGuests(): Promise<ReadonlyMap<string, string>> {
  const names = [...Deno.readDirSync(sources)].map((e) => e.name).filter((n) => n.endsWith(".c")).sort();
  const header = await Deno.readTextFile(new URL("check.h", sources));
  await Deno.mkdir(cache, { recursive: true });
  const built = new Map<string, string>();
  const pending = [...names];
  const work = async () => {
    for (let name = pending.shift(); name !== undefined; name = pending.shift()) {
      built.set(name.slice(0, -2), await build(name, header));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return built;
}

/** Builds a guest that needs no header of the suite as a program of the host, and returns its path. */
export async function buildForHost(name: string): Promise<string> {
  await Deno.mkdir(cache, { recursive: true });
  return await build(`${name}.c`, "", hostFlags, "");
}

async function build(name: string, header: string, flags = guestFlags, ending = ".wasm"): Promise<string> {
  const source = new URL(name, sources);
  const text = await Deno.readTextFile(source);
  const digest = await crypto.subtle.digest(
    "SHA-256",
    utf8([header, text, ...flags].join("\0")) as Uint8Array<ArrayBuffer>,
  );
  const file = `${name.slice(0, -2)}-${toHex(new Uint8Array(digest)).slice(0, 16)}${ending}`;
  const out = new URL(file, cache).pathname;
  if (await exists(out)) return out;
  const partial = `${out}.${crypto.randomUUID()}`;
  const { success, stderr } = await new Deno.Command(compiler, {
    args: [...flags, "-o", partial, name],
    cwd: sources,
  }).output();
  if (!success) throw new Error(`${name} does not build:\n${new TextDecoder().decode(stderr)}`);
  await Deno.rename(partial, out);
  return out;
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch {
    return false;
  }
}

if (import.meta.main) { for (const [name, path] of await buildGuests()) console.log(`${name}\t${path}`); }
