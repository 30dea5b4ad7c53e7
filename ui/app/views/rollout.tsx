/** A rollout as it goes, and the replicas of an app on their nodes. */
import type { AppView, ReplicaView } from "../../../mod.ts";
import { Command } from "../copy.tsx";
import { bytes, counted, plainLines, quote, span } from "../format.ts";
import { Icon } from "../icons.tsx";
import { now } from "../live.ts";
import { Bar, Empty, Name, Panel, Reason, State, Table, Time } from "../parts.tsx";
import { to } from "../router.ts";

/** Replicas drawn one by one. */
const SHOWN = 200;

/** Old and new side by side, slot by slot. */
export function Rollout({ a }: { a: AppView }) {
  const { from, to: next, done, total, since } = a.rollout!;
  const fresh = (r: ReplicaView) => r.revision === next.revision;
  const slots = [...Map.groupBy(a.replicas, (r) => r.slot)].sort((x, y) => x[0] - y[0]);
  return (
    <Panel
      title={from
        ? `Rollout of ${next.version}, which replaces ${from.version}`
        : `First rollout of ${next.version}`}
      aside={<span class="muted">{a.strategy} · for {span(now.value - since)}</span>}
    >
      <Bar
        part={done}
        whole={total}
        text={`${done} of ${total} replicas run the new version and are healthy`}
      />
      <ol class="slots" aria-label="Slots">
        {slots.slice(0, SHOWN).map(([slot, list]) => {
          const one = list.find(fresh) ?? list[0];
          return (
            <li key={slot}>
              <small class="muted">slot {slot}</small>
              <span>
                <b>{one.version}</b> <State is={one.state} />
              </span>
              <small>
                on <Name text={one.node_name} />
                {one.progress && `, ${bytes(one.progress.done)} of ${bytes(one.progress.total)}`}
              </small>
            </li>
          );
        })}
      </ol>
    </Panel>
  );
}

const Progress = ({ r }: { r: ReplicaView }) =>
  r.progress && r.progress.total > 0
    ? (
      <Bar
        part={r.progress.done}
        whole={r.progress.total}
        text={`${bytes(r.progress.done)} of ${bytes(r.progress.total)}`}
      />
    )
    : null;

/** What a state without a reason means. */
const MEANING: Readonly<Record<string, string>> = {
  pending: "decided; its node has not answered yet",
  accepted: "its node took it on",
  fetching: "its package is being fetched",
  verifying: "its package is being verified",
  starting: "started, not healthy yet",
  stopping: "finishes its requests",
  ended: "ended well, and is not started again, as its restart policy says",
  "node unreachable": "its node does not answer; another takes the place, but not where a volume is",
};

/** The replicas. */
export const Replicas = ({ a }: { a: AppView }) => (
  <Panel title={counted(a.replicas.length, "replica")}>
    {a.replicas.length === 0
      ? <Empty text="None is placed yet; why, node by node:" command={`realm why ${quote(a.name)}`} />
      : (
        <Table
          label="Replicas"
          head={["Slot", "Node", "State", "Version", "Restarts", "Since", "Why"]}
          rows={a.replicas.slice(0, SHOWN).map((r) => ({
            key: r.id,
            cells: [
              <span title={r.id}>{r.slot}</span>,
              <a href={to("nodes", r.node)}>
                <Name text={r.node_name} />
              </a>,
              <State is={r.state} />,
              <Name text={r.version} />,
              r.restarts === 0 ? "0" : <span class="warn-text">{r.restarts}</span>,
              <Time at={r.since} />,
              <div>
                <Reason text={r.reason ?? MEANING[r.state] ?? "–"} />
                <Progress r={r} />
                {r.log && (
                  <details>
                    <summary>
                      <Icon is="log" /> last lines
                    </summary>
                    <pre class="lines" tabIndex={0} aria-label="Last lines">{plainLines(r.log)}</pre>
                  </details>
                )}
              </div>,
            ],
          }))}
        />
      )}
    {a.replicas.length > SHOWN && (
      <p class="muted">
        and {a.replicas.length - SHOWN} more: <Command line={`realm app show ${quote(a.name)}`} />
      </p>
    )}
  </Panel>
);
