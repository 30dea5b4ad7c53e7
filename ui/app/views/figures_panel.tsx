/** Charts of a node or an app over a stretch of time that the person chooses. */
import { signal } from "@preact/signals";
import type { MetricsQuery, MetricsView, RealmClient } from "../../../mod.ts";
import { Chart } from "../chart.tsx";
import { Command } from "../copy.tsx";
import type { ChartOf } from "../figures.ts";
import { beat } from "../live.ts";
import { Name, Panel, useFetched } from "../parts.tsx";

const HOUR = 3_600_000;
const SPANS = [["15 min", HOUR / 4, "15m"], ["1 h", HOUR, "1h"], ["6 h", 6 * HOUR, "6h"], [
  "24 h",
  24 * HOUR,
  "24h",
], [
  "7 d",
  168 * HOUR,
  "7d",
], ["30 d", 720 * HOUR, "30d"]] as const;
/** What was chosen, for all charts. */
const chosen = signal<number>(1);

/** See the module's text. `line`: the same on the command line, without the stretch. */
export function Figures({ id, charts, line, fetch }: {
  id: string;
  charts: readonly ChartOf[];
  line: string;
  fetch: (client: RealmClient, query: MetricsQuery) => Promise<MetricsView>;
}) {
  const [, lastMs, word] = SPANS[chosen.value];
  const { value, error } = useFetched(`${id} ${lastMs}`, (c) => fetch(c, { lastMs, points: 300 }), beat);
  const silent = value?.nodes.filter((n) => n.problem !== undefined) ?? [];
  return (
    <Panel
      title="Figures"
      aside={
        <span class="choice" role="group" aria-label="Stretch of time">
          {SPANS.map(([text], i) => (
            <button
              key={text}
              type="button"
              class={i === chosen.value ? "on" : ""}
              aria-pressed={i === chosen.value}
              onClick={() => chosen.value = i}
            >
              {text}
            </button>
          ))}
        </span>
      }
    >
      {error && <p class="muted">{error}</p>}
      <div class="charts">
        {value
          ? charts.map((c) => <Chart key={c.title} view={value} of={c} />)
          : <p class="muted">Loading …</p>}
      </div>
      {silent.length > 0 && (
        <p class="muted">
          Without {silent.slice(0, 5).map((n, i) => (
            <>
              {i > 0 && ", "}
              <Name text={n.name} />
            </>
          ))}
          {silent.length > 5 && ` and ${silent.length - 5} more`}: {silent[0].problem}
        </p>
      )}
      <Command line={`${line} --last ${word}`} />
    </Panel>
  );
}
