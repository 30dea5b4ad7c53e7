/**
 * Which waiting run goes where: a pure function that every node computes alike. The queue is walked by priority, then
 * by time of submission; each run takes room on the node that it would get, so that controllers of different jobs,
 * who decide at the same moment, rarely want the same room, and a run of low priority never takes what a higher one
 * could use.
 */
import type { NodeId } from "../../protocol/identity.ts";
import { jobLimits } from "../../protocol/job_limits.ts";
import { isEnd } from "../../protocol/job_record.ts";
import { branchOf, type JobRunSpec, secretsOf } from "../../protocol/job_spec.ts";
import type { Policy } from "../../protocol/policy.ts";
import { type Candidate, place, type Placement } from "../placement.ts";
import { type NativeNode, whyNotGit, whyNotNative } from "../policies.ts";
import { unknownCommits } from "./commits.ts";
import { activeAttempt, attemptStatus, byTime, type Jobs, type RunState } from "./runs.ts";

/** A node as the queue sees it. */
export interface JobNode extends Candidate {
  readonly platform: string;
  /** Attempts that it runs at once. */
  readonly places: number;
  /** What commands let programs of the operating system do there. */
  readonly policy: Policy;
  /** Its sandboxes for them, and its own file. */
  readonly native?: NativeNode["native"];
  /** Version of its git. */
  readonly git?: string;
  /** Why it cannot give a run its secrets. */
  whyNoSecrets(spec: JobRunSpec): { readonly reason: string; readonly fix?: string } | undefined;
}

/** What attempts take of a node. */
interface Taken {
  memoryMb: number;
  attempts: number;
}

/** Room that attempts under way take, by node. */
export function takenBy(jobs: Jobs): Map<NodeId, Taken> {
  const taken = new Map<NodeId, Taken>();
  for (const id of jobs.open) {
    const run = jobs.runs.get(id)!;
    const attempt = activeAttempt(run);
    if (!attempt) continue;
    const status = attemptStatus(run, attempt);
    if (!status || !isEnd(status.state)) take(taken, attempt.node, run);
  }
  return taken;
}

function take(taken: Map<NodeId, Taken>, node: NodeId, run: RunState): void {
  const known = taken.get(node);
  if (!known) taken.set(node, { memoryMb: run.spec.memory_mb, attempts: 1 });
  else {
    known.memoryMb += run.spec.memory_mb;
    known.attempts++;
  }
}

/** Attempts of the run's job in its submission by node, for `spread`. */
function alikeOf(jobs: Jobs, run: RunState, taken: ReadonlyMap<NodeId, Taken>): ReadonlyMap<NodeId, number> {
  const alike = new Map<NodeId, number>();
  for (const [node, { attempts }] of taken) alike.set(node, attempts);
  if (!run.spec.spread) return alike;
  for (const id of jobs.submissions.get(run.submission) ?? []) {
    const other = jobs.runs.get(id)!;
    if (other === run || other.spec.job !== run.spec.job) continue;
    const node = other.decision?.value.attempts.at(-1)?.node ?? jobs.offers.get(id)?.node;
    // More than any node runs at once: a node that had none of these comes first, however busy it is.
    if (node !== undefined) alike.set(node, (alike.get(node) ?? 0) + 10_000);
  }
  return alike;
}

/** Every reason against a node that placement of apps does not know. */
function exclusions(
  jobs: Jobs,
  run: RunState,
  nodes: readonly JobNode[],
  taken: ReadonlyMap<NodeId, Taken>,
  now: number,
  heedDeclines: boolean,
): { readonly excluded: ReadonlyMap<NodeId, string>; readonly fixes: ReadonlyMap<NodeId, string> } {
  const { platform, node_ids: only, native } = run.spec;
  const excluded = new Map<NodeId, string>(), fixes = new Map<NodeId, string>();
  for (const node of nodes) {
    const reasons: string[] = [];
    if (platform !== "any" && node.platform !== platform) {
      reasons.push(`is ${node.platform || "of unknown platform"}, not ${platform}`);
    }
    if (only.length > 0 && !only.includes(node.id)) reasons.push("is not among `node_ids`");
    const refusals = [
      native && whyNotNative(node, native),
      whyNotGit(node, run.spec.inputs),
      node.whyNoSecrets(run.spec),
    ];
    for (const refused of refusals) {
      if (refused) reasons.push(refused.reason);
      if (refused?.fix !== undefined && !fixes.has(node.id)) fixes.set(node.id, refused.fix);
    }
    const busy = taken.get(node.id)?.attempts ?? 0;
    if (busy >= node.places) reasons.push(`runs ${busy} jobs already, as many as it takes`);
    const declined = heedDeclines ? jobs.declines.get(run.id)?.get(node.id) : undefined;
    if (declined && now < declined.until) reasons.push(declined.reason);
    if (reasons.length > 0) excluded.set(node.id, reasons.join("; "));
  }
  return { excluded, fixes };
}

