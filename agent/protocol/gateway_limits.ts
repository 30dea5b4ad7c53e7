/** Bounds of the HTTP gateway: what one client, app or peer may cost a node. */
export const gatewayLimits = {
  /** A request target: what browsers and most servers accept. */
  urlBytes: 8 * 1024,
  /** Names and values of all header fields of a request that is passed on; larger ones are cookies gone wrong. */
  headerBytes: 32 * 1024,
  /** A request body, unless the route says otherwise: enough for uploads, no way to fill a disk by one request. */
  bodyBytes: 256 * 1024 * 1024,
  /** A request body up to this is read first, so that the request can be sent again to another replica. */
  replayBytes: 64 * 1024,
  /** A response up to this is awaited whole (briefly) before its head is sent, so that a cut can still be retried. */
  primeBytes: 64 * 1024,
  /** A response without a length is awaited until it pauses for this long; streams must not feel it. */
  primeMs: 50,
  /** And no longer than this altogether: a stream without pauses must start. */
  primeTotalMs: 250,
  /** How long a response that announced a length up to `primeBytes` is awaited: of use to the client only whole. */
  primeKnownMs: 1_000,
  /** What an app may answer before it has read the request's body; it is held in memory until then. */
  aheadBytes: 8 * 1024 * 1024,
  /** An app that has answered and asks for no more of the request's body for this long does not want it. */
  unreadMs: 1_000,
  /** Requests in work per app: past it the gateway answers 503 at once instead of queueing without end. */
  inFlightPerApp: 2_048,
  /** Upgraded connections (WebSocket …) per app; each holds two sockets. */
  tunnelsPerApp: 2_048,
  /** How long a request waits for a ready replica while its app has none (version swap, node lost). */
  holdMs: 10_000,
  /**
   * Requests, streams and upgraded connections at a replica that is replaced, moved or scaled away may go on this long;
   * requests of an app whose own limit is longer until that.
   */
  drainMs: 60_000,
  /** And no longer, whatever the app allows. */
  drainMaxMs: 15 * 60_000,
  /** The same when a successor waits for the replica's volumes: new requests wait meanwhile, at most `holdMs`. */
  handOverMs: 6_000,
  /** The same when the app is removed, or the node stops: somebody waits for it. */
  stopMs: 10_000,
  /**
   * A node that stops answers its peers for so long after it said so that it leaves: who has not heard it yet and sends a
   * request is told to ask another, and not by a broken connection, after which nothing may be sent twice.
   */
  leaveMs: 500,
  /** Requests that wait so at once, over all apps. */
  held: 2_000,
  /**
   * Attempts of one request that reached an app which then ended without an answer: a request that kills its replica
   * must not kill them all.
   */
  attempts: 3,
  /** All attempts of one request, those that were refused before they reached an app included. */
  tries: 40,
  /** Longest wait for the head of a response; longer work belongs in a job or must stream. */
  headMs: 120_000,
  /** A replica that failed is passed over this long; doubles with each failure in a row. */
  setAsideMs: 500,
  /** Ceiling of `setAsideMs`. */
  setAsideMaxMs: 15_000,
  /** The head frame of a proxied request or response, as JSON; above `headerBytes` plus escapes. */
  headFrameBytes: 96 * 1024,
  /** A data frame: one copy at most is held per direction and stream. */
  dataFrameBytes: 64 * 1024,
  /** A peer that opened a stream must send the head within this. */
  peerHeadMs: 10_000,
  /** Streams that one peer may have open here at once. */
  streamsPerPeer: 1_024,
  /** Bytes of small static files (and their compressed forms) kept in memory, over all apps. */
  cacheBytes: 64 * 1024 * 1024,
  /** A static file up to this is kept in memory. */
  cachedFileBytes: 1024 * 1024,
  /** Smallest file worth compressing: below, headers outweigh it. */
  compressMinBytes: 1024,
  /** Largest file compressed on the fly; larger ones should come with `.br` or `.gz` siblings. */
  compressMaxBytes: 4 * 1024 * 1024,
  /** Compressions at once; while they run, others are served uncompressed. */
  compressions: 2,
  /** Addresses whose static answer is remembered between two route tables. */
  hotPaths: 4_096,
  /** Access log entries kept until the next delivery; more are counted and dropped. */
  accessEntries: 2_000,
  /** Access log entries are delivered in batches this often. */
  accessBatchMs: 1_000,
  /** An access log of this size becomes the older of two: a day of a busy site, and no full disk. */
  accessFileBytes: 64 * 1024 * 1024,
  /** Certificate files are looked at this often. */
  certificatePollMs: 5_000,
} as const;
