/**
 * Fetching one chunked blob from several holders at once: the rarest of the next chunks first, each verified on receipt,
 * the whole at the end. What is stored stays over interruption. A holder that stalls, breaks off or sends wrong bytes is
 * left for the others; near the end a chunk owed by a slow holder is asked from another as well.
 */
import type { Random } from "../ports.ts";
import { RealmError } from "../protocol/errors.ts";
import type { Digest, NodeId } from "../protocol/identity.ts";
import { limits, timing } from "../protocol/limits.ts";
import type { TransferStore } from "./blob_store.ts";
import { delay } from "./gates.ts";
import { type Link, type LinkParts, openLink } from "./link.ts";
import { type ChunkRef, ENTRY_BYTES, type ManifestInfo } from "./manifest.ts";
import type { PartialBlob } from "./partial.ts";

/** What fetching needs. */
export interface FetchParts {
  readonly links: LinkParts;
  readonly store: TransferStore;
  readonly random: Random;
  /** Holders known now; called again while the fetch runs. */
  readonly holders: (digest: Digest, signal: AbortSignal) => Promise<readonly NodeId[]>;
  /** A part of the blob is here: others may draw from this node. */
  readonly onPartial: (digest: Digest) => void;
}

/** Why each holder failed, newest reason last; for the error at the end. */
export type Failures = Map<NodeId, string>;

/** The error of a fetch that found no way on. */
export function unavailable(digest: Digest, failures: Failures): RealmError {
  const who = [...failures].map(([peer, why]) => `${peer}: ${why}`).sort();
  const reason = who.length === 0 ? "no member is known to hold it" : who.slice(0, 8).join("; ");
  return new RealmError("unavailable", `blob ${digest} cannot be fetched: ${reason}`, {
    detail: { digest, failures: Object.fromEntries(failures) },
  });
}

const messageOf = (error: unknown) => error instanceof Error ? error.message : String(error);
const isWrongBytes = (error: unknown) => error instanceof RealmError && error.code === "bad_digest";

/** A manifest from the first holder that has one, begun in the store; `undefined` when none has. */
async function beginFrom(
  { links, store }: FetchParts,
  digest: Digest,
  holders: readonly NodeId[],
  refused: ReadonlySet<Digest>,
  failures: Failures,
  signal: AbortSignal,
): Promise<{ readonly partial: PartialBlob; readonly from: NodeId } | undefined> {
  for (const peer of holders) {
    let link: Link | undefined;
    try {
      const open = link = await openLink(links, peer, signal);
      const { reply, release } = await open.ask({ ask: "state", digest, from: 0, to: 0 });
      release();
      if (!("info" in reply)) {
        failures.set(peer, "error" in reply ? reply.message : "it does not hold the blob");
        continue;
      }
      const info = reply.info;
      if (info.sha256 !== digest || refused.has(info.id)) {
        failures.set(peer, "its manifest is false");
        continue;
      }
      return { partial: await store.begin(info, manifestPages(open, info)), from: peer };
    } catch (error) {
      signal.throwIfAborted();
      if (isLocal(error)) throw error;
      if (isWrongBytes(error)) links.onMisbehaviour(peer, messageOf(error));
      failures.set(peer, messageOf(error));
    } finally {
      link?.close();
    }
  }
  return undefined;
}

/** Failures of this node's own disk end a fetch: no other holder helps. */
const isLocal = (error: unknown) =>
  error instanceof RealmError && (error.code === "no_space" || error.code === "disk");

async function* manifestPages(link: Link, info: ManifestInfo): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < info.count;) {
    const to = Math.min(info.count, at + limits.manifestPageEntries);
    const { reply, body, release } = await link.ask({ ask: "entries", digest: info.sha256, from: at, to });
    if ("error" in reply) {
      release();
      throw new RealmError("unreachable", reply.message);
    }
    if (body.length === 0 || body.length % ENTRY_BYTES !== 0 || body.length > (to - at) * ENTRY_BYTES) {
      release();
      throw new RealmError("bad_digest", "it sent a manifest page of a wrong size");
    }
    at += body.length / ENTRY_BYTES;
    try {
      yield body;
    } finally {
      release();
    }
  }
}

/** What one holder has, as far as it is known. */
interface View {
  whole: boolean;
  /** First chunk that `bits` describes. */
  from: number;
  bits: Uint8Array;
  /** Chunks it turned out not to have. */
  readonly lacks: Set<number>;
  readAt: number;
}

