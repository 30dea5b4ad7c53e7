/** All nodes at once: cards while they fit, then a map of small squares, for 500 nodes as for 30. */
import type { NodeView } from "../../../mod.ts";
import { counted, mebibytes, tone } from "../format.ts";
import { Bar, Name, Panel, State } from "../parts.tsx";
import { to } from "../router.ts";

/** More nodes than this are squares. */
const CARDS = 12;

/** What a node's colour says: its life first, then whether it takes work. */
export const nodeState = (n: NodeView): string =>
  n.state === "alive" && n.scheduling !== "open" ? n.scheduling : n.state;
const wordsOf = (n: NodeView): string =>
  `${n.name.slice(0, 80)}: ${nodeState(n)}, ${n.replicas} ${n.replicas === 1 ? "replica" : "replicas"}, ${
    mebibytes(n.reserved_mb)
  } of ${mebibytes(n.info?.memory_mb ?? 0)} reserved`;

const Card = ({ n }: { n: NodeView }) => (
  <li>
    <a href={to("nodes", n.id)} class={tone(nodeState(n))}>
      <span class="line">
        <Name text={n.name} />
        <State is={nodeState(n)} />
      </span>
      <Bar
        part={n.reserved_mb}
        whole={n.info?.memory_mb ?? 0}
        text={`${n.replicas} ${n.replicas === 1 ? "replica" : "replicas"}, ${
          mebibytes(n.reserved_mb)
        } reserved`}
      />
    </a>
  </li>
);

/** Squares are reached by pointer; by keyboard the list of nodes is the shorter way. */
const Square = ({ n }: { n: NodeView }) => {
  const share = n.info && n.info.memory_mb > 0 ? Math.min(1, n.reserved_mb / n.info.memory_mb) : 0;
  return (
    <a
      href={to("nodes", n.id)}
      tabIndex={-1}
      class={`square ${tone(nodeState(n))} full-${Math.ceil(share * 4)}`}
      title={wordsOf(n)}
      aria-label={wordsOf(n)}
    />
  );
};

/** See the module's text. */
export function FleetMap({ of }: { of: readonly NodeView[] }) {
  const cards = of.length <= CARDS;
  const counts = [...Map.groupBy(of, nodeState)].sort((a, b) => b[1].length - a[1].length);
  return (
    <Panel title={counted(of.length, "node")} aside={<a href="/nodes">all</a>}>
      {cards ? <ul class="fleet">{of.map((n) => <Card key={n.id} n={n} />)}</ul> : (
        <>
          <p class="legend">
            {counts.map(([state, list]) => (
              <span key={state}>
                <State is={state} /> {list.length}
              </span>
            ))}
            <span class="muted">darker: more memory reserved</span>
          </p>
          <div class="map">{of.map((n) => <Square key={n.id} n={n} />)}</div>
        </>
      )}
    </Panel>
  );
}
