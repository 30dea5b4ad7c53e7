/** The blob exchange: serves this node's blobs to members, fetches from them, and keeps track of who holds what. */
import type { Clock, Log, PeerStreams, Random } from "../ports.ts";
import { nodeEnding, RealmError } from "../protocol/errors.ts";
import { type Digest, isDigest, type NodeId } from "../protocol/identity.ts";
import { limits, timing } from "../protocol/limits.ts";
import type { BlobStore } from "./blob_store.ts";
import { type Failures, fetchLarge, type FetchParts, unavailable } from "./fetch_large.ts";
import { fetchRound } from "./fetch_small.ts";
import { createFinder, type Looked } from "./finder.ts";
import { BLOB_PROTOCOL } from "./frames.ts";
import { createByteWindow, createGate, createThrottle, delay } from "./gates.ts";
import { createHoldings } from "./holdings.ts";
import type { LinkParts } from "./link.ts";
import { createServer } from "./serve.ts";

/** How far a fetch is. */
export interface FetchProgress {
  /** Blobs here, and asked for. */
  readonly doneBlobs: number;
  readonly blobs: number;
  /** Bytes here of what was asked for, as far as sizes are known. */
  readonly doneBytes: number;
  /** Bytes of all blobs whose size is known by now. */
  readonly knownBytes: number;
}

/** How to fetch. */
export interface FetchOptions {
  /** Nodes known to hold the blobs; asked besides those that the homes name. */
  readonly holders?: readonly NodeId[];
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: FetchProgress) => void;
  /** Of large blobs that wait for their turn the highest goes first; default 0. */
  readonly priority?: number;
}

