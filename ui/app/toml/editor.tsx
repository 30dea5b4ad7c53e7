/**
 * An editor of manifests: a plain text field, so that everything that a field can do works (spelling, selection, undo,
 * screen readers), with the same text in colours behind it, marks at lines with problems, and proposals under the
 * cursor. Tab leaves it, as it leaves every field.
 */
import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { TomlProblem } from "../../../mod.ts";
import { piecesOf } from "./colours.ts";
import { type Known, type Proposals, proposalsAt } from "./completion.ts";

/** Longer texts are shown without colours: each stroke would draw them anew. */
const COLOURED = 40_000;
/** Proposals shown at once: a list that scrolls would need the focus, which stays in the field. */
const WINDOW = 8;

/** Puts the cursor at a line and column, from 1. */
export function moveTo(field: HTMLTextAreaElement, line: number, column: number): void {
  const lines = field.value.split("\n");
  const at = lines.slice(0, line - 1).reduce((n, l) => n + l.length + 1, 0) + column - 1;
  field.focus();
  field.setSelectionRange(at, at);
  const height = parseFloat(getComputedStyle(field).lineHeight);
  field.scrollTop = Math.max(0, (line - 4) * height);
}

/** See the module's text. */
export function Editor(
  { value, change, problems, known, field }: {
    value: string;
    change: (text: string) => void;
    problems: readonly TomlProblem[];
    known: Known;
    field: { current: HTMLTextAreaElement | null };
  },
) {
  const id = useId();
  const behind = useRef<HTMLPreElement>(null), gutter = useRef<HTMLDivElement>(null);
  const popup = useRef<HTMLUListElement>(null);
  const [proposals, setProposals] = useState<Proposals>();
  const [chosen, setChosen] = useState(0);
  const cursor = useRef<number | undefined>(undefined);
  const scroll = () => {
    const f = field.current;
    if (!f || !behind.current || !gutter.current) return;
    behind.current.scrollTop = gutter.current.scrollTop = f.scrollTop;
    behind.current.scrollLeft = f.scrollLeft;
  };
  useLayoutEffect(() => {
    if (cursor.current !== undefined) field.current?.setSelectionRange(cursor.current, cursor.current);
    cursor.current = undefined;
    scroll();
  }, [value]);
  useLayoutEffect(() => {
    const f = field.current, list = popup.current;
    if (!f || !list || !proposals) return;
    const before = f.value.slice(0, proposals.from).split("\n");
    const style = getComputedStyle(f), line = parseFloat(style.lineHeight);
    const top = before.length * line + parseFloat(style.paddingTop) - f.scrollTop;
    list.style.top = `${top}px`;
    list.style.left = `calc(${style.paddingLeft} + ${before.at(-1)!.length}ch - ${f.scrollLeft}px)`;
  }, [proposals]);
  useEffect(() => setChosen(0), [proposals?.from, proposals?.all.length]);
  const propose = (asked: boolean) => {
    const f = field.current!;
    const found = f.selectionStart === f.selectionEnd
      ? proposalsAt(f.value, f.selectionStart, known, asked)
      : undefined;
    setProposals(found && found.all.length > 0 ? found : undefined);
  };
  const accept = (index: number) => {
    const p = proposals?.all[index];
    if (!proposals || !p) return;
    const end = value.slice(proposals.to);
    cursor.current = proposals.from + p.text.length;
    change(value.slice(0, proposals.from) + p.text + end);
    setProposals(undefined);
    field.current?.focus();
  };
  const steer = (event: KeyboardEvent) => {
    if (event.key === " " && event.ctrlKey) {
      event.preventDefault();
      return propose(true);
    }
    if (!proposals) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) setChosen((chosen + step + proposals.all.length) % proposals.all.length);
    else if (event.key === "Enter") accept(chosen);
    else if (event.key === "Escape") setProposals(undefined);
    else {
      if (event.key.startsWith("Arrow") || event.key === "Tab") setProposals(undefined);
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };
  const total = proposals?.all.length ?? 0;
  const first = Math.max(0, Math.min(chosen - WINDOW / 2, total - WINDOW));
  const lines = value.split("\n").length;
  const bad = new Set(problems.map((p) => p.line));
  return (
    <div class="editor">
      <div class="gutter" aria-hidden="true" ref={gutter}>
        {Array.from(
          { length: lines },
          (_, i) => <span key={i} class={bad.has(i + 1) ? "bad" : ""}>{i + 1}</span>,
        )}
      </div>
      <div class="text">
        <pre class="behind" aria-hidden="true" ref={behind}>
          {value.length > COLOURED
            ? value
            : piecesOf(value).map((p, i) => p.kind === "plain" ? p.text : <i key={i} class={p.kind}>{p.text}</i>)}
          {"\n"}
        </pre>
        <textarea
          ref={field}
          value={value}
          aria-label="Manifest"
          aria-autocomplete="list"
          aria-controls={proposals ? `${id}-list` : undefined}
          aria-activedescendant={proposals ? `${id}-${chosen}` : undefined}
          aria-invalid={problems.length > 0}
          aria-describedby="manifest-problems"
          wrap="off"
          spellcheck={false}
          autocapitalize="off"
          autocomplete="off"
          onScroll={scroll}
          onKeyDown={steer}
          onBlur={() => setProposals(undefined)}
          onInput={(e) => (change(e.currentTarget.value), propose(false))}
        />
        {proposals && (
          <ul class="proposals" role="listbox" id={`${id}-list`} aria-label="Proposals" ref={popup}>
            {proposals.all.slice(first, first + WINDOW).map((p, i) => (
              <li
                key={p.text}
                id={`${id}-${first + i}`}
                role="option"
                aria-selected={first + i === chosen}
                aria-setsize={total}
                aria-posinset={first + i + 1}
                onMouseDown={(e) => (e.preventDefault(), accept(first + i))}
              >
                <code>{p.text.length > 40 ? `${p.text.slice(0, 38)}…` : p.text}</code>
                <small>{p.hint.slice(0, 80)}</small>
              </li>
            ))}
            {total > WINDOW && (
              <li class="more" role="presentation">
                {chosen + 1} of {total}: arrow keys show more
              </li>
            )}
          </ul>
        )}
      </div>
    </div>
  );
}
