/** The command palette (Ctrl-K, ⌘-K): goes to any view or object and starts any action that the role allows. */
import { signal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { asking } from "./actions/action.ts";
import { Dialog } from "./dialog.tsx";
import { plain } from "./format.ts";
import { Icon } from "./icons.tsx";
import { type Fetched, find, type Item } from "./palette_items.ts";
import { session } from "./session.ts";

/** Runs that are found, the newest. */
const RUNS = 200;
/** Whether the palette is open. */
export const seeking = signal(false);

addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey) return;
  if (!session.value || asking.value) return;
  event.preventDefault();
  seeking.value = !seeking.value;
});

/** See the module's text. */
export const Palette = () => seeking.value ? <Open /> : null;

async function fetchMore(): Promise<Fetched> {
  const client = session.value?.client;
  if (!client) return {};
  const [blobs, keys, runs, schedules] = await Promise.allSettled([
    client.blobs(),
    client.keys(),
    client.runs({ limit: RUNS }),
    client.schedules(),
  ]);
  return {
    ...(blobs.status === "fulfilled" && { blobs: blobs.value }),
    ...(keys.status === "fulfilled" && { keys: keys.value }),
    ...(runs.status === "fulfilled" && { runs: runs.value }),
    ...(schedules.status === "fulfilled" && { schedules: schedules.value }),
  };
}

function Open() {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const [fetched, setFetched] = useState<Fetched>({});
  const list = useRef<HTMLUListElement>(null);
  const close = () => seeking.value = false;
  useEffect(() => void fetchMore().then(setFetched), []);
  const items = find(text, fetched);
  const chosen = Math.min(at, items.length - 1);
  useEffect(() => list.current?.children[chosen]?.scrollIntoView({ block: "nearest" }), [chosen, text]);
  const run = (item: Item | undefined) => {
    if (!item) return;
    close();
    item.run();
  };
  const steer = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      const next = chosen + step;
      setAt(
        Math.abs(step) === 1
          ? (next + items.length) % Math.max(1, items.length)
          : Math.max(0, Math.min(items.length - 1, next)),
      );
    } else if (event.key === "Enter") {
      event.preventDefault();
      run(items[chosen]);
    }
  };
  return (
    <Dialog label="Go to or do anything" kind="palette" onClose={close}>
      <div class="row">
        <Icon is="search" />
        <input
          autofocus
          role="combobox"
          aria-label="View, object or action"
          aria-expanded="true"
          aria-controls="palette-list"
          aria-activedescendant={items.length > 0 ? `palette-${chosen}` : undefined}
          placeholder="View, app, node, blob, key, or what to do with one"
          autocomplete="off"
          spellcheck={false}
          value={text}
          onInput={(e) => (setText(e.currentTarget.value), setAt(0))}
          onKeyDown={steer}
        />
        <kbd>Esc</kbd>
      </div>
      <ul id="palette-list" role="listbox" aria-label="Answers" ref={list}>
        {items.map((item, i) => (
          <li
            key={item.key}
            id={`palette-${i}`}
            role="option"
            aria-selected={i === chosen}
            onMouseMove={() => i !== chosen && setAt(i)}
            onClick={() => run(item)}
          >
            <Icon is={item.icon} />
            <bdi>{plain(item.text.slice(0, 200))}</bdi>
            <small>{item.kind}</small>
          </li>
        ))}
      </ul>
      {items.length === 0 && <p class="none">Nothing here is called that.</p>}
    </Dialog>
  );
}
