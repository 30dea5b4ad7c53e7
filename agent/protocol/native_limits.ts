/** Bounds of programs of the operating system, each with its reason. Sizes in bytes, times in milliseconds. */

/** See the module's text. */
export const nativeLimits = {
  /** What a launcher is told: arguments and environment of one run (Linux: ARG_MAX is 2 MiB) and its paths. */
  orderBytes: 4 * 1024 * 1024,
  /** A launcher must have become its program within this; a loaded machine takes a second. */
  startMs: 30_000,
  /** A launcher that waits for a run (some 25 MB of memory) goes when none came for this long. */
  spareMs: 60_000,
  /** Last words of a launcher that could not become its program. */
  failureBytes: 4_096,
  /** Memory and processor time of a run are looked at this often; a run without a cgroup can overshoot for as long. */
  watchMs: 50,
  /** The first look, for runs that are over soon. */
  firstWatchMs: 5,
  /** Memory of one process without a cgroup, above twice its limit: it ends a run that grows faster than it is watched. */
  dataSlackBytes: 256 * 1024 * 1024,
  /** The size of a run's files is counted this often at most: the walk costs the disk. */
  diskWatchMs: 1_000,
  /** A walk may take this part of the time: large trees are counted less often. */
  diskWatchShare: 0.05,
  /** Entries that a file costs at least, so that empty files are not free (a block). */
  diskEntryBytes: 4_096,
  /** Descriptors of one process: the usual bound of a login. */
  openFiles: 65_536,
  /** Processes of a run that says nothing: builds use dozens, a fork bomb thousands. */
  processes: 1_024,
  /** After the end of a run its processes are ended again and again for this long: some may just be starting. */
  endMs: 10_000,
  /** Pause between two looks at what is still there. */
  endPollMs: 5,
  /** Output that may be left in the pipes after the end; who holds them longer is no process of the run. */
  drainMs: 2_000,
  /** Output of one run taken per second on average; who writes faster is slowed down, never cut. */
  outputBytesPerSecond: 16 * 1024 * 1024,
  /** Output may run ahead of its pace by this much. */
  paceMs: 50,
  /** Output that the agent has not kept yet: more than the log takes at a time. */
  outputHeldBytes: 1024 * 1024,
  /** Output while there is no agent: what a build writes in the time of an upgrade. A program that writes more waits. */
  outputAloneBytes: 4 * 1024 * 1024,
  /** A frame between agent and warden: an order, or output. */
  wardenFrameBytes: 8 * 1024 * 1024,
  /** Programs whose agent is gone go on for so long: over an upgrade that fails and returns, and a person's `realm up`. */
  wardenAloneMs: 5 * 60_000,
  /** A warden to which no agent came after its start. */
  wardenFirstMs: 30_000,
  /** A warden tells figures, and looks whether it is still wanted, this often. */
  wardenLookMs: 1_000,
  /** A warden must have answered by then. */
  wardenAnswerMs: 20_000,
  /** A warden without programs goes after so long. */
  wardenIdleMs: 120_000,
  /** Trees of a node beside the system's that its policy opens. */
  readTrees: 32,
  /** Ports that a run may connect to by name: each is a rule of the kernel. */
  ports: 64,
  /** First user id for runs, and how many follow: above what Linux distributions assign to anything (systemd's UIDS-GIDS). */
  firstUser: 0x7000_0000,
  /** See `firstUser`: chance alone then keeps two nodes of one machine apart. */
  users: 0x0f00_0000,
  /** Where the kernel maps fewer users (a container): from here to the end of 16 bits, where images have no users. */
  smallFirstUser: 60_600,
  /** See `smallFirstUser`. */
  smallUsers: 4_800,
} as const;
