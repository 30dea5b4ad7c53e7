/**
 * The steps of an upgrade on one node, in their order. Each is announced before it is taken, so that a test can end the
 * machine there: whatever was written before it must be enough for the next start.
 */
export const upgradeSteps = [
  /** Agent: bytes are fetched. */
  "fetch",
  /** Agent: the file is written under `versions/`. */
  "stage",
  /** Agent: the new executable is started to look at itself. */
  "test",
  /** Agent: jobs end. */
  "drain",
  /** Agent: the pointer names the new version as on trial. */
  "mark",
  /** Agent: it stops in order and ends. */
  "stop",
  /** Supervisor: the new version is started; the start is counted already. */
  "start",
  /** New agent: it is up and has to prove itself. */
  "prove",
  /** New agent: the pointer names the new version as current. */
  "commit",
  /** New agent: files of other versions go. */
  "sweep",
] as const;
/** Steps after `start` when the new version does not prove itself. */
export const returnSteps = [
  /** Supervisor: the pointer names the old version alone, and the new one in quarantine. */
  "return",
  /** Supervisor: the old version is started. */
  "restart",
] as const;
/** One of the steps. */
export type UpgradeStep = (typeof upgradeSteps)[number] | (typeof returnSteps)[number];

/** Told before each step; resolves at once but in tests. */
export type OnStep = (step: UpgradeStep) => Promise<void>;
