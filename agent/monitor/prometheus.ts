/** Counters in the text format that Prometheus reads (version 0.0.4). */

/** Metrics of one name. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly values: readonly {
    readonly labels?: Readonly<Record<string, string>>;
    readonly value: number;
    /** Appended to the name: `_bucket`, `_sum`, `_count` of a histogram. */
    readonly suffix?: string;
  }[];
}

const escaped = (text: string) => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
const label = (text: string) => escaped(text).replaceAll('"', '\\"');
const number = (n: number) => Number.isNaN(n) ? "NaN" : n === Infinity ? "+Inf" : String(n);

/** The text; families without values are left out. */
export function prometheusText(families: readonly Family[]): string {
  const lines: string[] = [];
  for (const { name, help, type, values } of families) {
    if (values.length === 0) continue;
    lines.push(`# HELP ${name} ${escaped(help)}`, `# TYPE ${name} ${type}`);
    for (const { labels = {}, value, suffix = "" } of values) {
      const list = Object.entries(labels).map(([k, v]) => `${k}="${label(v)}"`).join(",");
      lines.push(`${name}${suffix}${list ? `{${list}}` : ""} ${number(value)}`);
    }
  }
  return lines.join("\n") + "\n";
}
