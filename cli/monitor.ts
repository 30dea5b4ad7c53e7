/** `realm node metrics|diagnose`, `realm app metrics`, `realm metrics`, `realm events`: what the agents observe. */
import {
  type AppFigure,
  appFigures,
  type EventView,
  type MetricsView,
  type NodeFigure,
  nodeFigures,
} from "../mod.ts";
import { connect } from "./connection.ts";
import { bytes, type Cell, moment, paint, plain, print, stateCell, table } from "./display.ts";
import { durationMs, flag, type Handler, type Invocation, text, whole } from "./invocation.ts";
import { show } from "./watching.ts";

/** Columns of a curve: what fits beside its figures on a narrow terminal. */
const WIDTH = 40;
const HOUR_MS = 3_600_000;
const BLOCKS = "▁▂▃▄▅▆▇█";

type Form = (typeof nodeFigures)[NodeFigure] | (typeof appFigures)[AppFigure];
const formsOf = (kind: MetricsView["kind"]): Readonly<Record<string, Form>> =>
  kind === "node" ? nodeFigures : appFigures;
const WORDS: Readonly<Record<string, string>> = {
  cpu: "processors",
  memory_bytes: "memory",
  agent_cpu: "agent's processor",
  agent_memory_bytes: "agent's memory",
  disk_free_bytes: "disk free",
  requests_per_s: "requests",
  errors_per_s: "errors",
  in_flight: "in work",
  p50_ms: "median latency",
  p99_ms: "99th percentile",
  bytes_out_per_s: "answered",
};

const brief = (n: number) => String(Number(n >= 100 ? n.toFixed(0) : n.toPrecision(2)));
function figure(form: Form, n: number): string {
  switch (form) {
    case "bytes":
      return bytes(n);
    case "bytes_rate":
      return `${bytes(n)}/s`;
    case "share":
      return `${brief(n * 100)} %`;
    case "rate":
      return `${brief(n)}/s`;
    case "ms":
      return `${brief(n)} ms`;
    case "cores":
      return `${brief(n)} cores`;
    case "count":
      return brief(n);
  }
}

/** A curve of at most {@link WIDTH} columns from zero to the largest value; a gap where nothing was measured. */
export function curve(values: readonly (number | null)[]): string {
  const per = Math.max(1, Math.ceil(values.length / WIDTH));
  const columns: (number | null)[] = [];
  for (let i = 0; i < values.length; i += per) {
    const part = values.slice(i, i + per).filter((v) => v !== null);
    columns.push(part.length === 0 ? null : Math.max(...part));
  }
  const top = Math.max(...columns.map((v) => v ?? 0));
  return columns.map((v) => v === null ? " " : BLOCKS[top > 0 ? Math.min(7, Math.floor(v / top * 7.99)) : 0])
    .join("");
}

function metricsText(i: Invocation, m: MetricsView): string {
  const rows = Object.entries(m.series).map(([name, values]): readonly Cell[] => {
    const known = values.filter((v) => v !== null), form = formsOf(m.kind)[name] ?? "count";
    const last = known.at(-1);
    return [
      WORDS[name] ?? name.replaceAll("_", " "),
      last === undefined ? "–" : figure(form, last),
      known.length === 0 ? "–" : figure(form, Math.max(...known)),
      curve(values),
    ];
  });
  const missing = m.nodes.filter((n) => n.problem !== undefined);
  const from = moment(m.at[0] ?? 0);
  return table(i.terminal, ["FIGURE", "NOW", "LARGEST", `SINCE ${from} UTC`], rows) +
    missing.map((n) => `without ${plain(n.name)}: ${plain(n.problem!)}\n`).join("");
}

const queryOf = (i: Invocation) => {
  const last = text(i, "last");
  return {
    lastMs: last === undefined ? HOUR_MS : durationMs(last, "--last"),
    points: whole(i, "points", 360, 1, 1_000),
  };
};

/** Figures of a node. */
export const nodeMetrics: Handler = async (i) => {
  const client = await connect(i, "read");
  await show(i, () => client.nodeMetrics(i.args[0], queryOf(i)), (m) => metricsText(i, m));
};

/** Figures of an app. */
export const appMetrics: Handler = async (i) => {
  const client = await connect(i, "read");
  await show(i, () => client.appMetrics(i.args[0], queryOf(i)), (m) => metricsText(i, m));
};

/** Prometheus text. */
export const metrics: Handler = async (i) => {
  const exposition = await (await connect(i, "read")).exposition();
  print(i, { text: exposition }, () => exposition);
};

/** What a node finds about itself. */
export const diagnose: Handler = async (i) => {
  const findings = await (await connect(i, "read")).diagnose(i.args[0]);
  const row = (f: typeof findings[number]): readonly Cell[] => [
    f.subject,
    stateCell(f.state),
    f.fix ? `${f.detail}; ${f.fix}` : f.detail,
  ];
  print(i, findings, () => table(i.terminal, ["SUBJECT", "STATE", "FINDING"], findings.map(row)));
  return findings.some((f) => f.state === "missing") ? 1 : 0;
};

function eventLine(i: Invocation, e: EventView): string {
  if (flag(i, "json")) return JSON.stringify(e) + "\n";
  const what = plain(e.topic === "audit" && e.target ? `${e.what} ${e.target}` : e.what);
  const said = e.severity ? paint(i.terminal, e.severity === "error" ? "red" : "yellow", what) : what;
  return `${paint(i.terminal, "dim", moment(e.at))}  ${plain(e.topic).padEnd(6)}  ${said}\n`;
}

/** What happened and, when followed, what happens. */
export const events: Handler = async (i) => {
  const client = await connect(i, "read");
  const past = await client.pastEvents(whole(i, "limit", 50, 0, 10_000));
  for (const e of past) i.terminal.out(eventLine(i, e));
  if (!flag(i, "follow")) return;
  for await (const e of client.events(past.at(-1)?.n)) {
    if (e.what !== "changed") i.terminal.out(eventLine(i, e));
  }
};
