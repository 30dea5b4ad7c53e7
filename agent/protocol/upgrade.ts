/**
 * Upgrades of the fleet: what is wished by command, what the controller of a rollout decides, what each node says of
 * itself. All of it travels as signed commands and records.
 */
import * as v from "valibot";
import { TimeSchema } from "./grant.ts";
import { type Digest, isDigest, isNodeId, type NodeId } from "./identity.ts";
import { PlatformSchema, type SignedRelease, SignedReleaseSchema, VersionSchema } from "./release.ts";
import { upgradeLimits } from "./upgrade_limits.ts";

const DigestText = v.pipe(v.string(), v.check(isDigest, "a SHA-256 in lower-case hex"));
const NodeText = v.pipe(v.string(), v.check(isNodeId, "a node id (12D3KooW…)"));
const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER));
const span = (least: number, most: number) =>
  v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most));
const ReasonSchema = v.pipe(v.string(), v.maxLength(1_000));

/** Body of `upgrade.start`. */
export const UpgradeWishSchema = v.pipe(
  v.strictObject({
    release: SignedReleaseSchema,
    canaries: v.pipe(v.array(NodeText), v.minLength(1), v.maxLength(upgradeLimits.canaries)),
    batch: span(1, upgradeLimits.batch),
    probation_ms: span(0, upgradeLimits.deadlineMs),
    deadline_ms: span(upgradeLimits.leastDeadlineMs, upgradeLimits.deadlineMs),
    drain_ms: span(0, upgradeLimits.drainMs),
    allow_downgrade: v.boolean(),
  }),
  v.check((w) => w.probation_ms < w.deadline_ms, "probation_ms is below deadline_ms"),
);
/** A wish to bring the fleet to a release. */
export interface UpgradeWish {
  /** What to install. */
  release: SignedRelease;
  /** The nodes that try it first; nobody else before one of them of its platform has proved it. */
  canaries: NodeId[];
  /** Nodes that change at once afterwards. */
  batch: number;
  /** A node must be well for so long before it keeps the new version. */
  probation_ms: number;
  /** A node that has not proved itself this long after its switch returns to the old version. */
  deadline_ms: number;
  /** Jobs that a restart would end get so long to end by themselves. */
  drain_ms: number;
  /** Also where a later version runs. */
  allow_downgrade: boolean;
}

/** Body of `upgrade.abort`. */
export const UpgradeAbortSchema = v.strictObject({ upgrade: DigestText });
/** Body of `upgrade.resume`. */
export const UpgradeResumeSchema = v.strictObject({ upgrade: DigestText, retry: v.boolean() });
/** A wish that a rollout goes on. */
export interface UpgradeResume {
  /** Id of the command that started it. */
  upgrade: Digest;
  /** Also where it failed, though nodes have put the release into quarantine. */
  retry: boolean;
}

/** States of a node in an upgrade, in the order of a good one; then its bad ends. */
export const upgradeStates = [
  "waiting",
  "downloading",
  "verifying",
  "draining",
  "switching",
  "probation",
  "done",
  "rolled_back",
  "skipped",
] as const;
/** One of {@link upgradeStates}. */
export type UpgradeNodeState = (typeof upgradeStates)[number];

/** A file that a node will not run again. */
export const QuarantinedSchema = v.strictObject({
  sha256: DigestText,
  version: VersionSchema,
  platform: PlatformSchema,
  reason: ReasonSchema,
  at: TimeSchema,
});
/** See {@link QuarantinedSchema}. */
export type Quarantined = v.InferOutput<typeof QuarantinedSchema>;

/** What a node says of itself in the upgrade that it took part in last. */
export const UpgradeStatusSchema = v.strictObject({
  upgrade: DigestText,
  state: v.picklist(upgradeStates),
  /** Version that it left, or is to leave. */
  from: v.pipe(v.string(), v.maxLength(64)),
  reason: v.optional(ReasonSchema),
  /** Bytes fetched. */
  progress: v.optional(v.strictObject({ done: count, total: count })),
  since: TimeSchema,
  quarantined: v.pipe(v.array(QuarantinedSchema), v.maxLength(upgradeLimits.quarantined)),
});
/** See {@link UpgradeStatusSchema}. */
export type UpgradeStatus = v.InferOutput<typeof UpgradeStatusSchema>;

/** What the controller of a rollout decided. */
export const UpgradeDecisionSchema = v.strictObject({
  upgrade: DigestText,
  /** Fencing token: rises with each change of controller. */
  epoch: count,
  /** Rises with each decision of one controller. */
  step: count,
  phase: v.picklist(["running", "stopped", "done"]),
  /** Why it stopped. */
  reason: v.optional(ReasonSchema),
  /** Nodes that are to change now. Those that have done so leave the list. */
  told: v.pipe(v.array(v.strictObject({ node: NodeText, at: TimeSchema })), v.maxLength(upgradeLimits.batch)),
  /** Batches so far. */
  batch: count,
  /** Apps that were not well before: the rollout does not wait for them. */
  unwell: v.pipe(v.array(v.pipe(v.string(), v.maxLength(63))), v.maxLength(upgradeLimits.unwell)),
  /** The apps were well after the last batch: what becomes of them until the next one is not due to it. */
  passed: v.optional(v.literal(true)),
  /** Of this phase and batch. */
  since: TimeSchema,
});
/** See {@link UpgradeDecisionSchema}. */
export type UpgradeDecision = v.InferOutput<typeof UpgradeDecisionSchema>;
