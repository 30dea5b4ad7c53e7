/** The examples as benchmarks use them. */
import { fileURLToPath } from "node:url";

/** Builds `examples/NAME` and gives the package's path. Throws with the builder's words. */
export async function buildExample(name: string, version: string, out?: string): Promise<string> {
  const script = fileURLToPath(new URL(`../../examples/${name}/build.ts`, import.meta.url));
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", script, "--version", version, ...out ? ["--out", out] : []],
  }).output();
  if (!success) throw new Error(`examples/${name} cannot be built:\n${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout).trim().split("\n").at(-1)!;
}
