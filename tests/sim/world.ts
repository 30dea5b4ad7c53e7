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
  inviteId,
  keyIdOf,
  type Message,
  type NodeId,
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
  type WireRecord,
} from "../../agent/protocol/mod.ts";
import {
  attemptOrders,
  type CommitStatus,
  type Core,
  createCore,
  createOwnReplicas,
  type Event,
  headsOf,
  isInTouch,
  type Reply,
  step,
  wakeAt,
} from "../../agent/core/mod.ts";
import { createSigner } from "../../agent/platform/crypto.ts";
import { adoptAttempts, orphanAttempts, reconcileAttempts } from "./attempts.ts";
import { brisk, calm, createRandom, type Pace, type Weather } from "./chance.ts";
import { cachingVerifier, createMachine, type SimNode } from "./machine.ts";
import { performEffects } from "./effects.ts";
import { deployOf, type DeployOptions } from "./replicas.ts";
import { Timers } from "./timers.ts";
import { type BadRelease, beginStart, reportStart } from "./upgrades.ts";

export { calm, createRandom, storm, type Weather } from "./chance.ts";
export type { SimNode } from "./machine.ts";

/** Start time of every simulation: 2026-01-01. */
const EPOCH = Date.UTC(2026, 0, 1);

/** See the module's text. */
export class World {
  now = EPOCH;
  weather: Weather = calm;
  pace: Pace = brisk;
  readonly nodes = new Map<NodeId, SimNode>();
  readonly owner: Signer;
  readonly realm: string;
  readonly random: () => number;
  readonly verifier = cachingVerifier();
  /** Packages that never become healthy. */
  readonly badPackages = new Set<Digest>();
  /** Packages of services that end by themselves and are not to be started again. */
  readonly endingPackages = new Set<Digest>();
  /** Replicas of these that ended. */
  readonly endedReplicas = new Set<string>();
  /** Releases that fail, by version, and how. */
  readonly badReleases = new Map<string, BadRelease>();
  /** Nodes on which each release ever ran. */
  readonly ran = new Map<string, Set<string>>();
  /** Every command id that some node accepted from a person. */
  readonly accepted = new Set<Digest>();
  readonly replies = new Map<number, Reply>();
  /** Repositories: commits at the ends of their branches. */
  readonly repositories = new Map<string, Map<string, string>>();
  /** What each node tells forges of commits. */
  readonly statuses = new Map<NodeId, readonly CommitStatus[]>();
  /** Attempts that began to execute, by run. */
  readonly began = new Map<string, string[]>();
  /** What the repositories of attempts were found to stand for, by mount. */
  readonly commits = new Map<string, Record<string, string>>();
  /** How attempts ended where they executed. */
  readonly ended = new Map<string, string>();
  /** Whether machines run native programs. */
  native = false;
  /** Messages that never arrive. */
  loses: (message: Message) => boolean = () => false;
  /** Whether gossip arrives at all. */
  gossip = true;
  /** How often a replica was wanted again while it was ending. */
  wantedAgain = 0;
  messages = 0;
  /** Questions for what is missing, of which each is answered with a line per member; and those of them to others than neighbours. */
  readonly asked = { all: 0, far: 0 };
  bytes = 0;
  /** Side of a partition by node; messages cross only within a side. */
  side = new Map<NodeId, number>();
  readonly #timers = new Timers();
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
    this.#timers.add(at, run);
  }

  /** Lets virtual time pass. */
  run(ms: number): void {
    const until = Math.ceil(this.now + ms);
    for (let timer = this.#timers.take(until); timer; timer = this.#timers.take(until)) {
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
    const node = createMachine(this.bytesOf(32), name, tags, memoryMb);
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
    const given = new Set(wires.map((w) => w.s));
    const records = [...via.disk.values()].filter((r) => given.has(r.wire.s));
    this.event(node, { t: "load", records, fresh: true });
    this.event(node, { t: "peer", id: via.id, connected: true });
  }

  start(node: SimNode): void {
    if (!beginStart(this, node)) return;
    node.core = createCore({
      self: node.id,
      realm: this.realm,
      signer: node.signer,
      verifier: this.verifier,
      open: this.#open,
    });
    // As a database gives them: in the order of their keys.
    const records = [...node.disk].sort(([a], [b]) => a < b ? -1 : 1).map(([, r]) => r);
    this.event(node, { t: "load", records, ...node.saved });
    const core = node.core;
    const startedAt = this.now, goOn = adoptAttempts(node);
    // Other nodes reach it before it has measured what it is.
    this.at(this.now + this.random() * 300, () => {
      if (node.core === core) {
        reportStart(this, node);
        this.event(node, {
          t: "info",
          info: {
            name: node.name,
            addresses: [],
            platform: "linux/amd64",
            version: node.version,
            tags: [...node.tags],
            cpu_cores: 4,
            memory_mb: node.memoryMb,
            disk_mb: 10_000,
            runtimes: this.native ? ["wasm", "native"] : ["wasm"],
            ...(this.native && { native: { levels: ["floor"] } }),
            git: "2.39.5",
            started_at: startedAt,
          },
          goOn,
        });
        if (node.core) reconcileAttempts(this, node, attemptOrders(node.core));
      }
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
    node.own = createOwnReplicas();
    node.running = new Map();
    orphanAttempts(node);
    node.installation.fetching = undefined;
    node.timerAt = Infinity;
    node.stalledUntil = 0;
    if (loseDisk) {
      node.disk.clear();
      node.saved = undefined;
      node.volumes.clear();
      node.attempts.clear();
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
    const cutOff = [a, b].some((id) => this.badReleases.get(this.nodes.get(id)!.version) === "cannot_join");
    return !cutOff && (this.side.get(a) ?? 0) === (this.side.get(b) ?? 0);
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

  deploy(via: SimNode, app: string, options: DeployOptions = {}): Reply {
    return this.submit(via, this.command("app.deploy", deployOf(app, options)));
  }

  event(node: SimNode, event: Event): void {
    if (!node.core) return;
    if (this.now < node.stalledUntil) {
      if (event.t !== "tick") node.waiting.push(event);
      return;
    }
    performEffects(this, node, step(node.core, event, this.now + node.fastMs));
    this.#arm(node);
  }

  #arm(node: SimNode): void {
    if (!node.core) return;
    const core = node.core;
    const at = Math.max(this.now + 1, wakeAt(core, this.now + node.fastMs) - node.fastMs);
    if (at >= node.timerAt && node.timerAt > this.now) return;
    node.timerAt = at;
    this.at(at, () => {
      if (node.core !== core || node.timerAt !== at) return;
      node.timerAt = Infinity;
      this.event(node, { t: "tick" });
    });
  }

  /** Puts a message on its way; it may get lost, or arrive twice and late. */
  send(from: NodeId, to: NodeId, message: Message, hops = 1): void {
    this.messages++;
    if (message.t === "heads" && !message.reply) {
      this.asked.all++;
      const neighbours = [[from, to], [to, from]].some(([a, b]) =>
        this.nodes.get(a)?.core?.liveness.neighbours.includes(b)
      );
      if (!neighbours) this.asked.far++;
    }
    const { loss, duplicate, minDelayMs, maxDelayMs } = this.weather;
    const copies = this.random() < duplicate ? 2 : 1;
    if (this.loses(message)) return;
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

  alive(): SimNode[] {
    return [...this.nodes.values()].filter((n) => n.core);
  }
  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.random() * items.length)];
  }
}
