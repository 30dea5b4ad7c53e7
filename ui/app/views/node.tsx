/** One node: what it is, how it does, whom it is connected to, what it finds about itself. */
import { type NodeView, shortId } from "../../../mod.ts";
import { nodeActions, nodeWord } from "../actions/node_actions.ts";
import { Buttons } from "../confirm.tsx";
import { Command } from "../copy.tsx";
import { nodeCharts } from "../figures.ts";
import { counted, mebibytes } from "../format.ts";
import { apps, events, nodes } from "../live.ts";
import {
  Bar,
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
import { Feed, told } from "./event_lines.tsx";
import { Figures } from "./figures_panel.tsx";
import { Why } from "./why.tsx";

const SHOWN = 200, EVENTS = 8;

/** What a node allows, in words; the realm's other nodes know no more of it. */
const POLICY: Readonly<Record<NodeView["scheduling"], string>> = {
  open: "takes new work",
  cordoned: "takes no new work; what runs here stays",
  draining: "takes no new work; what runs here moves away",
};

const Machine = ({ n }: { n: NodeView }) => (
  <Panel title="Machine and policy">
    <Facts
      of={[
        ["Id", <Id id={n.id} short={shortId(n.id)} />],
        ["Work", POLICY[n.scheduling]],
        ["Runtimes", n.info && (n.info.runtimes.join(", ") || "none")],
        ["Tags", n.tags.length > 0 ? <Tags tags={n.tags} /> : "none"],
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
        ["Disk", n.info && `${mebibytes(n.info.disk_mb)} were free when it started`],
        ["Started", n.info && <Time at={n.info.started_at} />],
        ["Joined", <Time at={n.joined_at} />],
        ["Gateway", n.info?.gateway && <code>{n.info.gateway}</code>],
        ["API", n.info?.api && <code>{n.info.api}</code>],
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
);

function Diagnosis({ n }: { n: NodeView }) {
  const { value, error } = useFetched(`doctor ${n.id}`, (c) => c.diagnose(n.id));
  const bad = value?.filter((f) => f.state !== "ok").length ?? 0;
  return (
    <Panel
      title="Diagnosis"
      aside={value && <State is={bad === 0 ? "ok" : counted(bad, "warning")} />}
    >
      {error && <p class="muted">{error}</p>}
      {!value && !error && <p class="muted">Asking the node …</p>}
      <ul class="findings">
        {value?.toSorted((a, b) => Number(a.state === "ok") - Number(b.state === "ok")).map((f) => (
          <li key={f.subject + f.detail}>
            <State is={f.state} />
            <div>
              <b>
                <Name text={f.subject} />
              </b>{" "}
              <Name text={f.detail} />
              {f.fix && (
                <small class="muted">
                  <Name text={f.fix} />
                </small>
              )}
            </div>
          </li>
        ))}
      </ul>
      <Command line={`realm node diagnose ${nodeWord(n)}`} />
    </Panel>
  );
}

/** A round trip as a bar: a glance tells near from far. */
const FAR_MS = 100;

function Connections({ n }: { n: NodeView }) {
  const { value, error } = useFetched(`connections ${n.id}`, (c) => c.connections(n.id));
  const sorted = value?.toSorted((a, b) => (a.rtt_ms ?? Infinity) - (b.rtt_ms ?? Infinity)) ?? [];
  return (
    <Panel
      title={!value
        ? "Connections"
        : value.length === 0
        ? "No connections"
        : counted(value.length, "connection")}
      aside={<small class="muted">measured now</small>}
    >
      {error && <p class="muted">{error}</p>}
      {!value && !error && <p class="muted">Measuring …</p>}
      {value?.length === 0 && (
        <Empty text="It is connected to nobody." command={`realm node diagnose ${nodeWord(n)}`} />
      )}
      {sorted.length > 0 && (
        <Table
          label="Connections"
          head={["Node", "Round trip", "Dialled by", "Since", "Address"]}
          rows={sorted.slice(0, SHOWN).map((c) => ({
            key: c.node,
            cells: [
              <a href={to("nodes", c.node)}>
                <Name text={c.name} />
              </a>,
              c.rtt_ms === undefined
                ? <State is="no answer" />
                : <Bar part={Math.min(c.rtt_ms, FAR_MS)} whole={FAR_MS} text={`${c.rtt_ms.toFixed(1)} ms`} />,
              c.direction === "inbound" ? "the other" : "this node",
              <Time at={c.since} />,
              <code class="address" title={c.address}>
                <Name text={c.address.replace(/\/p2p\/\w+$/, "")} />
              </code>,
            ],
          }))}
        />
      )}
    </Panel>
  );
}

function Replicas({ n }: { n: NodeView }) {
  const replicas = (apps.value ?? []).flatMap((a) =>
    a.replicas.filter((r) => r.node === n.id).map((r) => ({ a, r }))
  );
  return (
    <Panel title={`${counted(replicas.length, "replica")} here`}>
      {replicas.length === 0 ? <Empty text="Nothing runs here." /> : (
        <Table
          label="Replicas"
          head={["App", "Slot", "State", "Version", "Restarts", "Since", "Why"]}
          rows={replicas.slice(0, SHOWN).map(({ a, r }) => ({
            key: r.id,
            cells: [
              <a href={to("apps", a.name)}>
                <Name text={a.name} />
              </a>,
              r.slot,
              <State is={r.state} />,
              <Name text={r.version} />,
              r.restarts,
              <Time at={r.since} />,
              r.reason ? <Reason text={r.reason} /> : "–",
            ],
          }))}
        />
      )}
    </Panel>
  );
}

/** See the module's text. `name`: id, short id or name. */
export function Node({ name }: { name: string }) {
  const all = nodes.value;
  if (!all) return <p class="muted">Loading …</p>;
  const n = all.find((m) => m.id === name) ?? all.find((m) => m.name === name || shortId(m.id) === name);
  if (!n) {
    return (
      <>
        <p class="crumbs">
          <a href="/nodes">Nodes</a>
        </p>
        <h1>{noSuch("node")}</h1>
        <Empty text="It was removed, or never joined. All nodes:" command="realm node list" />
      </>
    );
  }
  const word = nodeWord(n);
  const feed = (events.value ?? []).filter((e) => e.target === n.id && told(e)).slice(-EVENTS).reverse();
  const gone = n.state === "removed", answers = n.state === "alive" || n.state === "suspect";
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
        {n.scheduling !== "open" && !gone && <State is={n.scheduling} />}
        {n.self && <span class="muted">answers this page</span>}
        <Buttons of={nodeActions(n)} />
      </div>
      {n.scheduling === "draining" && n.replicas > 0 && (
        <p class="note">
          Draining: {n.replicas} {n.replicas === 1 ? "replica is" : "replicas are"}{" "}
          still here. Those with a volume stay.
        </p>
      )}
      <div class="columns even">
        <Machine n={n} />
        <div>
          <Why id={n.id} />
          {answers && <Diagnosis n={n} />}
        </div>
      </div>
      <Replicas n={n} />
      {answers && (
        <Figures
          id={`node ${n.id}`}
          charts={nodeCharts}
          line={`realm node metrics ${word}`}
          fetch={(c, query) => c.nodeMetrics(n.id, query)}
        />
      )}
      {answers && <Connections n={n} />}
      {!answers && !gone && (
        <Panel title="Diagnosis, figures, connections">
          <Empty
            text="The node itself tells them, and it does not answer now. On that machine:"
            command="realm doctor"
          />
        </Panel>
      )}
      {feed.length > 0 && (
        <Panel title="What happened" aside={<a href="/events">all</a>}>
          <Feed of={feed} />
        </Panel>
      )}
    </>
  );
}
