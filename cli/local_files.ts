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
    throw unreadable(path, error);
  }
}

/** Why a file that is there cannot be read. */
function unreadable(path: string, error: unknown): RealmError {
  const why = error instanceof Deno.errors.PermissionDenied
    ? "this user may not; be the user that it belongs to"
    : error instanceof Deno.errors.IsADirectory
    ? "it is a directory; name a file"
    : (error as Error).message;
  return new RealmError("disk", `cannot read ${path}: ${why}`, { cause: error });
}

/** Writes a file that only its owner may read, so that it has the old or the new content. */
export async function writePrivate(
  path: string,
  text: string,
  options: { fresh?: boolean } = {},
): Promise<void> {
  const directory = path.replace(/[/\\][^/\\]*$/, "");
  let temporary: string | undefined;
  try {
    if (directory !== path && directory !== "") await Deno.mkdir(directory, { recursive: true, mode: 0o700 });
    if (options.fresh && await exists(path)) throw new Deno.errors.AlreadyExists();
    const partial = temporary = `${path}.${crypto.randomUUID().slice(0, 8)}.partial`;
    const file = await Deno.open(partial, { write: true, createNew: true, mode: 0o600 });
    try {
      // Not through `file.writable`, which loses the error of a full disk.
      const bytes = new TextEncoder().encode(text);
      for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
      await file.sync();
    } finally {
      file.close();
    }
    // A link is made only where nothing is; not every file system has links.
    if (options.fresh) {
      await Deno.link(partial, path).catch((error) => {
        if (error instanceof Deno.errors.AlreadyExists) throw error;
        return Deno.rename(partial, path);
      });
    } else await Deno.rename(partial, path);
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) {
      throw new RealmError("conflict", `${path} exists already; move it away first`, { cause: error });
    }
    const why = (error as Error).message;
    if (/os error (28|122)\b/.test(why)) {
      throw new RealmError("no_space", `cannot write ${path}: the disk is full; free some space`, {
        cause: error,
      });
    }
    throw new RealmError(
      "disk",
      `cannot write ${path} (${why}); use a directory that this user may write: --data-dir DIR`,
      { cause: error },
    );
  } finally {
    if (temporary) await Deno.remove(temporary).catch(() => {});
  }
}

const exists = (path: string): Promise<boolean> => Deno.lstat(path).then(() => true, () => false);

async function parsed<T>(path: string, parse: (text: string) => Result<T>): Promise<T | undefined> {
  const text = await readText(path);
  if (text === undefined) return undefined;
  const result = parse(text);
  if (result.ok) return result.value;
  throw new RealmError(
    result.code,
    `${path} is damaged (${result.message}); restore it from a backup, or use another --data-dir`,
  );
}

/** Which realm this machine belongs to. */
export const readRealmFile = (dataDir: string): Promise<RealmFile | undefined> =>
  parsed(`${dataDir}/${dataFiles.realm}`, parseRealmFile);
/** The running agent, as it wrote itself down; it may be dead. A damaged file is as good as none. */
export async function readAgentFile(dataDir: string): Promise<AgentFile | undefined> {
  const file = parseAgentFile(await readText(`${dataDir}/${dataFiles.agent}`) ?? "");
  return file.ok ? file.value : undefined;
}
/** A key file; `undefined` when it does not exist. */
export const readKeyFile = (path: string): Promise<KeyFile | undefined> =>
  readText(path).then((text) => {
    if (text === undefined) return undefined;
    const key = parseKeyFile(text, path);
    if (key.ok) return key.value;
    throw new RealmError(key.code, key.message);
  });
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

/** Content of a file that the user named. */
export async function readNamedBytes(path: string): Promise<Uint8Array> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new RealmError("not_found", `${path} does not exist`);
    throw unreadable(path, error);
  }
}
