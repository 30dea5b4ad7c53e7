/**
 * Every bound of Realm in one place, each with its reason. Sizes in bytes, times in milliseconds.
 * A value that crosses the wire or bounds what a peer may cost us belongs here, not beside its use.
 */

/** Wire and record bounds. */
export const limits = {
  /** A gossip message: small signed facts only; larger content travels by unicast (mesh spec). */
  gossipBytes: 64 * 1024,
  /**
   * One record. The largest is the decision for an app with `replicas` replicas; what does not fit into gossip travels
   * by unicast.
   */
  recordBytes: 512 * 1024,
  /** One signed command, envelope included: it must fit in a record. */
  commandBytes: 48 * 1024,
  /** One unicast message between cores (sync answers are split to stay below). */
  messageBytes: 4 * 1024 * 1024,
  /** Brackets within brackets of a message: the forms that there are need 4. */
  messageDepth: 8,
  /** Records in one sync answer; with `messageBytes` it bounds what one answer costs the receiver. */
  syncRecords: 2_000,
  /** Live records that one author may hold; past it the author refuses new keys. */
  recordsPerAuthor: 20_000,
  /** Text of one author's live records: some 20,000 commands of usual size; a member cannot fill the others' memory. */
  recordBytesPerAuthor: 32 * 1024 * 1024,
  /** Refusals of members' records are audited once per author and rule in this time: a flood must not fill the disk. */
  refusalAuditMs: 60_000,
  /** Pairs of author and rule remembered for `refusalAuditMs`. */
  refusalsRemembered: 1_000,
  /** Records kept whose author is not known yet: the news of a machine that joins elsewhere at this moment. */
  orphans: 500,
  /** See `orphans`. */
  orphanBytes: 2 * 1024 * 1024,
  /** A false suspicion may name an incarnation this far ahead (of before a disk was lost), else it is ignored. */
  incarnationJump: 1_000,
  /** Members of one realm. */
  members: 10_000,
  /** Links of a grant chain from the owner to the signer. */
  grantChain: 4,
  /** Clock difference allowed between a command's signer and the accepting node. */
  commandSkewMs: 5 * 60_000,
  /** A command's or record's time may be this far ahead of the local clock before it is refused. */
  futureSkewMs: 5 * 60_000,
  /** Commands that one node accepts and keeps: the rest of `recordsPerAuthor` is for what it says of itself. */
  commandsPerAuthor: 18_000,
  /** How long a node may be away and still catch up by sync; superseded commands live this long. */
  tombstoneMs: 30 * 24 * 3_600_000,
  /**
   * How long the last word about something that is gone lives: twice as long, so that whoever still knows what it ended
   * hears of the end. Commands older than this that a node does not hold are refused.
   */
  lastWordMs: 60 * 24 * 3_600_000,
  /** A node that has just joined takes commands of any age for this long: its first sync takes a fraction of it. */
  firstSyncMs: 10 * 60_000,
  /** A node that was away for longer than `tombstoneMs` looks this long for one that was not, to start from its copy. */
  returnMs: 60_000,
  /** After old commands came in, what matters no more goes this much later: by then the rest has come too. */
  retireDelayMs: 10_000,
  /** A join attempt: dial, handshake, admission. */
  joinTimeoutMs: 10_000,
  /** Join attempts per remote address and minute: fifty nodes of one machine or NAT at once, a handshake each. */
  joinsPerMinute: 120,
  /** Longest lifetime of an invite. */
  inviteMaxMs: 30 * 24 * 3_600_000,
  /** Content above this is chunked; also the size of one blob message window. */
  blobInlineBytes: 1024 * 1024,
  /** Smallest chunk (except a blob's last): bounds how many chunks an adversarial content can make. */
  chunkMinBytes: 256 * 1024,
  /** Where the chunker starts to cut more readily; chunks come out at about 1.1 MiB on average. */
  chunkNormalBytes: 1024 * 1024,
  /** Largest chunk: what one holder costs a fetching node in memory, and what one wrong byte costs in traffic. */
  chunkMaxBytes: 4 * 1024 * 1024,
  /** Chunks of one blob being written to disk at once: hides the flush of one behind the hashing of the next. */
  chunkWritesAtOnce: 4,
  /** Chunk buffers kept for reuse by a busy store. */
  buffersKept: 12,
  /** Manifest entries (36 bytes each) held in memory at a time: about 5 GB of content per page of 144 KiB. */
  manifestPageEntries: 4096,
  /** Chunks of one blob: 16 TiB at the average size; its manifest takes 576 MiB of disk, never of memory. */
  manifestEntries: 16 * 1024 * 1024,
  /** Unreferenced chunks looked for in one pass over all manifests: bounds the memory of a removal to about 10 MB. */
  sweepChunks: 65_536,
  /** Damaged files kept for diagnosis; older ones go. */
  damagedFiles: 16,
  /** An interrupted fetch nobody resumed for this long is forgotten and its chunks go. */
  partialMs: 7 * 24 * 3_600_000,
  /** An upload that nobody went on with for this long is forgotten and its chunks go. */
  uploadMs: 24 * 3_600_000,
  /** Uploads kept that stopped; the longest untouched gives way. */
  uploads: 256,
  /** A connection that sends no byte of an upload for this long gives way to another: it may be dead. */
  uploadSilenceMs: 2_000,
  /** Last use of a blob is noted at most this often: a read must not cost a write. */
  lastUseMs: 3_600_000,
  /** Header of one blob frame. */
  blobHeaderBytes: 16 * 1024,
  /** Digests in one announce or withdraw frame (32 bytes each). */
  blobDigests: 4096,
  /** Blob streams that one peer may have open to us. */
  blobStreamsPerPeer: 16,
  /** Bodies being read and sent to one peer at once, so that one slow peer cannot take all of `blobSends`. */
  blobSendsPerPeer: 4,
  /** Bodies being read and sent at once: times `chunkMaxBytes` the memory that serving may take. */
  blobSends: 16,
  /** Holders that one fetch draws from at once. */
  blobHolders: 6,
  /** Requests under way to one holder: hides one round trip without holding much back from faster holders. */
  blobPipeline: 3,
  /** Small blobs asked from one holder and not yet answered. */
  blobBatch: 64,
  /** Digests in one find: its answer (up to `holdersPerFind` ids each) stays below 300 KB. */
  findDigests: 256,
  /** Holders named per blob in an answer. */
  holdersPerFind: 16,
  /** Members asked directly when the homes know no holder. */
  findPeers: 8,
  /** Large blobs fetched at once; others wait by priority. */
  blobFetches: 3,
  /** Bytes received and not yet stored, of all fetches together: the fixed window through which all content passes. */
  blobReceiveBytes: 48 * 1024 * 1024,
  /** Chunks from the first missing one among which the rarest is fetched first (about 600 MB). */
  blobWindowChunks: 512,
  /** Homes that keep the holders of a blob: survives the loss of two at once. */
  blobHomes: 3,
  /** Holders kept per blob at a home; more would not speed a fetch up. */
  holdersPerBlob: 64,
  /** Holdings (blob × holder) kept at a home: about 100 MB; the oldest go first. */
  holdings: 500_000,
  /** Announcements waiting to be sent; past it the periodic announcement covers the rest. */
  announceQueue: 100_000,
  /** Files of one package. */
  packageFiles: 20_000,
  /** A package manifest with its inventory. */
  manifestBytes: 8 * 1024 * 1024,
  /** One file of a package: the largest size that a plain tar header can state (11 octal digits). */
  packageFileBytes: 8 * 1024 ** 3 - 1,
  /** All files of a package together: what one node can be asked to fetch for one app. */
  packageBytes: 64 * 1024 ** 3,
  /** Mounts of one package. */
  packageMounts: 64,
  /** State volumes of one package: as many as a deploy command can name. */
  packageVolumes: 16,
  /** Environment variables of one package, and their bytes together. */
  envNames: 256,
  /** See `envNames`. */
  envBytes: 64 * 1024,
  /** Routes of one app. */
  appRoutes: 32,
  /** Hosts that one app may reach. */
  outboundHosts: 64,
  /** A package's signature file. */
  packageSignatureBytes: 16 * 1024,
  /** Depth of a path inside a package. */
  pathDepth: 64,
  /** Length of one path inside a package, in UTF-8 bytes. */
  pathBytes: 1024,
  /** One component of a path, in UTF-8 bytes: what every common file system takes. */
  pathComponentBytes: 255,
  /** A TOML manifest given to `realm apply`. */
  tomlBytes: 1024 * 1024,
  /** Tables of one kind in a realm manifest. */
  manifestTables: 1_000,
  /** Nesting of lists and tables in a TOML manifest: far more than any schema has. */
  tomlDepth: 32,
  /** Problems listed when a manifest is refused; the rest is counted. */
  tomlProblems: 20,
  /** Replicas of one app. */
  replicas: 1_000,
  /** Replicas of one app on one node, those that are ending included: their statuses share one record. */
  replicasPerNode: 24,
  /** Removed nodes that one decision replaces: more than have decided about one app within `tombstoneMs`. */
  decisionsReplaced: 1_000,
  /** Apps of one realm. */
  apps: 10_000,
  /** Deploys kept per app for history and rollback. */
  appHistory: 50,
} as const;

