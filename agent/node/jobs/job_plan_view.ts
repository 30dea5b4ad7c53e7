/** Where the runs of a submission could go if it were made now. Pure read: nothing is submitted. */
import { type Core, explainRun, kindOf, type RunState } from "../../core/mod.ts";
import type { NodeId } from "../../protocol/identity.ts";
import type { JobRunSpec, SubmitWish } from "../../protocol/job_spec.ts";
import type { JobPlanView } from "../../protocol/job_views.ts";

/** A run as it would be right after its submission. */
const wished = (spec: JobRunSpec, now: number): RunState => ({
  id: "wished",
  submission: "0".repeat(64),
  command: "0".repeat(64),
  spec,
  at: now,
  by: "",
  statuses: new Map(),
});

/** See the module's text. What it needs of other jobs is taken to be there. */
export function planJobs(core: Core, wish: SubmitWish, now: number): JobPlanView {
  const kinds = new Map<string, { readonly spec: JobRunSpec; readonly runs: number[] }>();
  wish.runs.forEach((spec, i) => {
    const kind = kindOf(spec), known = kinds.get(kind);
    if (known) known.runs.push(i);
    else kinds.set(kind, { spec, runs: [i] });
  });
  return {
    kinds: [...kinds.values()].map(({ spec, runs }) => {
      const { ranked, verdicts } = explainRun(core, wished(spec, now), now).placement;
      const places = new Map(ranked.map((id, place) => [id, place]));
      const rank = (id: NodeId) => places.get(id) ?? ranked.length;
      return {
        runs,
        nodes: verdicts.map((v) => ({
          id: v.id,
          name: v.name,
          able: v.reasons.length === 0,
          reasons: v.reasons,
          ...(v.fix === undefined ? {} : { fix: v.fix }),
        })).sort((a, b) => rank(a.id) - rank(b.id)),
      };
    }),
  };
}
