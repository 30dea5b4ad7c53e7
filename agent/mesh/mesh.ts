/** The mesh put together. Loaded on demand: it brings libp2p with it. */
import { TopicValidatorResult } from "@libp2p/gossipsub";
import type { PeerStreams } from "../ports.ts";
import { RealmError } from "../protocol/errors.ts";
import type { NodeId } from "../protocol/identity.ts";
import { limits, meshLimits } from "../protocol/limits.ts";
import { createChannels } from "./channels.ts";
import { createConduct, type Misconduct } from "./conduct.ts";
import { readFrame, writeFrame } from "./frames.ts";
import { JOIN_PROTOCOL } from "./gate.ts";
import { createMember, type MemberNode, topicOf } from "./libp2p_node.ts";
import { createLinks, type Links } from "./links.ts";
import { createNeighbours, type Neighbours } from "./neighbours.ts";
import type { Mesh, MeshOptions } from "./options.ts";
import { toPeerStream } from "./peer_stream.ts";

/** How often idle, double and missing connections are looked for. */
const SWEEP_MS = 2_000;

function createStreams(node: MemberNode, links: Links, options: MeshOptions): PeerStreams {
  return {
    self: node.peerId.toString(),
    async open(peer, protocol, opts) {
      return toPeerStream(await links.open(peer, protocol, opts?.signal), peer);
    },
    handle(protocol, handler) {
      node.handle(protocol, async (stream, connection) => {
        const pair = toPeerStream(stream, connection.remotePeer.toString());
        try {
          await handler(pair);
        } catch (error) {
          options.log.debug("a stream handler failed", { protocol, peer: pair.peer, why: String(error) });
          pair.reset();
        }
      }, { maxInboundStreams: meshLimits.streamsPerProtocol, runOnLimitedConnection: true, force: true });
    },
  };
}

/** A member may ask to join again, when the answer to its first request was lost. */
function handleJoin(streams: PeerStreams, join: NonNullable<MeshOptions["join"]>): void {
  streams.handle(JOIN_PROTOCOL, async (stream) => {
    const request = await readFrame(stream.readable, meshLimits.joinRequestBytes);
    if (!request) return stream.reset();
    const signal = AbortSignal.timeout(limits.joinTimeoutMs);
    await writeFrame(stream.writable, await join(stream.peer, request, { address: "", signal }));
  });
}

/** Loopback addresses help only those who have nothing else. */
function reachable(addresses: readonly string[]): readonly string[] {
  const remote = addresses.filter((a) => !/^\/(ip4\/127\.|ip6\/(::1|fe80:))/.test(a));
  return remote.length > 0 ? remote : addresses;
}

/** See `createMesh` in mod.ts. */
export async function startMesh(options: MeshOptions): Promise<Mesh> {
  const { clock, log } = options;
  const conduct = createConduct(clock);
  const discovered = new Map<NodeId, readonly string[]>();
  let self = "";
  let neighbours: Neighbours | undefined;
  const admits = (id: NodeId) => id !== self && options.isMember(id) && !conduct.isCutOff(id);
  const node = await createMember(options, admits);
  self = node.peerId.toString();

  const links = createLinks({
    node,
    admits,
    addressesOf: (id) => [...options.addressesOf(id), ...discovered.get(id) ?? []],
    onPeer(id, state, rttMs) {
      options.onPeer(id, state, rttMs);
      if (state === "disconnected") neighbours?.lost(id);
    },
    clock,
  });

  function misbehave(id: NodeId, what: Misconduct): void {
    const cutOff = conduct.note(id, what);
    options.onMisbehaviour?.(id, what, cutOff);
    if (cutOff) links.cut(id, "misbehaved");
  }

  const channels = createChannels({
    node,
    links,
    clock,
    onMessage: options.onMessage,
    misbehave,
  });

  const topic = topicOf(options.realm);
  const gossiped = { published: 0, gossiped: 0 };
  node.services.gossip.topicValidators.set(topic, (peer, message) => {
    const from = peer.toString();
    gossiped.gossiped++;
    const oversize = message.data.length > limits.gossipBytes;
    if (!oversize && options.onGossip(from, message.data) !== false) return TopicValidatorResult.Accept;
    misbehave(from, oversize ? "oversize_gossip" : "invalid_gossip");
    return TopicValidatorResult.Reject;
  });

  node.addEventListener("peer:discovery", ({ detail: { id, multiaddrs } }) => {
    const peer = id.toString();
    if (multiaddrs.length === 0 || !options.mdns || !admits(peer)) return;
    discovered.delete(peer);
    discovered.set(peer, multiaddrs.slice(0, meshLimits.addressesPerPeer).map(String));
    if (discovered.size > meshLimits.discovered) discovered.delete(discovered.keys().next().value!);
    options.onDiscover?.(peer, discovered.get(peer)!);
  });

  const streams = createStreams(node, links, options);
  if (options.join) handleJoin(streams, options.join);
  try {
    await node.start();
  } catch (cause) {
    throw new RealmError(
      "failed",
      `Cannot listen on ${options.listen.join(", ")}: ${
        cause instanceof Error
          ? cause.message.split("\n").find((l) => l.includes("rror")) ?? cause.message
          : cause
      }; free the port or choose another with --listen.`,
      { cause },
    );
  }
  node.services.gossip.subscribe(topic);
  const kept = neighbours = createNeighbours(links, options.bootstrap ?? []);
  const sweep = setInterval(() => {
    links.sweep(kept.wants);
    kept.check();
  }, SWEEP_MS);

  let stopping: Promise<void> | undefined;
  const stop = () =>
    stopping ??= (async () => {
      clearInterval(sweep);
      kept.stop();
      await node.stop();
    })();

  return {
    self,
    streams,
    send: channels.send,
    publish(bytes) {
      if (bytes.length > limits.gossipBytes) {
        throw new RealmError(
          "too_large",
          `Gossip carries at most ${limits.gossipBytes} bytes, not ${bytes.length}; send it by unicast.`,
        );
      }
      gossiped.published++;
      node.services.gossip.publish(topic, bytes).catch((error) =>
        log.debug("gossip was not published", { why: String(error) })
      );
    },
    setNeighbours: (ids) => kept.set(ids.filter((id) => id !== self)),
    membershipChanged: links.review,
    disconnect: (id) => links.cut(id, "unresponsive"),
    peers: links.peers,
    addresses: () => reachable(node.getMultiaddrs().map(String)),
    counters: () => ({ ...channels.counters, ...gossiped }),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
