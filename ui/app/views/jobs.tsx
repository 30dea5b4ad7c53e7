/** Runs of jobs: what waits, what runs, how the rest ended. */
import { signal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import type { RunView } from "../../../mod.ts";
import { Command } from "../copy.tsx";
import { duration } from "../format.ts";
import { Icon } from "../icons.tsx";
import { worked } from "../live.ts";
import { Empty, Name, Panel, State, Time, useFetched } from "../parts.tsx";
import { path, to } from "../router.ts";
import { may } from "../session.ts";
import { type Column, having, type Order, Rows } from "../rows.tsx";
import { Filter } from "./why.tsx";

/** In the place of a run's id: the view in which a job is written and submitted. Ids of runs end with a digest. */
export const NEW_JOB = "new";
/** As {@link NEW_JOB}: the schedules of recurring jobs. */
export const SCHEDULED = "scheduled";
/** As {@link NEW_JOB}: jobs that are kept running. */
export const SERVICES = "services";
const filter = signal("");
const state = signal("");
const order = signal<Order | undefined>(undefined);
/** Runs fetched at first, and at most. */
const FIRST = 500, ALL = 10_000;
const limit = signal(FIRST);
/** What can be asked for; the first shows all. */
const STATES = [
  ["", "all states"],
  ["open", "waiting or running"],
  ["pending", "queue: waiting for a node"],
  ["running", "running"],
  ["succeeded", "succeeded"],
  ["failed", "failed"],
  ["timed_out", "timed out"],
  ["cancelled", "cancelled"],
  ["lost", "lost"],
] as const;

/** A combination of a matrix: `arch=arm64 mode=debug`. */
export const matrixText = (r: RunView): string =>
  Object.entries(r.matrix).map(([axis, value]) => `${axis}=${value}`).join(" ");
const took = (r: RunView): number | undefined => r.attempts.at(-1)?.report?.wall_ms;
const why = (r: RunView): string => r.state === "succeeded" ? "" : r.reason?.split("\n")[0] ?? "";

const columns: readonly Column<RunView>[] = [
  {
    head: "Run",
    size: "minmax(150px, 1.6fr)",
    cell: (r) => (
      <a href={to("jobs", r.id)}>
        <Name text={r.id} />
      </a>
    ),
    by: (r) => r.id,
    phone: "lead",
  },
  { head: "State", size: "110px", cell: (r) => <State is={r.state} />, by: (r) => r.state, phone: "side" },
  {
    head: "Matrix",
    size: "minmax(80px, 1fr)",
    cell: (r) => matrixText(r) ? <Name text={matrixText(r)} /> : "–",
    by: matrixText,
    phone: "sub",
  },
  {
    head: "Node",
    size: "minmax(80px, 1fr)",
    cell: (r) => r.attempts.length > 0 ? <Name text={r.attempts.at(-1)!.node_name} /> : "–",
    by: (r) => r.attempts.at(-1)?.node_name ?? "",
    phone: "sub",
  },
  { head: "Attempts", size: "70px", cell: (r) => r.attempts.length, by: (r) => r.attempts.length },
  {
    head: "Submitted",
    size: "110px",
    cell: (r) => <Time at={r.submitted_at} />,
    by: (r) => -r.submitted_at,
    phone: "sub",
  },
  {
    head: "Took",
    size: "80px",
    cell: (r) => took(r) === undefined ? "–" : duration(took(r)!),
    by: (r) => took(r) ?? -1,
  },
  { head: "Why", size: "minmax(120px, 2fr)", cell: (r) => why(r) ? <Name text={why(r)} /> : "–" },
];

/** The lists of jobs. */
export const Tabs = () => (
  <nav class="tabs" aria-label="Lists of jobs">
    {[["/jobs", "Runs"], [to("jobs", SCHEDULED), "Scheduled"], [to("jobs", SERVICES), "Services"]].map((
      [at, name],
    ) => <a key={at} href={at} aria-current={path.value === at ? "page" : undefined}>{name}</a>)}
  </nav>
);

/** See the module's text. */
export function Jobs() {
  const { value, error } = useFetched(
    `runs ${limit.value} ${state.value}`,
    (c) => c.runs({ limit: limit.value, ...(state.value && { state: state.value }) }),
    worked,
  );
  const all = value ?? [];
  const shown = useMemo(
    () =>
      having(all, filter.value, (r) => `${r.id} ${r.state} ${matrixText(r)} ${r.attempts.at(-1)?.node_name}`),
    [value, filter.value],
  );
  return (
    <>
      <div class="title">
        <h1>Jobs</h1>
        <Tabs />
        <Filter of={filter} count={`${shown.length} of ${all.length}`} />
        <span class="tools">
          <select
            aria-label="State"
            value={state.value}
            onChange={(e) => state.value = e.currentTarget.value}
          >
            {STATES.map(([is, text]) => <option key={is} value={is}>{text}</option>)}
          </select>
          {may("operator") && (
            <a class="button primary" href={to("jobs", NEW_JOB)}>
              <Icon is="plus" /> Submit a job
            </a>
          )}
        </span>
      </div>
      <Panel
        title="Runs, newest first"
        aside={<Command line={`realm job list${state.value ? ` --state ${state.value}` : ""}`} />}
      >
        {error && <p class="error">{error}</p>}
        {value && all.length === 0 && (state.value
          ? <Empty text="No run is in this state." />
          : <Empty text="No job was run yet. Run one:" command="realm job submit build.toml" />)}
        {all.length > 0 && shown.length === 0 && <Empty text="No run has all these words." />}
        {shown.length > 0 && (
          <Rows
            label="Runs"
            of={shown}
            columns={columns}
            id={(r) => r.id}
            order={order}
          />
        )}
        {all.length === limit.value && limit.value < ALL && (
          <p>
            <button
              type="button"
              onClick={() => limit.value = ALL}
            >
              Older runs too
            </button>{" "}
            <span class="muted">The newest {FIRST} are here.</span>
          </p>
        )}
      </Panel>
    </>
  );
}
