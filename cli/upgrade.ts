/** `realm upgrade`: from executables on disk to a fleet that runs them. */
import {
  type PlannedNode,
  type PlanOptions,
  planUpgrade,
  type RealmClient,
  type ReleaseManifest,
  releaseManifest,
  shortId,
  type SignedRelease,
  signRelease,
  type UpgradePlan,
} from "../mod.ts";
import { connect, signingCredentials } from "./connection.ts";
import { bytes, type Cell, paint, plain, print, table } from "./display.ts";
import { duration, flag, type Handler, type Invocation, list, whole } from "./invocation.ts";
import { sayInterrupted } from "./storage.ts";
import { followUpgrade, reportUpgrade } from "./upgrade_following.ts";
import { findRelease, type ReleaseFile, versionOf } from "./upgrade_files.ts";

const DAY_MS = 86_400_000;
/** Long enough for what fails after a moment, short enough for a fleet. */
const PROBATION_MS = 20_000;
const DEADLINE_MS = 60_000;
const DRAIN_MS = 300_000;
const EXPIRES_MS = 30 * DAY_MS;
/** Default time that a rollout is followed: hundreds of nodes in small batches take their time. */
export const FOLLOW_UPGRADE_MS = 4 * 3_600_000;

function canariesOf(i: Invocation): PlanOptions["canaries"] {
  const named = list(i, "canary");
  if (named.length === 0) return 1;
  return named.length === 1 && /^[0-9]+$/.test(named[0]) ? whole(i, "canary", 1, 1, 10) : named;
}

/** What would happen, as text. */
function planText(i: Invocation, plan: UpgradePlan, files: readonly ReleaseFile[]): string {
  const t = i.terminal;
  const actions: Readonly<Record<PlannedNode["action"], Cell>> = {
    canary: { text: "canary", colour: "yellow" },
    batch: { text: "in a batch", colour: "green" },
    later: { text: "when it returns", colour: "dim" },
    skip: { text: "not", colour: "dim" },
  };
  const rows = plan.nodes.map((n): readonly Cell[] => [
    n.name,
    n.platform,
    n.from,
    actions[n.action],
    n.reason ?? "",
  ]);
  const shown = files.map((f) =>
    `  ${f.artifact.platform.padEnd(14)} ${bytes(f.artifact.size)}  ${plain(f.path)}\n`
  );
  return `${paint(t, "bold", `version ${plan.version}`)}\n${shown.join("")}\n` +
    table(t, ["NODE", "PLATFORM", "FROM", "CHANGES", "WHY NOT"], rows);
}

async function uploadFiles(i: Invocation, client: RealmClient, files: readonly ReleaseFile[]): Promise<void> {
  const { disk } = await i.host.packageWorld();
  const missing = new Set(await client.missing(files.map((f) => f.artifact.sha256)));
  for (const { path, artifact: { sha256, size, platform } } of files) {
    if (!missing.has(sha256)) continue;
    if (!flag(i, "json")) i.terminal.err(`uploading ${platform}, ${bytes(size)}\n`);
    const from = (start: number) => disk.readStream(path, { start });
    await client.upload(sha256, { size, from }, { onInterrupted: sayInterrupted(i) });
  }
}

/** See the module's text. */
export const upgrade: Handler = async (i) => {
  const found = await findRelease(i);
  const version = versionOf(i, found.files);
  const manifest: ReleaseManifest = found.signed?.manifest ??
    releaseManifest(version, found.files.map((f) => f.artifact), {
      expires: Date.now() + duration(i, "expires", EXPIRES_MS),
    });
  const planning = flag(i, "plan");
  const probation = duration(i, "probation", PROBATION_MS), deadline = duration(i, "deadline", DEADLINE_MS);
  const wish = {
    batch: whole(i, "batch", 2, 1, 1_000),
    probation_ms: probation,
    // A longer probation leaves the usual time for starting.
    deadline_ms: Math.max(deadline, probation + DEADLINE_MS / 2),
    drain_ms: duration(i, "drain", DRAIN_MS),
    allow_downgrade: flag(i, "allow-downgrade"),
  };
  const client = await connect(i, planning ? "read" : "write");
  const [nodes, apps] = await Promise.all([client.nodes(), client.apps()]);
  const plan = planUpgrade(nodes, apps, manifest, {
    canaries: canariesOf(i),
    allowDowngrade: wish.allow_downgrade,
  });
  if (planning) return print(i, plan, () => planText(i, plan, found.files));
  const release = found.signed?.release ?? await signed(i, manifest);
  const used = new Set(nodes.map((n) => n.info?.platform));
  await uploadFiles(i, client, found.files.filter((f) => used.has(f.artifact.platform)));
  const done = await client.command("upgrade.start", { release, canaries: [...plan.canaries], ...wish });
  if (!flag(i, "json")) i.terminal.err(`version ${version} (command ${shortId(done.id)})\n`);
  if (flag(i, "detach")) return print(i, done, () => "See 'realm upgrade status'.\n");
  return reportUpgrade(i, await followUpgrade(i, done.id, duration(i, "timeout", FOLLOW_UPGRADE_MS)));
};

async function signed(i: Invocation, manifest: ReleaseManifest): Promise<SignedRelease> {
  const { signer, grants } = await signingCredentials(i);
  return signRelease(manifest, signer, grants);
}
