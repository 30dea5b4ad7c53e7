/** What a run left, by name. */
import { RealmError } from "../protocol/errors.ts";
import type { Artifact } from "../protocol/job_record.ts";
import type { RunView } from "../protocol/job_views.ts";

/** The artifact `name` of a run. Throws `RealmError("not_found")` that says what there is, or that the run goes on. */
export function artifactOf(run: Pick<RunView, "id" | "artifacts" | "ended_at">, name: string): Artifact {
  const found = run.artifacts.find((a) => a.name === name);
  if (found) return found;
  const names = run.artifacts.map((a) => a.name).join(", ");
  const instead = run.ended_at === undefined
    ? "it has not ended yet, as far as this node knows"
    : names
    ? `it has ${names}`
    : "it left none";
  throw new RealmError("not_found", `the run ${run.id} has no artifact ${name}; ${instead}`);
}
