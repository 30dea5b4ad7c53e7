/** Running the same again: for `realm job rerun` and for the dashboard. */
import { RealmError } from "../protocol/errors.ts";
import type { SubmitWish } from "../protocol/job_spec.ts";
import type { RunView } from "../protocol/job_views.ts";
import type { RealmClient } from "./client.ts";

/**
 * What submits a run once more, every file by the digest that it had, every repository at its commit. What it took from jobs of its pipeline it takes
 * as it was then, and what it needed is not run again. Fails with `not_found` when such an artifact was not kept.
 */
export async function rerunWish(client: RealmClient, run: RunView): Promise<SubmitWish> {
  const spec = await client.runSpec(run.id);
  const inputs: SubmitWish["runs"][number]["inputs"] = [];
  for (const input of spec.inputs) {
    if (input.from === "blob") {
      inputs.push(input);
      continue;
    }
    if (input.from === "git") {
      const commit = input.commit ?? run.commits?.[input.mount];
      inputs.push({ ...input, ...(commit === undefined ? {} : { commit }) });
      continue;
    }
    const makers = await Promise.all(run.runs.map((id) => client.run(id)));
    const found = makers.find((r) => r.job === input.job)?.artifacts.find((a) => a.name === input.output);
    if (!found) {
      throw new RealmError(
        "not_found",
        `the artifact ${input.output} of ${input.job}, which ${run.id} takes, was not kept; submit the pipeline again`,
      );
    }
    const { digest, bytes, form } = found;
    inputs.push({ from: "blob", digest, bytes, form, mount: input.mount, read_only: false });
  }
  const { max_parallel: _, ...rest } = spec;
  return { runs: [{ ...rest, needs: [], inputs, fail_fast: false }], of: run.id };
}
