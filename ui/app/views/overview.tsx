/** Is everything well? What runs, what is wrong and why, what happened. */
import { shortId } from "../../../mod.ts";
import { mebibytes, tone } from "../format.ts";
import { apps, nodes, realm, recent } from "../live.ts";
import { Command } from "../copy.tsx";
import { Bar, Empty, Name, Panel, State, Table, Time } from "../parts.tsx";
import { to } from "../router.ts";
import { replicasText } from "./apps.tsx";

/** See the module's text. */
export function Overview() {
  const r = realm.value, ns = nodes.value, as = apps.value;
  if (!r || !ns || !as) return <p class="muted">Loading …</p>;
  const present = ns.filter((n) => n.state !== "removed" && n.state !== "left");
  const running = as.filter((a) => a.phase !== "removed");
  const memory = present.reduce((sum, n) => sum + (n.info?.memory_mb ?? 0), 0);
  const reserved = present.reduce((sum, n) => sum + n.reserved_mb, 0);
  const healthy = running.reduce((sum, a) => sum + a.healthy, 0);
  return (
    <>
      <div class={`hero ${r.problems.length === 0 ? "good" : "bad"}`}>
        <h1>
          {r.problems.length === 0
            ? "All is well"
            : r.problems.length === 1
            ? "1 problem"
            : `${r.problems.length} problems`}
        </h1>
        <ul class="figures">
          <li>
            <b>
              {r.nodes.alive}
              <small>{` / ${r.nodes.total}`}</small>
            </b>{" "}
            nodes alive
          </li>
          <li>
            <b>
              {r.apps.steady}
              <small>{` / ${r.apps.total}`}</small>
            </b>{" "}
            apps steady
          </li>
          <li>
            <b>{healthy}</b> replicas healthy
          </li>
          <li>
            <b>
              {mebibytes(reserved)}
              <small>{` / ${mebibytes(memory)}`}</small>
            </b>{" "}
            memory reserved
          </li>
        </ul>
      </div>
      {r.problems.length > 0 && (
        <Panel title="What is wrong">
          <ul class="problems">
            {r.problems.map((p) => (
              <li key={p.what + p.why}>
                <strong>
                  <Name text={p.what} />
                </strong>
                <p>{p.why}</p>
                {p.fix && <Command line={p.fix} />}
              </li>
            ))}
          </ul>
        </Panel>
      )}
      <div class="columns">
        <div>
          <Panel title="Nodes" aside={<a href="/nodes">all</a>}>
            <ul class="fleet">
              {present.slice(0, 120).map((n) => (
                <li key={n.id}>
                  <a href={to("nodes", n.id)} class={tone(n.state === "alive" ? n.scheduling : n.state)}>
                    <Name text={n.name} />
                    <State is={n.state === "alive" && n.scheduling !== "open" ? n.scheduling : n.state} />
                    <Bar
                      part={n.reserved_mb}
                      whole={n.info?.memory_mb ?? 0}
                      text={`${n.replicas} ${n.replicas === 1 ? "replica" : "replicas"}, ${
                        mebibytes(n.reserved_mb)
                      } reserved`}
                    />
                  </a>
                </li>
              ))}
            </ul>
          </Panel>
          <Panel title="Apps" aside={<a href="/apps">all</a>}>
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
                  head={["Name", "State", "Replicas", "Open"]}
                  rows={running.slice(0, 30).map((a) => ({
                    key: a.name,
                    cells: [
                      <a href={to("apps", a.name)}>
                        <Name text={a.name} />
                      </a>,
                      <State is={a.phase} />,
                      replicasText(a),
                      <Open links={a.links.slice(0, 1)} />,
                    ],
                  }))}
                />
              )}
          </Panel>
        </div>
        <Panel title="Recent activity" aside={<a href="/audit">audit</a>}>
          <ul class="feed">
            {(recent.value ?? []).map((e) => (
              <li key={e.n} class={tone(e.result)}>
                <b>{e.action}</b> <Name text={e.target.length > 40 ? shortId(e.target) : e.target} />
                <small>
                  {e.result !== "ok" && `${e.result} · `}
                  <Time at={e.at} />
                </small>
              </li>
            ))}
          </ul>
          {recent.value?.length === 0 && <Empty text="Nothing happened yet." />}
        </Panel>
      </div>
    </>
  );
}

/** Links to apps; only such as a browser opens as a page. */
export const Open = ({ links }: { links: readonly string[] }) => (
  <>
    {links.filter((l) => /^https?:\/\//.test(l)).map((l) => (
      <a key={l} class="out" href={l} target="_blank" rel="noopener noreferrer">
        {l.replace(/^https?:\/\//, "").slice(0, 80)}
      </a>
    ))}
  </>
);
