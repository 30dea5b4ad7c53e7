/** Directories that an app's replicas see: what is in them, and what stays. */
import type { AppView, MountView } from "../../../mod.ts";
import { bytes } from "../format.ts";
import { Bar, Empty, Name, Panel, Reason, Table, useFetched } from "../parts.tsx";
import { to } from "../router.ts";

const SHOWN = 200;
const KIND: Readonly<Record<MountView["kind"], string>> = {
  static: "of the package",
  config: "of the package",
  work: "gone with the replica",
  state: "stays",
};

const Used = ({ m }: { m: MountView }) =>
  m.used_bytes === undefined ? <span class="muted">not measured</span> : m.quota_bytes
    ? (
      <Bar
        part={m.used_bytes}
        whole={m.quota_bytes}
        text={`${bytes(m.used_bytes)} of ${bytes(m.quota_bytes)}`}
      />
    )
    : <>{bytes(m.used_bytes)}</>;

/** See the module's text. */
export function Mounts({ a }: { a: AppView }) {
  const { value, error } = useFetched(`mounts ${a.name}`, (c) => c.mounts(a.name));
  const mounts = value?.mounts ?? [];
  const away = a.volumes.filter((v) => !mounts.some((m) => m.volume === v.name && m.node === v.node));
  return (
    <Panel title="Mounts and volumes">
      {error && <p class="muted">{error}</p>}
      {value && mounts.length === 0 && away.length === 0 && <Empty text="It sees no directories." />}
      {mounts.length > 0 && (
        <Table
          label="Mounts"
          head={["Path", "Kind", "Node", "In it", "Kept"]}
          rows={mounts.slice(0, SHOWN).map((m) => ({
            key: `${m.replica} ${m.guest}`,
            cells: [
              <span title={m.replica}>
                <code>
                  <Name text={m.guest} />
                </code>
              </span>,
              <span>
                {m.kind} {m.volume && (
                  <b>
                    <Name text={m.volume} />
                  </b>
                )}
                {m.read_only && <small class="muted">read only</small>}
              </span>,
              <a href={to("nodes", m.node)}>
                <Name text={m.node_name} />
              </a>,
              <Used m={m} />,
              KIND[m.kind],
            ],
          }))}
        />
      )}
      {away.map((v) => (
        <p key={`${v.name} ${v.slot} ${v.node}`} class="muted">
          Volume{" "}
          <b>
            <Name text={v.name} />
          </b>{" "}
          of slot {v.slot} is on{" "}
          <a href={to("nodes", v.node)}>
            <Name text={v.node_name} />
          </a>, where no replica of it runs now.
        </p>
      ))}
      {value?.missing.map((m) => (
        <p key={m.node} class="muted">
          <Name text={m.name} /> was not asked: <Reason text={m.why} />
        </p>
      ))}
    </Panel>
  );
}
