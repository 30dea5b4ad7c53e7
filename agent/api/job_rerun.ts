/** Running the same again: for `realm job rerun` and for the dashboard. */
import { RealmError } from "../protocol/errors.ts";
import type { JobRunSpec, SubmitWish } from "../protocol/job_spec.ts";
import type { RunView } from "../protocol/job_views.ts";
import type { RealmClient } from "./client.ts";

/**
 * The spec of a run for another submission. What it takes from jobs that are `again` among its runs it takes from
 * those; what it takes from others, as it was then. Fails with `not_found` when such an artifact was not kept.
 */
async function specAgain(
  client: RealmClient,
  run: RunView,
  makers: readonly RunView[],
  again: ReadonlySet<string>,
): Promise<JobRunSpec> {
  const spec = await client.runSpec(run.id);
  const inputs: JobRunSpec["inputs"] = [];
  for (const input of spec.inputs) {
    if (input.from === "git") {
      const commit = input.commit ?? run.commits?.[input.mount];
      inputs.push({ ...input, ...(commit === undefined ? {} : { commit }) });
      continue;
    }
    if (input.from === "blob" || again.has(input.job)) {
      inputs.push(input);
      continue;
    }
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
  return { ...spec, needs: spec.needs.filter((job) => again.has(job)), inputs };
}

/**
 * What submits a run once more, every file by the digest that it had, every repository at its commit. What it took from
 * jobs of its pipeline it takes as it was then, and what it needed is not run again. Fails with `not_found` when such an
 * artifact was not kept.
 */
export async function rerunWish(client: RealmClient, run: RunView): Promise<SubmitWish> {
  const makers = run.runs.length > 1 ? await Promise.all(run.runs.map((id) => client.run(id))) : [run];
  const { max_parallel: _, ...spec } = await specAgain(client, run, makers, new Set());
  return { runs: [{ ...spec, fail_fast: false }], of: run.id };
}

/** Ends that {@link rerunFailedWish} runs again: what a person cancelled on purpose they cancelled with the rest. */
const FAILED = ["failed", "timed_out", "lost", "cancelled"];

/**
 * What submits once more those runs of a run's submission that did not succeed; what they took from runs that did
 * succeed they take as it was. Fails with `conflict` while runs have not ended, and with `not_found` when none failed.
 */
export async function rerunFailedWish(client: RealmClient, run: RunView): Promise<SubmitWish> {
  const all = await Promise.all(run.runs.map((id) => client.run(id)));
  const open = all.find((r) => r.ended_at === undefined);
  if (open) {
    throw new RealmError("conflict", `${open.id} has not ended yet; wait for it, or cancel it`);
  }
  const failed = all.filter((r) => FAILED.includes(r.state));
  if (failed.length === 0) {
    throw new RealmError("not_found", `no run that was submitted with ${run.id} failed; leave out --failed`);
  }
  const again = new Set(failed.map((r) => r.job));
  return { runs: await Promise.all(failed.map((r) => specAgain(client, r, all, again))), of: run.id };
}
