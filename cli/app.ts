/** `realm app list|show|logs|history`: reading. */
import {
  type AppView,
  countReplicas,
  type LogLineView,
  type MountsView,
  type RevisionView,
  shortId,
} from "../mod.ts";
import { connect } from "./connection.ts";
import { ago, bytes, type Cell, facts, moment, paint, plain, print, stateCell, table } from "./display.ts";
import { durationMs, flag, type Handler, type Invocation, text, whole } from "./invocation.ts";
import { show as showing } from "./watching.ts";

/** How many replicas are healthy, and how many ended and are to stay so. */
export function healthCell(a: AppView): Cell {
  const { healthy, wanted, ended, well } = countReplicas(a);
  return {
    text: `${healthy}/${a.wanted === "all" ? `all (${wanted})` : wanted}${
      ended > 0 ? `, ${ended} ended` : ""
    }`,
    colour: well ? "green" : "yellow",
  };
}

const row = (a: AppView): readonly Cell[] => [
  a.name,
  a.version ?? "",
  stateCell(a.phase),
  healthCell(a),
  a.links[0] ?? a.routes[0] ?? "",
];

/** All apps. */
export const list: Handler = async (i) => {
  const client = await connect(i, "read");
  await showing(
    i,
    () => client.apps(),
    (apps) =>
      apps.length === 0
        ? "No apps. Deploy one with 'realm deploy PACKAGE'.\n"
        : table(i.terminal, ["NAME", "VERSION", "STATE", "HEALTHY", "LINK"], apps.map(row)),
  );
};

/** One app as text. */
export function appText(i: Invocation, a: AppView): string {
  const head = facts(i.terminal, [
    ["name", a.name],
    ["version", a.version && `${a.version}${a.revision ? ` (revision ${shortId(a.revision)})` : ""}`],
    ["state", stateCell(a.phase)],
    ["since", `${moment(a.since)} UTC`],
    ["replicas", `${a.healthy} healthy of ${a.wanted === "all" ? "all matching nodes" : a.wanted}`],
    ["commits", a.commits && Object.entries(a.commits).map(([mount, c]) => `${mount} ${c}`).join(", ")],
    ["tags", a.tags.length > 0 ? a.tags.join(" ") : undefined],
    ["routes", a.routes.length > 0 ? a.routes.join(" ") : undefined],
    ["links", a.links.length > 0 ? a.links.join(" ") : undefined],
    [
      "requests",
      a.metrics &&
      `${a.metrics.requests}, ${a.metrics.errors} errors, median ${a.metrics.p50_ms} ms, p99 ${a.metrics.p99_ms} ms`,
    ],
    [
      "rollout",
      a.rollout && {
        text: `${a.rollout.from ? `${a.rollout.from.version} → ` : ""}${a.rollout.to.version}: ` +
          `${a.rollout.done} of ${a.rollout.total} healthy`,
        colour: "yellow",
      },
    ],
    ["rejected", a.rejected && { text: a.rejected.reason.split("\n")[0], colour: "red" }],
  ]);
  const replicas = a.replicas.map((r): readonly Cell[] => [
    String(r.slot),
    r.node_name,
    stateCell(r.state),
    r.version,
    String(r.restarts),
    ago(r.since),
    r.reason ?? "",
  ]);
  const volumes = a.volumes.map((v): readonly Cell[] => [v.name, String(v.slot), v.node_name]);
  return head +
    (replicas.length > 0
      ? "\n" + table(i.terminal, ["SLOT", "NODE", "STATE", "VERSION", "RESTARTS", "SINCE", "WHY"], replicas)
      : "") +
    (volumes.length > 0 ? "\n" + table(i.terminal, ["VOLUME", "SLOT", "NODE"], volumes) : "");
}

function mountsText(i: Invocation, { mounts, missing }: MountsView): string {
  const rows = mounts.map((m): readonly Cell[] => [
    m.guest,
    m.volume ? `${m.kind} ${m.volume}` : m.kind,
    m.node_name,
    m.replica,
    `${m.used_bytes === undefined ? "?" : bytes(m.used_bytes)}${
      m.quota_bytes ? ` of ${bytes(m.quota_bytes)}` : ""
    }`,
  ]);
  return (rows.length > 0
    ? `\n${table(i.terminal, ["MOUNT", "KIND", "NODE", "REPLICA", "USED"], rows)}`
    : "") +
    missing.map((m) => `mounts on ${plain(m.name)} are not known: ${plain(m.why)}\n`).join("");
}

/** One app. */
export const show: Handler = async (i) => {
  const client = await connect(i, "read");
  const read = async () => {
    const [app, mounts] = await Promise.all([client.app(i.args[0]), client.mounts(i.args[0])]);
    return { ...app, ...mounts };
  };
  await showing(i, read, (a) => appText(i, a) + mountsText(i, a));
};

const logLine = (i: Invocation, l: LogLineView): string => {
  const where = paint(i.terminal, "dim", `${moment(l.at)} ${plain(l.node)}`);
  const said = plain(l.text);
  return `${where} ${
    l.stream === "stdout" ? said : paint(i.terminal, l.stream === "stderr" ? "red" : "yellow", said)
  }\n`;
};

/** Log lines. */
export const logs: Handler = async (i) => {
  const client = await connect(i, "read");
  const since = text(i, "since");
  const query = {
    follow: flag(i, "follow"),
    tail: whole(i, "tail", 100, 0, 10_000),
    ...(since !== undefined && { since: Date.now() - durationMs(since, "--since") }),
    grep: text(i, "grep"),
  };
  const app = await client.app(i.args[0]).catch(() => undefined);
  const away = new Set(app?.replicas.flatMap((r) => r.state === "node unreachable" ? [r.node_name] : []));
  if (away.size > 0) {
    i.terminal.err(`note: what was logged on ${[...away].join(", ")} is not shown: it does not answer\n`);
  }
  for await (const line of client.logs(i.args[0], query)) {
    i.terminal.out(flag(i, "json") ? JSON.stringify(line) + "\n" : logLine(i, line));
  }
};

const historyRow = (r: RevisionView): readonly Cell[] => [
  String(r.number),
  shortId(r.id),
  r.kind === "rollback" ? `rollback${r.of ? ` to ${shortId(r.of)}` : ""}` : "deploy",
  r.version,
  stateCell(r.state),
  moment(r.at),
  shortId(r.by),
  r.reason?.split("\n")[0] ?? "",
];

/** Deploys and rollbacks. */
export const history: Handler = async (i) => {
  const revisions = (await (await connect(i, "read")).history(i.args[0])).toSorted((a, b) =>
    b.number - a.number
  );
  print(
    i,
    revisions,
    () =>
      table(
        i.terminal,
        ["NUMBER", "ID", "KIND", "VERSION", "STATE", "AT (UTC)", "BY", "WHY"],
        revisions.map(historyRow),
      ),
  );
};
