/**
 * `PeerStreams` in memory: any number of nodes in one process, with the faults that real links have. Data arrives in
 * other pieces than it was written, both directions have backpressure, and a peer can vanish, hang or be slow.
 */
import type { PeerStream, PeerStreams } from "../agent/ports.ts";
import type { NodeId } from "../agent/protocol/identity.ts";
import { RealmError } from "../agent/protocol/errors.ts";

/** What may be set when the network is made. */
export interface MemoryMeshOptions {
  /** Bytes buffered per direction before a writer waits (default 256 KiB, as Yamux). */
  readonly windowBytes?: number;
  /** Data is delivered in pieces of at most this many bytes (default 64 KiB); small values test framing. */
  readonly pieceBytes?: number;
}

/** Nodes in one process, and the faults between them. */
export interface MemoryMesh {
  /** The streams of node `id`; the same object each time. */
  node(id: NodeId): PeerStreams;
  /** Ids of all nodes made so far and not cut off, sorted. */
  members(): readonly NodeId[];
  /** The node vanishes: its streams are reset, opening one to or from it fails with `unreachable`. */
  cut(id: NodeId): void;
  /** Ends {@link cut}. Streams stay lost. */
  heal(id: NodeId): void;
  /** Nothing that `id` sends arrives until `resume`; streams stay open. */
  stall(id: NodeId): void;
  /** Ends {@link stall}; what was held back arrives. */
  resume(id: NodeId): void;
  /** Rewrites every piece that `id` sends (lies, damage); `undefined` ends it. */
  corrupt(id: NodeId, change: ((piece: Uint8Array) => Uint8Array) | undefined): void;
  /** Bytes that `id` sent since the mesh was made. */
  sentBy(id: NodeId): number;
  /** Streams opened to `id` since the mesh was made. */
  openedTo(id: NodeId): number;
}

interface Node {
  readonly streams: PeerStreams;
  readonly handlers: Map<string, (stream: PeerStream) => void | Promise<void>>;
  readonly live: Set<() => void>;
  cut: boolean;
  stalled: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;
  corrupt: ((piece: Uint8Array) => Uint8Array) | undefined;
  sent: number;
  opened: number;
}

const bySize = (bytes: number) => ({
  highWaterMark: bytes,
  size: (c?: Uint8Array) => Math.max(1, c?.length ?? 1),
});

/** Makes an empty mesh; nodes appear by {@link MemoryMesh.node}. */
export function createMemoryMesh(options: MemoryMeshOptions = {}): MemoryMesh {
  const window = options.windowBytes ?? 256 * 1024, piece = options.pieceBytes ?? 64 * 1024;
  const nodes = new Map<NodeId, Node>();

  function direction(from: Node) {
    let control!: TransformStreamDefaultController<Uint8Array>;
    const pipe = new TransformStream<Uint8Array, Uint8Array>(
      {
        start(c) {
          control = c;
        },
        async transform(bytes, c) {
          for (let at = 0; at < bytes.length; at += piece) {
            while (from.stalled) await from.stalled.promise;
            const part = bytes.slice(at, at + piece);
            from.sent += part.length;
            c.enqueue(from.corrupt ? from.corrupt(part) : part);
          }
        },
      },
      bySize(window / 2),
      bySize(window / 2),
    );
    return { readable: pipe.readable, writable: pipe.writable, error: (why: unknown) => control.error(why) };
  }

  function connect(a: Node, b: Node): [PeerStream, PeerStream] {
    const there = direction(a), back = direction(b);
    const reset = () => {
      a.live.delete(reset);
      b.live.delete(reset);
      const why = new RealmError("unreachable", "the stream was reset");
      there.error(why);
      back.error(why);
    };
    a.live.add(reset);
    b.live.add(reset);
    return [
      { peer: b.streams.self, readable: back.readable, writable: there.writable, reset },
      { peer: a.streams.self, readable: there.readable, writable: back.writable, reset },
    ];
  }

  function make(id: NodeId): Node {
    const self: Node = {
      handlers: new Map(),
      live: new Set(),
      cut: false,
      stalled: undefined,
      corrupt: undefined,
      sent: 0,
      opened: 0,
      streams: {
        self: id,
        async open(peer, protocol, openOptions) {
          await Promise.resolve();
          openOptions?.signal?.throwIfAborted();
          const other = nodes.get(peer);
          const handler = other?.handlers.get(protocol);
          if (!other || !handler || other.cut || self.cut) {
            throw new RealmError("unreachable", `${peer} does not answer ${protocol}`);
          }
          other.opened++;
          const [mine, theirs] = connect(self, other);
          queueMicrotask(async () => {
            try {
              await handler(theirs);
            } catch {
              theirs.reset();
            }
          });
          return mine;
        },
        handle(protocol, handler) {
          self.handlers.set(protocol, handler);
        },
      },
    };
    return self;
  }

  function at(id: NodeId): Node {
    let node = nodes.get(id);
    if (!node) nodes.set(id, node = make(id));
    return node;
  }

  return {
    node: (id) => at(id).streams,
    members: () => [...nodes].filter(([, n]) => !n.cut).map(([id]) => id).sort(),
    cut(id) {
      at(id).cut = true;
      for (const reset of [...at(id).live]) reset();
    },
    heal: (id) => void (at(id).cut = false),
    stall: (id) => void (at(id).stalled ??= Promise.withResolvers<void>()),
    resume(id) {
      const { stalled } = at(id);
      at(id).stalled = undefined;
      stalled?.resolve();
    },
    corrupt: (id, change) => void (at(id).corrupt = change),
    sentBy: (id) => at(id).sent,
    openedTo: (id) => at(id).opened,
  };
}
