/** The libp2p node of a mesh: which parts it has and how they are set. */
import { gossipsub, StrictNoSign } from "@libp2p/gossipsub";
import { noise } from "@chainsafe/libp2p-noise";
import { yamux } from "@chainsafe/libp2p-yamux";
import { circuitRelayServer, circuitRelayTransport } from "@libp2p/circuit-relay-v2";
import { generateKeyPairFromSeed, privateKeyFromRaw } from "@libp2p/crypto/keys";
import { dcutr } from "@libp2p/dcutr";
import { identify } from "@libp2p/identify";
import { mdns } from "@libp2p/mdns";
import { tcp } from "@libp2p/tcp";
import { createLibp2p } from "libp2p";
import { sha256 } from "@noble/hashes/sha2.js";
import { toHex, utf8 } from "../protocol/encoding.ts";
import { limits, meshLimits } from "../protocol/limits.ts";
import { pairFamilies } from "./families.ts";
import { sparseWindowUpdates, wholeMessages } from "./fewer_packets.ts";
import { gated } from "./gate.ts";
import { silentLogger } from "./libp2p_log.ts";
import type { MeshOptions } from "./options.ts";
import type { NodeId } from "../protocol/identity.ts";
import { plainOrder } from "./plain_order.ts";
import { quietLocks } from "./quiet_locks.ts";

/** What nobody needs to know about us; libp2p would send its own name and version, the runtime and the platform. */
const NODE_INFO = { name: "realm", version: "1", userAgent: "realm" } as const;
/** How often the local network is asked; a node that comes up asks at once. */
const MDNS_INTERVAL_MS = 60_000;
/** Sockets without any traffic for this long are dead or useless; probes on standing connections come far oftener. */
const SOCKET_IDLE_MS = 10 * 60_000;

const streamOptions = {
  maxStreamWindowSize: meshLimits.streamWindowBytes,
  // Window plus one frame may be in flight towards a paused reader.
  maxReadBufferLength: 2 * meshLimits.streamWindowBytes,
};

/** The muxer of members' connections. Liveness is the core's business: no keep-alive here. */
const memberMuxer = () =>
  sparseWindowUpdates(yamux({
    enableKeepAlive: false,
    maxInboundStreams: meshLimits.streamsPerPeer,
    maxOutboundStreams: meshLimits.streamsPerPeer,
    streamOptions,
  }));
/** The muxer of strangers' connections: one stream. */
const strangerMuxer = () =>
  yamux({ enableKeepAlive: false, maxInboundStreams: 1, maxOutboundStreams: 1, streamOptions });

/** The gossip topic of a realm. */
export const topicOf = (realm: string): string => `/realm/${realm}`;
/** The mDNS service of a realm: a hash, so that listeners in the network learn no realm id from it. */
export const serviceOf = (realm: string): string =>
  `_realm-${toHex(sha256(utf8(`realm mdns ${realm}`))).slice(0, 16)}._udp.local`;

/** An identity alone that can dial, for joining as a stranger. */
export async function createStranger(privateKey: Uint8Array) {
  quietLocks();
  return await createLibp2p({
    privateKey: await generateKeyPairFromSeed("Ed25519", privateKey),
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux({ enableKeepAlive: false, streamOptions })],
    connectionMonitor: { enabled: false },
    nodeInfo: NODE_INFO,
    logger: silentLogger(),
  });
}

