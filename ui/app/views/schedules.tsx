/** Schedules of recurring jobs: when they run next, and what became of their last times. */
import type { ScheduleView } from "../../../mod.ts";
import { scheduleActions } from "../actions/schedule_actions.ts";
import { Buttons } from "../confirm.tsx";
import { Command } from "../copy.tsx";
import { worked } from "../live.ts";
import { Name, Panel, State, Table, Time, useFetched } from "../parts.tsx";
import { to } from "../router.ts";

function Last({ of: { ticks: [last] } }: { of: ScheduleView }) {
  if (!last) return <>–</>;
  const [run] = last.runs;
  return (
    <>
      <Time at={last.at} /> {run
        ? (
          <a href={to("jobs", run.id)}>
            <State is={run.state} />
          </a>
        )
        : <State is={last.state} />} {last.reason && <span class="muted">{last.reason}</span>}
    </>
  );
}

/** Nothing where there is no schedule. */
export function Schedules() {
  const { value = [], error } = useFetched("schedules", (c) => c.schedules(), worked);
  if (value.length === 0 && !error) return null;
  return (
    <Panel title="Schedules" aside={<Command line="realm job schedules" />}>
      {error && <p class="error">{error}</p>}
      <Table
        label="Schedules"
        head={["Schedule", "State", "Times", "Next", "Last", ""]}
        rows={value.map((s) => ({
          key: s.id,
          cells: [
            <Name text={s.name} />,
            <State is={s.state} />,
            <>
              <code>{s.cron}</code> {s.timezone}
            </>,
            s.next === undefined ? "–" : <Time at={s.next} />,
            <Last of={s} />,
            <Buttons of={scheduleActions(s)} />,
          ],
        }))}
      />
    </Panel>
  );
}
