/**
 * Finding holders: each blob's home nodes (by rendezvous hashing) are told who holds it and asked for it. One hop, no
 * flooding; when membership changes, what the new homes need is announced to them.
 */
import type { Random } from "../ports.ts";
import { type RendezvousRanker, rendezvousRanker } from "../core/mod.ts";
import { fromUtf8 } from "../protocol/encoding.ts";
import { type Digest, isDigest, type NodeId } from "../protocol/identity.ts";
import { limits, timing } from "../protocol/limits.ts";
import { packDigests } from "./frames.ts";
import { delay, within } from "./gates.ts";
import type { Holdings } from "./holdings.ts";
import { type LinkParts, openLink } from "./link.ts";

/** See the module's description. */
export interface Finder {
  /** Holders of each blob other than this node, best known first; asks the homes, then a few members. */
  find(digests: readonly Digest[], signal?: AbortSignal): Promise<Map<Digest, NodeId[]>>;
  /** As {@link find}, of one blob; also tells who was asked and did not answer. */
  look(digest: Digest, signal?: AbortSignal): Promise<Looked>;
  /** This node holds a blob now (also a part of it), or no longer. Sent in batches. */
  note(digest: Digest, held: boolean): void;
  /** Membership changed: tells new homes what they need to know. */
  membersChanged(): void;
  /** Sends what was noted. */
  flush(): Promise<void>;
  /** Stops. */
  stop(): void;
}

/** What a look for a blob's holders found. */
export interface Looked {
  readonly holders: readonly NodeId[];
  /** Members that may know more and did not answer, sorted. */
  readonly silent: readonly NodeId[];
}

/** What finding needs. */
export interface FinderParts {
  readonly links: LinkParts;
  readonly holdings: Holdings;
  readonly random: Random;
  readonly members: () => readonly NodeId[];
  /** Digests of everything held. */
  readonly held: () => Promise<readonly Digest[]>;
}

/** Digests ranked between two turns of the event loop: about 10 ms with 1,000 nodes. */
const RANKED_AT_ONCE = 1000;

