/** Apps: the list, and one of them. */
import { signal } from "@preact/signals";
import { type AppView, shortId } from "../../../mod.ts";
import { appActions, rollbackTo } from "../actions/app_actions.ts";
import { Buttons } from "../confirm.tsx";
import { bytes } from "../format.ts";
import { apps, nodes } from "../live.ts";
import { Empty, Facts, Id, Name, Panel, State, Table, Tags, Time, useFetched } from "../parts.tsx";
import { to } from "../router.ts";
import { Logs } from "./logs.tsx";
import { Open } from "./overview.tsx";
import { Filter, Why } from "./why.tsx";

const filter = signal("");
/** `2 / 3`; of an app on all nodes `3 (all)`. */
export const replicasText = (a: AppView): string =>
  a.wanted === "all" ? `${a.healthy} (all)` : `${a.healthy} / ${a.wanted}`;

/** All apps. */
export function Apps() {
  const all = (apps.value ?? []).filter((a) => a.phase !== "removed");
  const wanted = filter.value.toLowerCase();
  const shown = all.filter((a) =>
    `${a.name} ${a.phase} ${a.version} ${a.routes.join(" ")}`.toLowerCase().includes(wanted)
  );
  return (
    <>
      <div class="title">
        <h1>Apps</h1>
        <Filter of={filter} count={`${shown.length} of ${all.length}`} />
      </div>
      <Panel title="Deployed">
        {all.length === 0
          ? <Empty text="Nothing is deployed yet. Deploy a package:" command="realm deploy my-app.realm" />
          : (
            <Table
              label="Apps"
              head={["Name", "State", "Replicas", "Version", "Kind", "Requests", "p99", "Since", "Open"]}
              rows={shown.slice(0, 500).map((a) => ({
                key: a.name,
                cells: [
                  <a href={to("apps", a.name)}>
                    <Name text={a.name} />
                  </a>,
                  <State is={a.phase} />,
                  replicasText(a),
                  a.version && <Name text={a.version} />,
                  a.kind,
                  a.metrics?.requests ?? "–",
                  a.metrics && a.metrics.requests > 0 ? `${a.metrics.p99_ms.toFixed(1)} ms` : "–",
                  <Time at={a.since} />,
                  <Open links={a.links.slice(0, 1)} />,
                ],
              }))}
            />
          )}
      </Panel>
    </>
  );
}

/** One app. */
export function App({ name }: { name: string }) {
  const history = useFetched(`history ${name}`, (c) => c.history(name));
  const a = apps.value?.find((x) => x.name === name);
  if (!apps.value) return <p class="muted">Loading …</p>;
  if (!a) return <Empty text="There is no such app. All of them:" command="realm app list" />;
  const m = a.metrics;
  return (
    <>
      <p class="crumbs">
        <a href="/apps">Apps</a>
      </p>
      <div class="title">
        <h1>
          <Name text={a.name} />
        </h1>
        <State is={a.phase} />
        <span class="muted">{replicasText(a)} healthy · version {a.version ?? "–"}</span>
        <Buttons of={appActions(a)} />
      </div>
      {a.rejected && (
        <p class="error">The last deploy was rejected and the old one stands: {a.rejected.reason}</p>
      )}
      <div class="columns even">
        <Panel title="What it is">
          <Facts
            of={[
              ["Open", a.links.length > 0 ? <Open links={a.links} /> : undefined],
              [
                "Routes",
                a.routes.length > 0
                  ? (
                    <ul class="plain">
                      {a.routes.map((r) => (
                        <li key={r}>
                          <code>{r}</code>
                        </li>
                      ))}
                    </ul>
                  )
                  : "none",
              ],
              ["Kind", a.kind],
              ["Strategy", a.strategy],
              ["Nodes", a.tags.length > 0 ? <Tags tags={a.tags} /> : "any"],
              [
                "Volumes",
                a.volumes.length > 0
                  ? (
                    <ul class="plain">
                      {a.volumes.map((v) => (
                        <li key={`${v.name}${v.slot}`}>
                          {v.name} on{" "}
                          <a href={to("nodes", v.node)}>
                            <Name text={v.node_name} />
                          </a>
                        </li>
                      ))}
                    </ul>
                  )
                  : "none",
              ],
              [
                "Controller",
                a.controller && (
                  <a href={to("nodes", a.controller)}>
                    <Name
                      text={nodes.value?.find((n) => n.id === a.controller)?.name ?? shortId(a.controller)}
                    />
                  </a>
                ),
              ],
              ["Deploy", a.revision && <Id id={a.revision} short={shortId(a.revision)} />],
            ]}
          />
        </Panel>
        <Panel title="At this node's gateway">
          {m
            ? (
              <Facts
                of={[["Requests", m.requests], ["Errors", m.errors], ["In flight", m.in_flight], [
                  "Median",
                  `${m.p50_ms.toFixed(1)} ms`,
                ], ["99th percentile", `${m.p99_ms.toFixed(1)} ms`]]}
              />
            )
            : <Empty text="No request has come through this node yet." />}
        </Panel>
      </div>
      <Panel title="Replicas">
        {a.replicas.length === 0 ? <Empty text="None is placed." command={`realm why ${a.name}`} /> : (
          <Table
            label="Replicas"
            head={["Slot", "Node", "State", "Version", "Restarts", "Since", "Why"]}
            rows={a.replicas.map((r) => ({
              key: r.id,
              cells: [
                r.slot,
                <a href={to("nodes", r.node)}>
                  <Name text={r.node_name} />
                </a>,
                <State is={r.state} />,
                r.version,
                r.restarts,
                <Time at={r.since} />,
                <>
                  {r.reason ?? "–"}
                  {r.progress && ` ${bytes(r.progress.done)} of ${bytes(r.progress.total)}`}
                </>,
              ],
            }))}
          />
        )}
      </Panel>
      <Why id={a.name} />
      <Panel title="History" aside={<small class="muted">newest first</small>}>
        {history.error && <p class="muted">{history.error}</p>}
        <Table
          label="History"
          head={["Deploy", "Version", "State", "When", "By", "Action"]}
          rows={(history.value ?? []).slice(0, 50).map((r) => ({
            key: r.id,
            cells: [
              <span title={r.id}>{r.number} {r.kind}</span>,
              <Name text={r.version} />,
              <>
                <State is={r.state} />
                {r.reason && <small class="muted">{r.reason}</small>}
              </>,
              <Time at={r.at} />,
              <Id id={r.by} short={shortId(r.by)} />,
              r.state === "past" && a.phase !== "removed" ? <Buttons of={[rollbackTo(a.name, r)]} /> : "–",
            ],
          }))}
        />
      </Panel>
      <Logs app={a.name} />
    </>
  );
}
