/** One app: how it is, why, where it runs, how it does, what it was. */
import { type AppView, type RevisionView, shortId } from "../../../mod.ts";
import { appActions, deployBefore, rollbackTo } from "../actions/app_actions.ts";
import { Buttons } from "../confirm.tsx";
import { appCharts } from "../figures.ts";
import { quote } from "../format.ts";
import { apps, events, nodes } from "../live.ts";
import {
  Commits,
  Empty,
  Facts,
  Id,
  Name,
  noSuch,
  Panel,
  Reason,
  State,
  Table,
  Tags,
  Time,
  useFetched,
} from "../parts.tsx";
import { to } from "../router.ts";
import { Health, Open } from "./app_parts.tsx";
import { Feed, told } from "./event_lines.tsx";
import { Figures } from "./figures_panel.tsx";
import { Logs } from "./logs.tsx";
import { Mounts } from "./mounts.tsx";
import { Replicas, Rollout } from "./rollout.tsx";
import { Why } from "./why.tsx";

const HISTORY = 50, EVENTS = 8;

/** What can be done, going back to the deploy before included. */
function actionsOf(a: AppView, history: readonly RevisionView[] | undefined) {
  const actions = appActions(a);
  const before = a.phase === "removed" ? undefined : deployBefore(history);
  return before ? [actions[0], rollbackTo(a, before), ...actions.slice(1)] : actions;
}

const What = ({ a }: { a: AppView }) => {
  const controller = nodes.value?.find((n) => n.id === a.controller);
  return (
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
          ["Commits", a.commits && <Commits of={a.commits} />],
          ["Nodes", a.tags.length > 0 ? <Tags tags={a.tags} /> : "any that fits"],
          [
            "Decided by",
            a.controller && (
              <>
                <a href={to("nodes", a.controller)}>
                  <Name text={controller?.name ?? shortId(a.controller)} />
                </a>{" "}
                <span class="muted">epoch {a.epoch}</span>
              </>
            ),
          ],
          ["Deploy", a.revision && <Id id={a.revision} short={shortId(a.revision)} />],
          [
            "Requests here",
            a.metrics &&
            `${a.metrics.requests.toLocaleString()}, ${a.metrics.errors} failed, ${a.metrics.in_flight} in work`,
          ],
        ]}
      />
    </Panel>
  );
};

const History = ({ a, value, error }: { a: AppView; value?: readonly RevisionView[]; error?: string }) => (
  <Panel title="Versions" aside={<small class="muted">newest first</small>}>
    {error && <p class="muted">{error}</p>}
    <Table
      label="Versions"
      head={["Deploy", "Version", "State", "When", "By", "Action"]}
      rows={(value ?? []).slice(0, HISTORY).map((r) => ({
        key: r.id,
        cells: [
          <span title={r.id}>{r.number} {r.kind}</span>,
          <Name text={r.version} />,
          <>
            <State is={r.state} />
            {r.reason && (
              <small class="muted block">
                <Reason text={r.reason} />
              </small>
            )}
          </>,
          <Time at={r.at} />,
          <Id id={r.by} short={shortId(r.by)} />,
          r.state === "past" && a.phase !== "removed" ? <Buttons of={[rollbackTo(a, r)]} /> : "–",
        ],
      }))}
    />
  </Panel>
);

/** See the module's text. */
export function App({ name }: { name: string }) {
  const a = apps.value?.find((x) => x.name === name);
  const history = useFetched(
    `history ${name} ${a !== undefined}`,
    async (c) => a ? await c.history(name) : [],
  );
  if (!apps.value) return <p class="muted">Loading …</p>;
  if (!a) {
    return (
      <>
        <p class="crumbs">
          <a href="/apps">Apps</a>
        </p>
        <h1>{noSuch("app")}</h1>
        <Empty text="It was removed, or never deployed. All apps:" command="realm app list" />
      </>
    );
  }
  const feed = (events.value ?? []).filter((e) => e.target === name && told(e)).slice(-EVENTS).reverse();
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
        <span class="muted">
          <Health of={a} /> healthy · version {a.version ?? "–"}
        </span>
        <Buttons of={actionsOf(a, history.value)} />
      </div>
      {a.rejected && (
        <div class="error">
          The last deploy was rejected and the old one stands: <Reason text={a.rejected.reason} />
        </div>
      )}
      {a.rollout && <Rollout a={a} />}
      <Replicas a={a} />
      <div class="columns even">
        <What a={a} />
        <div>
          <Why id={a.name} />
          {feed.length > 0 && (
            <Panel title="What happened" aside={<a href="/events">all</a>}>
              <Feed of={feed} />
            </Panel>
          )}
        </div>
      </div>
      <Figures
        id={`app ${a.name}`}
        charts={appCharts}
        line={`realm app metrics ${quote(a.name)}`}
        fetch={(c, query) => c.appMetrics(a.name, query)}
      />
      <Logs app={a.name} />
      <Mounts a={a} />
      <History a={a} value={history.value} error={history.error} />
    </>
  );
}
