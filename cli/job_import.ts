/** `realm job import`: a manifest of a workflow of another CI service. */
import { dirname } from "node:path";
import { parse } from "yaml";
import { importWorkflow, parseRealmManifest, RealmError, unwrap } from "../mod.ts";
import { plain } from "./display.ts";
import { flag, type Handler, text } from "./invocation.ts";
import { readNamed } from "./local_files.ts";

/** See the module's text. */
export const importFile: Handler = async (i) => {
  const file = i.args[0];
  const workflow = await readNamed(file);
  let repository = text(i, "git");
  if (repository === undefined) {
    const tree = await i.host.workingTreeOf(dirname(file));
    repository = tree?.remotes[0];
  }
  if (repository === undefined) {
    throw new RealmError("usage", `${file} lies in no clone of a repository; say which one by --git ADDRESS`);
  }
  let said: unknown;
  try {
    said = parse(workflow, { maxAliasCount: 100 });
  } catch (error) {
    const why = (error as Error).message.split("\n")[0];
    throw new RealmError("bad_manifest", `${file} is no YAML: ${why}`, { cause: error });
  }
  const made = importWorkflow(said, repository);
  if (!made.ok) throw new RealmError(made.code, `${file}: ${made.message}`);
  const { toml, notes } = made.value;
  const out = text(i, "out");
  const check = parseRealmManifest(toml, { file: out ?? "the manifest" });
  if (flag(i, "json")) {
    i.terminal.out(
      JSON.stringify({ toml, notes, ...(check.ok ? {} : { problem: check.message }) }, null, 2) + "\n",
    );
  } else if (out === undefined) i.terminal.out(toml);
  if (out !== undefined) {
    try {
      await Deno.writeTextFile(out, toml, { createNew: true });
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
      throw new RealmError("conflict", `${out} exists already; move it away first`);
    }
  }
  for (const note of notes) i.terminal.err(`not converted: ${plain(note)}\n`);
  unwrap(check);
};
