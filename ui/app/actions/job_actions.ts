/** What can be done with a run. */
import { rerunWish, runIdsOf, type RunView } from "../../../mod.ts";
import { quote } from "../format.ts";
import { go, to } from "../router.ts";
import type { Action } from "./action.ts";

/** What can be done with a run in its present state. */
export function runActions(r: RunView): Action[] {
  if (r.ended_at === undefined) {
    return [{
      label: "Cancel run",
      icon: "stop",
      role: "operator",
      title: `Cancel ${r.id}?`,
      text: "It ends, wherever in its life it is; what needs it does not run.",
      danger: true,
      command: () => `realm job cancel ${quote(r.id)}`,
      run: (c) => c.command("job.cancel", { run: r.id }),
    }];
  }
  return [{
    label: "Run again",
    icon: "refresh",
    role: "operator",
    title: `Run ${r.job} again?`,
    text: "Every file is the one of this run, by its digest. What the run needed is not run again.",
    command: () => `realm job rerun ${quote(r.id)}`,
    async run(c) {
      const wish = await rerunWish(c, r);
      const { id } = await c.command("job.submit", wish);
      go(to("jobs", runIdsOf(id, wish.runs)[0]));
    },
  }];
}