/** A finder; announces everything once it is made, and again every `timing.announceIntervalMs`. */
export function createFinder(parts: FinderParts): Finder {
  const { links, holdings, random } = parts;
  const self = links.streams.self;
  const noted = new Map<Digest, boolean>(), stopped = new AbortController();
  let ranker: RendezvousRanker = rendezvousRanker([]), known = "";
  /** The homes that were last told everything; nobody at first. */
  let told: RendezvousRanker = () => [];
  let sendTimer: ReturnType<typeof setTimeout> | undefined;
  let changing: Promise<void> | undefined, changedAgain = false;

  function refreshRanker(): void {
    const ids = [...new Set([self, ...parts.members()])].sort(), key = ids.join();
    if (key === known) return;
    known = key;
    ranker = rendezvousRanker(ids);
    holdings.keepOnly(new Set(ids));
    membersChanged();
  }
  const homesOf = (digest: Digest) => ranker(digest, limits.blobHomes);

  async function tell(home: NodeId, ask: "announce" | "withdraw", digests: readonly Digest[]): Promise<void> {
    if (home === self) {
      if (ask === "announce") holdings.announce(self, digests);
      else holdings.withdraw(self, digests);
      return;
    }
    const link = await openLink(links, home, stopped.signal);
    try {
      for (let i = 0; i < digests.length; i += limits.blobDigests) {
        (await link.ask({ ask }, packDigests(digests.slice(i, i + limits.blobDigests)))).release();
      }
    } finally {
      link.close();
    }
  }

  /** Tells each home its part. A home that cannot be reached hears it at the next round. */
  async function tellAll(
    plan: ReadonlyMap<NodeId, { announce: Digest[]; withdraw: Digest[] }>,
  ): Promise<void> {
    const homes = [...plan].sort(([a], [b]) => a < b ? -1 : 1);
    for (let i = 0; i < homes.length; i += 8) {
      await Promise.all(
        homes.slice(i, i + 8).map(async ([home, { announce, withdraw }]) => {
          if (withdraw.length > 0) await tell(home, "withdraw", withdraw).catch(() => {});
          if (announce.length > 0) await tell(home, "announce", announce).catch(() => {});
        }),
      );
    }
  }

  type Plan = Map<NodeId, { announce: Digest[]; withdraw: Digest[] }>;
  function put(plan: Plan, home: NodeId, kind: "announce" | "withdraw", digest: Digest): void {
    let part = plan.get(home);
    if (!part) plan.set(home, part = { announce: [], withdraw: [] });
    part[kind].push(digest);
  }

  async function flush(): Promise<void> {
    clearTimeout(sendTimer);
    sendTimer = undefined;
    refreshRanker();
    const plan: Plan = new Map(), batch = [...noted];
    noted.clear();
    for (const [digest, held] of batch) {
      for (const home of homesOf(digest)) put(plan, home, held ? "announce" : "withdraw", digest);
    }
    await tellAll(plan);
  }

  /** Announces what is held to the homes that `tellHome` names for each digest. */
  async function announceHeld(targets: (digest: Digest) => readonly NodeId[]): Promise<void> {
    const digests = await parts.held();
    for (let i = 0; i < digests.length; i += RANKED_AT_ONCE) {
      const plan: Plan = new Map();
      for (const digest of digests.slice(i, i + RANKED_AT_ONCE)) {
        for (const home of targets(digest)) put(plan, home, "announce", digest);
      }
      await tellAll(plan);
      await delay(0, stopped.signal);
    }
  }

  async function change(): Promise<void> {
    await delay(timing.announceBatchMs, stopped.signal);
    refreshRanker();
    const before = told, after = ranker;
    if (before === after) return;
    told = after;
    await announceHeld((digest) => {
      const old = before(digest, limits.blobHomes);
      return after(digest, limits.blobHomes).filter((home) => !old.includes(home));
    });
  }
  function membersChanged(): void {
    if (changing) return void (changedAgain = true);
    changing = change().catch(() => {}).finally(() => {
      changing = undefined;
      if (changedAgain && !stopped.signal.aborted) membersChanged();
    });
    changedAgain = false;
  }

  async function askFor(home: NodeId, digests: readonly Digest[], signal?: AbortSignal): Promise<string[][]> {
    if (home === self) return digests.map((d) => holdings.find(d, limits.holdersPerFind));
    const ended = signal ? AbortSignal.any([signal, stopped.signal]) : stopped.signal;
    const link = await openLink(links, home, ended);
    try {
      const out: string[][] = [];
      for (let i = 0; i < digests.length; i += limits.findDigests) {
        const { body, release } = await link.ask(
          { ask: "find" },
          packDigests(digests.slice(i, i + limits.findDigests)),
        );
        let lists: unknown;
        try {
          lists = JSON.parse(fromUtf8(body));
        } finally {
          release();
        }
        if (!Array.isArray(lists)) throw new TypeError("not a list");
        for (const list of lists) {
          out.push(Array.isArray(list) ? list.filter((x) => typeof x === "string") : []);
        }
      }
      return out;
    } finally {
      link.close();
    }
  }

  async function find(
    digests: readonly Digest[],
    signal?: AbortSignal,
    silent = new Set<NodeId>(),
  ): Promise<Map<Digest, NodeId[]>> {
    refreshRanker();
    const found = new Map(digests.map((d) => [d, new Set<NodeId>()]));
    const members = new Set(parts.members());
    const ask = async (home: NodeId, wanted: readonly Digest[]) => {
      let lists: string[][];
      try {
        lists = await within(askFor(home, wanted, signal), timing.findTimeoutMs, () => new Error("late"));
      } catch {
        return void silent.add(home);
      }
      wanted.forEach((digest, i) => {
        for (const id of lists[i] ?? []) if (id !== self && members.has(id)) found.get(digest)!.add(id);
      });
    };
    const byHome = new Map<NodeId, Digest[]>();
    for (const digest of digests.filter(isDigest)) {
      for (const home of homesOf(digest)) {
        const wanted = byHome.get(home);
        if (wanted) wanted.push(digest);
        else byHome.set(home, [digest]);
      }
    }
    await Promise.all([...byHome].map(([home, wanted]) => ask(home, wanted)));
    const missing = digests.filter((d) => isDigest(d) && found.get(d)!.size === 0);
    if (missing.length > 0) {
      const others = [...members].filter((id) => id !== self && !silent.has(id));
      const some = others.map((id) => [random.next(), id] as const).sort(([a], [b]) => a - b).slice(
        0,
        limits.findPeers,
      );
      await Promise.all(some.map(([, id]) => ask(id, missing)));
    }
    signal?.throwIfAborted();
    return new Map([...found].map(([digest, ids]) => [digest, [...ids]]));
  }

  const interval = setInterval(() => {
    refreshRanker();
    announceHeld(homesOf).catch(() => {});
  }, timing.announceIntervalMs);
  membersChanged();

  return {
    find: (digests, signal) => find(digests, signal),
    async look(digest, signal) {
      const silent = new Set<NodeId>();
      const holders = (await find([digest], signal, silent)).get(digest) ?? [];
      return { holders, silent: [...silent].sort() };
    },
    note(digest, held) {
      if (noted.size >= limits.announceQueue && !noted.has(digest)) return; // the periodic announcement covers it
      noted.set(digest, held);
      sendTimer ??= setTimeout(() => void flush().catch(() => {}), timing.announceBatchMs);
    },
    membersChanged,
    flush,
    stop() {
      stopped.abort(new Error("the finder stopped"));
      clearTimeout(sendTimer);
      clearInterval(interval);
    },
  };
}
