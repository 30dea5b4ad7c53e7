/** Upgrade: the fleet's executable, from dropped files to the last node; what goes on now, and what went before. */
import { type RealmClient, shortId, type UpgradeNodeView, type UpgradeView } from "../../../mod.ts";
import { upgradeActions } from "../actions/upgrade_actions.ts";
import { Buttons } from "../confirm.tsx";
import { counted } from "../format.ts";
import { nodes } from "../live.ts";
import { Bar, Empty, Facts, Id, Name, Panel, Reason, State, Table, Time, useFetched } from "../parts.tsx";
import { to } from "../router.ts";
import { may } from "../session.ts";
import { StartUpgrade } from "./upgrade_start.tsx";

const list = (client: RealmClient): Promise<readonly UpgradeView[]> => client.upgrades();

/** One that has stopped waits for a person. */
const Phase = ({ of: { phase } }: { of: UpgradeView }) => (
  <State is={phase} as={phase === "stopped" ? "bad" : undefined} />
);

/** How far a node is. */
function Progress({ of: { state, progress } }: { of: UpgradeNodeView }) {
  if (state !== "downloading" || !progress || progress.total === 0) return <State is={state} />;
  const percent = Math.floor(100 * progress.done / progress.total);
  return <Bar goal part={progress.done} whole={progress.total} text={`downloading ${percent} %`} />;
}

function Current({ of: u }: { of: UpgradeView }) {
  const done = u.nodes.filter((n) => n.state === "done").length;
  const quarantined = u.artifacts.filter((a) => a.quarantined);
  /** Why, unless that is why the whole upgrade stopped. */
  const because = (why = "") => u.reason?.includes(why) ? "" : `: ${why}`;
  return (
    <Panel title={`Version ${u.version}`} aside={<Buttons of={upgradeActions(u)} />}>
      <Facts
        of={[
          ["State", <Phase of={u} />],
          ["Why", u.reason && <Reason text={u.reason} />],
          [
            "Nodes",
            <Bar goal part={done} whole={u.nodes.length} text={`${done} of ${u.nodes.length} done`} />,
          ],
          ["Batch", `${u.batch}, of ${counted(u.batch_size, "node")} each`],
          [
            "Quarantine",
            quarantined.length > 0 && (
              <Reason text={quarantined.map((a) => a.platform + because(a.quarantined)).join("; ")} />
            ),
          ],
          ["Platforms", u.artifacts.map((a) => a.platform).join(", ")],
          ["Begun", <Time at={u.at} />],
          ["By", <Id id={u.by} short={shortId(u.by)} />],
        ]}
      />
      <Table
        label="Nodes of the upgrade"
        head={["Node", "Platform", "Runs", "State", "Since", "Why"]}
        rows={u.nodes.map((n) => ({
          key: n.id,
          cells: [
            <span>
              <a href={to("nodes", n.name)}>
                <Name text={n.name} />
              </a>
              {n.canary && (
                <>
                  {" "}
                  <span class="tag">canary</span>
                </>
              )}
            </span>,
            <span class="whole-word">{n.platform}</span>,
            <span class="whole-word">{n.version}</span>,
            <Progress of={n} />,
            n.since === undefined ? "–" : <Time at={n.since} />,
            n.reason ? <Reason text={n.reason} /> : "–",
          ],
        }))}
      />
    </Panel>
  );
}

/** See the module's text. */
export function Upgrade() {
  const { value, error } = useFetched("upgrades", list);
  const versions = [...new Set((nodes.value ?? []).flatMap((n) => n.info?.version ?? []))].sort();
  const [current, ...past] = value ?? [];
  return (
    <>
      <div class="title">
        <h1>Upgrade</h1>
        <span class="muted">
          {versions.length === 1 ? `all nodes run ${versions[0]}` : `nodes run ${versions.join(", ")}`}
        </span>
      </div>
      {error && <p class="error">{error}</p>}
      {current && <Current of={current} />}
      {may("admin") && <StartUpgrade />}
      {value && !current && !may("admin") && (
        <Empty
          text="The fleet was never upgraded. An admin does so:"
          command="realm upgrade --all-platforms ./dist"
        />
      )}
      {past.length > 0 && (
        <Panel title="History">
          <Table
            label="Earlier upgrades"
            head={["Version", "State", "Begun", "By", "Why"]}
            rows={past.map((u) => ({
              key: u.id,
              cells: [
                u.version,
                <Phase of={u} />,
                <Time at={u.at} />,
                <Id id={u.by} short={shortId(u.by)} />,
                u.reason ? <Reason text={u.reason} /> : "–",
              ],
            }))}
          />
        </Panel>
      )}
    </>
  );
}