/** One fetch over one manifest: chunks under way, views of holders. Ends when all chunks are here or nobody is left. */
function createSwarm(
  parts: FetchParts,
  partial: PartialBlob,
  failures: Failures,
  signal: AbortSignal,
  progress: () => void,
) {
  const { links, random } = parts;
  const { info } = partial;
  const underWay = new Map<number, { readonly peers: NodeId[]; readonly since: number }>(),
    views = new Map<NodeId, View>();
  const running = new Map<NodeId, Promise<void>>(), failed = new Set<NodeId>();
  let wake = Promise.withResolvers<void>(), fatal: { readonly error: unknown } | undefined;
  let announced = partial.heldBytes() > 0;
  let page: readonly ChunkRef[] = [], pageAt = 0;

  const done = () => partial.firstMissing() >= info.count || fatal !== undefined || signal.aborted;
  function changed(): void {
    wake.resolve();
    wake = Promise.withResolvers();
  }

  async function refOf(i: number): Promise<ChunkRef> {
    if (i >= pageAt && i < pageAt + page.length) return page[i - pageAt];
    const at = i - i % limits.blobWindowChunks;
    const next = await partial.refs(at, at + limits.blobWindowChunks);
    [page, pageAt] = [next, at];
    return next[i - at];
  }

  function holds(view: View, i: number): boolean {
    if (view.lacks.has(i)) return false;
    if (view.whole) return true;
    const k = i - view.from;
    return k >= 0 && (view.bits[k >> 3] & (1 << (k & 7))) !== 0;
  }

  /** The next chunk to ask from `peer`: the rarest nobody was asked for, else one that another owes for long. */
  function pick(peer: NodeId, view: View): number | undefined {
    const first = partial.firstMissing(), end = Math.min(info.count, first + limits.blobWindowChunks);
    const others = [...views.values()].filter((v) => !v.whole), span = end - first;
    const offset = Math.floor(random.next() * span);
    let best: number | undefined, fewest = Number.POSITIVE_INFINITY, owed: number | undefined;
    for (let k = 0; k < span; k++) {
      const i = first + (offset + k) % span;
      if (partial.has(i) || !holds(view, i)) continue;
      const asked = underWay.get(i);
      if (asked) {
        const late = performance.now() - asked.since > timing.blobOwedMs;
        if (late && asked.peers.length < 2 && !asked.peers.includes(peer)) owed ??= i;
        continue;
      }
      const copies = others.reduce((n, v) => n + (holds(v, i) ? 1 : 0), 0);
      if (copies < fewest) [best, fewest] = [i, copies];
    }
    return best ?? owed;
  }

  async function look(link: Link): Promise<View> {
    const from = partial.firstMissing(), to = Math.min(info.count, from + limits.blobWindowChunks * 2);
    const { reply, body, release } = await link.ask({ ask: "state", digest: info.sha256, from, to });
    const bits = body.slice();
    release();
    if ("error" in reply) throw new RealmError("unreachable", reply.message);
    if (!("info" in reply)) throw new RealmError("unreachable", "it no longer holds the blob");
    if (reply.info.id !== info.id) {
      throw new RealmError("unreachable", "it holds another manifest of the blob");
    }
    const known = views.get(link.peer);
    return {
      whole: reply.kind === "whole",
      from,
      bits,
      lacks: known?.lacks ?? new Set(),
      readAt: performance.now(),
    };
  }

  async function request(link: Link, view: View, i: number): Promise<void> {
    const ref = await refOf(i);
    const { reply, body, release } = await link.ask({ ask: "chunk", digest: ref.sha256, size: ref.size });
    try {
      if ("error" in reply) {
        if (reply.error !== "not_found" && reply.error !== "bad_digest") {
          throw new RealmError("unreachable", reply.message);
        }
        view.lacks.add(i);
        return;
      }
      if (partial.has(i)) return;
      await partial.put(i, ref, body);
      if (!announced) parts.onPartial(info.sha256);
      announced = true;
      progress();
    } finally {
      release();
    }
  }

  async function draw(peer: NodeId): Promise<void> {
    const link = await openLink(links, peer, signal);
    const mine = new Set<Promise<void>>();
    let failure: { readonly error: unknown } | undefined;
    try {
      let view = await look(link);
      views.set(peer, view);
      while (!done() && !failure) {
        const i = mine.size < limits.blobPipeline ? pick(peer, view) : undefined;
        if (i === undefined) {
          if (view.whole && mine.size === 0 && view.lacks.size > 0 && underWay.size === 0) {
            throw new RealmError("unreachable", "it lacks chunks of the blob");
          }
          const stale = !view.whole && performance.now() - view.readAt > timing.haveRefreshMs;
          if (stale && mine.size === 0) views.set(peer, view = await look(link));
          else await pause(view.whole ? timing.blobOwedMs : timing.haveRefreshMs);
          continue;
        }
        const asked = underWay.get(i) ?? { peers: [], since: performance.now() };
        underWay.set(i, { ...asked, peers: [...asked.peers, peer] });
        const work: Promise<void> = request(link, view, i).catch((error) => {
          failure ??= { error };
        }).finally(() => {
          mine.delete(work);
          const peers = underWay.get(i)?.peers.filter((p) => p !== peer) ?? [];
          if (peers.length === 0) underWay.delete(i);
          else underWay.set(i, { ...underWay.get(i)!, peers });
          changed();
        });
        mine.add(work);
      }
      if (failure) throw failure.error;
    } finally {
      views.delete(peer);
      link.close();
      await Promise.all(mine);
    }
  }

  /** Waits for a change, at most `ms`. */
  async function pause(ms: number): Promise<void> {
    const enough = new AbortController();
    await Promise.race([wake.promise, delay(ms, enough.signal).catch(() => {})]);
    enough.abort();
  }

  return {
    done,
    pause,
    running: () => running.size,
    /** Lets failed holders be tried again. */
    forgive: () => failed.clear(),
    /** Draws from `peer` as well, unless it does so already, it failed in this round, or enough others do. */
    join(peer: NodeId): void {
      if (running.has(peer) || failed.has(peer) || running.size >= limits.blobHolders || done()) return;
      const run = draw(peer).catch((error) => {
        if (done()) return;
        if (isLocal(error)) fatal ??= { error };
        if (isWrongBytes(error)) links.onMisbehaviour(peer, messageOf(error));
        failures.set(peer, messageOf(error));
        failed.add(peer);
      }).finally(() => {
        running.delete(peer);
        changed();
      });
      running.set(peer, run);
    },
    async end(): Promise<void> {
      changed();
      await Promise.all(running.values());
    },
    throwIfFatal(): void {
      if (fatal) throw fatal.error;
    },
  };
}

