/** Evenly spaced intervals, and samples sorted into them. */
import { monitorLimits } from "../protocol/mod.ts";
import { averaged, type Figures, type Kind, names } from "./figures.ts";

/** Intervals `[from + i * stepMs, …)`, aligned so that all nodes mean the same ones. */
export interface Grid {
  readonly from: number;
  readonly stepMs: number;
  readonly count: number;
  /** Whether only the coarse samples reach back that far. */
  readonly coarse: boolean;
}

/** By name of the figure, one value per interval. */
export type Series = Readonly<Record<string, readonly (number | null)[]>>;

/** The intervals of the last `lastMs` milliseconds in at most `points` pieces; the last one is still running. */
export function grid(now: number, lastMs: number, points: number): Grid {
  const { sampleMs, coarseStepMs, fineMs } = monitorLimits;
  const coarse = lastMs > fineMs;
  const base = coarse ? coarseStepMs : sampleMs;
  const stepMs = Math.max(1, Math.ceil(lastMs / Math.max(1, points) / base)) * base;
  const end = Math.floor(now / stepMs) * stepMs + stepMs;
  const count = Math.max(1, Math.ceil(lastMs / stepMs));
  return { from: end - count * stepMs, stepMs, count, coarse };
}

/** A stored sample: `at` is the start of its interval. */
export interface Stored {
  readonly at: number;
  readonly figures: Figures;
}

/** Samples as one row per interval of a grid; `undefined` where there is none. */
export function sorted(kind: Kind, samples: Iterable<Stored>, on: Grid): (Figures | undefined)[] {
  const bins = new Map<number, Figures[]>();
  for (const { at, figures } of samples) {
    const bin = Math.floor((at - on.from) / on.stepMs);
    if (bin < 0 || bin >= on.count) continue;
    const found = bins.get(bin);
    if (found) found.push(figures);
    else bins.set(bin, [figures]);
  }
  const base = on.coarse ? monitorLimits.coarseStepMs : monitorLimits.sampleMs;
  const slots = on.stepMs / base;
  return Array.from({ length: on.count }, (_, i) => {
    const found = bins.get(i);
    if (!found) return undefined;
    // The newest interval still runs: what is not there yet is not nothing.
    return averaged(kind, found, i === on.count - 1 ? found.length : Math.max(slots, found.length));
  });
}

/** Rows as series by name, rounded to what a chart can show: four digits. */
export function seriesOf(kind: Kind, rows: readonly (Figures | undefined)[]): Series {
  return Object.fromEntries(
    names[kind].map((name, i) => [
      name,
      rows.map((row) => {
        const value = row?.[i] ?? NaN;
        return Number.isFinite(value) ? Number(value.toPrecision(4)) : null;
      }),
    ]),
  );
}

/** Series of an answer as rows again. */
export function rowsOf(kind: Kind, series: Series, count: number): (Figures | undefined)[] {
  return Array.from({ length: count }, (_, i) => {
    const row = Float32Array.from(names[kind], (name) => series[name]?.[i] ?? NaN);
    return row.some((v) => !Number.isNaN(v)) ? row : undefined;
  });
}
