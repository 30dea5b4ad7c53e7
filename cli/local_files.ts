/** The files of the data directory as the command line reads and writes them. */
import {
  type AgentFile,
  dataFiles,
  formatKeyFile,
  type GrantFile,
  type KeyFile,
  parseAgentFile,
  parseGrantFile,
  parseKeyFile,
  parseRealmFile,
  RealmError,
  type RealmFile,
  type Result,
} from "../mod.ts";

/** Text of a file; `undefined` when it does not exist. */
export async function readText(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return undefined;
    throw new RealmError("disk", `cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
}

/** Writes a file that only its owner may read, so that it has the old or the new content. */
export async function writePrivate(
  path: string,
  text: string,
  options: { fresh?: boolean } = {},
): Promise<void> {
  const directory = path.replace(/[/\\][^/\\]*$/, "");
  try {
    if (directory !== path && directory !== "") await Deno.mkdir(directory, { recursive: true, mode: 0o700 });
    if (options.fresh) return await Deno.writeTextFile(path, text, { mode: 0o600, createNew: true });
    const temporary = `${path}.${crypto.randomUUID().slice(0, 8)}.partial`;
    const file = await Deno.open(temporary, { write: true, createNew: true, mode: 0o600 });
    try {
      const writer = file.writable.getWriter();
      await writer.write(new TextEncoder().encode(text));
      await file.sync();
      await writer.close();
    } finally {
      // Closed by the writer; a failure before that leaves it open.
      try {
        file.close();
      } catch { /* closed */ }
    }
    await Deno.rename(temporary, path);
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) {
      throw new RealmError("conflict", `${path} exists already; move it away first`, { cause: error });
    }
    throw new RealmError("disk", `cannot write ${path}: ${(error as Error).message}`, { cause: error });
  }
}

async function parsed<T>(path: string, parse: (text: string) => Result<T>): Promise<T | undefined> {
  const text = await readText(path);
  if (text === undefined) return undefined;
  const result = parse(text);
  if (result.ok) return result.value;
  throw new RealmError(result.code, `${path}: ${result.message}`);
}

/** Which realm this machine belongs to. */
export const readRealmFile = (dataDir: string): Promise<RealmFile | undefined> =>
  parsed(`${dataDir}/${dataFiles.realm}`, parseRealmFile);
/** The running agent, as it wrote itself down; it may be dead. */
export const readAgentFile = (dataDir: string): Promise<AgentFile | undefined> =>
  parsed(`${dataDir}/${dataFiles.agent}`, parseAgentFile);
/** A key file; `undefined` when it does not exist. */
export const readKeyFile = (path: string): Promise<KeyFile | undefined> =>
  parsed(path, (text) => parseKeyFile(text, "the key file"));
/** The grants beside a key file: `operator.key` → `operator.grants.json`. */
export const grantsPath = (keyPath: string): string => keyPath.replace(/\.key$/, "") + ".grants.json";
/** The grants that belong to a key file. */
export const readGrants = (keyPath: string): Promise<GrantFile | undefined> =>
  parsed(grantsPath(keyPath), parseGrantFile);

/** Writes a key file; never over another. */
export const writeKeyFile = (path: string, key: KeyFile): Promise<void> =>
  writePrivate(path, formatKeyFile(key), { fresh: true });

/** What a person must know before anything else works. */
export async function needRealmFile(dataDir: string): Promise<RealmFile> {
  const file = await readRealmFile(dataDir);
  if (file) return file;
  throw new RealmError(
    "not_found",
    `this machine belongs to no realm (${dataDir} has no ${dataFiles.realm}); start one with 'realm init' or join one with 'realm join TOKEN'`,
  );
}

/** Reads a small file that the person named. */
export async function readNamed(path: string): Promise<string> {
  const text = await readText(path);
  if (text === undefined) throw new RealmError("not_found", `${path} does not exist`);
  return text;
}
