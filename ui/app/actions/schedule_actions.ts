/** What can be done with a schedule. */
import type { ScheduleView } from "../../../mod.ts";
import { quote } from "../format.ts";
import type { Action } from "./action.ts";

/** What can be done with a schedule in its present state. */
export function scheduleActions({ id: schedule, name, state }: ScheduleView): Action[] {
  const paused = state === "paused";
  return [{
    label: paused ? "Resume" : "Pause",
    icon: paused ? "play" : "pause",
    role: "operator",
    title: `${paused ? "Resume" : "Pause"} ${name}?`,
    text: paused
      ? "It runs from its next time on; times that passed meanwhile are not caught up."
      : "It runs at no time until it goes on. Runs under way go on.",
    command: () => `realm job ${paused ? "resume" : "pause"} ${quote(name)}`,
    run: (c) => c.command("job.pause", { schedule, paused: !paused }),
  }, {
    label: "End",
    icon: "trash",
    role: "operator",
    title: `End the schedule ${name}?`,
    text: "It runs at no more times. Runs under way go on.",
    danger: true,
    command: () => `realm job unschedule ${quote(name)}`,
    run: (c) => c.command("job.unschedule", { schedule }),
  }];
}
