/** `deno task reference`: writes `docs/jobs.md` and `docs/manifest.schema.json` anew from the schemas. */
import { fileURLToPath } from "node:url";
import { jobReference } from "../agent/protocol/job_reference.ts";
import { jsonSchemaOf } from "../agent/protocol/json_schema.ts";
import { RealmManifestSchema } from "../agent/protocol/realm_manifest.ts";

/** In the form that `deno fmt` leaves alone. */
async function formatted(text: string, extension: string): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--ext", extension, "--line-width", "110", "-"],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  const { success, stdout } = await child.output();
  if (!success) throw new Error("deno fmt failed");
  return new TextDecoder().decode(stdout);
}

/** What the files should hold, by their path. */
export async function references(): Promise<ReadonlyMap<string, string>> {
  const at = (name: string) => fileURLToPath(new URL(`../docs/${name}`, import.meta.url));
  return new Map([
    [at("jobs.md"), await formatted(jobReference(), "md")],
    [
      at("manifest.schema.json"),
      await formatted(JSON.stringify(jsonSchemaOf(RealmManifestSchema), null, 2), "json"),
    ],
  ]);
}

if (import.meta.main) {
  for (const [path, text] of await references()) await Deno.writeTextFile(path, text);
}
