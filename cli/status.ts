/** `realm status`, `doctor`, `why`: what is, what is missing, and why. */
import { type FindingView, RealmError, type RealmView, shortId, type WhyView } from "../mod.ts";
import { connect } from "./connection.ts";
import { type Cell, facts, moment, paint, plain, print, stateCell, table } from "./display.ts";
import { flag, type Handler, type Invocation } from "./invocation.ts";
import { localFindings } from "./local_findings.ts";
import { show } from "./watching.ts";

function statusText(i: Invocation, r: RealmView): string {
  const t = i.terminal, n = r.nodes, a = r.apps;
  const lost = n.suspect + n.unreachable;
  const nodes: Cell = lost === 0 ? { text: `${n.alive} alive`, colour: "green" } : {
    text: `${n.alive} of ${n.total} alive, ${n.suspect} suspect, ${n.unreachable} unreachable`,
    colour: "red",
  };
  const apps: Cell = a.troubled === 0
    ? { text: `${a.steady} of ${a.total} steady`, colour: a.steady === a.total ? "green" : "yellow" }
    : { text: `${a.steady} of ${a.total} steady, ${a.troubled} in trouble`, colour: "red" };
  const head = facts(t, [
    ["realm", r.realm],
    ["node", `${shortId(r.self)} (realm ${r.version})`],
    ["nodes", nodes],
    ["apps", a.total === 0 ? "none; deploy one with 'realm deploy PACKAGE'" : apps],
    ["state", `${r.records} records, digest ${r.digest.slice(0, 12)}`],
    ...(r.catching_up
      ? [["note", { text: "has just started and still hears what it missed", colour: "yellow" }]] as [
        string,
        Cell,
      ][]
      : []),
  ]);
  const problems = r.problems.map((p) =>
    `${paint(t, "red", "!")} ${plain(p.what)}: ${plain(p.why)}${p.fix ? `\n  fix: ${plain(p.fix)}` : ""}\n`
  );
  return problems.length === 0 ? head : `${head}\n${problems.join("")}`;
}

/** See the module's text. */
export const status: Handler = async (i) => {
  const client = await connect(i, "read");
  if (!flag(i, "events")) return await show(i, () => client.realm(), (r) => statusText(i, r));
  for await (const event of client.events()) {
    i.terminal.out(
      flag(i, "json")
        ? JSON.stringify(event) + "\n"
        : `${paint(i.terminal, "dim", moment(event.at))}  ${plain(event.topic)}  ${plain(event.what)}\n`,
    );
  }
};

const findingRow = (f: FindingView): readonly Cell[] => [
  f.subject,
  stateCell(f.state),
  f.fix ? `${f.detail}; ${f.fix}` : f.detail,
];

/** Derives everything anew; 1 when something had been wrong. */
async function rebuild(i: Invocation): Promise<number> {
  const done = await (await connect(i, "write")).rebuild();
  print(
    i,
    done,
    () =>
      done.changed.length === 0
        ? `Everything was derived anew from ${done.records} records; nothing changed.\n`
        : `Everything was derived anew from ${done.records} records; wrong before: ${
          done.changed.join(", ")
        }.\n`,
  );
  return done.changed.length === 0 ? 0 : 1;
}

/** See the module's text. */
export const doctor: Handler = async (i) => {
  if (flag(i, "rebuild")) return await rebuild(i);
  const local = await localFindings(i.dataDir);
  let agent: readonly FindingView[];
  try {
    agent = await (await connect(i, "read")).doctor();
  } catch (error) {
    if (!(error instanceof RealmError)) throw error;
    agent = [{ subject: "node", state: "missing", detail: error.message }];
  }
  const findings = [...local, ...agent];
  print(i, findings, () => table(i.terminal, ["SUBJECT", "STATE", "FINDING"], findings.map(findingRow)));
  return findings.some((f) => f.state === "missing") ? 1 : 0;
};

function whyText(i: Invocation, w: WhyView): string {
  const head = `${w.kind} ${plain(w.id)} is ${w.state.replaceAll("_", " ")}\n` +
    w.reasons.map((r) => `  ${plain(r)}\n`).join("");
  const rows = w.nodes.map((n): readonly Cell[] => [
    n.name,
    n.able ? { text: "yes", colour: "green" } : { text: "no", colour: "red" },
    n.reasons.join("; "),
    n.fix ?? "",
  ]);
  const nodes = rows.length > 0 ? "\n" + table(i.terminal, ["NODE", "ABLE", "WHY", "FIX"], rows) : "";
  return head + nodes + (w.fix ? `\nfix: ${plain(w.fix)}\n` : "");
}

/** See the module's text. */
export const why: Handler = async (i) => {
  const found = await (await connect(i, "read")).why(i.args[0]);
  print(i, found, (w) => whyText(i, w));
};
