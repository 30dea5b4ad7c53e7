/** Bounds of one WASM guest: what it may cost the host beside its own memory and time. */
export const wasmLimits = {
  /** Symlinks followed in one path (Linux: 40). */
  symlinkFollows: 40,
  /** One guest path, in UTF-8 bytes (Linux: PATH_MAX). */
  guestPathBytes: 4096,
  /** One name in a guest path, in UTF-8 bytes (Linux: NAME_MAX). */
  guestNameBytes: 255,
  /** Directories below a mount's root: bounds the walk of every path. */
  guestPathDepth: 256,
  /** Files and directories that one instance has open; a host process has a few thousand descriptors for all. */
  openFiles: 1024,
  /** Entries of one directory that are listed; a listing is held in memory while it is read. */
  directoryEntries: 100_000,
  /** What one directory entry counts against a mount's quota, so that empty files are not free. */
  entryBytes: 256,
  /** A full quota is counted anew at most this often: the walk costs the disk. */
  quotaRecountMs: 10_000,
  /** Files whose timestamps one instance knows to the nanosecond. */
  exactTimes: 4096,
  /** Wait for the lock that instances of one app share; its holder does one file operation. */
  fsLockMs: 5_000,
  /** Buffers of one read or write (Linux: IOV_MAX). */
  ioVectors: 1024,
  /** Subscriptions of one poll: more than a guest can have descriptors, and a few clocks. */
  pollSubscriptions: 2048,
  /** Entries of all tables of one module (24 bytes each in the engine); large programs have some 100,000 functions. */
  tableEntries: 1_000_000,
  /** Tables of one module: compilers emit one to three. */
  tables: 32,
  /** Wait for the privileged thread to make a symlink. */
  symlinkServiceMs: 5_000,
  /** Nesting of components and of types in a component file. */
  componentDepth: 32,
  /** Definitions of one component file, per nesting level (a large one has a few hundred). */
  componentDefinitions: 100_000,
  /** Core modules in one component file. */
  componentModules: 256,
  /** Instances, core or component, that one component consists of: nesting can multiply them. */
  componentInstances: 1_000,
  /** Resources that one component instance holds at once. */
  handles: 65_536,
  /** Bytes that a guest reads, skips or asks for in one call. */
  ioBytes: 64 * 1024,
  /** Bytes of one body on their way between two sides; the sender waits until some are taken. */
  streamWindowBytes: 256 * 1024,
  /** Names and values of one header list. */
  headerBytes: 64 * 1024,
  /** Wait for the head of the answer to a request that a guest makes. */
  outboundTimeoutMs: 600_000,
  /** One frame between the agent and a child process: a header list as JSON, or a part of a body. */
  frameBytes: 1024 * 1024,
  /** Output of one run that becomes log: beyond it is dropped and counted. */
  logBytesPerSecond: 256 * 1024,
  /** Output that may come at once. */
  logBurstBytes: 1024 * 1024,
  /** What the smallest write counts: bounds their number. */
  logWriteCost: 64,
  /** Requests that wait for a free place; more are answered `unavailable`. */
  requestQueue: 256,
  /** Longest limit of a request or command: what a timer can hold is 24 days. */
  timeoutMs: 20 * 24 * 3_600_000,
  /** How long a request waits for a free place or a process that is being replaced. */
  queueWaitMs: 10_000,
  /** A worker that does not answer a cancelled request within this is busy for ever: its process is ended. */
  cancelGraceMs: 250,
  /** A child process must be ready to serve within this. */
  childStartMs: 30_000,
  /** Restarts of a run's child process within `restartWindowMs`; then the run ends. */
  restarts: 10,
  /** See `restarts`. */
  restartWindowMs: 60_000,
  /** How often the memory of a child process is looked at. */
  memoryPollMs: 200,
  /** Processes that wait for commands: each takes some 50 MB. */
  warmIdle: 4,
  /** How long a process waits for another command. */
  warmMs: 5 * 60_000,
  /** Commands that one process executes in its life: what it leaks stays small. */
  warmRuns: 200,
  /** How much larger than after its first command a process may be before it is replaced. */
  warmGrowthBytes: 64 * 1024 * 1024,
  /** Processes for commands that are started at once: each keeps a core busy for a while. */
  warmStarts: 2,
  /** Memory of a child process beside that of its guests: the platform itself, compiled code, buffers. */
  childBaseBytes: 256 * 1024 * 1024,
  /** Priority of processes that run guests, as `nice` counts: the agent comes first when cores are scarce. */
  childNice: 2,
  /** Workers of one run: more than cores are of no use, and the agent needs one. */
  workersPerRun: 4,
  /** Memories of one component, each of which may grow to the ceiling (composed components have one per part). */
  componentMemories: 16,
  /** Instances that a worker keeps warm: as many as it had in use at once, for making one costs more than a request. */
  keptInstances: 64,
} as const;
