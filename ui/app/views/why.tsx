/** Why something is as it is, and the filter field of lists. */
import type { Signal } from "@preact/signals";
import { Command } from "../copy.tsx";
import { Name, Panel, Reason, State, useFetched } from "../parts.tsx";

/** Nodes told of one by one. */
const NODES = 100;

/** The reasons of an app's or node's state, node by node, with the nearest fix. `bare`: without a box around it. */
export function Why({ id, bare = false }: { id: string; bare?: boolean }) {
  const { value, error } = useFetched(`why ${id}`, (c) => c.why(id));
  if (!value && !error) return null;
  const unable = value?.nodes.filter((n) => n.reasons.length > 0) ?? [];
  const content = value
    ? (
      <>
        <ul class="reasons">
          {value.reasons.map((r) => (
            <li key={r}>
              <Reason text={r} />
            </li>
          ))}
        </ul>
        {unable.length > 0 && (
          <details open={bare}>
            <summary>Nodes that cannot take it, and why ({unable.length})</summary>
            <ul class="reasons">
              {unable.slice(0, NODES).map((n) => (
                <li key={n.id}>
                  <b>
                    <Name text={n.name} />
                  </b>: <Reason text={n.reasons.join("; ")} />
                  {n.fix && <Command line={n.fix} />}
                </li>
              ))}
            </ul>
          </details>
        )}
        {value.fix && (
          <p class="fix">
            <span class="muted">nearest fix</span> <Command line={value.fix} />
          </p>
        )}
      </>
    )
    : <p class="muted">{error}</p>;
  return bare ? content : <Panel title="Why" aside={value && <State is={value.state} />}>{content}</Panel>;
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
