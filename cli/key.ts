/** `realm key …`. */
import {
  dataFiles,
  formatKeyFile,
  type Grant,
  type GrantFile,
  isKeyId,
  type KeyView,
  makeKeyFile,
  newSeed,
  RealmError,
  sealGrant,
  shortId,
  signerOfKeyFile,
} from "../mod.ts";
import { connect, signingCredentials } from "./connection.ts";
import { type Cell, facts, moment, print, stateCell, table } from "./display.ts";
import { duration, flag, type Handler, text, UsageError } from "./invocation.ts";
import { grantsPath, readKeyFile, writeKeyFile, writePrivate } from "./local_files.ts";
import { askPassphrase, newPassphrase } from "./passphrase.ts";

const NINETY_DAYS = 90 * 86_400_000;
const FILES = {
  owner: dataFiles.ownerKey,
  operator: dataFiles.operatorKey,
  node: dataFiles.nodeKey,
} as const;

function stateOf(k: KeyView, now: number): Cell {
  if (k.revoked_at !== undefined) return { text: "revoked", colour: "red" };
  if (k.until !== undefined && k.until <= now) return { text: "expired", colour: "red" };
  return stateCell("ok");
}

/** Keys of the realm and of this machine. */
export const show: Handler = async (i) => {
  const here = await Promise.all(
    Object.values(FILES).map((name) => readKeyFile(`${i.dataDir}/${name}`)),
  );
  const local = here.filter((k) => k !== undefined);
  const keys = await (await connect(i, "read")).keys();
  const rows = keys.map((k): readonly Cell[] => [
    k.key,
    k.name ?? "",
    k.role,
    stateOf(k, Date.now()),
    k.until === undefined ? "" : moment(k.until),
    k.issuer ? shortId(k.issuer) : "",
  ]);
  const locals = local.map((k) => ({ kind: k.kind, id: k.id, encrypted: "sealed" in k.secret }));
  print(
    i,
    { keys, local: locals },
    () =>
      table(i.terminal, ["KEY", "NAME", "ROLE", "STATE", "UNTIL (UTC)", "BY"], rows) +
      (locals.length === 0 ? "" : "\nOn this machine\n" +
        table(
          i.terminal,
          ["KIND", "KEY", "FILE"],
          locals.map((k) => [k.kind, k.id, k.encrypted ? "encrypted" : "plain"]),
        )),
  );
};

/** Makes an operator key. */
export const create: Handler = async (i) => {
  const path = text(i, "out") ?? `${i.dataDir}/${dataFiles.operatorKey}`;
  const key = await makeKeyFile(
    "operator",
    newSeed(),
    flag(i, "passphrase") ? newPassphrase(path) : undefined,
  );
  await writeKeyFile(path, key);
  print(i, { key: key.id, file: path }, () =>
    facts(i.terminal, [["key", key.id], ["file", path]]) +
    `\nAsk an admin for: realm key grant ${key.id}\nand put the file it writes at ${grantsPath(path)}\n`);
};

/** Grants a role. */
export const grant: Handler = async (i) => {
  const key = i.args[0];
  if (!isKeyId(key)) throw new UsageError(`KEY is a key id (z6Mk…), not ${JSON.stringify(key.slice(0, 60))}`);
  const lifeMs = duration(i, "expires", NINETY_DAYS);
  const credentials = await signingCredentials(i);
  const name = text(i, "name");
  const now = Date.now();
  const made: Grant = {
    v: 1,
    realm: credentials.realm,
    key,
    role: (text(i, "role") ?? "operator") as Grant["role"],
    // A verifier whose clock is a little behind must not find it in the future.
    from: now - 60_000,
    until: now + lifeMs,
    ...(name !== undefined && { name }),
  };
  const envelope = sealGrant(made, credentials.signer);
  const client = await connect(i, "write");
  const done = await client.command("key.grant", { grant: envelope });
  const chain: GrantFile = { realm: credentials.realm, grants: [...credentials.grants, envelope] };
  const path = text(i, "out") ?? `${shortId(key)}.grants.json`;
  await writePrivate(path, JSON.stringify(chain, null, 2) + "\n");
  print(
    i,
    { ...done, key, role: made.role, until: made.until, file: path },
    () =>
      facts(i.terminal, [["key", key], ["role", made.role], ["until", `${moment(made.until)} UTC`], [
        "file",
        path,
      ]]) +
      "\nGive the file to the key's holder: it goes beside the key file, as NAME.grants.json beside NAME.key.\n",
  );
};

/** Revokes a key. */
export const revoke: Handler = async (i) => {
  const client = await connect(i, "write");
  const wanted = i.args[0];
  const near = isKeyId(wanted)
    ? [wanted]
    : (await client.keys()).filter((k) =>
      k.name === wanted || (wanted.length >= 6 && k.key.startsWith(wanted))
    ).map((k) => k.key);
  if (near.length !== 1) {
    throw new RealmError(
      near.length === 0 ? "not_found" : "conflict",
      near.length === 0
        ? `there is no key ${wanted}; see 'realm key show'`
        : `${wanted} fits ${near.length} keys; use the whole id`,
    );
  }
  const done = await client.command("key.revoke", { key: near[0] });
  print(i, done, () => `${near[0]} is revoked from now on (command ${shortId(done.id)}).\n`);
};

/** Copies a private key. */
export const exportKey: Handler = async (i) => {
  const kind = i.args[0];
  if (!Object.hasOwn(FILES, kind)) {
    throw new UsageError(`KIND is owner, operator or node, not ${JSON.stringify(kind)}`);
  }
  const path = `${i.dataDir}/${FILES[kind as keyof typeof FILES]}`;
  let key = await readKeyFile(path);
  if (!key) throw new RealmError("not_found", `this machine has no ${kind} key (${path} does not exist)`);
  if (flag(i, "passphrase")) {
    // Only to learn that the passphrase of an encrypted file is known before another copy of it is made.
    await signerOfKeyFile(key, () => askPassphrase(path));
    if ("seed" in key.secret) key = await makeKeyFile(key.kind, key.secret.seed, newPassphrase("the copy"));
  }
  const out = text(i, "out");
  if (out === undefined) return i.terminal.out(formatKeyFile(key));
  await writeKeyFile(out, key);
  i.terminal.err(
    `${out}: the ${kind} key ${key.id}${"sealed" in key.secret ? ", encrypted" : ", not encrypted"}\n`,
  );
};