/** Timing of the control loops. The same numbers run in simulation and in production. */
export const timing = {
  /** One probe round: the mesh notices a death in a few of these (SWIM protocol period). */
  probeIntervalMs: 1_000,
  /** Direct probe answered within this, else indirect probes start. */
  probeTimeoutMs: 500,
  /** Suspect this long before unreachable: time to refute at 10 % loss. */
  suspectMs: 1_500,
  /** Neighbours asked to probe on our behalf. */
  indirectProbes: 3,
  /** Anti-entropy with a random peer even if digests agree. */
  syncIntervalMs: 10_000,
  /** Pending gossip is flushed after this: several records travel as one message. */
  gossipBatchMs: 20,
  /** An offer unanswered for this long goes to the next candidate. */
  offerTimeoutMs: 3_000,
  /** A replica must be healthy this long after its start was ordered (plus fetch time while bytes move). */
  startDeadlineMs: 60_000,
  /** Time an ended replica's resources stay reserved for requests in flight. */
  drainMs: 10_000,
  /** A holder that sends nothing of what it owes for this long is left for another. */
  blobStallMs: 5_000,
  /** A stream on which nothing was asked for this long is closed by the one who serves. */
  blobIdleMs: 60_000,
  /** A chunk that a holder owes for this long is asked from an idle one as well. */
  blobOwedMs: 500,
  /** A peer that takes nothing of what it asked for this long loses the stream. */
  blobSendStallMs: 30_000,
  /** A request that waited this long for its turn is answered `rate_limited`: the peer looks elsewhere. */
  blobQueueMs: 2_000,
  /** A home answers a find within this, else the others' answers stand. */
  findTimeoutMs: 2_000,
  /** Holders of a blob being fetched are asked for again this often, to draw from nodes that fetch it too. */
  holderRefreshMs: 500,
  /** What a node that fetches the same blob has meanwhile is asked again this often, when nothing else is left to ask it. */
  haveRefreshMs: 150,
  /** Holdings are announced again this often, spread out. */
  announceIntervalMs: 10 * 60_000,
  /** A holding not announced again for this long is forgotten by its homes. */
  holdingMs: 25 * 60_000,
  /** New holdings are collected this long and announced together. */
  announceBatchMs: 100,
  /** A blob used within this time is never collected: what refers to it may still be on its way. */
  gcGraceMs: 10 * 60_000,
  /** Share of the quota that a collection for space leaves used, so that the next write does not collect again. */
  gcReclaim: 0.95,
  /** Rounds without any progress before a fetch ends with an error, each after a wait of `fetchRetryMs`, doubled. */
  fetchRounds: 4,
  /** First wait after a round in which no holder could serve. */
  fetchRetryMs: 250,
  /** Reconcile at least this often although nothing happened (level-triggered). */
  reconcileIntervalMs: 2_000,
} as const;

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

