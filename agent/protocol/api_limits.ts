/** Bounds of the HTTP API: what a client may cost a node. */
export const apiLimits = {
  /** A signed command as JSON: `commandBytes` in base64url, the grant chain, and the JSON around them. */
  commandBodyBytes: 256 * 1024,
  /** A session assertion with its grant chain. */
  sessionBodyBytes: 64 * 1024,
  /** Any other JSON body; the largest is a list of digests, 67 bytes each. */
  jsonBodyBytes: 2 * 1024 * 1024,
  /** Digests in one question for what is missing. */
  missingDigests: 20_000,
  /** A JSON body must have arrived after this. */
  bodyReadMs: 15_000,
  /** A query must be answered after this. */
  queryMs: 30_000,
  /** Who reads a blob that other nodes have is refused when nothing of it came for this long: two stalled holders. */
  fetchPatienceMs: 10_000,
  /** Who reads a log as it is now, from a node that sends nothing for this long, is told so. */
  logSilenceMs: 5_000,
  /** Such a reader asks again while the log moves, as when its attempt ends just then; not for longer than this. */
  logPatienceMs: 10_000,
  /** A node that ends lets what it answers be sent to its end for this long; standing streams are cut at once. */
  endMs: 2_000,
  /** An upload that moves no byte for this long is given up. */
  uploadIdleMs: 60_000,
  /** A client gives up an upload that got no further for this long: a node needs seconds to start again. */
  uploadPatienceMs: 60_000,
  /** Standing streams (events, logs) of one node: each holds a connection and an iterator. */
  streams: 256,
  /** Sessions of one node; the oldest gives way. */
  sessions: 1_024,
  /** A challenge must be signed within this: a person may have to type a passphrase first. */
  challengeMs: 2 * 60_000,
  /** Session assertions remembered against replay, all younger than `challengeMs`. */
  sessionNonces: 10_000,
  /** Life of a session when the client asks for none. */
  sessionMs: 15 * 60_000,
  /** Longest life of a session that a client may ask for. */
  sessionMaxMs: 12 * 3_600_000,
  /** Requests per second and address in the long run; a dashboard needs some ten. */
  requestsPerSecond: 200,
  /** Requests of one address at once before the rate counts: a deploy asks and uploads many small files. */
  requestBurst: 2_000,
  /** Sessions asked for per second and address in the long run: each costs signature checks. */
  sessionsPerSecond: 5,
  /** Sessions asked for at once by one address: some scripts of the command line side by side. */
  sessionBurst: 100,
  /** Addresses whose rates are remembered; the longest unseen gives way. */
  rateAddresses: 4_096,
  /** A silent stream says so this often, so that both sides notice a dead connection. */
  heartbeatMs: 15_000,
  /** Bytes waiting in a WebSocket before a reader that is too slow is cut off. */
  socketBufferBytes: 1024 * 1024,
  /** Log lines sent from the past at most. */
  logTail: 10_000,
  /** Runs in one answer. */
  runs: 10_000,
  /** Audit entries in one answer. */
  auditEntries: 10_000,
  /** One line of a stream as a client reads it. */
  streamLineBytes: 4 * 1024 * 1024,
} as const;
