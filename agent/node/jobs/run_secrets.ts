/**
 * The secrets of one attempt: opened when it starts, hidden in its log from then on, given as variables or as files that
 * go with it. Files lie in memory where the machine has a file system there, outside of what the job can make outputs of.
 */
import { statfsSync } from "node:fs";
import type { AttemptOrder } from "../../core/mod.ts";
import type { Disk } from "../../ports.ts";
import { digestOf, type JobRunSpec, type KeyId, RealmError, utf8 } from "../../protocol/mod.ts";
import type { SecretFiles } from "../../runtimes/mod.ts";
import type { AttemptWorld } from "./attempt_world.ts";
import type { JobLog } from "./job_log.ts";

/** Where a wasm program finds the files. */
export const SECRETS_MOUNT = "/.secrets";

/** `f_type` of a file system in memory (statfs(2)). */
const TMPFS = 0x01021994;

/** What secrets need of an attempt's world. */
type SecretWorld = Pick<AttemptWorld, "openSecret" | "secretsRoots"> & {
  readonly disk: Pick<Disk, "remove">;
};

/** What is said of an attempt: values are hidden in it. */
type Said = Pick<JobLog, "masker">;

/** The secret of this name, for this attempt: what its log says is hidden from now on. Throws as `AttemptWorld` does. */
export function useSecret(world: SecretWorld, order: AttemptOrder, log: Said, name: string): Uint8Array {
  const value = world.openSecret(name, order);
  log.masker.add(value);
  return value;
}

/** What a program is given. */
export interface GivenSecrets {
  readonly env: Readonly<Record<string, string>>;
  /** Absent when there is none. */
  readonly files?: SecretFiles;
}

/** Opens everything that the spec's [secrets] name, and writes what is wanted as files; `again`: these are there. */
export async function giveSecrets(
  world: SecretWorld,
  order: AttemptOrder,
  log: Said,
  again = false,
): Promise<GivenSecrets> {
  const env: Record<string, string> = {}, variables: Record<string, string> = {};
  const directory = secretsOfAttempt(world, order);
  for (const { variable, name, as } of order.spec.secrets ?? []) {
    const value = useSecret(world, order, log, name);
    if (as === "env") env[variable] = textOf(name, value);
    else {
      variables[variable] = variable;
      if (!again) {
        await makeOwn(world.secretsRoots[order.spec.runtime]);
        await Deno.mkdir(directory, { recursive: true, mode: 0o700 });
        await Deno.writeFile(`${directory}/${variable}`, value, { createNew: true, mode: 0o400 });
      }
    }
    value.fill(0);
  }
  return { env, ...(Object.keys(variables).length > 0 ? { files: { directory, variables } } : {}) };
}

function textOf(name: string, value: Uint8Array): string {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(value);
    if (!text.includes("\0")) return text;
  } catch { /* refused below */ }
  throw new RealmError("failed", `the secret ${name} is no text, which a variable must be; use as = "file"`);
}

/** Where files of secrets lie, by the runtime that reads them. */
export type SecretsRoots = Readonly<Record<JobRunSpec["runtime"], string>>;

/** Directory of an attempt's files of secrets. */
const secretsOfAttempt = (
  { secretsRoots }: SecretWorld,
  { by, attempt, spec }: AttemptOrder,
): string => `${secretsOfSubmitter(secretsRoots[spec.runtime], by)}/${attempt}`;

/** Removes an attempt's files of secrets. */
export async function removeSecrets(world: SecretWorld, order: AttemptOrder): Promise<void> {
  const directory = secretsOfAttempt(world, order);
  await world.disk.remove(directory).catch(() => {});
  // Of its submitter nothing may be left; another attempt's files keep the directory.
  await Deno.remove(directory.slice(0, directory.lastIndexOf("/"))).catch(() => {});
}

/** Directory below which the files of secrets of all attempts of one submitter lie. */
export const secretsOfSubmitter = (root: string, by: KeyId): string => `${root}/${by}`;

/** Makes a directory, in a place where others may make some too. Throws `RealmError("disk")` when one is in the way. */
async function makeOwn(path: string): Promise<void> {
  await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  try {
    await Deno.mkdir(path, { mode: 0o700 });
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    const { isDirectory, uid } = await Deno.lstat(path);
    if (!isDirectory || uid !== Deno.uid()) {
      throw new RealmError(
        "disk",
        `${path} is in the way of files of secrets and not this node's; remove it`,
      );
    }
  }
}

/**
 * Chooses the directories of all files of secrets: in memory where the machine has a file system there, else in the data
 * directory. What a process before this one left in them is removed, but for the files of attempts that go on.
 */
export function chooseSecretsRoots(dataDir: string, goOn: ReadonlySet<string> = new Set()): SecretsRoots {
  const onDisk = `${dataDir}/work/secrets`;
  removeAllBut(onDisk, goOn);
  // Runs of a root agent have users of their own, who must be able to pass; a user's own directory is closed to them.
  const own = Deno.uid() === 0 ? "/run" : Deno.env.get("XDG_RUNTIME_DIR");
  const root = own === undefined ? undefined : inMemory(own, dataDir, goOn);
  // No Deno process with permissions by path, which every wasm program runs in, may read anything below /dev.
  return { wasm: root ?? onDisk, native: root ?? inMemory("/dev/shm", dataDir, goOn) ?? onDisk };
}

function inMemory(place: string, dataDir: string, goOn: ReadonlySet<string>): string | undefined {
  if (Deno.build.os !== "linux") return undefined;
  try {
    if (Number(statfsSync(place).type) !== TMPFS) return undefined;
    const root = `${place}/realm-${digestOf(utf8(dataDir)).slice(0, 24)}`;
    // Fails for what somebody else has put there.
    if (removeAllBut(root, goOn)) return root;
    Deno.mkdirSync(root, { mode: 0o700 });
    Deno.removeSync(root);
    return root;
  } catch {
    return undefined;
  }
}

/** Removes a root of secrets with the files of all attempts but some; whether something is left. */
export function removeAllBut(root: string, goOn: ReadonlySet<string>): boolean {
  for (const submitter of goOn.size > 0 ? namesIn(root) : []) {
    for (const attempt of namesIn(`${root}/${submitter}`)) {
      if (!goOn.has(attempt)) remove(`${root}/${submitter}/${attempt}`);
    }
    if (namesIn(`${root}/${submitter}`).length === 0) remove(`${root}/${submitter}`);
  }
  if (goOn.size > 0 && namesIn(root).length > 0) return true;
  remove(root);
  return false;
}

function namesIn(directory: string): readonly string[] {
  try {
    return [...Deno.readDirSync(directory)].map(({ name }) => name);
  } catch {
    return [];
  }
}

function remove(path: string): void {
  try {
    Deno.removeSync(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
