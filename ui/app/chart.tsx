/** Charts of figures over time, drawn by uPlot; the cursor of one moves those of all others with it. */
import { effect, signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type UPlot from "uplot";
import type { MetricsView } from "../../mod.ts";
import { type ChartOf, measured } from "./figures.ts";

/** A file of its own: most visits begin with a view that has no chart. */
const plotting = signal<typeof UPlot | undefined>(undefined);
let asked: Promise<void> | undefined;
/** Fetches it once; when that fails, the next call tries again. */
function fetchPlot(): void {
  asked ??= import("uplot").then(
    (module) => void (plotting.value = module.default),
    () => void (asked = undefined),
  );
}

const HEIGHT = 150;
const COLOURS = ["--accent", "--series-2", "--series-3"];
const dark = matchMedia("(prefers-color-scheme: dark)");
const scheme = signal(dark.matches);
dark.addEventListener("change", () => scheme.value = dark.matches);

/** A colour of the style sheet as canvas takes it: `light-dark()` is settled by an element that uses it. */
function colourOf(box: HTMLElement, name: string): string {
  const probe = document.createElement("i");
  probe.style.color = `var(${name})`;
  box.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}

const clock = (long: boolean) => (_: UPlot, ticks: number[]) =>
  ticks.map((t) =>
    new Date(t * 1_000).toLocaleString(
      [],
      long ? { month: "short", day: "numeric", hour: "2-digit" } : { hour: "2-digit", minute: "2-digit" },
    )
  );

/** Samples with a gap on either side: no line shows them, so a dot does. */
const alone = (data: UPlot.AlignedData[number]): number[] =>
  [...data].flatMap((v, i) => v !== null && data[i - 1] == null && data[i + 1] == null ? [i] : []);

const dataOf = (view: MetricsView, of: ChartOf): UPlot.AlignedData => [
  view.at.map((t) => t / 1_000),
  ...of.lines.map(([name]) => [...view.series[name] ?? view.at.map(() => null)]),
];

function draw(Plot: typeof UPlot, box: HTMLElement, view: MetricsView, of: ChartOf): UPlot {
  const muted = colourOf(box, "--muted"), grid = colourOf(box, "--line");
  const colours = COLOURS.map((name) => colourOf(box, name));
  const font = "11px system-ui, sans-serif";
  const axis = { stroke: muted, font, ticks: { show: false }, grid: { stroke: grid, width: 1 } };
  const long = view.at.length * view.step_ms > 2 * 86_400_000;
  return new Plot(
    {
      width: Math.max(120, box.clientWidth),
      height: HEIGHT,
      padding: [8, 32, 0, 0],
      cursor: {
        sync: { key: "figures" },
        points: { size: 6 },
        drag: { setScale: false, x: false, y: false },
      },
      legend: { show: true, live: true, markers: { width: 0, fill: (_u, i) => colours[i - 1] } },
      scales: { y: { range: (_u, _min, max) => [0, max > 0 ? max * 1.15 : 1] } },
      axes: [
        { ...axis, size: 24, values: clock(long), grid: { show: false } },
        {
          ...axis,
          size: 70,
          values: (_u, ticks) => ticks.map(of.say),
          splits: (_u, _i, min, max) => [min, max / 2.3, max / 1.15],
        },
      ],
      series: [
        { value: (_u, t) => t === null ? "" : new Date(t * 1_000).toLocaleString() },
        ...of.lines.map(([, label], i) => ({
          label,
          stroke: colours[i],
          width: 1.5,
          ...(i === 0 && of.lines.length === 1 ? { fill: colourOf(box, "--accent-soft") } : {}),
          points: { size: 4, filter: (u: UPlot, s: number) => alone(u.data[s]) },
          spanGaps: false,
          value: (u: UPlot, v: number | null) => {
            const data = u.data[i + 1] as (number | null)[];
            const shown = v ?? (u.cursor.idx == null ? data.findLast((x) => x !== null) : undefined);
            return shown == null ? "–" : of.say(shown);
          },
        })),
      ],
    },
    dataOf(view, of),
    box,
  );
}

/** One chart; its words say the same for those who do not see it. */
export function Chart({ view, of }: { view: MetricsView; of: ChartOf }) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<UPlot | undefined>(undefined);
  const latest = useRef(view);
  latest.current = view;
  const any = measured(view, of);
  useEffect(() => {
    if (!any || !box.current) return;
    const place = box.current;
    const end = effect(() => {
      void scheme.value;
      plot.current?.destroy();
      plot.current = plotting.value && draw(plotting.value, place, latest.current, of);
    });
    const watch = new ResizeObserver(() =>
      plot.current?.setSize({ width: Math.max(120, place.clientWidth), height: HEIGHT })
    );
    watch.observe(place);
    return () => {
      end();
      watch.disconnect();
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, [any, of, view.step_ms]);
  useEffect(() => {
    fetchPlot();
    plot.current?.setData(dataOf(view, of));
  }, [view]);
  const words = of.lines.map(([name, label]) => {
    const known = (view.series[name] ?? []).filter((v) => v !== null);
    return known.length > 0
      ? `${label} ${of.say(known.at(-1)!)}, at most ${of.say(Math.max(...known))}`
      : `${label} not measured`;
  });
  return (
    <figure class="chart" aria-label={`${of.title}: ${words.join("; ")}`}>
      <figcaption>{of.title}</figcaption>
      {any
        ? <div ref={box} class="plot" aria-hidden="true" />
        : <p class="muted">Nothing measured in this time.</p>}
    </figure>
  );
}
