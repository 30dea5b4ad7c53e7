/** What can be done with a run. */
import {
  type RealmClient,
  rerunFailedWish,
  rerunWish,
  runIdsOf,
  type RunView,
  type SubmitWish,
} from "../../../mod.ts";
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
  const rerun = async (c: RealmClient, wish: SubmitWish) => {
    const { id } = await c.command("job.submit", wish);
    go(to("jobs", runIdsOf(id, wish.runs)[0]));
  };
  const again: Action = {
    label: "Run again",
    icon: "refresh",
    role: "operator",
    title: `Run ${r.job} again?`,
    text: "Every file is the one of this run, by its digest. What the run needed is not run again.",
    command: () => `realm job rerun ${quote(r.id)}`,
    run: async (c) => await rerun(c, await rerunWish(c, r)),
  };
  if (r.runs.length === 1 || r.state === "succeeded") return [again];
  return [again, {
    label: "Run failed again",
    icon: "refresh",
    role: "operator",
    title: "Run all that failed again?",
    text: `Those of the ${r.runs.length} runs together that did not succeed, and only those. ` +
      "What they took from runs that did succeed they take as it was.",
    command: () => `realm job rerun ${quote(r.id)} --failed`,
    run: async (c) => await rerun(c, await rerunFailedWish(c, r)),
  }];
}
