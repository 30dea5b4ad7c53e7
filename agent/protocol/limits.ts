/**
 * Every bound of Realm, each with its reason: those of wire, records and storage here, the others in the files beside
 * this one. Sizes in bytes, times in milliseconds. A value that crosses the wire or bounds what a peer may cost us
 * belongs here, not beside its use.
 */

export { apiLimits } from "./api_limits.ts";
export { gatewayLimits } from "./gateway_limits.ts";
export { meshLimits } from "./mesh_limits.ts";
export { monitorLimits } from "./monitor_limits.ts";
export { wasmLimits } from "./wasm_limits.ts";

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
  /** Text of records whose signature need not be checked again when they come once more, by sync from other peers. */
  recordTextRemembered: 1024 * 1024,
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
  /**
   * A node that knows next to nothing, for it has just joined or lost its disk, decides nothing for others before a member
   * told it what there is, or this long when none does: what it decided before it lost its disk it would decide again.
   */
  ignorantMs: 30_000,
  /**
   * A node that has just started says for this long at most that it does not know yet what there is, when no member told
   * it: dialling those that it knew takes half of it (`meshLimits.dialTimeoutMs`), their first answers the rest.
   */
  unsureMs: 10_000,
  /** A node that was away for longer than `tombstoneMs` looks this long for one that was not, to start from its copy. */
  returnMs: 60_000,
  /** After old commands came in, what matters no more goes this much later: by then the rest has come too. */
  retireDelayMs: 10_000,
  /** A join attempt: dial, handshake, admission. */
  joinTimeoutMs: 10_000,
  /** How long a machine asks to be let in when no member answers: one that is busy or just starting has time to. */
  joinPatienceMs: 2 * 60_000,
  /** First pause between two attempts to join, doubled up to `joinPauseMostMs`. */
  joinPauseMs: 500,
  /** See `joinPauseMs`. */
  joinPauseMostMs: 8_000,
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
  /**
   * A node that is slow itself waits up to this many times longer before it accuses others that are silent. Lifeguard has
   * 8; four times as long is what a failover may take at worst.
   */
  strainMost: 3,
  /** Neighbours asked to probe on our behalf. */
  indirectProbes: 3,
  /** Anti-entropy with a neighbour even if digests agree. */
  syncIntervalMs: 10_000,
  /**
   * Every so many of these it is with any member: to meet one that is no neighbour costs a connection, and the neighbours
   * alone tie the whole realm together.
   */
  syncFarEvery: 12,
  /**
   * A node whose state differs from that of peers asks one of them this often, less often when it is behind: while much
   * changes the states of all differ all the time, and each question is answered with a line per member.
   */
  catchUpMs: 250,
  /** Pending gossip is flushed after this: several records travel as one message. */
  gossipBatchMs: 20,
  /** An offer unanswered for this long goes to the next candidate. */
  offerTimeoutMs: 3_000,
  /** A node that declines is asked again after this, and after twice as long each time it declines again … */
  declineMs: 250,
  /** … up to this, which is also for how long one that does not answer is passed over. */
  declineMostMs: 6_000,
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
