/** Builds the guest book: `deno run -A examples/guestbook/build.ts [--version X.Y.Z] [--out DIR] [--install]`. */
import { crc32 } from "node:zlib";
import { join } from "node:path";
import {
  assemble,
  buildFromArgs,
  type BuildOptions,
  type BuiltPackage,
  cachedFile,
  contentKey,
  filesBelow,
  folderOf,
} from "../lib/assemble.ts";
import { C_FLAGS, compileC, componentFromCore, ensureClang, toolsKey } from "../lib/toolchain.ts";

const EXAMPLE = folderOf(import.meta.url);
const LIB = join(EXAMPLE, "..", "lib");
const WIT = join(LIB, "wit", "http_app.wit");

/** One card of `seed.json`: the book that a new volume begins with. */
interface SeedCard {
  readonly at: string;
  readonly stamp: string;
  readonly name: string;
  readonly message: string;
  readonly hearts: number;
}

/** The seed cards in the file format of `src/book.h`. */
export function seedLog(cards: readonly SeedCard[]): string {
  const escape = (text: string) =>
    text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll("\t", "\\t");
  const lines: string[] = [];
  const add = (...fields: string[]) => {
    const body = fields.join("\t");
    lines.push(`${crc32(body).toString(16).padStart(8, "0")}\t${body}\n`);
  };
  cards.forEach((card, index) => {
    const time = Date.parse(card.at);
    const id = time.toString(16).padStart(11, "0") + index.toString(16).padStart(5, "0");
    add("E", id, String(time), card.stamp, escape(card.name), escape(card.message));
    for (let i = 0; i < card.hearts; i++) add("H", id, String(time));
  });
  return lines.join("");
}

/** Compiles the component, unless it stands already for the same sources. */
export async function buildComponent(options: BuildOptions = {}): Promise<string> {
  const say = options.say ?? console.error;
  const own = (await filesBelow(join(EXAMPLE, "src"))).map((file) => join(EXAMPLE, "src", file));
  const lib = ["wasi_http.h", "wasi_http.c", "http_text.c"].map((file) => join(LIB, file));
  const key = await contentKey([...own, ...lib, WIT], [...C_FLAGS, await toolsKey()]);
  const built = await cachedFile(EXAMPLE, "component.wasm", key, async (out) => {
    await ensureClang(options.install);
    say("guestbook: compiling C");
    const core = `${out}.core`;
    await compileC({
      sources: [...own, ...lib].filter((file) => file.endsWith(".c")),
      include: [LIB],
      model: "reactor",
      out: core,
    });
    say("guestbook: making the component");
    await componentFromCore(WIT, core, out);
    await Deno.remove(core);
  });
  return built.path;
}

/** Builds component and package directory. */
export async function build(options: BuildOptions = {}): Promise<BuiltPackage> {
  const component = await buildComponent(options);
  const cards: SeedCard[] = JSON.parse(await Deno.readTextFile(join(EXAMPLE, "seed.json")));
  const built = await assemble({
    name: "guestbook",
    example: EXAMPLE,
    version: options.version ?? "1.0.0",
    out: options.out,
    component,
    made: new Map([["seed-data/guestbook.log", seedLog(cards)]]),
  });
  const say = options.say ?? console.error;
  say(`guestbook ${built.version}: ${built.cached ? "unchanged" : "built"}, ${built.directory}`);
  return built;
}

if (import.meta.main) await buildFromArgs(build);
