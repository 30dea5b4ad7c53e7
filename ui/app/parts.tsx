/** The parts that every view is made of. Text from elsewhere is isolated (`bdi`) and cut, never markup. */
import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { RealmError } from "../../mod.ts";
import { Command } from "./copy.tsx";
import { plain, plainLines, span, tone } from "./format.ts";
import { now, realm, version } from "./live.ts";
import { session } from "./session.ts";

/** Characters shown of a name, and of a state: no real one is longer. */
const SHOWN = 160, STATE_SHOWN = 40;
/** A name or other text from elsewhere: isolated, what hides in it made visible, cut when long. */
export function Name({ text }: { text: string }) {
  const shown = plain(text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text);
  return <bdi class="name" title={text.length > 24 ? plain(text.slice(0, 600)) : undefined}>{shown}</bdi>;
}
/** Characters shown of an explanation, and those (or lines) from which on it has a scroll bar of its own. */
const REASON = 4_000, LONG = 240, LINES = 5;
/** Why something is so, in the words of a node. Long ones scroll, and are reached by keyboard. */
export function Reason({ text }: { text: string }) {
  const shown = plainLines(text.length > REASON ? `${text.slice(0, REASON)}…` : text);
  const long = shown.length > LONG || shown.split("\n").length > LINES;
  return long
    ? (
      <div class="reason long" tabIndex={0} role="group" aria-label="Reason">
        <bdi>{shown}</bdi>
      </div>
    )
    : <bdi class="reason">{shown}</bdi>;
}
/** What was wrong with what a person asked for, brought into sight; nothing while `text` is empty. */
export function Alert({ text }: { text: string | undefined }) {
  const shown = useRef<HTMLParagraphElement>(null);
  useEffect(() => shown.current?.scrollIntoView({ block: "nearest" }), [text]);
  return text ? <p ref={shown} class="error" role="alert">{text}</p> : null;
}
/** A state as a word with a dot; never by colour alone. */
export const State = ({ is, as = tone(is) }: { is: string; as?: ReturnType<typeof tone> }) => (
  <span class={`state ${as}`}>
    <i aria-hidden="true" />
    {plain(is.slice(0, STATE_SHOWN).replaceAll("_", " "))}
  </span>
);
/** How long ago, or in how long; the moment itself on hover. */
export const Time = ({ at }: { at: number }) => (
  <time dateTime={new Date(at).toISOString()} title={new Date(at).toLocaleString()}>
    {at > now.value + 1_000 ? `in ${span(at - now.value)}` : `${span(now.value - at)} ago`}
  </time>
);
export const Id = ({ id, short }: { id: string; short: string }) => <code title={id}>{short}</code>;
/** What inputs by git stand for, by mount. */
export const Commits = ({ of }: { of: Readonly<Record<string, string>> }) => (
  <>
    {Object.entries(of).map(([mount, commit]) => (
      <div key={mount}>
        <Name text={mount} /> <Id id={commit} short={commit.slice(0, 10)} />
      </div>
    ))}
  </>
);
export const Tags = ({ tags }: { tags: readonly string[] }) => (
  <>{tags.map((t) => <span class="tag" key={t}>{t}</span>)}</>
);
/** A share of something, as a bar with its words; nearly full is a warning unless being full is the `goal`. */
export const Bar = (
  { part, whole, text, goal = false }: { part: number; whole: number; text: string; goal?: boolean },
) => (
  <span class="bar">
    <meter
      min={0}
      max={Math.max(1, whole)}
      high={Math.max(1, whole) * (goal ? 1 : 0.85)}
      value={part}
      aria-label={text}
    />
    <small>{text}</small>
  </span>
);

/** A box with a heading. */
export const Panel = (
  { title, aside, children }: { title: string; aside?: ComponentChildren; children: ComponentChildren },
) => (
  <section class="panel">
    <header>
      <h2>{title}</h2>
      {aside}
    </header>
    {children}
  </section>
);
/** What to do where there is nothing. */
export const Empty = ({ text, command }: { text: string; command?: string }) => (
  <div class="empty">
    <p>{text}</p>
    {command && <Command line={command} />}
  </div>
);
export const Facts = ({ of }: { of: readonly (readonly [string, ComponentChildren])[] }) => (
  <dl class="facts">
    {of.filter(([, v]) => v !== undefined && v !== false && v !== "").map(([name, value]) => (
      <div key={name}>
        <dt>{name}</dt>
        <dd>{value}</dd>
      </div>
    ))}
  </dl>
);
/** A table that becomes a list of cards where there is no room. */
export const Table = (
  { head, rows, label }: {
    label: string;
    head: readonly string[];
    rows: readonly { readonly key: string; readonly cells: readonly ComponentChildren[] }[];
  },
) => (
  <table aria-label={label}>
    <thead>
      <tr>{head.map((h) => <th scope="col" key={h}>{h}</th>)}</tr>
    </thead>
    <tbody>
      {rows.map((r) => (
        <tr key={r.key}>
          {r.cells.map((c, i) => (
            <td key={head[i]} data-label={head[i]} class={c === "–" ? "none" : undefined}>{c}</td>
          ))}
        </tr>
      ))}
    </tbody>
  </table>
);

/** What went wrong, in one sentence. */
export const sentence = (error: unknown): string =>
  error instanceof RealmError ? error.message : error instanceof Error ? error.message : String(error);

/** Heading of a view of something that this node does not know of. */
export const noSuch = (what: string): string =>
  realm.value?.catching_up ? `No ${what} of this name is known here yet` : `No such ${what}`;

/** A node that has just started is asked again this often for what it does not know yet. */
const CATCHING_UP_MS = 1_000;

/**
 * A value that a view fetches by itself, again with each change of the realm, or each time that `when` rises. `isNone`: the
 * error is that there is none; any other says only that nobody told.
 */
export function useFetched<T>(
  key: string,
  fetch: (client: NonNullable<typeof session.value>["client"]) => Promise<T>,
  when: { readonly value: number } = version,
): { readonly value?: T; readonly error?: string; readonly isNone?: boolean } {
  const [state, setState] = useState<{ key: string; value?: T; error?: string; isNone?: boolean }>({ key });
  const [again, askAgain] = useState(0);
  const tick = when.value, client = session.value?.client;
  const run = useRef(0);
  useEffect(() => {
    if (!client) return;
    const mine = ++run.current;
    fetch(client).then(
      (value) => mine === run.current && setState({ key, value }),
      (error) => {
        if (mine !== run.current) return;
        const code = error instanceof RealmError ? error.code : undefined, isNone = code === "not_found";
        if (code === "catching_up") setTimeout(() => askAgain(again + 1), CATCHING_UP_MS);
        setState((s) => s.key === key && s.value ? s : { key, error: sentence(error), isNone });
      },
    );
  }, [key, tick, client, again]);
  return state.key === key ? state : {};
}

/** A short message at the edge of the page. */
export const toast = signal<{ readonly text: string; readonly bad: boolean } | undefined>(undefined);
let toastTimer: ReturnType<typeof setTimeout> | undefined;
/** Says something for a moment. */
export function say(text: string, bad = false): void {
  clearTimeout(toastTimer);
  toast.value = { text, bad };
  toastTimer = setTimeout(() => toast.value = undefined, 6_000);
}
