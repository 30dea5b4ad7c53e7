/** `realm join`: what this machine needs to be a node of a realm that there is. */
import {
  dataFiles,
  makeKeyFile,
  newSeed,
  parseInviteToken,
  RealmError,
  type RealmFile,
  unwrap,
} from "../mod.ts";
import { flag, type Handler } from "./invocation.ts";
import { readKeyFile, readRealmFile, writeKeyFile, writePrivate } from "./local_files.ts";
import { checkedUp } from "./up.ts";

/** Writes what a node needs to join; then runs it. */
export const join: Handler = async (i) => {
  const options = checkedUp(i);
  const { signed, invite } = unwrap(parseInviteToken(i.args[0]));
  if (invite.until <= Date.now()) {
    throw new RealmError(
      "invite_expired",
      `the invite expired at ${new Date(invite.until).toISOString()}; ask for a new one`,
    );
  }
  const before = await readRealmFile(i.dataDir);
  if (before && before.realm !== invite.realm) {
    throw new RealmError(
      "conflict",
      `${i.dataDir} belongs to the realm ${before.realm} already; use another --data-dir`,
    );
  }
  const nodePath = `${i.dataDir}/${dataFiles.nodeKey}`;
  if (!await readKeyFile(nodePath)) await writeKeyFile(nodePath, await makeKeyFile("node", newSeed()));
  const file: RealmFile = { realm: invite.realm, invite: signed };
  await writePrivate(`${i.dataDir}/${dataFiles.realm}`, JSON.stringify(file, null, 2) + "\n");
  if (flag(i, "no-start")) {
    i.terminal.out(`This machine joins the realm ${invite.realm} when it starts.\nNext: realm up\n`);
    return 0;
  }
  return await i.host.up(options);
};
