/**
 * The official builder: `deno compile` with the compile runtime (`denort`) of each target. It is used where that runtime
 * is at hand: in `--compile-runtime DIR` (the official archives `denort-<triple>.zip`), or in Deno's own cache. Nothing
 * is downloaded.
 */
import { ALL_PERMISSIONS, BUNDLE_FLAGS } from "../agent/platform/mod.ts";
import { RealmError } from "../agent/protocol/errors.ts";
import { type Bundle, MAIN } from "./bundle.ts";
import { DENO_VERSION, type Target } from "./table.ts";

/** The compile runtime's archive for a target, or `undefined` when this machine has none. */
export async function compileRuntime(target: Target, dir: string | undefined): Promise<string | undefined> {
  const name = `denort-${target.triple}.zip`;
  const places = dir === undefined
    ? [`${await denoDir()}/dl/release/v${DENO_VERSION}/${name}`]
    : [`${dir}/${name}`];
  for (const place of places) {
    if (await Deno.stat(place).then((s) => s.isFile, () => false)) return place;
  }
  return undefined;
}

async function denoDir(): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"], stderr: "null" })
    .output();
  return JSON.parse(new TextDecoder().decode(stdout)).denoDir;
}

/** Flags of `deno run` that `deno compile` does not have, since the executable always behaves so. */
const RUN_ONLY = ["run", "--cached-only"];

/** Writes the executable of a target to `out`. Throws `RealmError("failed")` with the compiler's words. */
export async function compile(target: Target, bundle: Bundle, archive: string, out: string): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "realm-compile-" });
  try {
    for (const [path, text] of bundle) {
      await Deno.mkdir(`${dir}/app/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
      await Deno.writeTextFile(`${dir}/app/${path}`, text);
    }
    const releases = `${dir}/deno/dl/release/v${DENO_VERSION}`;
    await Deno.mkdir(releases, { recursive: true });
    await Deno.copyFile(archive, `${releases}/denort-${target.triple}.zip`);
    const flags = BUNDLE_FLAGS.filter((flag) => !RUN_ONLY.includes(flag) && flag !== "--quiet");
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "compile",
        "--quiet",
        ...flags,
        ...ALL_PERMISSIONS,
        "--no-code-cache",
        "--target",
        target.triple,
        // Parts are named when they are needed: the compiler cannot find them by itself.
        ...[...bundle.keys()].filter((path) => path !== MAIN).flatMap((path) => ["--include", path]),
        "--output",
        out,
        MAIN,
      ],
      cwd: `${dir}/app`,
      env: { DENO_DIR: `${dir}/deno`, NO_COLOR: "1" },
      stdout: "null",
      stderr: "piped",
    }).output();
    if (!success) {
      throw new RealmError(
        "failed",
        `${target.platform} cannot be compiled:\n${new TextDecoder().decode(stderr).trim()}`,
      );
    }
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}