/** Draws until all chunks are here; throws `unavailable` when rounds pass without progress. */
async function drawAll(
  parts: FetchParts,
  partial: PartialBlob,
  failures: Failures,
  signal: AbortSignal,
  progress: () => void,
): Promise<void> {
  const swarm = createSwarm(parts, partial, failures, signal, progress), digest = partial.info.sha256;
  let round = 0, heldBefore = partial.heldBytes();
  try {
    while (!swarm.done()) {
      const holders = await parts.holders(digest, signal), now = performance.now();
      // In random order, so that many nodes fetching from many spread over them.
      const order = holders.map((peer) => [parts.random.next(), peer] as const).sort(([a], [b]) => a - b);
      for (const [, peer] of order) swarm.join(peer);
      if (swarm.running() > 0) {
        await swarm.pause(timing.holderRefreshMs);
        while (!swarm.done() && swarm.running() > 0 && performance.now() - now < timing.holderRefreshMs) {
          await swarm.pause(timing.holderRefreshMs);
        }
        continue;
      }
      if (partial.heldBytes() > heldBefore) round = 0;
      heldBefore = partial.heldBytes();
      if (++round > timing.fetchRounds) throw unavailable(digest, failures);
      await delay(timing.fetchRetryMs * 2 ** round, signal);
      swarm.forgive();
    }
  } finally {
    await swarm.end();
  }
  signal.throwIfAborted();
  swarm.throwIfFatal();
}

/**
 * Fetches a chunked blob into the store; resumes what an earlier fetch left. Throws `unavailable` naming who failed and
 * why, `no_space` or `disk` for this node's own failures.
 */
export async function fetchLarge(
  parts: FetchParts,
  digest: Digest,
  signal: AbortSignal,
  onProgress: (doneBytes: number, totalBytes: number) => void,
): Promise<void> {
  const failures: Failures = new Map(), refused = new Set<Digest>();
  let from: NodeId | undefined;
  let partial = await parts.store.resume(digest);
  try {
    for (let attempt = 0;; attempt++) {
      for (let round = 0; !partial; round++) {
        const holders = await parts.holders(digest, signal);
        const begun = await beginFrom(parts, digest, holders, refused, failures, signal);
        if (begun) ({ partial, from } = begun);
        else if (round >= timing.fetchRounds) throw unavailable(digest, failures);
        else await delay(timing.fetchRetryMs * 2 ** round, signal);
      }
      const current = partial, progress = () => onProgress(current.heldBytes(), current.info.size);
      progress();
      failures.clear();
      await drawAll(parts, current, failures, signal, progress);
      const end = await current.finish();
      if (end === "stored") return;
      if (attempt >= timing.fetchRounds) throw unavailable(digest, failures);
      if (end === "missing") continue;
      refused.add(current.info.id);
      if (from) {
        failures.set(from, "its manifest is false");
        parts.links.onMisbehaviour(from, `its manifest of ${digest} lists other content`);
      }
      await current.discard();
      partial = from = undefined;
    }
  } finally {
    parts.store.suspend(digest);
  }
}
