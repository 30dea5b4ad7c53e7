/**
 * Connections to members: dialling on demand, knowing when both sides accepted each other, closing what is idle, double
 * or no longer allowed. The mesh's other parts see members, never libp2p connections.
 */
import type { Connection, Stream } from "@libp2p/interface";
import { type Multiaddr, multiaddr } from "@multiformats/multiaddr";
import type { Clock } from "../ports.ts";
import { RealmError } from "../protocol/errors.ts";
import type { NodeId } from "../protocol/identity.ts";
import { meshLimits } from "../protocol/limits.ts";
import type { MemberNode } from "./libp2p_node.ts";
import type { Peer } from "./options.ts";

/** Protocols whose open streams do not make a connection busy. */
const STANDING = /^\/(meshsub|ipfs|libp2p)\/|^\/realm\/(probe|sync|offer)\//;

interface Link {
  readonly connections: Set<Connection>;
  accepted: boolean;
  since: number;
  rttMs: number | undefined;
  usedAt: number;
}

/** What links need. */
export interface LinksOptions {
  readonly node: MemberNode;
  readonly admits: (id: NodeId) => boolean;
  readonly addressesOf: (id: NodeId) => readonly string[];
  readonly onPeer: (id: NodeId, state: "connected" | "disconnected", rttMs?: number) => void;
  readonly clock: Clock;
}

/** The connections of one node. */
export interface Links {
  /** Opens a stream, dialling when needed; `RealmError("unreachable")`, or the signal's reason. */
  open(id: NodeId, protocol: string, signal?: AbortSignal): Promise<Stream>;
  /** A connection both sides accepted; dials when needed. */
  connect(id: NodeId, signal?: AbortSignal): Promise<Connection>;
  /** Dials an address whose owner may be unknown before the handshake. */
  dial(address: string): Promise<void>;
  /** Notes that a connection was used, so that it does not count as idle. */
  touch(id: NodeId): void;
  /** Whether both sides accepted each other. */
  has(id: NodeId): boolean;
  /** How many members are connected. */
  readonly size: number;
  /** Closes all connections to a peer at once. */
  cut(id: NodeId, why: string): void;
  /** Cuts everybody who is not admitted any more. */
  review(): void;
  /** Connected members, sorted by id. */
  peers(): readonly Peer[];
  /** Closes double and idle connections and mends gossip streams; to be called every few seconds. */
  sweep(keep: (id: NodeId) => boolean): void;
}

/** Parses addresses of `id`, leaving out what is malformed or names another peer. */
export function dialAddresses(id: NodeId, addresses: readonly string[]): Multiaddr[] {
  const out: Multiaddr[] = [];
  for (const text of new Set(addresses)) {
    try {
      const parsed = multiaddr(text);
      const last = parsed.getComponents().at(-1);
      if (last?.name !== "p2p") out.push(parsed.encapsulate(`/p2p/${id}`));
      else if (last.value === id) out.push(parsed);
    } catch {
      continue;
    }
    if (out.length === meshLimits.addressesPerPeer) break;
  }
  return out;
}

