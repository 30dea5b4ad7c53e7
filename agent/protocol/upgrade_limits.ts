/** Bounds of releases and of upgrades of the fleet, each with its reason. Sizes in bytes, times in milliseconds. */
export const upgradeLimits = {
  /** One executable: those of `deno compile` have up to 110 MB. */
  executableBytes: 256 * 1024 * 1024,
  /** Nodes that a rollout may change at once. */
  batch: 1_000,
  /** Canaries of one rollout: they stand in the command. */
  canaries: 60,
  /** Files that a node remembers not to run; the oldest go. */
  quarantined: 16,
  /** Apps that a rollout does not wait for since they were not well before. */
  unwell: 1_000,
  /** Longest time in which a node may prove itself. */
  deadlineMs: 30 * 60_000,
  /** Shortest one: a first start unpacks for seconds, and under emulation for many. */
  leastDeadlineMs: 5_000,
  /** Longest wait for jobs of a node that is to change. */
  drainMs: 24 * 3_600_000,
} as const;

/** Timing of rollouts; the same in simulation and in production. */
export const upgradeTiming = {
  /** A node that switched and is not heard of this long after its deadline does not come back. */
  absenceMs: 30_000,
  /** Apps get so long after a batch to be as healthy as before it. */
  gateMs: 120_000,
  /** Canaries that are off are waited for so long before the rollout stops and says so. */
  canaryWaitMs: 60_000,
  /** Bytes arrive within this, verification included, or the node is given up: 45 MB over a slow line. */
  fetchMs: 30 * 60_000,
} as const;