/** The node of a member, not yet started. `admits` is the gate's question for both directions. */
export async function createMember(options: MeshOptions, admits: (id: NodeId) => boolean) {
  quietLocks();
  plainOrder();
  const denies = (peer: { toString(): string }) => !admits(peer.toString());
  const { listen, announceToo } = pairFamilies(options.listen);
  return await createLibp2p({
    start: false,
    privateKey: options.publicKey === undefined
      ? await generateKeyPairFromSeed("Ed25519", options.privateKey)
      : privateKeyFromRaw(new Uint8Array([...options.privateKey, ...options.publicKey])),
    addresses: {
      listen: [...listen],
      announce: [...options.announce ?? []],
      appendAnnounce: options.announce?.length ? [] : [...announceToo],
    },
    transports: [
      tcp({
        inboundSocketInactivityTimeout: SOCKET_IDLE_MS,
        outboundSocketInactivityTimeout: SOCKET_IDLE_MS,
        maxConnections: 2 * meshLimits.connections,
      }),
      circuitRelayTransport(),
    ],
    connectionEncrypters: [
      (components) =>
        gated(wholeMessages(noise()(components)), {
          admits,
          join: options.join,
          joinsPerMinute: options.joinsPerMinute ?? limits.joinsPerMinute,
          strangerMuxer: strangerMuxer()(),
          clock: options.clock,
          log: options.log,
        }),
    ],
    streamMuxers: [memberMuxer()],
    connectionGater: {
      denyDialPeer: denies,
      denyInboundEncryptedConnection: denies,
      denyOutboundEncryptedConnection: denies,
      denyInboundRelayReservation: denies,
      denyOutboundRelayedConnection: (_source, destination) => denies(destination),
      denyInboundRelayedConnection: (_relay, remote) => denies(remote),
      filterMultiaddrForPeer: (peer) => admits(peer.toString()),
      // Private and loopback addresses are what a home realm runs on.
      denyDialMultiaddr: () => false,
    },
    connectionManager: {
      maxConnections: meshLimits.connections,
      inboundConnectionThreshold: meshLimits.inboundPerSecond,
      maxIncomingPendingConnections: meshLimits.pendingInbound,
      maxPeerAddrsToDial: meshLimits.addressesPerPeer,
      dialTimeout: meshLimits.dialTimeoutMs,
      addressDialTimeout: meshLimits.addressTimeoutMs,
      inboundUpgradeTimeout: limits.joinTimeoutMs,
      inboundStreamProtocolNegotiationTimeout: meshLimits.streamOpenMs,
      outboundStreamProtocolNegotiationTimeout: meshLimits.streamOpenMs,
      reconnectRetries: 0,
    },
    connectionMonitor: { enabled: false },
    peerDiscovery: options.mdns
      ? [mdns({ serviceTag: serviceOf(options.realm), interval: MDNS_INTERVAL_MS })]
      : [],
    services: {
      identify: identify({ runOnConnectionOpen: false, timeout: meshLimits.streamOpenMs }),
      dcutr: dcutr(),
      gossip: gossipsub({
        // Records are signed by their authors; a second signature by the carrier proves nothing that Noise has not.
        globalSignaturePolicy: StrictNoSign,
        msgIdFn: (message) => sha256(message.data).subarray(0, 20),
        allowPublishToZeroTopicPeers: true,
        ignoreDuplicatePublishError: true,
        allowedTopics: [topicOf(options.realm)],
        fallbackToFloodsub: false,
        tagMeshPeers: false,
        D: meshLimits.gossipPeers,
        Dlo: meshLimits.gossipPeersLeast,
        Dhi: meshLimits.gossipPeersMost,
        Dscore: meshLimits.gossipPeers / 2,
        Dout: 1,
        // No lists of what was heard lately: probes carry the digest of the whole state, and sync fetches what is missing.
        Dlazy: 0,
        gossipFactor: 0,
        idontwantMinDataSize: meshLimits.gossipAnnounceBytes,
        maxInboundDataLength: meshLimits.gossipRpcBytes,
        maxOutboundBufferSize: meshLimits.gossipQueueBytes,
        // Many nodes of a realm share an address (one machine, one NAT): the default would mute them.
        scoreParams: { IPColocationFactorWeight: 0 },
      }),
      ...(options.relay
        ? {
          relay: circuitRelayServer({
            reservations: { maxReservations: meshLimits.connections, applyDefaultLimit: false },
          }),
        }
        : {}),
    },
    nodeInfo: NODE_INFO,
    logger: silentLogger(),
  });
}

/** A member's libp2p node. */
export type MemberNode = Awaited<ReturnType<typeof createMember>>;
