/** The executable of this machine, for benchmarks of what people run. */
import { fileURLToPath } from "node:url";
import { hostTarget } from "../../targets/table.ts";

/** Builds it into a temporary folder. */
export async function executable(): Promise<string> {
  const out = await Deno.makeTempDir();
  const { platform } = hostTarget()!;
  const build = fileURLToPath(new URL("../../targets/build.ts", import.meta.url));
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", build, "--target", platform, "--out", out],
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  for await (const { name } of Deno.readDir(out)) if (name.startsWith("realm-")) return `${out}/${name}`;
  throw new Error(`no executable in ${out}`);
}
