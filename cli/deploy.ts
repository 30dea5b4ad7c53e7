/** `realm deploy`: from a package on disk to healthy replicas. */
import {
  appSpecOf,
  type CommandBody,
  isDigest,
  packageBlobs,
  type PackageReader,
  type PlanView,
  readPackage,
  readRealmPackage,
  type RealmClient,
  shortId,
} from "../mod.ts";
import { FOLLOW_MS, replicasOf } from "./app_change.ts";
import { connect } from "./connection.ts";
import { bytes, type Cell, paint, plain, print, table } from "./display.ts";
import { followRollout } from "./following.ts";
import { duration, flag, type Handler, type Invocation, list, text } from "./invocation.ts";
import { reportEnd } from "./rollout_report.ts";
import { sayInterrupted } from "./storage.ts";

/** Files uploaded side by side: hides latency, and one slow disk is not swamped. */
const UPLOADS = 4;
/** Digests asked for at once; below the API's bound. */
const ASKED = 10_000;

/** A wish to run a package. */
export type Deploy = CommandBody<"app.deploy">;

/** What was moved. */
export interface Uploaded {
  readonly files: number;
  readonly bytes: number;
  readonly of: number;
}

/** Uploads what the realm lacks of a package. */
export async function uploadPackage(
  i: Invocation,
  client: RealmClient,
  reader: PackageReader,
): Promise<Uploaded> {
  const blobs = packageBlobs(reader);
  const missing = new Set<string>();
  for (let at = 0; at < blobs.length; at += ASKED) {
    const asked = blobs.slice(at, at + ASKED).map((b) => b.digest);
    for (const digest of await client.missing(asked)) missing.add(digest);
  }
  const wanted = blobs.filter((b) => missing.has(b.digest));
  const total = wanted.reduce((n, b) => n + b.size, 0);
  const live = i.terminal.live && !flag(i, "json");
  let next = 0, moved = 0;
  const worker = async () => {
    while (next < wanted.length) {
      const blob = wanted[next++];
      const content = { size: blob.size, from: (at: number) => blob.open(at) };
      await client.upload(blob.digest, content, { onInterrupted: sayInterrupted(i) });
      moved += blob.size;
      if (live) i.terminal.err(`\r\x1b[Kuploading ${bytes(moved)} of ${bytes(total)}`);
    }
  };
  await Promise.all(Array.from({ length: Math.min(UPLOADS, wanted.length) }, worker));
  if (live && wanted.length > 0) i.terminal.err("\r\x1b[K");
  return { files: wanted.length, bytes: total, of: blobs.length };
}

/** What a deploy would do, as text. */
export function planText(i: Invocation, plan: PlanView): string {
  const t = i.terminal;
  const change = plan.change === "install"
    ? `install ${plan.to.version}`
    : plan.change === "upgrade"
    ? `${plan.from?.version ?? "?"} → ${plan.to.version}`
    : `${plan.to.version} stands already`;
  const rows = plan.replicas.map((r): readonly Cell[] => [
    String(r.slot),
    { text: r.action, colour: r.node === undefined ? "red" : r.action === "keep" ? "dim" : "green" },
    r.node_name ?? "no node",
    r.reason ?? "",
  ]);
  const rejected = plan.rejected_nodes.map((
    n,
  ): readonly Cell[] => [n.name, n.reasons.join("; "), n.fix ?? ""]);
  return `${paint(t, "bold", plan.app)}: ${plain(change)}, ${plan.strategy}\n` +
    (rows.length > 0 ? "\n" + table(t, ["SLOT", "ACTION", "NODE", "WHY"], rows) : "") +
    (rejected.length > 0
      ? "\nNodes that cannot take it\n" + table(t, ["NODE", "WHY", "FIX"], rejected)
      : "") +
    plan.notes.map((n) => `${paint(t, "yellow", "note")}: ${plain(n)}\n`).join("");
}

/** Uploads (unless the realm has the package already), signs, submits and follows one deploy; the exit code. */
export async function carryOut(
  i: Invocation,
  client: RealmClient,
  reader: PackageReader | undefined,
  wish: Deploy,
): Promise<number> {
  const started = performance.now();
  const uploaded = reader ? await uploadPackage(i, client, reader) : { files: 0, bytes: 0, of: 0 };
  const done = await client.command("app.deploy", wish);
  const json = flag(i, "json");
  if (!json) {
    i.terminal.err(
      `${wish.app} ${plain(wish.spec.version)}: ${uploaded.files} of ${uploaded.of} files uploaded ` +
        `(${bytes(uploaded.bytes)}), command ${shortId(done.id)}\n`,
    );
  }
  if (flag(i, "detach")) {
    print(i, { ...done, uploaded }, () => `See 'realm app show ${wish.app}'.\n`);
    return 0;
  }
  const end = await followRollout(i, client, wish.app, done.id, duration(i, "timeout", FOLLOW_MS));
  const code = reportEnd(i, end);
  if (end.ok && !json) i.terminal.err(`in ${((performance.now() - started) / 1000).toFixed(1)} s\n`);
  return code;
}

/** See the module's text. */
export const deploy: Handler = async (i) => {
  const wanted = i.args[0];
  const planning = flag(i, "plan");
  const reader = isDigest(wanted) ? undefined : await readPackage(await i.host.packageWorld(), wanted);
  const client = await connect(i, planning ? "read" : "write");
  const { manifest, digest } = reader ?? await readRealmPackage(client, wanted);
  const strategy = text(i, "strategy") as Deploy["strategy"] | undefined;
  const wish: Deploy = {
    app: text(i, "name") ?? manifest.name,
    spec: appSpecOf(manifest, digest),
    replicas: replicasOf(text(i, "replicas") ?? "1", "--replicas"),
    tags: list(i, "tag"),
    strategy: strategy ?? "rolling",
  };
  if (planning) {
    const plan = await client.plan(wish);
    return print(i, plan, () => planText(i, plan));
  }
  return await carryOut(i, client, reader, wish);
};
