/** `realm upgrade status|abort|resume|history`. */
import { type RealmClient, RealmError, shortId, type UpgradeView } from "../mod.ts";
import { connect } from "./connection.ts";
import { ago, type Cell, facts, moment, print, stateCell, table } from "./display.ts";
import { duration, flag, type Handler, type Invocation } from "./invocation.ts";
import { FOLLOW_UPGRADE_MS } from "./upgrade.ts";
import { followUpgrade, progressText, reportUpgrade } from "./upgrade_following.ts";
import { show } from "./watching.ts";

async function current(client: RealmClient): Promise<UpgradeView> {
  try {
    return await client.upgrade("current");
  } catch (error) {
    if (!(error instanceof RealmError) || error.code !== "not_found") throw error;
    throw new RealmError("not_found", "the realm was never upgraded; start with 'realm upgrade FILE'");
  }
}

function viewText(i: Invocation, view: UpgradeView): string {
  const rows = view.nodes.map((n): readonly Cell[] => {
    const { colour } = stateCell(n.state) as { colour: "red" };
    return [
      n.name + (n.canary ? " (canary)" : ""),
      n.platform,
      n.version,
      { text: progressText(n), colour },
      n.since === undefined ? "" : ago(n.since),
      n.reason ?? "",
    ];
  });
  return facts(i.terminal, [
    ["upgrade", shortId(view.id)],
    ["version", view.version],
    ["state", stateCell(view.phase)],
    ["reason", view.reason],
    ["batch", `${view.batch}, of ${view.batch_size} nodes each`],
    [
      "quarantined",
      view.artifacts.flatMap((a) => a.quarantined ? `${a.platform}: ${a.quarantined}` : []).join("; ") ||
      undefined,
    ],
    ["started", `${moment(view.at)} UTC by ${shortId(view.by)}`],
  ]) + "\n" + table(i.terminal, ["NODE", "PLATFORM", "VERSION", "STATE", "SINCE", "WHY"], rows);
}

/** One upgrade. */
export const status: Handler = async (i) => {
  const client = await connect(i, "read");
  const [wanted] = i.args;
  await show(
    i,
    () => wanted === undefined ? current(client) : client.upgrade(wanted),
    (view) => viewText(i, view),
  );
};

/** Stops it where it is. */
export const abort: Handler = async (i) => {
  const client = await connect(i, "write");
  const { id, version } = await current(client);
  const done = await client.command("upgrade.abort", { upgrade: id });
  print(i, done, () => `The upgrade to ${version} stops where it is (command ${shortId(done.id)}).\n`);
};

/** Lets it go on. */
export const resume: Handler = async (i) => {
  const client = await connect(i, "write");
  const { id, version } = await current(client);
  const done = await client.command("upgrade.resume", { upgrade: id, retry: flag(i, "retry") });
  if (!flag(i, "json")) i.terminal.err(`the upgrade to ${version} goes on (command ${shortId(done.id)})\n`);
  if (flag(i, "detach")) return print(i, done, () => "See 'realm upgrade status'.\n");
  return reportUpgrade(i, await followUpgrade(i, id, duration(i, "timeout", FOLLOW_UPGRADE_MS)));
};

/** All that are remembered. */
export const history: Handler = async (i) => {
  const upgrades = await (await connect(i, "read")).upgrades();
  print(i, upgrades, () =>
    table(
      i.terminal,
      ["UPGRADE", "VERSION", "STATE", "STARTED", "BY", "WHY"],
      upgrades.map((
        u,
      ) => [shortId(u.id), u.version, stateCell(u.phase), moment(u.at), shortId(u.by), u.reason ?? ""]),
    ));
};
