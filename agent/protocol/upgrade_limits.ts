/** Bounds of releases and of upgrades of the fleet, each with its reason. Sizes in bytes, times in milliseconds. */
export const upgradeLimits = {
  /** One executable: those of `deno compile` have up to 110 MB. */
  executableBytes: 256 * 1024 * 1024,
  /** Nodes that a rollout may change at once. */
  batch: 1_000,
  /** Canaries of one rollout: they stand in the command. */
  canaries: 60,
} as const;
