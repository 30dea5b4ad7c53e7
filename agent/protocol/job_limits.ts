/** Bounds of jobs, each with its reason: what a spec may ask for, and the deadlines of every state of a run. */

/** Sizes and numbers. */
export const jobLimits = {
  /** Jobs of one pipeline: what a person can follow in a graph. */
  pipelineJobs: 100,
  /** Runs of one submission, matrix entries counted: with their specs they must fit into one command. */
  submissionRuns: 256,
  /** Runs of one realm that have not ended: the queue is walked with each change. */
  openRuns: 5_000,
  /**
   * Runs that a realm remembers: each has a command, a decision and the word of its node, which one author alone may
   * have to hold (`recordsPerAuthor`).
   */
  knownRuns: 6_000,
  /** Schedules of one realm: each is looked at whenever one of them is due. */
  schedules: 1_000,
  /** Shortest time between two ticks of a schedule: each leaves records that every node holds for a while. */
  tickGapMs: 10_000,
  /** Ticks of a schedule that are remembered, where there is room. */
  ticksKept: 400,
  /** Ticks of all schedules that are remembered; with many schedules each has fewer. */
  allTicksKept: 4_000,
  /** The fewest ticks of a schedule that are remembered. */
  ticksKeptLeast: 10,
  /** Runs of schedules that are known at once: those that are remembered, and those of the present hour. */
  scheduledRuns: 8_000,
  /** Ticks of one schedule whose runs wait for those before them; more are passed over. */
  ticksQueued: 100,
  /** Patterns of branches, and of paths, of one trigger. */
  triggerPatterns: 64,
  /** Branches of one repository that are watched by one trigger: all stand in one record. */
  branchesWatched: 500,
  /** Repositories that one node looks at at once: each is a process of git. */
  looks: 4,
  /** Values of all axes of one matrix. */
  matrixAxes: 8,
  /** Values of one axis. */
  matrixValues: 64,
  /** Entries of `exclude`. */
  matrixExcludes: 256,
  /** Jobs that one job may need. */
  needs: 100,
  /** Labels of one job. */
  labels: 32,
  /** Environment variables of one job. */
  envNames: 256,
  /** Text of one environment variable, in characters; all must fit into one command. */
  envChars: 16 * 1024,
  /** Words of a command line. */
  arguments: 256,
  /** Characters of one word. */
  argumentChars: 8 * 1024,
  /** Characters of one step's script: see `envChars`. */
  scriptChars: 16 * 1024,
  /** Steps of one job. */
  steps: 100,
  /** Inputs and outputs of one job. */
  inputs: 64,
  /** See `inputs`. */
  outputs: 64,
  /** Files of a directory that is packed as an input or output. */
  treeFiles: 100_000,
  /** Memory of one job, MiB: more than any machine has; placement says what the nodes have. */
  memoryMb: 16 * 1024 * 1024,
  /** Disk space of one job's working directory, MiB. */
  diskMb: 16 * 1024 * 1024,
  /** Retries of one run: a job that fails this often does not fail by chance. */
  retries: 10,
  /** Attempts of one run in its record: all retries and the first. */
  attempts: 11,
  /** Attempts of one run on one node whose statuses share one record. */
  attemptsPerNode: 12,
  /** Longest time of one attempt, minutes: what a timer can hold. */
  timeoutMinutes: 20 * 24 * 60,
  /** Log of one attempt, MiB. */
  logMb: 10_000,
  /** Longest retention of logs and artifacts, days. */
  retentionDays: 3_650,
  /** Attempts that run at once on one node, per processor core: short jobs wait for disk and network too. */
  attemptsPerCore: 2,
  /** Runs looked at in one pass over the queue; those behind have to wait for these anyway. */
  queueWalk: 300,
  /** Bytes of one log entry's text; longer lines are parted, and marked so. */
  logEntryBytes: 16 * 1024,
  /** Log entries of one attempt kept in memory for readers that keep up. */
  logMemoryEntries: 2_000,
  /** Bytes of one segment of a log on disk: what is dropped at a time when the middle must go. */
  logSegmentBytes: 256 * 1024,
  /** Output of one attempt taken per second on average; a guest that writes faster is slowed down, never cut. */
  logBytesPerSecond: 16 * 1024 * 1024,
  /** A request for a log from another member. */
  logRequestBytes: 4_096,
  /** Characters of a cache's key. */
  cacheKeyChars: 512,
  /** Bytes of one build cache: fetching more takes longer than building anew. */
  cacheBytes: 4 * 1024 ** 3,
  /** Build caches of one node: all stand in one record. */
  cachesPerNode: 48,
  /** Bytes of all build caches of one node. */
  cachesBytes: 20 * 1024 ** 3,
  /** A build cache that was not used for so long goes. */
  cacheDays: 14,
  /** Ends of runs that a node tells at once: each is a request that may wait. */
  notices: 64,
  /** Copies of logs and artifacts in the realm. */
  copies: 2,
} as const;

/** Deadlines: every state of a run ends. Milliseconds. */
export const jobTiming = {
  /** A run that no node could take for this long ends. */
  pendingMs: 24 * 3_600_000,
  /** An attempt that was decided must be heard of within this: a record travels in well under a second. */
  startMs: 20_000,
  /** Fetching inputs and starting the runtime; large inputs over slow links take long. */
  prepareMs: 60 * 60_000,
  /** Storing outputs and the log after the end of the program. */
  finishMs: 30 * 60_000,
  /** A node that was told to cancel must have answered by then. */
  cancelMs: 60_000,
  /** Time that a program has to end when it is cancelled. */
  graceMs: 2_000,
  /** A shell where a local run failed: nobody looks at it for longer. */
  shellMs: 12 * 3_600_000,
  /** Time that one request about an end may take. */
  noticeMs: 10_000,
  /** Waits before it is tried again: over restarts of the other side. */
  noticeWaitsMs: [1_000, 10_000, 60_000, 300_000],
  /** A node that declined is not asked again for this long: what made it decline passes soon. */
  declineMs: 500,
  /** A tick about which nobody decided for this long was missed: longer than it takes to notice that a node died. */
  tickLateMs: 120_000,
  /**
   * A node that has just started, or stood still, decides about ticks only after this: it hears first what the others
   * decided meanwhile.
   */
  tickSettleMs: 10_000,
  /** A look at a repository that has not ended by then is begun anew: longer than its calls of git may take. */
  lookMs: 5 * 60_000,
  /** A node whose core did not move for this long stood still. */
  stillMs: 15_000,
  /**
   * A node that is away is waited for this long when what runs there goes on without its agent, before that counts as lost:
   * an agent that was killed is back in seconds, also on a busy machine.
   */
  awayMs: 30_000,
  /** The log of a long attempt is stored and made known this often, so that others can keep it. */
  logPublishMs: 30_000,
  /** States on the way are told this late, and not at all when the next one comes first. */
  passingMs: 150,
  /** A reader of a log whose source broke off tries again this often. */
  logRetryMs: 250,
} as const;
