/**
 * Fetching many blobs in one go: each is asked from one of its holders, with many requests under way on one stream per
 * holder. Small ones are stored as they come; those that turn out to be chunked are handed back.
 */
import { RealmError } from "../protocol/errors.ts";
import type { Digest, NodeId } from "../protocol/identity.ts";
import { limits } from "../protocol/limits.ts";
import type { Failures, FetchParts } from "./fetch_large.ts";
import { openLink } from "./link.ts";

/** What became of one round. */
export interface RoundResult {
  /** Blobs that are chunked, with a holder. */
  readonly large: readonly Digest[];
  /** Blobs still to be fetched. */
  readonly missing: readonly Digest[];
}

const messageOf = (error: unknown) => error instanceof Error ? error.message : String(error);

/**
 * Asks every digest from its least busy holder; on failure from its next one, until none is left. `failures` says why,
 * per blob. Throws only this node's own disk errors and the signal's reason.
 */
export async function fetchRound(
  parts: FetchParts,
  holders: ReadonlyMap<Digest, readonly NodeId[]>,
  failures: Map<Digest, Failures>,
  signal: AbortSignal,
  onDone: (digest: Digest, bytes: number) => void,
): Promise<RoundResult> {
  const { links, store } = parts;
  const queues = new Map<NodeId, Digest[]>(),
    tried = new Map<Digest, Set<NodeId>>(),
    broken = new Set<NodeId>();
  const large: Digest[] = [], missing: Digest[] = [], running = new Map<NodeId, Promise<void>>();
  let fatal: { readonly error: unknown } | undefined;

  function fail(digest: Digest, peer: NodeId, why: string): void {
    let of = failures.get(digest);
    if (!of) failures.set(digest, of = new Map());
    of.set(peer, why);
    assign(digest);
  }

  /** Puts a digest into the shortest queue of a holder not tried for it. */
  function assign(digest: Digest): void {
    const seen = tried.get(digest) ?? new Set<NodeId>();
    tried.set(digest, seen);
    const open = (holders.get(digest) ?? []).filter((peer) => !seen.has(peer) && !broken.has(peer));
    // Not more streams than needed: holders that already work come first when equally busy.
    open.sort((a, b) => (queues.get(a)?.length ?? 0) - (queues.get(b)?.length ?? 0));
    const limited = running.size >= limits.blobHolders ? open.filter((p) => running.has(p)) : open;
    const peer = limited[0] ?? open[0];
    if (peer === undefined) return void missing.push(digest);
    seen.add(peer);
    const queue = queues.get(peer);
    if (queue) queue.push(digest);
    else queues.set(peer, [digest]);
  }

  async function one(link: Awaited<ReturnType<typeof openLink>>, digest: Digest): Promise<void> {
    const { reply, body, release } = await link.ask({ ask: "blob", digest });
    try {
      if ("error" in reply) return fail(digest, link.peer, reply.message);
      if ("info" in reply) return void large.push(digest);
      if (reply.kind !== "small") return fail(digest, link.peer, "it does not hold the blob");
      await store.putSmall(digest, body);
      onDone(digest, body.length);
    } catch (error) {
      if (!(error instanceof RealmError && error.code === "bad_digest")) throw error;
      links.onMisbehaviour(link.peer, error.message);
      fail(digest, link.peer, error.message);
    } finally {
      release();
    }
  }

  async function drain(peer: NodeId): Promise<void> {
    const queue = queues.get(peer)!, mine = new Map<Digest, Promise<void>>(), lost: Digest[] = [];
    let failure: { readonly error: unknown } | undefined;
    try {
      const link = await openLink(links, peer, signal);
      try {
        while ((queue.length > 0 || mine.size > 0) && !failure && !fatal) {
          while (queue.length > 0 && mine.size < limits.blobBatch) {
            const digest = queue.shift()!;
            mine.set(
              digest,
              one(link, digest).catch((error) => {
                failure ??= { error };
                lost.push(digest);
              }).finally(() => mine.delete(digest)),
            );
          }
          if (mine.size > 0) await Promise.race(mine.values());
        }
      } finally {
        link.close();
        await Promise.all(mine.values());
      }
      if (failure) throw failure.error;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof RealmError && (error.code === "no_space" || error.code === "disk")) {
        fatal ??= { error };
        return;
      }
      broken.add(peer);
      for (const digest of [...lost, ...queue.splice(0)]) fail(digest, peer, messageOf(error));
    }
  }

  for (const digest of holders.keys()) assign(digest);
  for (;;) {
    for (const [peer, queue] of queues) {
      if (queue.length === 0 || running.has(peer) || running.size >= limits.blobHolders) continue;
      running.set(peer, drain(peer).finally(() => running.delete(peer)));
    }
    if (running.size === 0) break;
    await Promise.race(running.values());
    if (fatal) break;
  }
  await Promise.allSettled(running.values());
  if (fatal) throw fatal.error;
  signal.throwIfAborted();
  return { large, missing };
}
