/** Bounds of figures over time, events, and questions about them between nodes. */
export const monitorLimits = {
  /** A figure is taken this often (operations spec); one sample costs an idle agent well under a millisecond. */
  sampleMs: 10_000,
  /** Samples wait in memory this long, so that one transaction, and one flush of the disk, serves six of them. */
  flushMs: 60_000,
  /** Fine samples are kept for a day. */
  fineMs: 24 * 3_600_000,
  /** Coarse intervals: what remains of fine ones after a day. */
  coarseStepMs: 5 * 60_000,
  /** Coarse intervals are kept for 30 days. */
  coarseMs: 30 * 24 * 3_600_000,
  /**
   * Apps of one node whose figures are kept, the busiest first: each takes at most 1 MB of the database, so that all
   * figures stay below about 130 MB.
   */
  apps: 128,
  /** Subjects kept at once, the latest seen first: apps come and go, and their figures go with them. */
  subjects: 192,
  /** Intervals in one answer: more than a chart has pixels for. */
  points: 1_000,
  /** Nodes asked for one app's figures: those that run it, then others whose gateways may have seen requests. */
  nodesAsked: 48,
  /** A node that has not answered a question by then is left out, and named. */
  askMs: 4_000,
  /** One question, and the line with its answer, between nodes. */
  questionBytes: 4_096,
  answerBytes: 1024 * 1024,
  /** Answers are shared among those who ask within this time: a page polls. */
  sharedMs: 2_000,
  /** Shared answers remembered. */
  shared: 256,
  /** A member that does not answer a round-trip measurement by then has none. */
  rttMs: 2_000,
  /** Round trips are measured again after this when somebody looks. */
  rttAgeMs: 5_000,
  /** Clocks that differ by more than this are told: commands are refused at ten times as much. */
  clockSkewMs: 30_000,
  /** The clocks of some neighbours are looked at this often. */
  clockEveryMs: 60_000,
  /** So many neighbours: the middle of three is right when one is wrong. */
  clockPeers: 3,
  /** Connections measured for one answer. */
  rttPeers: 64,
  /** Files counted to tell how much a mount holds; past it the figure is left out. */
  mountEntries: 20_000,
  /** Events remembered: what a person may want to scroll through; about 3 MB. */
  events: 10_000,
} as const;
