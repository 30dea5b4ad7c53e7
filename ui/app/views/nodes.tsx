/** Nodes: the list, and one of them. */
import { signal } from "@preact/signals";
import { shortId } from "../../../mod.ts";
import { nodeActions } from "../actions/node_actions.ts";
import { Buttons } from "../confirm.tsx";
import { mebibytes } from "../format.ts";
import { apps, nodes } from "../live.ts";
import { Bar, Empty, Facts, Id, Name, Panel, State, Table, Tags, Time } from "../parts.tsx";
import { to } from "../router.ts";
import { Filter, Why } from "./why.tsx";

const filter = signal("");

/** All nodes. */
export function Nodes() {
  const wanted = filter.value.toLowerCase();
  const all = nodes.value ?? [];
  const shown = all.filter((n) =>
    `${n.name} ${n.id} ${n.state} ${n.tags.join(" ")}`.toLowerCase().includes(wanted)
  );
  return (
    <>
      <div class="title">
        <h1>Nodes</h1>
        <Filter of={filter} count={`${shown.length} of ${all.length}`} />
      </div>
      <Panel title="Members">
        <Table
          label="Nodes"
          head={[
            "Name",
            "State",
            "Work",
            "Replicas",
            "Memory reserved",
            "CPUs",
            "Round trip",
            "Platform",
            "Version",
            "Tags",
          ]}
          rows={shown.slice(0, 500).map((n) => ({
            key: n.id,
            cells: [
              <a href={to("nodes", n.id)}>
                <Name text={n.name} />
              </a>,
              <State is={n.state} />,
              <State is={n.scheduling} />,
              n.replicas,
              n.info && (
                <Bar
                  part={n.reserved_mb}
                  whole={n.info.memory_mb}
                  text={`${mebibytes(n.reserved_mb)} / ${mebibytes(n.info.memory_mb)}`}
                />
              ),
              n.info?.cpu_cores,
              n.self
                ? "this node"
                : n.connection?.rtt_ms !== undefined
                ? `${n.connection.rtt_ms.toFixed(1)} ms`
                : "–",
              n.info?.platform,
              n.info?.version,
              n.tags.length === 0 ? "–" : <Tags tags={n.tags} />,
            ],
          }))}
        />
        {all.length === 1 && (
          <Empty text="This realm has one node. Let another machine join:" command="realm invite" />
        )}
      </Panel>
    </>
  );
}

/** One node, by id or name. */
export function Node({ name }: { name: string }) {
  const all = nodes.value;
  if (!all) return <p class="muted">Loading …</p>;
  const n = all.find((m) => m.id === name) ?? all.find((m) => m.name === name || shortId(m.id) === name);
  if (!n) return <Empty text="There is no such node. All of them:" command="realm node list" />;
  const replicas = (apps.value ?? []).flatMap((a) =>
    a.replicas.filter((r) => r.node === n.id).map((r) => ({ a, r }))
  );
  return (
    <>
      <p class="crumbs">
        <a href="/nodes">Nodes</a>
      </p>
      <div class="title">
        <h1>
          <Name text={n.name} />
        </h1>
        <State is={n.state} />
        {n.scheduling !== "open" && <State is={n.scheduling} />}
        <Buttons of={nodeActions(n)} />
      </div>
      <div class="columns even">
        <Panel title="Machine">
          <Facts
            of={[
              ["Id", <Id id={n.id} short={shortId(n.id)} />],
              ["Platform", n.info?.platform],
              ["Version", n.info?.version],
              ["CPUs", n.info?.cpu_cores],
              [
                "Memory",
                n.info && (
                  <Bar
                    part={n.reserved_mb}
                    whole={n.info.memory_mb}
                    text={`${mebibytes(n.reserved_mb)} reserved of ${mebibytes(n.info.memory_mb)}`}
                  />
                ),
              ],
              ["Disk free", n.info && mebibytes(n.info.disk_mb)],
              ["Runtimes", n.info && (n.info.runtimes.join(", ") || "none")],
              ["Tags", n.tags.length > 0 ? <Tags tags={n.tags} /> : "none"],
              ["Started", n.info && <Time at={n.info.started_at} />],
              ["Joined", <Time at={n.joined_at} />],
            ]}
          />
        </Panel>
        <Panel title="Connections">
          <Facts
            of={[
              [
                "From here",
                n.self
                  ? "this is the answering node"
                  : n.connection
                  ? <code>{n.connection.address}</code>
                  : "not connected directly",
              ],
              [
                "Round trip",
                n.connection?.rtt_ms !== undefined ? `${n.connection.rtt_ms.toFixed(1)} ms` : undefined,
              ],
              ["Since", n.connection && <Time at={n.connection.since} />],
              ["Gateway", n.info?.gateway],
              ["API", n.info?.api],
              [
                "Addresses",
                n.info && (
                  <ul class="plain">
                    {n.info.addresses.map((a) => (
                      <li key={a}>
                        <code>{a}</code>
                      </li>
                    ))}
                  </ul>
                ),
              ],
            ]}
          />
        </Panel>
      </div>
      <Panel title="Replicas here">
        {replicas.length === 0 ? <Empty text="Nothing runs here." /> : (
          <Table
            label="Replicas"
            head={["App", "Slot", "State", "Version", "Restarts", "Since"]}
            rows={replicas.map(({ a, r }) => ({
              key: r.id,
              cells: [
                <a href={to("apps", a.name)}>
                  <Name text={a.name} />
                </a>,
                r.slot,
                <State is={r.state} />,
                r.version,
                r.restarts,
                <Time at={r.since} />,
              ],
            }))}
          />
        )}
      </Panel>
      <Why id={n.id} />
    </>
  );
}
