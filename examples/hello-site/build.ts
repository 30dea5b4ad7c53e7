/** Builds the static site: `deno run -A examples/hello-site/build.ts [--version X.Y.Z] [--out DIR]`. */
import { assemble, buildFromArgs, type BuildOptions, type BuiltPackage, folderOf } from "../lib/assemble.ts";

/** Writes the site's package directory; the version shows on every page and in every asset. */
export async function build(options: BuildOptions = {}): Promise<BuiltPackage> {
  const say = options.say ?? console.error;
  const built = await assemble({
    name: "hello-site",
    example: folderOf(import.meta.url),
    version: options.version ?? "1.0.0",
    out: options.out,
    hashed: [
      { path: "static/assets/site.css", mark: "site_css" },
      { path: "static/assets/site.js", mark: "site_js" },
    ],
  });
  say(`hello-site ${built.version}: ${built.cached ? "unchanged" : "built"}, ${built.directory}`);
  return built;
}

if (import.meta.main) await buildFromArgs(build);
