/** What is kept of an attempt's file system: each output a blob, a directory as a deterministic tar. */
import { packTree } from "../../packages/mod.ts";
import type { Disk } from "../../ports.ts";
import type { Artifact, RunOutput } from "../../protocol/mod.ts";
import type { AttemptWorld } from "./attempt_world.ts";

/** Outputs that were stored, and what is wrong with the others. */
export interface KeptOutputs {
  readonly artifacts: Artifact[];
  /** Lines for the log. */
  readonly notes: readonly string[];
  /** Outputs that should be there and are not, in one sentence. */
  readonly problem?: string;
}

/** What a guest path is below `root`; links are followed nowhere, since they may lead anywhere. */
async function kindOf(
  disk: Disk,
  root: string,
  path: string,
): Promise<"file" | "directory" | "link" | undefined> {
  let at = root;
  const parts = path.split("/").filter((p) => p !== "");
  for (const [i, part] of parts.entries()) {
    at = `${at}/${part}`;
    const info = await disk.stat(at);
    if (!info) return undefined;
    if (info.kind === "other") return "link";
    if (i < parts.length - 1 && info.kind !== "directory") return undefined;
    if (i === parts.length - 1) return info.kind;
  }
  return "directory";
}

/** Makes the directories that outputs are, and those that outputs are to stand in. */
export async function makePlaces(disk: Disk, outputs: readonly RunOutput[], root: string): Promise<void> {
  for (const { path, directory } of outputs) {
    const place = directory ? path : path.slice(0, path.lastIndexOf("/"));
    if (place !== "" && place !== "/") await disk.makeDirectory(`${root}${place}`);
  }
}

/** Stores the outputs that such an end keeps. */
export async function keepOutputs(
  world: AttemptWorld,
  outputs: readonly RunOutput[],
  root: string,
  succeeded: boolean,
): Promise<KeptOutputs> {
  const artifacts: Artifact[] = [], notes: string[] = [], missing: string[] = [];
  for (const output of outputs) {
    if (output.when !== "always" && (output.when === "success") !== succeeded) continue;
    const kind = await kindOf(world.disk, root, output.path);
    if (kind === undefined || kind === "link") {
      missing.push(`${output.name} (${output.path} ${kind ? "is a link" : "was not made"})`);
      continue;
    }
    const host = output.path === "/" ? root : `${root}${output.path}`;
    const tree = kind === "directory" ? await packTree(world.disk, host) : undefined;
    const { digest, size } = await world.store.write(tree?.stream() ?? world.disk.readStream(host));
    for (const left of tree?.leftOut ?? []) {
      notes.push(`output ${output.name}: ${left} is neither file nor directory and was left out`);
    }
    artifacts.push({
      name: output.name,
      digest,
      bytes: size,
      form: tree ? "tar" : "file",
      until: world.now() + output.retention_ms,
    });
  }
  if (missing.length === 0) return { artifacts, notes };
  const hint = "; the program has to write them, and a directory is made for it where the path ends with /";
  return { artifacts, notes, problem: `outputs are missing: ${missing.join(", ")}${hint}` };
}
