/** Jobs that run by themselves: when each runs next, or what it watches, and how its latest times or changes went. */
import { type ScheduleView, shortId, type TickView, type TriggerView, whenText } from "../../../mod.ts";
import { scheduleActions } from "../actions/schedule_actions.ts";
import { Buttons } from "../confirm.tsx";
import { Command } from "../copy.tsx";
import { span } from "../format.ts";
import { beat, nodes, worked } from "../live.ts";
import { Empty, Name, Panel, Reason, State, Time, useFetched } from "../parts.tsx";
import { to } from "../router.ts";
import { NEW_JOB, Tabs } from "./jobs.tsx";

/** Times of a schedule that are shown, runs of one, and branches. */
const TICKS = 8, RUNS = 12, BRANCHES = 8;
/** Digits of a commit that are shown. */
const COMMIT = 10;

const Tick = ({ t }: { t: TickView }) => (
  <li>
    <Time at={t.at} /> {t.change && (
      <>
        <Name text={t.change.branch} />{" "}
        <code title={t.change.commit}>{t.change.commit.slice(0, COMMIT)}</code>
        {" "}
      </>
    )}
    {t.state === "skipped" && <State is="skipped" />}
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

const ENDS: Readonly<Record<TriggerView["ends"][number]["as"], string>> = {
  known: "was there before",
  run: "ran",
  skipped: "no file that counts changed",
};

/** What is watched, and how far it is known. */
const Watched = ({ t, by }: { t: TriggerView; by: string | undefined }) => (
  <>
    <p class="foot-line">
      <small class="muted">
        {t.paths.length > 0 && `files: ${t.paths.join(" ")}; `}every {span(t.poll_ms)}
        {t.webhook && `; webhooks at ${t.webhook}`}
        {t.badge && `; badge at ${t.badge}`}
        {t.told && `; tells ${t.told}`}
        {t.looked_at !== undefined && (
          <>
            ; looked <Time at={t.looked_at} />
          </>
        )}
        {t.next_look !== undefined && (
          <>
            , again <Time at={t.next_look} />
          </>
        )}
        {by !== undefined && t.looked_at === undefined && (
          <>
            ; looked at by{" "}
            <a href={to("nodes", by)}>
              <Name text={nodes.value?.find((n) => n.id === by)?.name ?? shortId(by)} />
            </a>
          </>
        )}
      </small>
    </p>
    {t.ends.length > 0 && (
      <ul class="plain ticks" aria-label="Branches">
        {t.ends.slice(0, BRANCHES).map((e) => (
          <li key={e.branch}>
            <Name text={e.branch} /> <code title={e.commit}>{e.commit.slice(0, COMMIT)}</code>{" "}
            <small class="muted">
              {ENDS[e.as]}, seen <Time at={e.at} />
            </small>
          </li>
        ))}
        {t.ends.length > BRANCHES && (
          <li>
            <small class="muted">and {t.ends.length - BRANCHES} more branches</small>
          </li>
        )}
      </ul>
    )}
  </>
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
      <Name text={whenText(s)} />
      {!s.trigger && (
        <b>
          {s.next === undefined ? "no next time" : (
            <>
              next <Time at={s.next} />
            </>
          )}
        </b>
      )}
      <small class="muted">
        {s.overlap && `overlap: ${s.overlap}; missed: ${s.missed}; `}
        {(s.jitter_ms ?? 0) > 0 && `spread over ${span(s.jitter_ms!)}; `}jobs:{" "}
        <Name text={s.jobs.join(", ")} />
      </small>
    </p>
    {s.trigger && <Watched t={s.trigger} by={s.state === "paused" ? undefined : s.controller} />}
    {s.ticks.length > 0 && (
      <ul class="plain ticks" aria-label={s.trigger ? "Latest changes" : "Latest times"}>
        {s.ticks.slice(0, TICKS).map((t) => <Tick key={`${t.at} ${t.change?.branch}`} t={t} />)}
      </ul>
    )}
  </section>
);

/** See the module's text. */
export function Schedules() {
  // A look that finds nothing new is no event.
  const { value, error } = useFetched("schedules", (c) => c.schedules(), {
    value: worked.value + beat.value,
  });
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
            text="No job runs by itself. One of type recurring, or with a trigger, does:"
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
