/** Recurring jobs: when each runs next, how its latest times went. */
import type { ScheduleView, TickView } from "../../../mod.ts";
import { scheduleActions } from "../actions/schedule_actions.ts";
import { Buttons } from "../confirm.tsx";
import { Command } from "../copy.tsx";
import { span } from "../format.ts";
import { worked } from "../live.ts";
import { Empty, Name, Panel, Reason, State, Time, useFetched } from "../parts.tsx";
import { to } from "../router.ts";
import { NEW_JOB, Tabs } from "./jobs.tsx";

/** Times of a schedule that are shown, and runs of one. */
const TICKS = 8, RUNS = 12;

const Tick = ({ t }: { t: TickView }) => (
  <li>
    <Time at={t.at} /> {t.state === "skipped" && <State is="skipped" />}
    {t.runs.slice(0, RUNS).map((r) => (
      <span class="tick" key={r.id}>
        <a href={to("jobs", r.id)}>
          <Name text={r.id} />
        </a>{" "}
        <State is={r.state} />
      </span>
    ))}
    {t.runs.length > RUNS && <small class="muted">and {t.runs.length - RUNS} more runs</small>}
    {t.reason && (
      <small class="muted">
        <Reason text={t.reason} />
      </small>
    )}
  </li>
);

const Schedule = ({ s }: { s: ScheduleView }) => (
  <section class="panel schedule" aria-label={`Schedule ${s.name.slice(0, 80)}`}>
    <header>
      <h2>
        <Name text={s.name} /> <State is={s.state} />
      </h2>
      <Buttons of={scheduleActions(s)} />
    </header>
    {s.reason && (
      <p class="error">
        <Reason text={s.reason} />
      </p>
    )}
    <p class="foot-line">
      <code>{s.cron}</code> <Name text={s.timezone} />
      <b>
        {s.next === undefined ? "no next time" : (
          <>
            next <Time at={s.next} />
          </>
        )}
      </b>
      <small class="muted">
        overlap: {s.overlap}; missed: {s.missed}
        {s.jitter_ms > 0 && `; spread over ${span(s.jitter_ms)}`}; jobs: <Name text={s.jobs.join(", ")} />
      </small>
    </p>
    {s.ticks.length > 0 && (
      <ul class="plain ticks" aria-label="Latest times">
        {s.ticks.slice(0, TICKS).map((t) => <Tick key={t.at} t={t} />)}
      </ul>
    )}
  </section>
);

/** See the module's text. */
export function Schedules() {
  const { value, error } = useFetched("schedules", (c) => c.schedules(), worked);
  return (
    <>
      <div class="title">
        <h1>Jobs</h1>
        <Tabs />
      </div>
      {error && <p class="error">{error}</p>}
      {value?.map((s) => <Schedule key={s.id} s={s} />)}
      {value?.length === 0 && (
        <Panel title="Scheduled">
          <Empty
            text="No job recurs. One of type recurring, with a schedule, does:"
            command="realm job submit nightly.toml"
          />
          <p>
            <a href={to("jobs", NEW_JOB)}>Write one here</a>
          </p>
        </Panel>
      )}
      <p>
        <Command line="realm job schedules" />
      </p>
    </>
  );
}
