/** Following runs to their end: their logs as they are written, and how each ended. */
import {
  exitCodeOf,
  isAbsence,
  type RealmClient,
  RealmError,
  type RunLogView,
  type RunView,
} from "../mod.ts";
import { bytes, moment, paint, plain, span, stateCell } from "./display.ts";
import { until } from "./following.ts";
import { flag, type Invocation } from "./invocation.ts";

/** Logs shown side by side; of larger pipelines only the states are told. */
const LOGS_AT_ONCE = 16;
/** A log that broke off is asked for again this often, and for this long. */
const RETRY_MS = 200;
const ABSENCE_MS = 30_000;

const ENDS = ["succeeded", "failed", "cancelled", "timed_out", "lost"];
/** Whether a run has ended. */
export const hasEnded = (run: RunView): boolean => ENDS.includes(run.state);

/** One entry as text. `before`: what stands in front of each line. */
export function entryText(i: Invocation, e: RunLogView, before: string, times: boolean): string {
  const head = times ? paint(i.terminal, "dim", `${moment(e.at)} ${plain(e.node)} `) : "";
  // Colours of the program are passed on to a terminal; what else steers a terminal is not.
  const said = i.terminal.colour ? safeColours(e.text) : plain(e.text);
  const text = e.stream === "stdout"
    ? said
    : paint(i.terminal, e.stream === "stderr" ? "red" : "yellow", said);
  return `${before}${head}${text}${e.more ? "" : "\n"}`;
}

/** Text with its colours and without any other control characters. */
function safeColours(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.split(/(\u001b\[[0-9;]*m)/).map((part, i) => i % 2 === 1 ? part : plain(part)).join("");
}

/** Prints one run's log to its end; goes on where it broke off. */
async function printLog(
  i: Invocation,
  client: RealmClient,
  run: string,
  before: string,
  stop: AbortSignal,
): Promise<void> {
  let after: string | undefined;
  let absentSince: number | undefined;
  const open = { stdout: false, stderr: false, system: false };
  while (!stop.aborted) {
    try {
      for await (const entry of client.runLogs(run, { follow: true, ...(after && { after }) }, stop)) {
        after = `${entry.attempt}:${entry.seq}`;
        absentSince = undefined;
        if (flag(i, "json")) continue;
        const text = entryText(i, entry, open[entry.stream] ? "" : before, false);
        open[entry.stream] = entry.more === true;
        if (entry.stream === "stdout") i.terminal.out(text);
        else i.terminal.err(text);
      }
      return;
    } catch (error) {
      if (stop.aborted) return;
      const absent = isAbsence(error) || (error instanceof RealmError && error.code === "failed");
      absentSince ??= performance.now();
      if (!absent || performance.now() - absentSince > ABSENCE_MS) throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

/** How a run ended, in one line. */
export function endLine(i: Invocation, run: RunView): string {
  const cell = stateCell(run.state) as { text: string; colour: "red" };
  const last = run.attempts.at(-1);
  const report = last?.report;
  const facts = [
    last && `on ${plain(last.node_name)}`,
    report && `in ${report.wall_ms < 10_000 ? `${report.wall_ms} ms` : span(report.wall_ms)}`,
    report?.peak_bytes && `${bytes(report.peak_bytes)} of memory`,
    run.attempts.length > 1 && `attempt ${run.attempts.length}`,
  ].filter((x) => x);
  const why = run.reason && run.state !== "succeeded" ? `: ${plain(run.reason).split("\n")[0]}` : "";
  const how = facts.length > 0 ? ` ${facts.join(", ")}` : "";
  return `${plain(run.id)} ${paint(i.terminal, cell.colour, cell.text)}${how}${why}\n`;
}

/** Exit code of a set of runs. */
export const codeOf = (runs: readonly Pick<RunView, "state">[]): number =>
  runs.every((r) => r.state === "succeeded")
    ? 0
    : runs.some((r) => r.state === "timed_out")
    ? exitCodeOf("timed_out")
    : 1;

/** Follows runs to their ends; the exit code. Throws `timed_out` when they have not ended after `timeoutMs`. */
export async function followRuns(
  i: Invocation,
  client: RealmClient,
  ids: readonly string[],
  timeoutMs: number,
): Promise<number> {
  const stop = new AbortController();
  const width = Math.max(...ids.map((id) => id.length));
  const logs = ids.length > LOGS_AT_ONCE ? [] : ids.map((id) =>
    printLog(
      i,
      client,
      id,
      ids.length > 1 ? paint(i.terminal, "dim", `${id.padEnd(width)} | `) : "",
      stop.signal,
    )
  );
  const all = Promise.all(logs);
  all.catch(() => {});
  const runs = new Map<string, RunView>();
  const told = new Set<string>();
  let explained = false;
  const started = performance.now();
  try {
    if (ids.length === 1) await Promise.race([all, late(timeoutMs, stop.signal)]);
    await until(timeoutMs, `not every run has ended; see 'realm job list --state open'`, async () => {
      for (const id of ids) {
        if (told.has(id)) continue;
        const run = await client.run(id);
        runs.set(id, run);
        if (
          run.state === "pending" && !explained && performance.now() - started > 5_000 && !flag(i, "json")
        ) {
          explained = true;
          i.terminal.err(`${plain(id)} waits; see 'realm why ${plain(id)}'\n`);
        }
        if (!hasEnded(run)) continue;
        told.add(id);
        if (ids.length > 1 && !flag(i, "json")) i.terminal.err(endLine(i, run));
      }
      return told.size === ids.length;
    });
    await Promise.race([all, late(ABSENCE_MS, stop.signal)]);
  } finally {
    stop.abort();
  }
  const ended = ids.map((id) => runs.get(id)!);
  if (flag(i, "json")) i.terminal.out(JSON.stringify(ended, null, 2) + "\n");
  else if (ids.length === 1) i.terminal.err(endLine(i, ended[0]));
  return codeOf(ended);
}

const late = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
