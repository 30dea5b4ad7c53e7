/** Bounds of what nodes exchange with forges, each with its reason. */
export const forgeLimits = {
  /** A delivery of a forge: a push of some thousand commits with the files of each. */
  deliveryBytes: 4 * 1024 * 1024,
  /** It must have arrived after this. */
  deliveryMs: 15_000,
  /** Deliveries that are read at once: each is in memory whole. */
  deliveriesAtOnce: 8,
  /** Requests per second and address in the long run: a forge sends one with each push. */
  requestsPerSecond: 10,
  /** Requests of one address at once: a page with many badges. */
  requestBurst: 100,
  /** Addresses whose rates are remembered; the longest unseen gives way. */
  rateAddresses: 4_096,
  /** Deliveries that are remembered, so that one that is sent again is not taken twice. */
  deliveriesKnown: 4_096,
  /** Ends that are older are not told when a node begins to tell: the one before it did. */
  statusMs: 10 * 60_000,
  /** Commit statuses that a node has under way: each is a request that may wait. */
  statuses: 256,
  /** Characters of a status's text: the fewest that a forge takes. */
  statusChars: 140,
  /** Time that one request to a forge may take. */
  requestMs: 10_000,
  /** Waits before it is tried again. */
  requestWaitsMs: [2_000, 15_000, 60_000, 300_000],
  /** Refusals are logged at most this often. */
  refusalLogMs: 60_000,
} as const;
