/** What `realm doctor` can see without an agent: the data directory and its keys. */
import { dataFiles, type FindingView } from "../mod.ts";
import { readKeyFile, readRealmFile } from "./local_files.ts";

async function keyFinding(dataDir: string, name: string, subject: string): Promise<FindingView | undefined> {
  const path = `${dataDir}/${name}`;
  try {
    const key = await readKeyFile(path);
    if (!key) return undefined;
    const mode = (await Deno.stat(path)).mode;
    if (Deno.build.os !== "windows" && mode !== null && (mode & 0o077) !== 0) {
      return { subject, state: "warning", detail: "others can read the file", fix: `chmod 600 ${path}` };
    }
    const open = "seed" in key.secret && key.kind === "owner";
    return {
      subject,
      state: open ? "warning" : "ok",
      detail: open ? `${key.id} is here, not encrypted` : key.id,
      ...(open && { fix: "keep an encrypted copy elsewhere: realm key export owner --passphrase -o FILE" }),
    };
  } catch (error) {
    return { subject, state: "missing", detail: (error as Error).message };
  }
}

/** Findings about the data directory. */
export async function localFindings(dataDir: string): Promise<readonly FindingView[]> {
  const realm = await readRealmFile(dataDir).catch(() => undefined);
  const membership: FindingView = realm ? { subject: "realm", state: "ok", detail: realm.realm } : {
    subject: "realm",
    state: "missing",
    detail: "this machine belongs to none",
    fix: "realm init, or realm join TOKEN",
  };
  const keys = await Promise.all([
    keyFinding(dataDir, dataFiles.nodeKey, "node key"),
    keyFinding(dataDir, dataFiles.ownerKey, "owner key"),
    keyFinding(dataDir, dataFiles.operatorKey, "operator key"),
  ]);
  return [
    { subject: "data directory", state: "ok", detail: dataDir },
    membership,
    ...keys.filter((k) => k !== undefined),
  ];
}
