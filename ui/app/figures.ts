/** What figures over time are called, and how a value of each is written. */
import type { MetricsView } from "../../mod.ts";
import { bytes } from "./format.ts";

/** One chart. */
export interface ChartOf {
  readonly title: string;
  /** Names of series with what they are called. */
  readonly lines: readonly (readonly [string, string])[];
  readonly say: (value: number) => string;
}

const brief = (n: number): string =>
  n === 0 ? "0" : n >= 100 ? n.toFixed(0) : String(Number(n.toPrecision(2)));
const rate = (n: number) => `${brief(n)}/s`;
const ms = (n: number) => n >= 1_000 ? `${brief(n / 1_000)} s` : `${brief(n)} ms`;

/** Charts of an app. */
export const appCharts: readonly ChartOf[] = [
  { title: "Requests", lines: [["requests_per_s", "requests"], ["errors_per_s", "errors"]], say: rate },
  { title: "Latency", lines: [["p50_ms", "median"], ["p99_ms", "99th percentile"]], say: ms },
  { title: "Memory", lines: [["memory_bytes", "replicas"]], say: bytes },
  { title: "Processor cores", lines: [["cpu", "replicas"]], say: brief },
];
/** Charts of a node. */
export const nodeCharts: readonly ChartOf[] = [
  {
    title: "Processors",
    lines: [["cpu", "machine"], ["agent_cpu", "agent, of one"]],
    say: (n) => `${brief(n * 100)} %`,
  },
  { title: "Memory", lines: [["memory_bytes", "machine"], ["agent_memory_bytes", "agent"]], say: bytes },
  { title: "Requests at its gateway", lines: [["requests_per_s", "requests"]], say: rate },
  { title: "Disk free", lines: [["disk_free_bytes", "free"]], say: bytes },
];

/** Whether anything was measured of a chart. */
export const measured = (view: MetricsView, of: ChartOf): boolean =>
  of.lines.some(([name]) => view.series[name]?.some((v) => v !== null));
