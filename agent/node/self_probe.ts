/** What a new version looks at before a node relies on it: whether it can go on from what the data directory holds. */
import { databaseProblem } from "../platform/mod.ts";
import { dataFiles, parseKeyFile, parseRealmFile } from "../protocol/mod.ts";

/** Why this version could not run the node of a data directory; `undefined` when it could. Changes nothing. */
export async function probeSelf(dataDir: string): Promise<string | undefined> {
  try {
    const key = parseKeyFile(await Deno.readTextFile(`${dataDir}/${dataFiles.nodeKey}`), dataFiles.nodeKey);
    if (!key.ok) return key.message;
    const realm = parseRealmFile(await Deno.readTextFile(`${dataDir}/${dataFiles.realm}`));
    if (!realm.ok) return realm.message;
  } catch (error) {
    return `the data directory cannot be read: ${error instanceof Error ? error.message : error}`;
  }
  return databaseProblem(`${dataDir}/realm.db`);
}
