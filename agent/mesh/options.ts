/** The door of the mesh as types. */
import type { Clock, Log, PeerStreams } from "../ports.ts";
import type { NodeId, RealmId } from "../protocol/identity.ts";
import type { Misconduct } from "./conduct.ts";
import type { JoinHandler } from "./gate.ts";

/** Kinds of core messages; each has its own standing stream, so that a long answer never delays a probe. */
export type Channel = "probe" | "sync" | "offer";

/** What a mesh is made of. Callbacks must return quickly and not throw. */
export interface MeshOptions {
  /** 32-byte Ed25519 seed of the node key; it is also the libp2p identity. */
  readonly privateKey: Uint8Array;
  /** The public key that belongs to it, 32 bytes; libp2p's way to derive it takes some 50 ms. */
  readonly publicKey?: Uint8Array;
  /** The realm: names the gossip topic and the mDNS service. */
  readonly realm: RealmId;
  /** Multiaddrs to listen on, for example `/ip4/0.0.0.0/tcp/4701`, `/ip6/::/tcp/4701`, `/p2p-circuit`. */
  readonly listen: readonly string[];
  /** Addresses to announce in place of the ones listened on. */
  readonly announce?: readonly string[];
  /** Addresses of members to try while nobody is connected. */
  readonly bootstrap?: readonly string[];
  /** Asked after each handshake and on {@link Mesh.membershipChanged}. */
  readonly isMember: (id: NodeId) => boolean;
  /** Replicated addresses of a member, best first. */
  readonly addressesOf: (id: NodeId) => readonly string[];
  /** A core message arrived. False means: it was invalid (bad signature, nonsense); the sender is scored down. */
  readonly onMessage: (from: NodeId, bytes: Uint8Array, channel: Channel) => boolean | void;
  /**
   * Gossip arrived for the first time. `from` is the peer that handed it on, not its author. False means: nothing that
   * an honest member hands on (a bad signature, not a kind unknown to this version); it goes no further and the peer is
   * scored down.
   */
  readonly onGossip: (from: NodeId, bytes: Uint8Array) => boolean | void;
  /**
   * `connected`: both sides accepted each other. `disconnected`: the last connection closed. That none can be made is told
   * by the silence after what was sent: where all are slow, it is no sign of death.
   */
  readonly onPeer: (id: NodeId, state: "connected" | "disconnected", rttMs?: number) => void;
  /** A member misbehaved; `cutOff` when this was the offence that got it cut off. For the audit. */
  readonly onMisbehaviour?: (id: NodeId, what: Misconduct, cutOff: boolean) => void;
  /** A member of the realm was found in the local network. */
  readonly onDiscover?: (id: NodeId, addresses: readonly string[]) => void;
  /** Answers strangers that want to join; without it they are cut off at once. */
  readonly join?: JoinHandler;
  /** Join attempts per minute and remote address; default `limits.joinsPerMinute`. */
  readonly joinsPerMinute?: number;
  /** Whether members behind NAT may be reached through this node. */
  readonly relay?: boolean;
  /** Whether to look for members in the local network. */
  readonly mdns?: boolean;
  readonly clock: Clock;
  readonly log: Log;
}

/** A connected member. */
export interface Peer {
  readonly id: NodeId;
  /** Remote multiaddr. */
  readonly address: string;
  /** Round trip at the last measurement; absent before the first. */
  readonly rttMs?: number;
  /** Who dialled. */
  readonly direction: "inbound" | "outbound";
  /** Wall clock when the connection opened, milliseconds since 1970. */
  readonly since: number;
  /** Open connections; two for a while when both sides dialled at once or a relayed one was replaced. */
  readonly connections: number;
}

/** Counters since start. */
export interface MeshCounters {
  /** Core messages sent, received, and dropped unsent. */
  readonly sent: number;
  readonly received: number;
  readonly dropped: number;
  /** Gossip messages published and received. */
  readonly published: number;
  readonly gossiped: number;
}

/** A running mesh. */
export interface Mesh {
  /** This node. */
  readonly self: NodeId;
  /** Streams to members, for blobs, http and logs. */
  readonly streams: PeerStreams;
  /**
   * Sends a core message, at most `limits.messageBytes`, dialling when needed. Never waits: messages that cannot be
   * sent are dropped and counted, oldest probes first.
   */
  send(to: NodeId, bytes: Uint8Array, channel: Channel): void;
  /** Gossips to the realm; at most `limits.gossipBytes`, else `RealmError("too_large")`. */
  publish(bytes: Uint8Array): void;
  /** Keeps connections to these members (at most `meshLimits.neighbours`), reconnecting with back-off. */
  setNeighbours(ids: readonly NodeId[]): void;
  /** Cuts off everybody who is no member any more. */
  membershipChanged(): void;
  /** Closes all connections to a peer that the core holds for dead; a neighbour is dialled anew. */
  disconnect(id: NodeId): void;
  /** Connected members, sorted by id. */
  peers(): readonly Peer[];
  /** Multiaddrs under which this node can be reached. */
  addresses(): readonly string[];
  /** Counters since start. */
  counters(): MeshCounters;
  /** Closes everything. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