/** Starts to keep the books; the node may be started afterwards. */
export function createLinks({ node, admits, addressesOf, onPeer, clock }: LinksOptions): Links {
  const links = new Map<NodeId, Link>();
  const greetings = new WeakMap<Connection, Promise<void>>();
  const dials = new Map<NodeId, Promise<Connection>>();
  const failedAt = new Map<NodeId, number>();
  const self = node.peerId.toString();

  const unreachable = (id: NodeId, why: string) =>
    new RealmError("unreachable", `Cannot reach node ${id}: ${why}.`);

  function accept(id: NodeId, rttMs?: number): void {
    const link = links.get(id);
    if (!link) return;
    if (rttMs !== undefined) link.rttMs = rttMs;
    if (link.accepted) return;
    link.accepted = true;
    failedAt.delete(id);
    onPeer(id, "connected", rttMs);
  }

  /**
   * The dialler asks who the other side is. A peer for whom we are a stranger never answers, so an answer is the proof
   * of being accepted; it also tells gossip about the peer. The accepting side needs no question: who dials, accepts.
   */
  function greet(id: NodeId, connection: Connection): Promise<void> {
    let greeting = greetings.get(connection);
    if (!greeting) {
      greeting = ask(id, connection).finally(() => greetings.delete(connection));
      greeting.catch(() => {});
      greetings.set(connection, greeting);
    }
    return greeting;
  }
  async function ask(id: NodeId, connection: Connection): Promise<void> {
    const start = clock.monotonic();
    try {
      await node.services.identify.identify(connection, {
        signal: AbortSignal.timeout(meshLimits.streamOpenMs),
      });
    } catch (cause) {
      connection.abort(new Error("not accepted"));
      throw cause;
    }
    accept(id, Math.round(10 * (clock.monotonic() - start)) / 10);
  }

  function onOpen(connection: Connection): void {
    const id = connection.remotePeer.toString();
    if (!admits(id)) return connection.abort(new Error("not a member"));
    let link = links.get(id);
    if (!link) {
      link = {
        connections: new Set(),
        accepted: false,
        since: clock.now(),
        rttMs: undefined,
        usedAt: clock.monotonic(),
      };
      links.set(id, link);
    }
    link.connections.add(connection);
    if (connection.direction === "outbound" || connection.limits) greet(id, connection).catch(() => {});
    else accept(id);
  }

  function onClose(connection: Connection): void {
    const id = connection.remotePeer.toString();
    const link = links.get(id);
    if (!link?.connections.delete(connection)) return;
    if (link.connections.size > 0) return mend(id, link);
    links.delete(id);
    if (link.accepted) onPeer(id, "disconnected");
  }

  /** Gossip holds one stream per peer and does not look for another when the connection under it closes. */
  function mend(id: NodeId, link: Link): void {
    const kept = best(id, link);
    if (kept && link.accepted && ![...link.connections].some(gossips)) greet(id, kept).catch(() => {});
  }

  node.addEventListener("connection:open", (event) => onOpen(event.detail));
  node.addEventListener("connection:close", (event) => onClose(event.detail));

  const initiator = (id: NodeId, c: Connection) => (c.direction === "outbound" ? self : id);
  /** The connection that both sides would keep: direct before relayed, dialled by the lower id, of those the newest. */
  function best(id: NodeId, link: Link): Connection | undefined {
    return [...link.connections].filter((c) => c.status === "open").sort((a, b) => {
      if (a.direct !== b.direct) return a.direct ? -1 : 1;
      const x = initiator(id, a), y = initiator(id, b);
      return x === y ? b.timeline.open - a.timeline.open : x < y ? -1 : 1;
    })[0];
  }

  async function dialMember(id: NodeId): Promise<Connection> {
    const addresses = dialAddresses(id, addressesOf(id));
    if (addresses.length === 0) throw unreachable(id, "no address of it is known");
    try {
      const connection = await node.dial(addresses, {
        signal: AbortSignal.timeout(meshLimits.dialTimeoutMs),
      });
      await greetings.get(connection);
      if (!links.get(id)?.accepted) throw new Error("it does not take us for a member");
      return connection;
    } catch (cause) {
      failedAt.set(id, clock.monotonic());
      if (failedAt.size > meshLimits.discovered) failedAt.delete(failedAt.keys().next().value!);
      throw unreachable(id, cause instanceof Error ? cause.message : String(cause));
    }
  }

  function usable(id: NodeId): Connection | undefined {
    const link = links.get(id);
    if (!link?.accepted) return undefined;
    touch(id);
    return best(id, link);
  }

  function touch(id: NodeId): void {
    const link = links.get(id);
    if (link) link.usedAt = clock.monotonic();
  }

  async function connect(id: NodeId, signal?: AbortSignal): Promise<Connection> {
    signal?.throwIfAborted();
    if (!admits(id)) throw unreachable(id, "it is no member of this realm");
    const present = usable(id);
    if (present) return present;
    let dial = dials.get(id);
    if (!dial) {
      dial = dialMember(id).finally(() => dials.delete(id));
      dial.catch(() => {});
      dials.set(id, dial);
    }
    if (!signal) return await dial;
    const aborted = Promise.withResolvers<never>();
    const onAbort = () => aborted.reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      return await Promise.race([dial, aborted.promise]);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  function cut(id: NodeId, why: string): void {
    for (const connection of [...links.get(id)?.connections ?? []]) connection.abort(new Error(why));
  }

  const busy = (c: Connection) => c.streams.some((s) => s.protocol !== "" && !STANDING.test(s.protocol));
  const gossips = (c: Connection) =>
    c.streams.some((s) => s.direction === "outbound" && s.protocol.startsWith("/meshsub/"));

  function sweepLink(id: NodeId, link: Link, keep: boolean, now: number): void {
    const kept = best(id, link);
    for (const connection of [...link.connections]) {
      if (connection !== kept && !busy(connection)) {
        connection.close().catch(() => connection.abort(new Error("double")));
      }
    }
    if (!kept) return;
    const idle = !keep && kept.direction === "outbound" && now - link.usedAt > meshLimits.idleConnectionMs;
    if (idle && !busy(kept)) kept.close().catch(() => kept.abort(new Error("idle")));
    else mend(id, link);
  }

  return {
    connect,
    async open(id, protocol, signal) {
      const recent = failedAt.get(id);
      if (recent !== undefined && !links.has(id) && clock.monotonic() - recent < meshLimits.dialPauseMs) {
        throw unreachable(id, "a dial failed a moment ago");
      }
      const connection = await connect(id, signal);
      const limit = AbortSignal.timeout(meshLimits.streamOpenMs);
      try {
        return await connection.newStream(protocol, {
          signal: signal ? AbortSignal.any([signal, limit]) : limit,
          maxOutboundStreams: meshLimits.streamsPerProtocol,
          runOnLimitedConnection: true,
        });
      } catch (cause) {
        signal?.throwIfAborted();
        throw unreachable(
          id,
          `it does not open ${protocol} (${cause instanceof Error ? cause.message : cause})`,
        );
      }
    },
    async dial(address) {
      const connection = await node.dial(multiaddr(address), {
        signal: AbortSignal.timeout(meshLimits.dialTimeoutMs),
      });
      await greetings.get(connection);
    },
    touch,
    has: (id) => links.get(id)?.accepted === true,
    get size() {
      return links.size;
    },
    cut,
    review() {
      for (const id of [...links.keys()]) if (!admits(id)) cut(id, "not a member");
    },
    peers() {
      const out: Peer[] = [];
      for (const [id, link] of links) {
        const connection = link.accepted ? best(id, link) : undefined;
        if (!connection) continue;
        out.push({
          id,
          address: connection.remoteAddr.toString(),
          ...(link.rttMs === undefined ? {} : { rttMs: link.rttMs }),
          direction: connection.direction,
          since: link.since,
          connections: link.connections.size,
        });
      }
      return out.sort((a, b) => (a.id < b.id ? -1 : 1));
    },
    sweep(keep) {
      const now = clock.monotonic();
      for (const [id, link] of [...links]) sweepLink(id, link, keep(id), now);
    },
  };
}
