/** How things are shown: tables, times, sizes, colours, JSON. */
import type { Invocation, Terminal } from "./invocation.ts";
import { flag } from "./invocation.ts";

const CODES = { red: 31, green: 32, yellow: 33, dim: 2, bold: 1 } as const;
/** Colours that are used. */
export type Colour = keyof typeof CODES;

/** Text in a colour, where there are colours. */
export const paint = (terminal: Terminal, colour: Colour, text: string): string =>
  terminal.colour ? `\x1b[${CODES[colour]}m${text}\x1b[0m` : text;

// deno-lint-ignore no-control-regex
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;
/** Text from elsewhere without control characters: it must not steer the terminal. */
export const plain = (text: string): string => text.replace(CONTROL, "\ufffd");

/** A cell: text, or text with a colour. */
export type Cell = string | { readonly text: string; readonly colour: Colour };
const textOf = (cell: Cell): string =>
  plain(typeof cell === "string" ? cell : cell.text).replaceAll(/[\n\t]/g, " ");

const lengthOf = (text: string): number => [...text].length;

/** Text in lines of at most `width`, broken between words. */
function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && lengthOf(last) + 1 + lengthOf(word) <= width) {
      lines[lines.length - 1] += ` ${word}`;
    } else lines.push(word);
  }
  return lines;
}

/** Widths that fit `columns` where they can: the widest columns give way, none to less than its longest word. */
function fitting(texts: readonly (readonly string[])[], columns: number): number[] {
  const widest = (of: (text: string) => number) =>
    texts[0].map((_, i) => Math.max(...texts.map((row) => of(row[i] ?? ""))));
  const widths = widest(lengthOf);
  let over = widths.reduce((sum, w) => sum + w + 2, -2) - columns;
  if (columns === 0 || over <= 0) return widths;
  const least = widest((text) => Math.max(...text.split(" ").map(lengthOf)));
  for (; over > 0; over--) {
    const able = widths.map((w, i) => w > least[i] ? w : 0);
    const most = Math.max(...able);
    if (most === 0) break;
    widths[able.indexOf(most)]--;
  }
  return widths;
}

/** Least width of a last column that stays beside the others. */
const BESIDE = 24;
const INDENT = "    ";

/**
 * Aligned columns with a heading. On a terminal that is too narrow the widest columns are broken between words; a last one
 * that would become a thread stands below its row.
 */
export function table(
  terminal: Terminal,
  head: readonly string[],
  rows: readonly (readonly Cell[])[],
): string {
  const { columns } = terminal, end = head.length - 1;
  const texts = [head, ...rows.map((r) => head.map((_, i) => textOf(r[i] ?? "")))];
  const beside = fitting(texts, columns);
  const longest = Math.max(...texts.map((row) => lengthOf(row[end])));
  const total = beside.reduce((sum, w) => sum + w + 2, -2);
  const below = columns > 0 && end > 0 && (total > columns || beside[end] < Math.min(longest, BESIDE));
  const widths = below ? fitting(texts.map((row) => row.slice(0, -1)), columns) : beside;
  const line = (cells: readonly Cell[], all?: Colour): string => {
    const painted = (cell: Cell, text: string) => {
      const colour = all ?? (typeof cell === "string" ? undefined : cell.colour);
      return colour ? paint(terminal, colour, text) : text;
    };
    const parts = widths.map((width, i) => wrapped(textOf(cells[i] ?? ""), width));
    const high = Math.max(...parts.map((p) => p.length));
    const lines = Array.from({ length: high }, (_, at) =>
      parts.map((part, i) => {
        const text = part[at] ?? "";
        return painted(cells[i] ?? "", i === end ? text : text + " ".repeat(widths[i] - lengthOf(text)));
      }).join("  ").trimEnd());
    const last = cells[end] ?? "";
    if (below && textOf(last) !== "") {
      for (const text of wrapped(textOf(last), columns - INDENT.length)) {
        lines.push(INDENT + painted(last, text));
      }
    }
    return lines.join("\n");
  };
  return [line(head, "dim"), ...rows.map((r) => line(r))].join("\n") + "\n";
}

/** `name  value` lines; absent values are left out. */
export function facts(terminal: Terminal, pairs: readonly (readonly [string, Cell | undefined])[]): string {
  const shown = pairs.filter((p): p is readonly [string, Cell] => p[1] !== undefined);
  const width = Math.max(0, ...shown.map(([name]) => name.length));
  return shown.map(([name, cell]) => {
    const text = textOf(cell);
    const value = typeof cell === "string" ? text : paint(terminal, cell.colour, text);
    return `${paint(terminal, "dim", name.padEnd(width))}  ${value}\n`;
  }).join("");
}

/** Bytes for people: `1.4 MB`. */
export function bytes(n: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let i = 0, value = n;
  while (value >= 1000 && i < units.length - 1) {
    value /= 1000;
    i++;
  }
  return `${i === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[i]}`;
}

/** A span for people: `3 s`, `5 min`, `2 h`, `4 d`. */
export function span(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 120) return `${s} s`;
  if (s < 7_200) return `${Math.round(s / 60)} min`;
  if (s < 172_800) return `${Math.round(s / 3_600)} h`;
  return `${Math.round(s / 86_400)} d`;
}
/** How long ago. */
export const ago = (at: number, now = Date.now()): string => span(now - at);
/** A moment, to the second, in UTC. */
export const moment = (at: number): string => new Date(at).toISOString().slice(0, 19).replace("T", " ");

/** Prints JSON when `--json` was given, else what `show` makes of the value. */
export function print<T>(i: Invocation, value: T, show: (value: T) => string): void {
  i.terminal.out(flag(i, "json") ? JSON.stringify(value, null, 2) + "\n" : show(value));
}

/** The colour of a state. */
export function stateCell(state: string): Cell {
  const colour: Colour | undefined =
    /^(alive|healthy|steady|ok|accepted|current|open|succeeded|done)$/.test(state)
      ? "green"
      : /^(unreachable|failed|refused|unhealthy|removed|rejected|missing|failing|rolled_back|node unreachable|timed_out|lost|aborted)$/
          .test(
            state,
          )
      ? "red"
      : /^(stopped|left|past|cancelled|skipped|superseded)$/.test(state)
      ? "dim"
      : "yellow";
  return { text: state.replaceAll("_", " "), colour };
}
