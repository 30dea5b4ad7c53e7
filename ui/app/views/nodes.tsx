/** All nodes. */
import { signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import type { NodeView } from "../../../mod.ts";
import { Command } from "../copy.tsx";
import { mebibytes } from "../format.ts";
import { nodes } from "../live.ts";
import { Bar, Empty, Name, Panel, State, Tags, useFetched } from "../parts.tsx";
import { to } from "../router.ts";
import { type Column, having, type Order, Rows } from "../rows.tsx";
import { Filter } from "./why.tsx";

const filter = signal("");
const order = signal<Order | undefined>(undefined);
/** Round trips from the answering node, measured while somebody looks. */
const measured = signal<ReadonlyMap<string, number>>(new Map());
const roundTrip = (n: NodeView): number =>
  n.self ? 0 : measured.value.get(n.id) ?? n.connection?.rtt_ms ?? Infinity;

const columns: readonly Column<NodeView>[] = [
  {
    head: "Name",
    size: "minmax(130px, 2fr)",
    cell: (n) => (
      <a href={to("nodes", n.id)}>
        <Name text={n.name} />
      </a>
    ),
    by: (n) => n.name,
    phone: "lead",
  },
  {
    head: "State",
    size: "minmax(100px, 1fr)",
    cell: (n) => <State is={n.state} />,
    by: (n) => n.state,
    phone: "side",
  },
  {
    head: "Work",
    size: "minmax(90px, 1fr)",
    cell: (n) => <State is={n.scheduling} />,
    by: (n) => n.scheduling,
    phone: "sub",
  },
  { head: "Replicas", size: "70px", cell: (n) => n.replicas, by: (n) => n.replicas },
  {
    head: "Memory reserved",
    size: "minmax(150px, 1.6fr)",
    cell: (n) =>
      n.info
        ? (
          <Bar
            part={n.reserved_mb}
            whole={n.info.memory_mb}
            text={`${mebibytes(n.reserved_mb)} / ${mebibytes(n.info.memory_mb)}`}
          />
        )
        : "–",
    by: (n) => n.reserved_mb,
  },
  { head: "CPUs", size: "56px", cell: (n) => n.info?.cpu_cores ?? "–", by: (n) => n.info?.cpu_cores ?? 0 },
  {
    head: "Round trip",
    size: "minmax(90px, 1fr)",
    cell: (n) => n.self ? "this node" : roundTrip(n) < Infinity ? `${roundTrip(n).toFixed(1)} ms` : "–",
    by: roundTrip,
  },
  {
    head: "Platform",
    size: "minmax(100px, 1fr)",
    cell: (n) => n.info?.platform ?? "–",
    by: (n) => n.info?.platform ?? "",
    phone: "sub",
  },
  { head: "Version", size: "70px", cell: (n) => n.info?.version ?? "–", by: (n) => n.info?.version ?? "" },
  {
    head: "Tags",
    size: "minmax(100px, 1.6fr)",
    cell: (n) => n.tags.length === 0 ? "–" : <Tags tags={n.tags} />,
    by: (n) => n.tags.join(" "),
    phone: "sub",
  },
];

/** See the module's text. */
export function Nodes() {
  const all = nodes.value ?? [];
  const self = all.find((n) => n.self);
  const { value } = useFetched(
    `connections ${self?.id}`,
    async (c) => self ? await c.connections(self.id) : [],
  );
  useEffect(() => {
    measured.value = new Map(value?.flatMap((c) => c.rtt_ms === undefined ? [] : [[c.node, c.rtt_ms]]));
  }, [value]);
  const shown = useMemo(
    () =>
      having(
        all,
        filter.value,
        (n) =>
          `${n.name} ${n.id} ${n.state} ${n.scheduling} ${
            n.tags.join(" ")
          } ${n.info?.platform} ${n.info?.version}`,
      ),
    [all, filter.value],
  );
  return (
    <>
      <div class="title">
        <h1>Nodes</h1>
        <Filter of={filter} count={`${shown.length} of ${all.length}`} />
      </div>
      <Panel title="Members" aside={<Command line="realm node list" />}>
        {shown.length === 0 && filter.value
          ? <Empty text="No node has all these words." />
          : <Rows label="Nodes" of={shown} columns={columns} id={(n) => n.id} order={order} />}
        {all.length === 1 && (
          <Empty text="This realm has one node. Let another machine join:" command="realm invite" />
        )}
      </Panel>
    </>
  );
}
