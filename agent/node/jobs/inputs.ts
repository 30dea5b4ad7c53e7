/** The file system that an attempt finds: its inputs fetched, verified and laid out in a directory of its own. */
import type { AttemptOrder } from "../../core/mod.ts";
import { unpackTree } from "../../packages/mod.ts";
import type { Disk } from "../../ports.ts";
import { type Digest, RealmError } from "../../protocol/mod.ts";
import type { AttemptWorld } from "./attempt_world.ts";

/** Programs kept as files for the next run; the least recently made go first. */
const KEPT_PROGRAMS = 64;

/**
 * Brings everything that an attempt needs to this node and lays it out below `root`. Returns the bytes that had to be
 * fetched. Throws naming the input that cannot be had, and why.
 */
export async function bringInputs(
  world: AttemptWorld,
  order: AttemptOrder,
  root: string,
  signal: AbortSignal,
  onProgress: (done: number, total: number) => void,
): Promise<number> {
  const { spec } = order;
  for (const input of order.inputs) {
    if ("missing" in input) {
      throw new RealmError(
        "not_found",
        `the input ${input.mount} is not there: ${input.missing} was not kept`,
      );
    }
  }
  const inputs = order.inputs.flatMap((input) => "digest" in input ? [input] : []);
  const sizes = new Map<Digest, number>([
    ...spec.program ? [[spec.program.digest, spec.program.bytes] as const] : [],
    ...spec.stdin ? [[spec.stdin.digest, spec.stdin.bytes] as const] : [],
    ...inputs.map((i) => [i.digest, i.bytes] as const),
  ]);
  const missing: Digest[] = [];
  for (const digest of sizes.keys()) if (!await world.store.has(digest)) missing.push(digest);
  const total = missing.reduce((n, d) => n + sizes.get(d)!, 0);
  if (missing.length > 0) {
    const holders = [order.via, ...inputs.flatMap((i) => i.holder ?? [])];
    try {
      await world.fetch(missing, holders, (done) => onProgress(Math.min(done, total), total), signal);
    } catch (error) {
      if (signal.aborted) throw error;
      const names: string[] = [];
      for (const digest of missing) if (!await world.store.has(digest)) names.push(nameOf(order, digest));
      const why = error instanceof Error ? error.message : String(error);
      throw new RealmError("unavailable", `${names.join(", ")} cannot be fetched: ${why}`, { cause: error });
    }
  }
  for (const input of inputs) {
    signal.throwIfAborted();
    const path = `${root}${input.mount}`;
    if (input.form === "tar") {
      await world.disk.makeDirectory(path);
      await unpackTree(world.disk, world.store.read(input.digest), path, spec.disk_mb * 1024 * 1024);
    } else {
      if (input.bytes > spec.disk_mb * 1024 * 1024) {
        throw new RealmError(
          "too_large",
          `the input ${input.mount} is larger than disk_mb = ${spec.disk_mb}`,
        );
      }
      await world.disk.makeDirectory(path.slice(0, path.lastIndexOf("/")));
      await writeFile(world.disk, path, world.store.read(input.digest));
      if (input.readOnly) await Deno.chmod(path, 0o444);
    }
  }
  return total;
}

/** What a blob is to the job, for people. */
function nameOf({ spec, inputs }: AttemptOrder, digest: Digest): string {
  if (digest === spec.program?.digest) return `the program ${spec.program.name}`;
  const input = inputs.find((i) => "digest" in i && i.digest === digest);
  return input ? `the input ${input.mount}` : "the standard input";
}

async function writeFile(disk: Disk, path: string, content: ReadableStream<Uint8Array>): Promise<void> {
  const file = await disk.create(path);
  try {
    for await (const piece of content) await file.write(piece);
  } finally {
    await file.close();
  }
}

/** Where programs are kept as files. */
export const programsDirectory = (dataDir: string): string => `${dataDir}/cache/programs`;

/** A program as a file, which the runtime's child process may read and nobody writes. */
export async function programFile(world: AttemptWorld, digest: Digest): Promise<string> {
  const { disk, store, dataDir } = world;
  const directory = programsDirectory(dataDir);
  const path = `${directory}/${digest}.wasm`;
  if ((await disk.stat(path))?.kind === "file") return path;
  await disk.makeDirectory(directory);
  const files = await disk.entries(directory);
  if (files.length >= KEPT_PROGRAMS) {
    const oldest = files.toSorted((a, b) => a.modifiedAt - b.modifiedAt).slice(
      0,
      files.length - KEPT_PROGRAMS + 1,
    );
    for (const { name } of oldest) await disk.remove(`${directory}/${name}`);
  }
  const partial = `${path}.${crypto.randomUUID()}`;
  try {
    await writeFile(disk, partial, store.read(digest));
    await disk.rename(partial, path, { durable: false });
  } finally {
    await disk.remove(partial);
  }
  return path;
}