/** Bounds of the mesh: connections, queues, strangers, misbehaviour. */
export const meshLimits = {
  /** Connections held at once; past it the least valuable are closed. About 16 stand, the rest serve transfers. */
  connections: 128,
  /** Neighbours that are kept connected on request of the core. */
  neighbours: 16,
  /** Inbound connections per second from one address: a whole realm may restart on one machine. */
  inboundPerSecond: 100,
  /** Inbound connections in handshake at once. */
  pendingInbound: 64,
  /** Strangers served at once: each holds a socket and a cipher state, none may crowd out members. */
  strangers: 32,
  /** A stranger that has not asked to join by then is cut off. */
  strangerSilenceMs: 3_000,
  /** A stranger's join request: an invite, a key and some facts about the machine. */
  joinRequestBytes: 64 * 1024,
  /** Addresses whose join attempts are remembered for rate limiting. */
  joinAddresses: 4_096,
  /** Dial of a peer over all its addresses. */
  dialTimeoutMs: 5_000,
  /** Dial of one address, so that a dead one leaves time for the next. */
  addressTimeoutMs: 3_000,
  /** Addresses tried for one peer. */
  addressesPerPeer: 16,
  /** Negotiation of a stream's protocol. */
  streamOpenMs: 5_000,
  /** After a failed dial the peer is not dialled again for this long, unless asked by the neighbour loop. */
  dialPauseMs: 500,
  /** Reconnecting to a neighbour: first pause and the longest one. */
  reconnectMinMs: 200,
  /** See `reconnectMinMs`. */
  reconnectMaxMs: 30_000,
  /** A connection to a peer that is no neighbour is closed after this long without a stream. */
  idleConnectionMs: 60_000,
  /** Unsent core messages per peer, in bytes: two of the largest messages and the probes between them. */
  peerQueueBytes: 10 * 1024 * 1024,
  /** Unsent core messages per peer, in number. */
  peerQueueMessages: 1_024,
  /** Flow-control window of one stream at most; also what a slow reader makes us hold. */
  streamWindowBytes: 2 * 1024 * 1024,
  /** Window that a reader gives back in one packet: a quarter of Yamux's 256 KiB, so that no sender waits for it. */
  windowUpdateBytes: 64 * 1024,
  /** Unread bytes of a stream held before the peer is told to wait. */
  streamReadBytes: 256 * 1024,
  /** Streams that one peer may hold open, all protocols together. */
  streamsPerPeer: 1_024,
  /** Streams that one peer may hold open for one protocol. */
  streamsPerProtocol: 512,
  /** Core messages that one peer may send per second on average; a probe a second is normal. */
  messagesPerSecond: 1_000,
  /** Core messages that one peer may send at once on top of the average (a sync). */
  messagesBurst: 4_000,
  /** Penalty points at which a member is cut off. */
  misconductPoints: 100,
  /** Points forgiven per second. */
  misconductForgiveness: 1,
  /** How long a misbehaving member stays cut off. */
  cutOffMs: 5 * 60_000,
  /** Gossip remote procedure call: several messages of `gossipBytes` may travel together. */
  gossipRpcBytes: 1024 * 1024,
  /** Unsent gossip per peer; past it the peer's gossip stream is given up and sync catches up. */
  gossipQueueBytes: 4 * 1024 * 1024,
  /** Peers found in the local network that are remembered for dialling. */
  discovered: 512,
} as const;

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
