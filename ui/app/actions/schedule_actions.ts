/** What can be done with a schedule. */
import type { ScheduleView } from "../../../mod.ts";
import { quote } from "../format.ts";
import type { Action } from "./action.ts";

/** What can be done with a schedule in its present state. */
export function scheduleActions({ id: schedule, name, state, trigger }: ScheduleView): Action[] {
  const paused = state === "paused";
  const [resume, pause, end] = trigger
    ? [
      "It is looked at again at once; a branch that changed meanwhile runs once, with its newest commit.",
      "Nobody looks at the repository until it goes on, and pushes that forges tell start nothing.",
      "The repository is watched no more.",
    ]
    : [
      "It runs from its next time on; times that passed meanwhile are not caught up.",
      "It runs at no time until it goes on.",
      "It runs at no more times.",
    ];
  return [{
    label: paused ? "Resume" : "Pause",
    icon: paused ? "play" : "pause",
    role: "operator",
    title: `${paused ? "Resume" : "Pause"} ${name}?`,
    text: paused ? resume : `${pause} Runs under way go on.`,
    command: () => `realm job ${paused ? "resume" : "pause"} ${quote(name)}`,
    run: (c) => c.command("job.pause", { schedule, paused: !paused }),
  }, {
    label: "End",
    icon: "trash",
    role: "operator",
    title: `End the schedule ${name}?`,
    text: `${end} Runs under way go on.`,
    danger: true,
    command: () => `realm job unschedule ${quote(name)}`,
    run: (c) => c.command("job.unschedule", { schedule }),
  }];
}
