/** What the schema cannot say of [trigger]: a repository that cannot be watched, and inputs that would not follow it. */
import { forgeOf, forges } from "./forge.ts";
import { gitRefProblem, isCommit, isLoopback, parseGitAddress } from "./git_address.ts";
import type { ReportJob } from "./job_checks.ts";
import { triggerOf, watchedBy } from "./job_trigger.ts";
import type { WrittenJob } from "./job_written.ts";
import { showValue } from "./schema_problems.ts";

/** Reports what contradicts itself. */
export function checkTrigger(job: WrittenJob, report: ReportJob): void {
  if (!job.trigger || job.job.type !== "one-shot") return;
  const watched = watchedBy(job);
  if (watched === undefined) {
    return report(["trigger"], "names no repository", "set `git`, or take an input by `git`");
  }
  const address = parseGitAddress(watched);
  // An input's own address is told of where it stands.
  if (!address.ok) {
    return job.trigger.git === undefined ? undefined : report(["trigger", "git"], address.message);
  }
  const { branches = [], status_secret, forge } = job.trigger;
  if (status_secret !== undefined) {
    const { kind, host } = address.value;
    if (kind === "path" || (kind === "http" && !isLoopback(host))) {
      report(
        ["trigger", "status_secret"],
        "would send a token to no forge by https",
        "watch it by https or ssh",
      );
    } else if (forge === undefined && forgeOf(host) === undefined) {
      report(["trigger"], `what serves ${host} is not known`, `set \`forge\` to one of ${forges.join(", ")}`);
    }
  }
  branches.forEach((branch, i) => {
    const plain = branch.replace(/^!/, "").replace(/\*+|\?/g, "x");
    const odd = gitRefProblem(`refs/heads/${plain}`);
    if (odd !== undefined) report(["trigger", "branches", i], `${showValue(branch)} ${odd}`);
  });
  const trigger = triggerOf(job);
  (job.data?.inputs ?? []).forEach((input, i) => {
    const other = input.git === undefined ? undefined : parseGitAddress(input.git);
    const { ref } = input;
    if (!other?.ok || other.value.url !== trigger?.url || ref === undefined) return;
    if (isCommit(ref) || ref.startsWith("refs/") || (branches.length === 1 && branches[0] === ref)) return;
    report(
      ["data", "inputs", i, "ref"],
      `is ${showValue(ref)}, whatever branch of the repository changed`,
      "remove it: a run takes the commit that started it",
    );
  });
}
