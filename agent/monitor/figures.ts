/** Samples as rows of numbers, and how several become one: over time, and over nodes. */
import { appFigures, nodeFigures } from "../protocol/mod.ts";

/** Whose figures. */
export type Kind = "node" | "app";
/** One value per figure of the kind, in the order of its table; NaN: not measured. */
export type Figures = Float32Array<ArrayBuffer>;

/** Names of a kind's figures, in the order in which they are stored: only ever add at the end. */
export const names: Readonly<Record<Kind, readonly string[]>> = {
  node: Object.keys(nodeFigures),
  app: Object.keys(appFigures),
};

/** A sample from named values; what is absent was not measured. */
export function figuresOf(kind: Kind, values: Readonly<Record<string, number | undefined>>): Figures {
  return Float32Array.from(names[kind], (name) => values[name] ?? NaN);
}

/** Per-second figures: an interval without a sample counts as nothing happening. */
const isRate = (name: string): boolean => name.endsWith("_per_s");

type Fold = (values: readonly number[], slots: number) => number;
const total: Fold = (values) => values.reduce((n, v) => n + v, 0);

/** Latencies do not add up: the median by weight of requests, of the high percentile the largest. */
function fold(
  kind: Kind,
  samples: readonly Figures[],
  slots: number,
  plain: (name: string) => Fold,
): Figures {
  const weight = names[kind].indexOf("requests_per_s");
  return Float32Array.from(names[kind], (name, i) => {
    const known = samples.filter((s) => !Number.isNaN(s[i] ?? NaN));
    if (known.length === 0) return NaN;
    if (name === "p99_ms") return Math.max(...known.map((s) => s[i]));
    if (name === "p50_ms") {
      const weights = known.map((s) => s[weight] || 0), all = total(weights, 1);
      return all > 0 ? known.reduce((n, s, k) => n + s[i] * weights[k], 0) / all : known[0][i];
    }
    return plain(name)(known.map((s) => s[i]), slots);
  });
}

/** Several samples of one subject as one of a longer interval that holds `slots` samples. */
export const averaged = (kind: Kind, samples: readonly Figures[], slots: number): Figures =>
  fold(
    kind,
    samples,
    slots,
    (name) =>
      isRate(name) ? (values, n) => total(values, n) / n : (values) => total(values, 1) / values.length,
  );

/** Samples of one interval from several nodes as one of all together. */
export const summed = (kind: Kind, samples: readonly Figures[]): Figures =>
  fold(kind, samples, 1, () => total);
