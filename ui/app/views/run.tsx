/** One run of a job: how it goes or went and why, its attempts, its log, what it left. */
import {
  type AttemptView,
  cacheText,
  changeText,
  type RunLogView,
  type RunView,
  shortId,
} from "../../../mod.ts";
import { runActions } from "../actions/job_actions.ts";
import { Buttons } from "../confirm.tsx";
import { Command } from "../copy.tsx";
import { bytes, counted, duration, quote } from "../format.ts";
import { worked } from "../live.ts";
import {
  Bar,
  Commits,
  Empty,
  Facts,
  Id,
  Name,
  Panel,
  Reason,
  State,
  Table,
  Time,
  useFetched,
} from "../parts.tsx";
import { to } from "../router.ts";
import { Download } from "./download_button.tsx";
import { matrixText, SCHEDULED } from "./jobs.tsx";
import { type LogLine, LogPanel } from "./logs.tsx";
import { Pipeline } from "./pipeline.tsx";
import { Why } from "./why.tsx";

/** A line that does not end is shown from this length on. */
const UNENDED = 2_000;

/** Entries as lines: those that go on in the next entry of their stream are put together. */
async function* whole(entries: AsyncIterable<RunLogView>): AsyncGenerator<LogLine> {
  const open = new Map<string, string>();
  for await (const e of entries) {
    const text = (open.get(e.stream) ?? "") + e.text;
    if (e.more && text.length < UNENDED) {
      open.set(e.stream, text);
      continue;
    }
    open.delete(e.stream);
    yield { ...e, key: `${e.attempt}:${e.seq}`, from: `attempt ${e.attempt}`, text };
  }
}

const What = ({ r }: { r: RunView }) => {
  const last = r.attempts.at(-1);
  return (
    <Panel title="What it is">
      <Facts
        of={[
          ["Job", <Name text={r.job} />],
          ["Matrix", matrixText(r) && <Name text={matrixText(r)} />],
          ["Submitted", <Time at={r.submitted_at} />],
          [
            "Schedule",
            r.schedule && (
              <a href={to("jobs", SCHEDULED)}>
                <Name text={r.schedule.name} />, for {r.schedule.change
                  ? <Name text={changeText(r.schedule.change)} />
                  : new Date(r.schedule.at).toLocaleString()}
              </a>
            ),
          ],
          [
            "Commits",
            r.commits && <Commits of={r.commits} />,
          ],
          ["By", <Id id={r.by} short={shortId(r.by)} />],
          ["Ended", r.ended_at !== undefined && <Time at={r.ended_at} />],
          ["Took", last?.report && duration(last.report.wall_ms)],
          [
            "Repeats",
            r.of && (
              <a href={to("jobs", r.of)}>
                <Name text={r.of} />
              </a>
            ),
          ],
          ["Needs", r.needs.length > 0 && <Name text={r.needs.join(", ")} />],
          ["Priority", r.priority],
          ["Runtime", last?.report && <Name text={`${last.report.runtime}, ${last.report.level}`} />],
          ["Cache", last?.cache && <Name text={cacheText(last.cache, bytes)} />],
          [
            "Labels",
            Object.keys(r.labels).length > 0 && (
              <Name text={Object.entries(r.labels).map(([k, v]) => `${k}=${v}`).join(" ")} />
            ),
          ],
        ]}
      />
    </Panel>
  );
};

const Progress = ({ a }: { a: AttemptView }) =>
  a.progress && a.state === "preparing"
    ? (
      <Bar
        goal
        part={a.progress.done}
        whole={a.progress.total}
        text={`${bytes(a.progress.done)} of ${bytes(a.progress.total)}`}
      />
    )
    : null;

const Attempts = ({ r }: { r: RunView }) => (
  <Panel title={r.attempts.length === 0 ? "No attempts" : counted(r.attempts.length, "attempt")}>
    {r.attempts.length === 0
      ? r.ended_at === undefined
        ? <Empty text="No node has taken it yet; why, node by node:" command={`realm why ${quote(r.id)}`} />
        : <Empty text="It ended before a node took it." />
      : (
        <Table
          label="Attempts"
          head={["Attempt", "Node", "State", "Since", "Took", "Processor", "Memory", "Code", "Why"]}
          rows={r.attempts.toReversed().map((a) => ({
            key: a.id,
            cells: [
              <span title={a.id}>{a.number}</span>,
              <a href={to("nodes", a.node)}>
                <Name text={a.node_name} />
              </a>,
              <State is={a.state} />,
              <Time at={a.ended_at ?? a.started_at ?? a.at} />,
              a.report ? duration(a.report.wall_ms) : "–",
              a.report?.cpu_ms === undefined ? "–" : duration(a.report.cpu_ms),
              a.report?.peak_bytes === undefined ? "–" : bytes(a.report.peak_bytes),
              a.report?.code ?? "–",
              <div>
                {a.reason ? <Reason text={a.reason} /> : "–"}
                <Progress a={a} />
              </div>,
            ],
          }))}
        />
      )}
  </Panel>
);

const Artifacts = ({ r }: { r: RunView }) => (
  <Panel
    title={counted(r.artifacts.length, "artifact")}
    aside={<Command line={`realm job artifacts ${quote(r.id)}`} />}
  >
    <Table
      label="Artifacts"
      head={["Name", "Size", "Form", "Digest", "Kept until", "Action"]}
      rows={r.artifacts.map((a) => ({
        key: a.name,
        cells: [
          <Name text={a.name} />,
          bytes(a.bytes),
          a.form === "tar" ? "directory, as tar" : "file",
          <Id id={a.digest} short={shortId(a.digest)} />,
          <Time at={a.until} />,
          <Download
            digest={a.digest}
            name={a.form === "tar" ? `${a.name}.tar` : a.name}
            size={a.bytes}
          />,
        ],
      }))}
    />
  </Panel>
);

/** See the module's text. `name`: id, or a unique beginning of it. */
export function Run({ name }: { name: string }) {
  const { value: r, error, isNone } = useFetched(`run ${name}`, (c) => c.run(name), worked);
  const crumbs = (
    <p class="crumbs">
      <a href="/jobs">Jobs</a>
    </p>
  );
  if (!r) {
    return (
      <>
        {crumbs}
        <h1>{isNone ? "No such run" : <Name text={name} />}</h1>
        {error ? <Empty text={error} command="realm job list" /> : <p class="muted">Loading …</p>}
      </>
    );
  }
  return (
    <>
      {crumbs}
      <div class="title">
        <h1>
          <Name text={r.id} />
        </h1>
        <State is={r.state} />
        <Buttons of={runActions(r)} />
      </div>
      {r.reason && r.state !== "succeeded" && r.ended_at !== undefined && (
        <div class="error">
          <Reason text={r.reason} />
        </div>
      )}
      {r.runs.length > 1 && <Pipeline r={r} />}
      <div class="columns even">
        <What r={r} />
        <div>
          <Why id={r.id} />
        </div>
      </div>
      <Attempts r={r} />
      {r.artifacts.length > 0 && <Artifacts r={r} />}
      <LogPanel
        id={`run ${r.id}`}
        name={r.id}
        line={() => `realm job logs ${quote(r.id)} -f`}
        source={(c, last, stop) =>
          whole(c.runLogs(r.id, { follow: true, ...(last && { after: last.key }) }, stop))}
      />
    </>
  );
}