/**
 * Ranks the nodes for one run. `taken`: room that attempts and those before it in the queue take. Without
 * `heedDeclines` also nodes that declined a moment ago.
 */
export function placeRun(
  jobs: Jobs,
  run: RunState,
  nodes: readonly JobNode[],
  taken: ReadonlyMap<NodeId, Taken>,
  now: number,
  heedDeclines = true,
): Placement {
  const wanted = {
    key: run.id,
    memoryMb: run.spec.memory_mb,
    tags: run.spec.tags,
    runtime: run.spec.runtime,
    ...exclusions(jobs, run, nodes, taken, now, heedDeclines),
    alike: alikeOf(jobs, run, taken),
  };
  return place(
    wanted,
    nodes.map((node) => ({ ...node, reservedMb: node.reservedMb + (taken.get(node.id)?.memoryMb ?? 0) })),
  );
}

/** Order of the queue. */
export const byPriority = (a: RunState, b: RunState): number =>
  b.spec.priority - a.spec.priority || byTime(a, b);

/** What makes two runs fit the same nodes. */
export const kindOf = (spec: JobRunSpec): string => {
  const { memory_mb, tags, platform, node_ids, runtime, native, inputs, job } = spec;
  const wish = native && [native.minimum, native.network, native.read];
  const git = inputs.flatMap((i) => i.from !== "git" ? [] : [i.url.startsWith("/") ? i.url : "git"]);
  const secrets = secretsOf(spec);
  const use = secrets.length > 0 && [job, branchOf(spec), secrets];
  return JSON.stringify([memory_mb, tags, platform, node_ids, runtime, wish, git, use]);
};

/**
 * The node for each of the waiting runs that can have one now. `nodes` without what attempts take; `offered`: runs that
 * are offered to a node at this moment and keep it.
 */
export function planQueue(
  jobs: Jobs,
  waiting: readonly RunState[],
  nodes: readonly JobNode[],
  now: number,
): ReadonlyMap<string, NodeId> {
  const plan = new Map<string, NodeId>();
  const taken = takenBy(jobs);
  for (const offer of jobs.offers.values()) {
    const run = jobs.runs.get(offer.run);
    if (run) take(taken, offer.node, run);
  }
  const room = () =>
    nodes.some((n) =>
      (n.state === "alive" || n.state === "suspect") && !n.cordoned &&
      (taken.get(n.id)?.attempts ?? 0) < n.places
    );
  // Of those that need the same commit, one finds out first which that is.
  const finding = new Set<string>();
  const hopeless = new Set<string>();
  let walked = 0;
  for (const run of [...waiting].sort(byPriority)) {
    if (jobs.offers.has(run.id)) continue;
    if (++walked > jobLimits.queueWalk || !room()) break;
    const kind = kindOf(run.spec);
    if (hopeless.has(kind)) continue;
    const unknown = unknownCommits(jobs, run);
    if (unknown.some((name) => finding.has(name))) continue;
    const node = placeRun(jobs, run, nodes, taken, now).ranked[0];
    if (node === undefined) {
      // What declined it a moment ago is not for those behind it.
      const later = jobs.declines.has(run.id)
        ? placeRun(jobs, run, nodes, taken, now, false).ranked[0]
        : undefined;
      if (later === undefined) hopeless.add(kind);
      else take(taken, later, run);
      continue;
    }
    plan.set(run.id, node);
    for (const name of unknown) finding.add(name);
    take(taken, node, run);
  }
  return plan;
}
