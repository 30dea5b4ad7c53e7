/** Is everything well? What runs, what is wrong and why, what happened. */
import { type AppView, countReplicas, type NodeView, type ProblemFound } from "../../../mod.ts";
import { Command } from "../copy.tsx";
import { counted, mebibytes, span } from "../format.ts";
import { Icon } from "../icons.tsx";
import { apps, events, nodes, now, realm } from "../live.ts";
import { Empty, Name, Panel, Reason, State, Table } from "../parts.tsx";
import { to } from "../router.ts";
import { Health, Open } from "./app_parts.tsx";
import { Feed, told } from "./event_lines.tsx";
import { FleetMap } from "./fleet_map.tsx";
import { Why } from "./why.tsx";

/** Problems and apps shown at once; the rest stand in their lists. */
const SHOWN = 12, APPS = 14, EVENTS = 16;

const addressOf = ({ target }: ProblemFound): string | undefined =>
  target?.kind === "app"
    ? to("apps", target.id)
    : target?.kind === "node"
    ? to("nodes", target.id)
    : target?.kind === "secret"
    ? to("secrets", target.id)
    : target
    ? "/keys"
    : undefined;

const Problem = ({ of: p }: { of: ProblemFound }) => {
  const address = addressOf(p);
  return (
    <li>
      <Icon is="warn" />
      <div>
        <div class="says">
          <strong>
            {address
              ? (
                <a href={address}>
                  <Name text={p.what} />
                </a>
              )
              : <Name text={p.what} />}
          </strong>{" "}
          <Reason text={p.why} />
        </div>
        {p.fix && <Command line={p.fix} />}
        {p.target?.kind === "app" && (
          <details>
            <summary>Why, node by node</summary>
            <Why id={p.target.id} bare />
          </details>
        )}
      </div>
    </li>
  );
};

const Figure = ({ value, of, text }: { value: string | number; of?: string | number; text: string }) => (
  <li>
    <b>
      {value}
      {of !== undefined && <small>{` / ${of}`}</small>}
    </b>{" "}
    {text}
  </li>
);

function Hero({ ns, as }: { ns: readonly NodeView[]; as: readonly AppView[] }) {
  const r = realm.value!;
  const memory = ns.reduce((sum, n) => sum + (n.info?.memory_mb ?? 0), 0);
  const reserved = ns.reduce((sum, n) => sum + n.reserved_mb, 0);
  const replicas = as.reduce((sum, a) => sum + a.replicas.filter((r) => r.state !== "ended").length, 0);
  const healthy = as.reduce((sum, a) => sum + a.healthy, 0);
  const started = ns.find((n) => n.self)?.info?.started_at;
  const count = r.problems.length;
  return (
    <div class={`hero ${count === 0 ? "good" : "bad"}`}>
      <div>
        <h1>
          <Icon is={count === 0 ? "check" : "warn"} />
          {count === 0 ? "All is well" : counted(count, "problem")}
        </h1>
        <p class="muted">
          {started !== undefined && `as this node sees it, which is up for ${span(now.value - started)}`}
        </p>
      </div>
      <ul class="figures">
        <Figure value={r.nodes.alive} of={r.nodes.total} text="nodes alive" />
        <Figure value={r.apps.steady} of={r.apps.total} text="apps steady" />
        <Figure value={healthy} of={replicas} text="replicas healthy" />
        <Figure value={mebibytes(reserved)} of={mebibytes(memory)} text="memory reserved" />
      </ul>
    </div>
  );
}

/** What needs a look first: troubled, then changing, then by name. */
const weight = (a: AppView): number =>
  a.rejected || a.phase === "failed" || !countReplicas(a).well ? 0 : a.phase === "rolling" ? 1 : 2;

/** See the module's text. */
export function Overview() {
  const r = realm.value, ns = nodes.value, as = apps.value;
  if (!r || !ns || !as) return <p class="muted">Loading …</p>;
  const present = ns.filter((n) => n.state !== "removed" && n.state !== "left");
  const running = as.filter((a) => a.phase !== "removed");
  const first = running.toSorted((a, b) => weight(a) - weight(b)).slice(0, APPS);
  const feed = (events.value ?? []).filter(told).slice(-EVENTS).reverse();
  return (
    <>
      <Hero ns={present} as={running} />
      {r.problems.length > 0 && (
        <Panel title="What is wrong">
          <ul class="problems">
            {r.problems.slice(0, SHOWN).map((p) => <Problem key={p.what + p.why} of={p} />)}
          </ul>
          {r.problems.length > SHOWN && (
            <p class="muted">
              and {r.problems.length - SHOWN} more: <Command line="realm status" />
            </p>
          )}
        </Panel>
      )}
      <div class="columns">
        <div>
          <FleetMap of={present} />
          <Panel
            title="Apps"
            aside={<a href="/apps">{running.length > APPS ? `all ${running.length}` : "all"}</a>}
          >
            {running.length === 0
              ? (
                <Empty
                  text="Nothing is deployed yet. Deploy a package:"
                  command="realm deploy my-app.realm"
                />
              )
              : (
                <Table
                  label="Apps"
                  head={["Name", "State", "Replicas", "Version", "Open"]}
                  rows={first.map((a) => ({
                    key: a.name,
                    cells: [
                      <a href={to("apps", a.name)}>
                        <Name text={a.name} />
                      </a>,
                      <State is={a.phase} />,
                      <Health of={a} />,
                      a.version ? <Name text={a.version} /> : "–",
                      a.links.length > 0 ? <Open links={a.links.slice(0, 1)} /> : "–",
                    ],
                  }))}
                />
              )}
          </Panel>
        </div>
        <Panel title="What happened" aside={<a href="/events">all</a>}>
          {feed.length === 0 ? <Empty text="Nothing happened yet." /> : <Feed of={feed} />}
        </Panel>
      </div>
    </>
  );
}
