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
  /**
   * Peers to whom gossip is handed on, of the about ten that are connected. Every node gets a message as often as it has
   * such peers, and each copy costs both ends a packet. Four keep a random graph in one piece when several die at once;
   * what still gets lost comes by sync, at the latest with the next probe.
   */
  gossipPeers: 4,
  /** Fewer such peers are made up for, */
  gossipPeersLeast: 3,
  /** and more are let go: what all others ask of a node does not count as its own wish. */
  gossipPeersMost: 6,
  /**
   * Gossip from this size on is announced before it is handed on, so that no second copy is sent: for less, the
   * announcement costs as much as the copy.
   */
  gossipAnnounceBytes: 16 * 1024,
  /** Unsent gossip per peer; past it the peer's gossip stream is given up and sync catches up. */
  gossipQueueBytes: 4 * 1024 * 1024,
  /** Peers found in the local network that are remembered for dialling. */
  discovered: 512,
} as const;
