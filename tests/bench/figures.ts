/** What benchmarks are made of: figures with their bounds, medians, and what processes cost (Linux: `/proc`). */

/** One measured figure. */
export interface Figure {
  readonly name: string;
  /** With its unit. */
  readonly value: string;
  /** What must hold, in words. */
  readonly bound?: string;
  readonly holds?: boolean;
  /** What it is measured against, in the same run. */
  readonly peer?: string;
}

/** Prints one figure as it comes. */
export function show(figure: Figure): Figure {
  const peer = figure.peer ? `   (${figure.peer})` : "";
  const verdict = figure.bound === undefined
    ? ""
    : `   ${figure.bound}: ${figure.holds ? "holds" : "MISSED"}`;
  console.log(`  ${figure.name.padEnd(58)} ${figure.value}${peer}${verdict}`);
  return figure;
}

/** A figure in `unit` that must not exceed `most`. */
export function atMost(name: string, value: number, most: number, unit: string, peer?: string): Figure {
  const digits = Math.abs(value) < 10 ? 2 : 0;
  return show({
    name,
    value: `${value.toFixed(digits)} ${unit}`,
    bound: `≤ ${most} ${unit}`,
    holds: value <= most,
    ...(peer ? { peer } : {}),
  });
}

/** A figure without a bound. */
export const note = (name: string, value: string, peer?: string): Figure =>
  show({ name, value, ...(peer ? { peer } : {}) });

/** The middle one. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

/** What a process has used up to now. */
export interface Usage {
  /** All its threads' time on a processor, in ms; to the nanosecond, unlike the ticks of `stat`. */
  readonly cpuMs: number;
  readonly rssMb: number;
}

/** Reads `/proc`; throws when the process is gone. */
export async function usage(pid: number): Promise<Usage> {
  let ns = 0;
  for await (const { name } of Deno.readDir(`/proc/${pid}/task`)) {
    try {
      ns += Number((await Deno.readTextFile(`/proc/${pid}/task/${name}/schedstat`)).split(" ")[0]);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error; // the thread has just ended
    }
  }
  // Threads that ended are in `stat` alone: it corrects what the sum over living threads misses.
  const stat = (await Deno.readTextFile(`/proc/${pid}/stat`)).replace(/^.*\) /, "").split(" ");
  const ticksMs = (Number(stat[11]) + Number(stat[12])) * 10;
  const rss = /VmRSS:\s+(\d+)/.exec(await Deno.readTextFile(`/proc/${pid}/status`));
  return { cpuMs: Math.max(ns / 1e6, ticksMs), rssMb: Number(rss?.[1]) / 1024 };
}

/** Waits; benchmarks of idleness have nothing to wait for but time. */
export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
