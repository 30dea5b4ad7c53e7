/** Content for somebody who waits for it: brought here from whoever has it, or refused with who does not answer. */
import { type Core, nodeState } from "../core/mod.ts";
import { apiLimits, type Digest, type NodeId, RealmError } from "../protocol/mod.ts";
import type { BlobExchange, BlobStore } from "../storage/mod.ts";
import { nameOf } from "./names.ts";

/** Where content is. */
export interface ContentPlaces {
  readonly core: Core;
  readonly contents: { readonly store: BlobStore; readonly exchange: BlobExchange };
}

/** `n1, n2 (unreachable) and 3 more`. */
export function namesOf(core: Core, nodes: readonly NodeId[]): string {
  const named = nodes.slice(0, 3).map((id) => {
    const state = nodeState(core, id);
    return state === "unreachable" || state === "left" ? `${nameOf(core, id)} (${state})` : nameOf(core, id);
  });
  const more = nodes.length - named.length;
  return named.join(", ") + (more > 0 ? ` and ${more} more` : "");
}

/** What is told of a blob that nobody who answered has, while others did not answer. */
export const untold = (core: Core, digest: Digest, silent: readonly NodeId[]): RealmError =>
  new RealmError(
    "unavailable",
    `no node that answers knows of the blob ${digest}, and these did not answer: ${namesOf(core, silent)}; ` +
      "try again when they do",
    { detail: { digest, silent } },
  );

/**
 * Brings a blob here, unless it is. Gives up when nothing of it came for `apiLimits.fetchPatienceMs`. Throws
 * `unavailable` with who has it and does not send it, or did not answer; this node's own `no_space` or `disk`.
 */
export async function fetchToRead(
  { core, contents: { store, exchange } }: ContentPlaces,
  digest: Digest,
  signal: AbortSignal,
  holders: readonly NodeId[] = [],
): Promise<void> {
  if (await store.has(digest)) return;
  const patience = new AbortController();
  const wait = () => setTimeout(() => patience.abort(), apiLimits.fetchPatienceMs);
  let timer = wait(), moved = 0;
  const onProgress = ({ doneBytes }: { readonly doneBytes: number }) => {
    if (doneBytes <= moved) return;
    moved = doneBytes;
    clearTimeout(timer);
    timer = wait();
  };
  try {
    await exchange.fetch(digest, { holders, onProgress, signal: AbortSignal.any([signal, patience.signal]) });
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    const code = error instanceof RealmError ? error.code : undefined;
    if (!patience.signal.aborted && code !== "unavailable") throw error;
    throw await refusal(error);
  } finally {
    clearTimeout(timer);
  }

  async function refusal(cause: unknown): Promise<RealmError> {
    const known = await exchange.look(digest).catch(() => ({ holders: [], silent: [] }));
    const having = [...new Set([...holders, ...known.holders])].filter((id) => id !== core.config.self);
    if (having.length > 0) {
      return new RealmError(
        "unavailable",
        `the blob ${digest} cannot be fetched: ${
          namesOf(core, having)
        } should have it and did not send it; ` +
          "try again when it answers",
        { cause, detail: { digest, holders: having } },
      );
    }
    return known.silent.length > 0 ? untold(core, digest, known.silent) : new RealmError(
      "not_found",
      `no node of this realm has the blob ${digest}; see 'realm storage list'`,
      { cause },
    );
  }
}

/**
 * Content from here or from those who have it, as a stream of which the first bytes have been read: what is damaged here
 * is fetched again. Throws as {@link fetchToRead}.
 */
export async function readAnywhere(
  places: ContentPlaces,
  digest: Digest,
  signal: AbortSignal,
): Promise<ReadableStream<Uint8Array>> {
  for (let again = false;; again = true) {
    await fetchToRead(places, digest, signal);
    try {
      return await begun(places.contents.store.read(digest));
    } catch (error) {
      // It was damaged, which the store has noted, or removed just now.
      const lost = error instanceof RealmError && (error.code === "bad_digest" || error.code === "not_found");
      if (!lost || again) throw error;
    }
  }
}

/** The same stream, once it has given its first bytes; rejects when it cannot. */
async function begun(source: ReadableStream<Uint8Array>): Promise<ReadableStream<Uint8Array>> {
  const reader = source.getReader();
  let first: ReadableStreamReadResult<Uint8Array> | undefined = await reader.read();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = first ?? await reader.read();
      first = undefined;
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
}
