/** `realm init`: a new realm. */
import {
  dataFiles,
  inviteId,
  keyIdOf,
  limits,
  makeKeyFile,
  newSeed,
  nodeIdOf,
  RealmError,
  type RealmFile,
  sealInvite,
  type SignedInvite,
  signerFromSeed,
  toBase64Url,
} from "../mod.ts";
import { facts, paint, print } from "./display.ts";
import { flag, type Handler, list } from "./invocation.ts";
import { readKeyFile, readRealmFile, writeKeyFile, writePrivate } from "./local_files.ts";
import { newPassphrase } from "./passphrase.ts";

/** An invite by which the first node admits itself: no bootstrap addresses, one use. */
function founderInvite(ownerSeed: Uint8Array, tags: string[], now: number): SignedInvite {
  const owner = signerFromSeed(ownerSeed);
  return sealInvite(
    {
      v: 1,
      realm: keyIdOf(owner.publicKey),
      bootstrap: [],
      tags,
      uses: 1,
      from: now,
      until: now + limits.inviteMaxMs,
      nonce: toBase64Url(crypto.getRandomValues(new Uint8Array(16))),
    },
    owner,
    [],
  );
}

/** See the module's text. */
export const init: Handler = async (i) => {
  const ownerPath = `${i.dataDir}/${dataFiles.ownerKey}`;
  if (await readRealmFile(i.dataDir)) {
    throw new RealmError("conflict", `${i.dataDir} belongs to a realm already; use another --data-dir`);
  }
  if (await readKeyFile(ownerPath)) {
    throw new RealmError("conflict", `${ownerPath} exists already; move it away, or use another --data-dir`);
  }
  const passphrase = flag(i, "passphrase") ? newPassphrase("the owner key") : undefined;
  const ownerSeed = newSeed(), nodeSeed = newSeed();
  const owner = await makeKeyFile("owner", ownerSeed, passphrase);
  const invite = founderInvite(ownerSeed, list(i, "tags"), Date.now());
  const realmFile: RealmFile = { realm: owner.id, invite };
  const nodePath = `${i.dataDir}/${dataFiles.nodeKey}`;
  const existing = await readKeyFile(nodePath);
  await writeKeyFile(ownerPath, owner);
  try {
    if (!existing) await writeKeyFile(nodePath, await makeKeyFile("node", nodeSeed));
    await writePrivate(`${i.dataDir}/${dataFiles.realm}`, JSON.stringify(realmFile, null, 2) + "\n");
  } catch (error) {
    // A realm is made whole or not at all; nobody has seen these keys yet.
    await Deno.remove(ownerPath);
    if (!existing) await Deno.remove(nodePath).catch(() => {});
    throw error;
  }
  const made = {
    realm: owner.id,
    node: existing?.id ?? nodeIdOf(signerFromSeed(nodeSeed).publicKey),
    invite: inviteId(invite),
    data_dir: i.dataDir,
    owner_key: ownerPath,
    encrypted: passphrase !== undefined,
  };
  print(i, made, () =>
    `${paint(i.terminal, "bold", "A new realm.")}\n\n` +
    facts(i.terminal, [["realm", made.realm], ["node", made.node], ["data", made.data_dir]]) +
    `\nKeep a copy of ${ownerPath} in a safe place${made.encrypted ? ", and its passphrase" : ""}.\n` +
    "Who has it owns the realm; without it nobody can grant keys or invite machines.\n\n" +
    "Next: realm up\n");
};
