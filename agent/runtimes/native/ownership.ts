/** A run's files belong to its own user, which must be able to reach them. Where the agent is root. */
import { RealmError } from "../../protocol/errors.ts";
import { passGroup } from "./machine.ts";

/** Gives a tree to a user. Links are left as they are: nobody's rights depend on who owns a link. */
export async function giveTree(path: string, uid: number): Promise<void> {
  const info = await Deno.lstat(path);
  if (info.isSymlink) return;
  if (info.uid !== uid || info.gid !== uid) await Deno.chown(path, uid, uid);
  if (!info.isDirectory) return;
  for await (const { name } of Deno.readDir(path)) await giveTree(`${path}/${name}`, uid);
}

/**
 * Lets runs pass through the directories above `path`, and through no others: those inside `inside` are opened to the
 * group of runs, which may pass but not look. Throws `RealmError("policy_refused")` when a directory above is closed.
 */
export async function openWay(path: string, inside: string): Promise<void> {
  const parts = path.split("/").slice(1, -1);
  for (let n = 1; n <= parts.length; n++) {
    const directory = `/${parts.slice(0, n).join("/")}`;
    const { mode, gid } = await Deno.stat(directory);
    if (mode! & 0o001) continue;
    if (directory !== inside && !directory.startsWith(`${inside}/`)) {
      throw new RealmError(
        "policy_refused",
        `A job's own user cannot pass through ${directory}; start the node with a --data-dir below a directory that is open to all, such as /var/lib/realm.`,
      );
    }
    const group = passGroup();
    if (gid !== group) await Deno.chown(directory, null, group);
    await Deno.chmod(directory, (mode! & 0o7777) | 0o010);
  }
}

/** Lets a run's user, and no other, read its files of secrets. */
export async function giveSecrets(directory: string, dataDir: string, uid: number): Promise<void> {
  const own = directory.split("/").slice(0, -2).join("/");
  await openWay(directory, directory.startsWith(`${dataDir}/`) ? dataDir : own);
  await giveTree(directory, uid);
}
