/**
 * The deterministic simulation: the real core on many nodes, a virtual clock, and a network, disks and replicas that
 * fail. One seed, one history: whatever goes wrong is repeated by the line that a failure prints.
 */
import {
  type Admission,
  type CommandBody,
  type CommandKind,
  type Digest,
  type Envelope,
  type Heads,
  inviteId,
  keyIdOf,
  type Message,
  type NodeId,
  nodeIdOf,
  openRecord,
  type RealmRecord,
  type Result,
  sealCommand,
  sealInvite,
  sealJoin,
  type SignedCommand,
  type SignedInvite,
  type Signer,
  toHex,
  type Verifier,
  type WireRecord,
} from "../../agent/protocol/mod.ts";
import {
  type Core,
  createCore,
  type Effect,
  type Event,
  headsOf,
  isInTouch,
  type Reply,
  type RunOrder,
  step,
  wakeAt,
} from "../../agent/core/mod.ts";
import { createSigner, createVerifier } from "../../agent/platform/crypto.ts";
import { type FakeAttempt, reconcileAttempts } from "./attempts.ts";

/** mulberry32: a small, good generator; all randomness of a simulation comes from one. */
export function createRandom(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = a;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** How bad the network is. */
export interface Weather {
  readonly loss: number;
  readonly duplicate: number;
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
}
/** A quiet network. */
export const calm: Weather = { loss: 0, duplicate: 0, minDelayMs: 1, maxDelayMs: 5 };
/** 10 % loss, duplicates, reordering by delays of up to 200 ms. */
export const storm: Weather = { loss: 0.1, duplicate: 0.05, minDelayMs: 1, maxDelayMs: 200 };

/** Verifications are the costliest part of a simulation and always give the same answer. */
function cachingVerifier(): Verifier {
  const verifier = createVerifier();
  const seen = new Map<string, boolean>();
  return {
    verify(key, message, signature) {
      const name = toHex(signature) + toHex(key) + message.length;
      let good = seen.get(name);
      if (good === undefined) seen.set(name, good = verifier.verify(key, message, signature));
      return good;
    },
  };
}

interface Fake {
  readonly order: RunOrder;
  state: "starting" | "healthy" | "failed";
}

/** One simulated machine. */
export interface SimNode {
  readonly id: NodeId;
  readonly name: string;
  readonly signer: Signer;
  core: Core | undefined;
  /** What survives a crash. */
  disk: Map<string, RealmRecord>;
  running: Map<string, Fake>;
  /** Attempts of runs that execute here. */
  attempts: Map<string, FakeAttempt>;
  /** State volumes on this disk: app/slot → writes so far. */
  volumes: Map<string, number>;
  timerAt: number;
  readonly tags: readonly string[];
  memoryMb: number;
  /** By which it joined; kept beside the node key, so that it finds back after losing its disk. */
  invite: SignedInvite | undefined;
  /** As an agent saves them from time to time. */
  saved: { readonly inTouchAt: number; readonly heads: Heads } | undefined;
  /** Records that came by sync. */
  synced: number;
}

interface Timer {
  readonly at: number;
  readonly n: number;
  readonly run: () => void;
}

/** Start time of every simulation: 2026-01-01. */
const EPOCH = Date.UTC(2026, 0, 1);

/** See the module's text. */
export class World {
  now = EPOCH;
  weather: Weather = calm;
  readonly nodes = new Map<NodeId, SimNode>();
  readonly owner: Signer;
  readonly realm: string;
  readonly random: () => number;
  readonly verifier = cachingVerifier();
  /** Packages that never become healthy. */
  readonly badPackages = new Set<Digest>();
  /** Every command id that some node accepted from a person. */
  readonly accepted = new Set<Digest>();
  readonly replies = new Map<number, Reply>();
  /** How attempts ended where they executed. */
  readonly ended = new Map<string, string>();
  /** Whether gossip arrives at all. */
  gossip = true;
  messages = 0;
  bytes = 0;
  /** Side of a partition by node; messages cross only within a side. */
  side = new Map<NodeId, number>();
  #heap: Timer[] = [];
  #n = 0;
  #ref = 0;

  constructor(readonly seed: number) {
    this.random = createRandom(seed);
    this.owner = createSigner(this.bytesOf(32));
    this.realm = keyIdOf(this.owner.publicKey);
  }

  /** Every node gets the same wire object: opening it once answers for all. */
  readonly #opened = new WeakMap<WireRecord, Result<RealmRecord>>();
  readonly #open = (wire: WireRecord): Result<RealmRecord> => {
    let opened = this.#opened.get(wire);
    if (!opened) this.#opened.set(wire, opened = openRecord(wire, this.verifier));
    return opened;
  };

  bytesOf(n: number): Uint8Array {
    return Uint8Array.from({ length: n }, () => Math.floor(this.random() * 256));
  }

  at(at: number, run: () => void): void {
    const timer = { at: Math.ceil(at), n: this.#n++, run };
    const heap = this.#heap;
    heap.push(timer);
    for (let i = heap.length - 1; i > 0;) {
      const parent = (i - 1) >> 1;
      if (before(heap[parent], timer)) break;
      heap[i] = heap[parent];
      heap[parent] = timer;
      i = parent;
    }
  }

  #pop(): Timer | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (heap.length > 0 && last) {
      let i = 0;
      for (;;) {
        let child = 2 * i + 1;
        if (child >= heap.length) break;
        if (child + 1 < heap.length && before(heap[child + 1], heap[child])) child++;
        if (before(last, heap[child])) break;
        heap[i] = heap[child];
        i = child;
      }
      heap[i] = last;
    }
    return top;
  }

  /** Lets virtual time pass. */
  run(ms: number): void {
    const until = Math.ceil(this.now + ms);
    while (this.#heap.length > 0 && this.#heap[0].at <= until) {
      const timer = this.#pop()!;
      this.now = Math.max(this.now, timer.at);
      timer.run();
    }
    this.now = until;
  }

  /** Lets virtual time pass until `done`, at most `ms`; returns the milliseconds it took or `undefined`. */
  until(done: () => boolean, ms: number): number | undefined {
    const start = this.now;
    for (; this.now - start <= ms; this.run(50)) if (done()) return this.now - start;
    return done() ? ms : undefined;
  }

  /** A machine that is not in the realm yet. */
  machine(name: string, tags: readonly string[] = [], memoryMb = 4096): SimNode {
    const signer = createSigner(this.bytesOf(32));
    const node: SimNode = {
      id: nodeIdOf(signer.publicKey),
      name,
      signer,
      core: undefined,
      disk: new Map(),
      running: new Map(),
      attempts: new Map(),
      volumes: new Map(),
      timerAt: Infinity,
      tags,
      memoryMb,
      invite: undefined,
      saved: undefined,
      synced: 0,
    };
    this.nodes.set(node.id, node);
    return node;
  }

  invite(uses = 1, lifeMs = 3_600_000, bootstrap: readonly string[] = ["sim"]): SignedInvite {
    const invite = {
      v: 1 as const,
      realm: this.realm,
      bootstrap: [...bootstrap],
      tags: [],
      uses,
      from: this.now,
      until: this.now + lifeMs,
      nonce: toHex(this.bytesOf(8)),
    };
    return sealInvite(invite, this.owner, []);
  }

  admission(node: SimNode, invite: SignedInvite): Admission {
    const request = {
      v: 1 as const,
      realm: this.realm,
      node: node.id,
      invite: inviteId(invite),
      at: this.now,
      name: node.name,
    };
    return { invite, request: sealJoin(request, node.signer) };
  }

  /** The first node of the realm. */
  found(name = "n0", tags: readonly string[] = []): SimNode {
    const node = this.machine(name, tags);
    this.start(node);
    node.invite = this.invite(1, 3_600_000, []);
    const admission = this.admission(node, node.invite);
    this.event(node, { t: "join", ref: this.#ref++, admission });
    return node;
  }

  /** Joins by way of a member; returns that member's answer. */
  join(node: SimNode, via: SimNode, invite: SignedInvite): Reply {
    const ref = this.#ref++;
    this.event(via, { t: "join", ref, admission: this.admission(node, invite) });
    const reply = this.replies.get(ref)!;
    if (reply.ok) {
      node.invite = invite;
      if (!node.core) this.start(node);
      this.event(node, {
        t: "message",
        from: via.id,
        message: { t: "records", records: [...reply.value.records ?? []] },
      });
      const opened = reply.value.records ?? [];
      this.introduce(node, via, opened);
    }
    return reply;
  }

  /** The joiner takes in the introduction although it knows no member yet. */
  introduce(node: SimNode, via: SimNode, wires: readonly { p: string; s: string }[]): void {
    const records = [...via.disk.values()].filter((r) => wires.some((w) => w.s === r.wire.s));
    this.event(node, { t: "load", records, fresh: true });
    this.event(node, { t: "peer", id: via.id, connected: true });
  }

  start(node: SimNode): void {
    node.core = createCore({
      self: node.id,
      realm: this.realm,
      signer: node.signer,
      verifier: this.verifier,
    });
    // As a database gives them: in the order of their keys.
    const records = [...node.disk].sort(([a], [b]) => a < b ? -1 : 1).map(([, r]) => r);
    this.event(node, { t: "load", records, ...node.saved });
    this.event(node, {
      t: "info",
      info: {
        name: node.name,
        addresses: [],
        platform: "linux/amd64",
        version: "0.0.0",
        tags: [...node.tags],
        cpu_cores: 4,
        memory_mb: node.memoryMb,
        disk_mb: 10_000,
        runtimes: ["wasm"],
        started_at: this.now,
      },
    });
    for (const id of this.nodes.keys()) {
      if (id !== node.id && this.reaches(node.id, id)) this.#connected(node.id, id);
    }
    if (node.disk.size <= 1 && node.invite) this.#rejoin(node, node.core);
  }

  /** Lost its disk: asks a member that it reaches to introduce it again, until one does. */
  #rejoin(node: SimNode, core: Core): void {
    this.at(this.now + 500, () => {
      if (node.core !== core || core.members.admitted.size > 1) return;
      const known = this.alive().filter((n) =>
        n !== node && this.reaches(node.id, n.id) && n.core!.members.admitted.has(node.id)
      );
      if (known.length > 0) this.join(node, this.pick(known), node.invite!);
      this.#rejoin(node, core);
    });
  }

  #connected(a: NodeId, b: NodeId): void {
    for (const [x, y] of [[a, b], [b, a]]) {
      const node = this.nodes.get(x)!;
      if (node.core?.liveness.neighbours.includes(y)) this.event(node, { t: "peer", id: y, connected: true });
    }
  }

  /** kill -9: memory and running replicas are gone, the disk stays (unless `loseDisk`). */
  crash(node: SimNode, loseDisk = false): void {
    if (node.core && isInTouch(node.core, this.now)) {
      node.saved = { inTouchAt: this.now, heads: headsOf(node.core.store) };
    }
    node.core = undefined;
    node.running.clear();
    node.attempts.clear();
    node.timerAt = Infinity;
    if (loseDisk) {
      node.disk.clear();
      node.saved = undefined;
      node.volumes.clear();
    }
    for (const other of this.nodes.values()) {
      if (!other.core?.liveness.neighbours.includes(node.id) || !this.reaches(other.id, node.id, true)) {
        continue;
      }
      this.at(this.now + 1, () => this.event(other, { t: "peer", id: node.id, connected: false }));
    }
  }

  reaches(a: NodeId, b: NodeId, dead = false): boolean {
    if (!dead && (!this.nodes.get(a)?.core || !this.nodes.get(b)?.core)) return false;
    return (this.side.get(a) ?? 0) === (this.side.get(b) ?? 0);
  }

  /** Puts nodes on sides; nothing crosses. */
  partition(sides: readonly (readonly NodeId[])[]): void {
    this.side = new Map(sides.flatMap((ids, i) => ids.map((id) => [id, i] as const)));
  }
  heal(): void {
    this.side.clear();
  }

  command<K extends CommandKind>(
    kind: K,
    body: CommandBody<K>,
    signer = this.owner,
    grants: readonly Envelope[] = [],
  ): SignedCommand {
    return sealCommand(
      { kind, body, realm: this.realm, at: this.now, nonce: this.bytesOf(12) },
      signer,
      grants,
    );
  }

  /** Hands in a command at a node. */
  submit(node: SimNode, command: SignedCommand): Reply {
    const ref = this.#ref++;
    this.event(node, { t: "submit", ref, command });
    const reply = this.replies.get(ref)!;
    if (reply.ok) this.accepted.add(reply.value.id);
    return reply;
  }

  deploy(
    via: SimNode,
    app: string,
    options: {
      pkg?: string;
      replicas?: number | "all";
      tags?: string[];
      volumes?: string[];
      memoryMb?: number;
      strategy?: "rolling" | "all" | "canary";
    } = {},
  ): Reply {
    const spec = {
      package: (options.pkg ?? "a").repeat(64).slice(0, 64),
      version: "1.0.0",
      kind: "component" as const,
      memory_mb: options.memoryMb ?? 64,
      routes: [app],
      volumes: options.volumes ?? [],
      bytes: 1000,
    };
    return this.submit(
      via,
      this.command("app.deploy", {
        app,
        spec,
        replicas: options.replicas ?? 1,
        tags: options.tags ?? [],
        strategy: options.strategy ?? "rolling",
      }),
    );
  }

  event(node: SimNode, event: Event): void {
    if (!node.core) return;
    this.#perform(node, step(node.core, event, this.now));
    this.#arm(node);
  }

  #arm(node: SimNode): void {
    if (!node.core) return;
    const core = node.core;
    const at = Math.max(this.now + 1, wakeAt(core));
    if (at >= node.timerAt && node.timerAt > this.now) return;
    node.timerAt = at;
    this.at(at, () => {
      if (node.core !== core || node.timerAt !== at) return;
      node.timerAt = Infinity;
      this.event(node, { t: "tick" });
    });
  }

  #perform(node: SimNode, effects: readonly Effect[]): void {
    for (const effect of effects) {
      switch (effect.t) {
        case "persist":
          for (const r of effect.records) node.disk.set(`${r.author} ${r.key}`, r);
          break;
        case "forget":
          for (const r of effect.records) {
            const name = `${r.author} ${r.key}`;
            if (node.disk.get(name)?.hash === r.hash) node.disk.delete(name);
          }
          break;
        case "send":
          this.#send(node.id, effect.to, effect.message);
          break;
        case "publish":
          if (!this.gossip) break;
          for (const other of this.nodes.keys()) {
            if (other !== node.id) this.#send(node.id, other, effect.message, 2);
          }
          break;
        case "reply":
          this.replies.set(effect.ref, effect.reply);
          break;
        case "run":
          this.#reconcile(node, effect.orders);
          break;
        case "attempts":
          reconcileAttempts(this, node, effect.orders);
          break;
        case "connect":
          for (const id of effect.neighbours) {
            if (this.reaches(node.id, id)) {
              this.at(this.now + 2, () => this.event(node, { t: "peer", id, connected: true }));
            }
          }
          break;
      }
    }
  }

  #send(from: NodeId, to: NodeId, message: Message, hops = 1): void {
    this.messages++;
    const { loss, duplicate, minDelayMs, maxDelayMs } = this.weather;
    const copies = this.random() < duplicate ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      if (this.random() < loss) continue;
      const delay = hops * (minDelayMs + this.random() * (maxDelayMs - minDelayMs));
      this.at(this.now + delay, () => {
        const node = this.nodes.get(to);
        if (node?.core && message.t === "have") node.synced += message.records.length;
        if (node?.core && this.reaches(from, to)) this.event(node, { t: "message", from, message });
      });
    }
  }

  #reconcile(node: SimNode, orders: readonly RunOrder[]): void {
    const wanted = new Set(orders.map((o) => o.replica));
    for (const [id] of node.running) {
      if (wanted.has(id)) continue;
      node.running.delete(id);
      this.at(this.now + 1, () => this.event(node, { t: "gone", replica: id }));
    }
    for (const order of orders) {
      if (node.running.has(order.replica)) continue;
      const fake: Fake = { order, state: "starting" };
      node.running.set(order.replica, fake);
      const core = node.core;
      const bad = this.badPackages.has(order.revision.spec.package);
      for (const volume of order.revision.spec.volumes) {
        const name = `${order.app}/${order.slot}/${volume}`;
        node.volumes.set(name, (node.volumes.get(name) ?? 0) + 1);
      }
      this.#report(node, fake);
      this.at(this.now + 100 + this.random() * 400, () => {
        if (node.core !== core || node.running.get(order.replica) !== fake) return;
        fake.state = bad ? "failed" : "healthy";
        this.#report(node, fake);
      });
    }
  }

  #report(node: SimNode, fake: Fake): void {
    const { order } = fake;
    this.at(this.now, () =>
      this.event(node, {
        t: "replica",
        status: {
          app: order.app,
          replica: order.replica,
          revision: order.revision.id,
          epoch: order.epoch,
          state: fake.state,
          restarts: 0,
          since: this.now,
          ...(fake.state === "failed" ? { reason: "exited with code 1" } : {}),
        },
      }));
  }

  alive(): SimNode[] {
    return [...this.nodes.values()].filter((n) => n.core);
  }
  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.random() * items.length)];
  }
}

const before = (a: Timer, b: Timer): boolean => a.at < b.at || (a.at === b.at && a.n < b.n);
