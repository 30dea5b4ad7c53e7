/** Why something is as it is, and the filter field of lists. */
import type { Signal } from "@preact/signals";
import { Command } from "../copy.tsx";
import { Name, Panel, State, useFetched } from "../parts.tsx";

/** The reasons of an app's or node's state, node by node, with the nearest fix. */
export function Why({ id }: { id: string }) {
  const { value, error } = useFetched(`why ${id}`, (c) => c.why(id));
  if (!value) {
    return error
      ? (
        <Panel title="Why">
          <p class="muted">{error}</p>
        </Panel>
      )
      : null;
  }
  const unable = value.nodes.filter((n) => n.reasons.length > 0);
  return (
    <Panel title="Why" aside={<State is={value.state} />}>
      <ul class="reasons">{value.reasons.map((r) => <li key={r}>{r}</li>)}</ul>
      {unable.length > 0 && (
        <details>
          <summary>Node by node</summary>
          <ul class="reasons">
            {unable.slice(0, 100).map((n) => (
              <li key={n.id}>
                <b>
                  <Name text={n.name} />
                </b>: {n.reasons.join("; ")}
                {n.fix && <Command line={n.fix} />}
              </li>
            ))}
          </ul>
        </details>
      )}
      {value.fix && <Command line={value.fix} />}
    </Panel>
  );
}

/** A field that narrows a list. */
export const Filter = ({ of, count }: { of: Signal<string>; count: string }) => (
  <label class="filter">
    <input
      type="search"
      placeholder="Filter"
      aria-label="Filter"
      value={of.value}
      onInput={(e) => of.value = e.currentTarget.value}
    />
    <small class="muted">{count}</small>
  </label>
);