/** What an exchange is made of. */
export interface BlobExchangeOptions {
  readonly store: BlobStore;
  readonly streams: PeerStreams;
  /** Present members; this node may be among them. */
  readonly members: () => readonly NodeId[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Told of a peer that sent wrong bytes or nonsense. */
  readonly onMisbehaviour?: (peer: NodeId, why: string) => void;
  /** Bytes per second that may be sent and received; asked often. `undefined`: no limit. */
  readonly sendBytesPerSecond?: () => number | undefined;
  readonly receiveBytesPerSecond?: () => number | undefined;
  /** A peer that owes something and sends nothing for this long is left; default `timing.blobStallMs`. */
  readonly stallMs?: number;
}

/** See {@link createBlobExchange}. */
export interface BlobExchange extends AsyncDisposable {
  /**
   * Brings a blob here, verified and durable; returns at once when it is here. Throws `unavailable` naming which holder
   * failed and why, `no_space` or `disk` for this node's own failures, or the signal's reason. What was received stays
   * for the next attempt. Calls for the same blob share one transfer.
   */
  fetch(digest: Digest, options?: FetchOptions): Promise<void>;
  /** Brings many blobs here; small ones share streams. Ends when all are here or the rest cannot be had. */
  fetchMany(digests: readonly Digest[], options?: FetchOptions): Promise<void>;
  /** Other members that hold a blob, whole or in part, and who did not answer that may know more. */
  look(digest: Digest, signal?: AbortSignal): Promise<Looked>;
  /** Connect to `BlobStoreOptions.onStored` and `onRemoved`: tells the blob's homes soon. */
  noteStored(digest: Digest): void;
  noteRemoved(digest: Digest): void;
  /** Call when `members()` changed: new homes hear what is held here. */
  membersChanged(): void;
  /** Tells the homes now what was noted; for tests and before leaving. */
  flush(): Promise<void>;
  /** Blobs being fetched now. */
  fetching(): readonly Digest[];
  /** Ends all fetches and stops answering. The store stays open. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Serves `store` on `streams` and fetches into it. */
export function createBlobExchange(options: BlobExchangeOptions): BlobExchange {
  const { store, streams, clock, random, members } = options;
  const closed = new AbortController();
  const onMisbehaviour = (peer: NodeId, why: string) => {
    options.log.warn("a peer broke the blob protocol", { peer, why });
    options.onMisbehaviour?.(peer, why);
  };
  const links: LinkParts = {
    streams,
    window: createByteWindow(limits.blobReceiveBytes),
    buffers: store.transfer.buffers,
    sendThrottle: createThrottle(clock, () => options.sendBytesPerSecond?.()),
    receiveThrottle: createThrottle(clock, () => options.receiveBytesPerSecond?.()),
    stallMs: options.stallMs ?? timing.blobStallMs,
    onMisbehaviour,
  };
  const holdings = createHoldings(() => clock.monotonic());
  const transfers = new Map<Digest, Promise<void>>(), gate = createGate(limits.blobFetches);
  const finder = createFinder({
    links,
    holdings,
    random,
    members,
    held: async () => [...(await store.list()).map((b) => b.digest), ...transfers.keys()],
  });
  const serve = createServer({ self: streams.self, store: store.transfer, holdings, ...links });
  streams.handle(BLOB_PROTOCOL, (stream) => closed.signal.aborted ? stream.reset() : serve(stream));

  const withGiven = (found: readonly NodeId[], given: readonly NodeId[] = []) =>
    [...new Set([...given, ...found])].filter((id) => id !== streams.self);

  function partsFor(given: readonly NodeId[] | undefined): FetchParts {
    return {
      links,
      store: store.transfer,
      random,
      holders: async (digest, signal) =>
        withGiven((await finder.find([digest], signal)).get(digest) ?? [], given),
      onPartial: (digest) => finder.note(digest, true),
    };
  }

  /** Fetches what no other call fetches; settles `transfers` for each. */
  async function run(
    digests: readonly Digest[],
    fetchOptions: FetchOptions,
    signal: AbortSignal,
  ): Promise<void> {
    const parts = partsFor(fetchOptions.holders), failures = new Map<Digest, Failures>();
    const sizes = new Map<Digest, { done: number; size: number }>();
    let doneBlobs = 0, doneBytes = 0, knownBytes = 0;
    const report = (digest: Digest, done: number, size: number) => {
      const before = sizes.get(digest) ?? { done: 0, size: 0 };
      doneBytes += done - before.done;
      knownBytes += size - before.size;
      sizes.set(digest, { done, size });
      fetchOptions.onProgress?.({ doneBlobs, blobs: digests.length, doneBytes, knownBytes });
    };
    const done = (digest: Digest, size: number) => {
      doneBlobs++;
      report(digest, size, size);
    };

    let left: readonly Digest[] = digests;
    for (let round = 0; left.length > 0; round++) {
      // Given holders are asked at once; the homes only for what they do not have.
      const given = round === 0 && fetchOptions.holders && fetchOptions.holders.length > 0;
      const found = given ? new Map<Digest, NodeId[]>() : await finder.find(left, signal);
      const holders = new Map(left.map((d) => [d, withGiven(found.get(d) ?? [], fetchOptions.holders)]));
      const result = await fetchRound(parts, holders, failures, signal, done);
      for (const digest of result.large) {
        const leave = await gate.enter("fetch", { priority: fetchOptions.priority ?? 0, signal });
        try {
          await fetchLarge(parts, digest, signal, (bytes, size) => report(digest, bytes, size));
        } finally {
          leave();
        }
        done(digest, sizes.get(digest)?.size ?? 0);
      }
      const progressed = result.missing.length < left.length;
      left = result.missing;
      if (left.length === 0) return;
      if (round >= timing.fetchRounds && !progressed) throw unavailableAll(left, digests.length, failures);
      if (!given) await delay(timing.fetchRetryMs * 2 ** Math.min(round, timing.fetchRounds), signal);
    }
  }

  async function fetchMany(digests: readonly Digest[], fetchOptions: FetchOptions = {}): Promise<void> {
    const bad = digests.find((d) => !isDigest(d));
    if (bad !== undefined) throw new RealmError("bad_request", `${bad} is no SHA-256 digest`);
    const signal = fetchOptions.signal
      ? AbortSignal.any([fetchOptions.signal, closed.signal])
      : closed.signal;
    signal.throwIfAborted();
    const wanted: Digest[] = [];
    for (const digest of new Set(digests)) if (!await store.has(digest)) wanted.push(digest);
    // What others fetch already is waited for; if their call fails, this one tries itself.
    const others = wanted.filter((d) => transfers.has(d)), mine = wanted.filter((d) => !transfers.has(d));
    const waits = others.map((d) => transfers.get(d)!.then(() => undefined, () => d));
    if (mine.length > 0) {
      const work = run(mine, fetchOptions, signal);
      const settled = work.finally(() => {
        for (const digest of mine) transfers.delete(digest);
      });
      settled.catch(() => {});
      for (const digest of mine) transfers.set(digest, settled);
      await settled;
    }
    const again = (await abortable(Promise.all(waits), signal)).filter((d) => d !== undefined);
    if (again.length > 0) await fetchMany(again, fetchOptions);
  }

  return {
    fetch: (digest, fetchOptions) => fetchMany([digest], fetchOptions),
    fetchMany,
    look: finder.look,
    noteStored: (digest) => finder.note(digest, true),
    noteRemoved: (digest) => finder.note(digest, false),
    membersChanged: finder.membersChanged,
    flush: finder.flush,
    fetching: () => [...transfers.keys()].sort(),
    async [Symbol.asyncDispose]() {
      closed.abort(nodeEnding());
      finder.stop();
      await Promise.allSettled(transfers.values());
    },
  };
}

/** `work`, unless `signal` aborts first. */
async function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const stop = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  try {
    if (signal.aborted) stop();
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

function unavailableAll(left: readonly Digest[], of: number, failures: Map<Digest, Failures>): RealmError {
  const first = unavailable(left[0], failures.get(left[0]) ?? new Map());
  if (of === 1) return first;
  return new RealmError(
    "unavailable",
    `${left.length} of ${of} blobs cannot be fetched; the first: ${first.message}`,
    {
      detail: { digests: left.slice(0, 100) },
    },
  );
}
