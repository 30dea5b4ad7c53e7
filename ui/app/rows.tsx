/**
 * Long lists: only the rows in view exist, however many there are. The window scrolls, not the list, so that a page has
 * one scroll bar; every row has the same height. On a phone a row is a card of two lines.
 */
import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { Icon } from "./icons.tsx";

/** One column. */
export interface Column<T> {
  readonly head: string;
  /** Track of the grid, for example `minmax(120px, 2fr)`. */
  readonly size: string;
  readonly cell: (row: T) => ComponentChildren;
  /** What it is sorted by; without it, it cannot be. */
  readonly by?: (row: T) => string | number;
  /** Where it stands on a phone; without it, it is left out there. */
  readonly phone?: "lead" | "side" | "sub";
}

/** What a list is sorted by: kept by the view, so that it survives going away and coming back. */
export interface Order {
  readonly column: string;
  readonly down: boolean;
}

const HEIGHT = { wide: 38, narrow: 62 } as const;
/** What a cell without a value shows. */
const NOTHING = "–";
/** Rows above and below the window, and the step in which the range moves: a scroll draws seldom. */
const OVER = 8, STEP = 8;
const small = matchMedia("(max-width: 640px)");
/** Whether the window is as narrow as a phone. */
export const narrow = signal(small.matches);
small.addEventListener("change", () => narrow.value = small.matches);

type Range = readonly [number, number];

/** Which rows are in view. */
function useRange(count: number, height: number) {
  const box = useRef<HTMLDivElement>(null);
  const [range, setRange] = useState<Range>([0, 40]);
  useLayoutEffect(() => {
    const update = () => {
      const top = box.current?.getBoundingClientRect().top ?? 0;
      const snap = (n: number) => Math.floor(n / STEP) * STEP;
      const first = Math.max(0, snap(-top / height - OVER));
      const last = Math.min(count, snap((innerHeight - top) / height + OVER) + STEP);
      setRange((old) => old[0] === first && old[1] === last ? old : [first, Math.max(first, last)]);
    };
    update();
    addEventListener("scroll", update, { passive: true });
    addEventListener("resize", update);
    return () => {
      removeEventListener("scroll", update);
      removeEventListener("resize", update);
    };
  }, [count, height]);
  return { box, range };
}

function ordered<T>(of: readonly T[], columns: readonly Column<T>[], order: Order | undefined): readonly T[] {
  const by = order && columns.find((c) => c.head === order.column)?.by;
  if (!order || !by) return of;
  const keyed = of.map((row) => ({ row, key: by(row) }));
  keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0) * (order.down ? -1 : 1));
  return keyed.map((k) => k.row);
}

/** See the module's text. */
export function Rows<T>({ label, of, columns, id, order }: {
  label: string;
  of: readonly T[];
  columns: readonly Column<T>[];
  id: (row: T) => string;
  /** Without it, rows stay as they come. */
  order?: { value: Order | undefined };
}) {
  const phone = narrow.value, height = phone ? HEIGHT.narrow : HEIGHT.wide;
  const { box, range: [first, last] } = useRange(of.length, height);
  const now = order?.value;
  const rows = useMemo(() => ordered(of, columns, now), [of, now]);
  const shown = phone ? columns.filter((c) => c.phone) : columns;
  const tracks = phone ? undefined : { gridTemplateColumns: columns.map((c) => c.size).join(" ") };
  const sort = (c: Column<T>) =>
    order!.value = now?.column !== c.head ? { column: c.head, down: false } : now.down ? undefined : {
      column: c.head,
      down: true,
    };
  return (
    <div class={`rows ${phone ? "cards" : ""}`} role="table" aria-label={label} aria-rowcount={of.length + 1}>
      <div role="rowgroup" class={phone ? "unseen" : ""}>
        <div role="row" class="head" style={tracks} aria-rowindex={1}>
          {shown.map((c) => {
            const on = now?.column === c.head;
            return (
              <span
                role="columnheader"
                key={c.head}
                aria-sort={on ? now.down ? "descending" : "ascending" : undefined}
              >
                {c.by && order && !phone
                  ? (
                    <button
                      type="button"
                      class={on ? "sort on" : "sort"}
                      onClick={() => sort(c)}
                    >
                      {c.head}
                      {on && <Icon is={now.down ? "down" : "up"} />}
                    </button>
                  )
                  : c.head}
              </span>
            );
          })}
        </div>
      </div>
      <div ref={box} role="rowgroup" class="body" style={{ height: `${rows.length * height}px` }}>
        {rows.slice(first, last).map((row, i) => (
          <div
            key={id(row)}
            role="row"
            class="row"
            aria-rowindex={first + i + 2}
            style={{ ...tracks, height: `${height}px`, top: `${(first + i) * height}px` }}
          >
            {shown.map((c) => {
              const content = c.cell(row);
              // A dash says that a column is empty; a card has no columns.
              const place = !phone ? "" : content === NOTHING ? "unseen" : `at-${c.phone}`;
              return <span role="cell" key={c.head} class={place}>{content}</span>;
            })}
          </div>
        ))}
      </div>
    </div>
  );
}

const texts = new WeakMap<object, string>();
/** Those of `of` whose text has every word of `wanted` in it. Texts are made once per object. */
export function having<T extends object>(
  of: readonly T[],
  wanted: string,
  text: (row: T) => string,
): readonly T[] {
  const words = wanted.toLowerCase().split(/\s+/).filter((w) => w !== "");
  if (words.length === 0) return of;
  return of.filter((row) => {
    let known = texts.get(row);
    if (known === undefined) texts.set(row, known = text(row).toLowerCase());
    return words.every((w) => known.includes(w));
  });
}
