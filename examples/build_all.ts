/** Builds every example: `deno run -A examples/build_all.ts [--install]`; prints one package directory a line. */
import type { Build, BuildOptions, BuiltPackage } from "./lib/assemble.ts";
import { build as helloSite } from "./hello-site/build.ts";
import { build as guestbook } from "./guestbook/build.ts";
import { build as jsApi } from "./js-api/build.ts";

/** The examples by name. */
export const EXAMPLES: Readonly<Record<string, Build>> = {
  "hello-site": helloSite,
  "guestbook": guestbook,
  "js-api": jsApi,
};

/** Builds every example, one after the other. */
export async function buildAll(options: BuildOptions = {}): Promise<BuiltPackage[]> {
  const built: BuiltPackage[] = [];
  for (const build of Object.values(EXAMPLES)) built.push(await build(options));
  return built;
}

if (import.meta.main) {
  try {
    const install = Deno.args.includes("--install");
    for (const { directory } of await buildAll({ install })) console.log(directory);
  } catch (cause) {
    console.error(cause instanceof Error ? cause.message : cause);
    Deno.exit(1);
  }
}
