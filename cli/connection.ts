/** How a command line reaches a node and who it is there: address, key, grants, kept session. */
import {
  createClient,
  type Credentials,
  dataFiles,
  type KeyFile,
  type RealmClient,
  RealmError,
  type SessionView,
  signerOfKeyFile,
} from "../mod.ts";
import { type Invocation, text, UsageError } from "./invocation.ts";
import {
  grantsPath,
  needRealmFile,
  readAgentFile,
  readGrants,
  readKeyFile,
  readRealmFile,
  readText,
  writePrivate,
} from "./local_files.ts";
import { askPassphrase } from "./passphrase.ts";

/** A node that has just started knows by then what it missed, or that nobody tells it. */
const PATIENCE_MS = 15_000;
/** A session is not used in the last moments of its life. */
const SESSION_MARGIN_MS = 10_000;

async function credentialsOf(i: Invocation, path: string, key: KeyFile): Promise<Credentials> {
  const signer = await signerOfKeyFile(key, () => askPassphrase(path));
  if (key.kind === "owner") return { realm: key.id, signer, grants: [] };
  if (key.kind === "node") {
    return { realm: (await needRealmFile(i.dataDir)).realm, signer, grants: [], as: "node" };
  }
  const grants = await readGrants(path);
  if (grants) return { realm: grants.realm, signer, grants: grants.grants };
  throw new RealmError(
    "not_authorised",
    `${path} has no grant beside it; ask an admin for 'realm key grant ${key.id}' and put its file at ${
      grantsPath(path)
    }`,
  );
}

async function firstKey(i: Invocation, names: readonly string[]): Promise<[string, KeyFile] | undefined> {
  for (const name of names) {
    const path = `${i.dataDir}/${name}`;
    const key = await readKeyFile(path);
    if (key) return [path, key];
  }
  return undefined;
}

async function givenKey(path: string): Promise<[string, KeyFile]> {
  const key = await readKeyFile(path);
  if (key) return [path, key];
  throw new RealmError("not_found", `${path} does not exist; --key names a key file`);
}

/** The key that signs changes: `--key`, the operator's, or the owner's. Asks for a passphrase where needed. */
export async function signingCredentials(i: Invocation): Promise<Credentials> {
  const given = text(i, "key");
  const found = given !== undefined
    ? await givenKey(given)
    : await firstKey(i, [dataFiles.operatorKey, dataFiles.ownerKey]);
  if (found && found[1].kind !== "node") return await credentialsOf(i, ...found);
  if (found) throw new UsageError("a node's key signs no commands; give an owner's or operator's with --key");
  throw new RealmError(
    "not_authorised",
    "this machine has no owner or operator key; give one with --key FILE, or make one with 'realm key create'",
  );
}

/** Who reads: at the local node its own key suffices, so that no passphrase is asked. */
async function readingCredentials(i: Invocation, local: boolean): Promise<Credentials> {
  if (text(i, "key") === undefined && local) {
    const own = await firstKey(i, [dataFiles.nodeKey]);
    if (own) return await credentialsOf(i, ...own);
  }
  return await signingCredentials(i);
}

/** Address of the node to ask, and whether it is the one of this data directory. */
export async function addressOf(i: Invocation): Promise<{ url: string; local: boolean }> {
  const given = text(i, "connect");
  if (given !== undefined) {
    try {
      const url = new URL(/^https?:\/\//.test(given) ? given : `http://${given}`);
      return { url: url.origin, local: false };
    } catch {
      throw new UsageError(
        `--connect is an address such as http://127.0.0.1:7481, not ${JSON.stringify(given)}`,
      );
    }
  }
  const agent = await readAgentFile(i.dataDir);
  if (agent) return { url: agent.api, local: true };
  if (await readRealmFile(i.dataDir)) {
    throw new RealmError(
      "unreachable",
      "no node runs here; start it with 'realm up', or name another with --connect URL",
    );
  }
  await needRealmFile(i.dataDir);
  throw new Error("unreachable");
}

interface KeptSession {
  readonly url: string;
  readonly token: string;
  readonly until: number;
}

async function keptSession(i: Invocation, url: string): Promise<string | undefined> {
  try {
    const kept = JSON.parse(await readText(`${i.dataDir}/${dataFiles.session}`) ?? "null") as
      | KeptSession
      | null;
    return kept?.url === url && kept.until > Date.now() + SESSION_MARGIN_MS ? kept.token : undefined;
  } catch {
    return undefined; // damaged: a new session is opened and written over it
  }
}

/** A client with its credentials. `write` needs a key that may change things, `read` any. */
export async function connect(i: Invocation, purpose: "read" | "write"): Promise<RealmClient> {
  const { url, local } = await addressOf(i);
  const reading = purpose === "read";
  const keep = reading && local && text(i, "key") === undefined;
  const path = `${i.dataDir}/${dataFiles.session}`;
  const own = async () => (await readKeyFile(`${i.dataDir}/${dataFiles.nodeKey}`))?.id;
  let once: Promise<Credentials> | undefined;
  return createClient({
    url,
    patienceMs: PATIENCE_MS,
    ...(local ? { node: own } : {}),
    credentials: () => once ??= reading ? readingCredentials(i, local) : signingCredentials(i),
    token: keep ? await keptSession(i, url) : undefined,
    onSession: async ({ token, until }: SessionView) => {
      if (!keep) return;
      const kept: KeptSession = { url, token, until };
      // Only a short cut: without it each command line opens a session of its own.
      await writePrivate(path, JSON.stringify(kept)).catch(() => {});
    },
  });
}
