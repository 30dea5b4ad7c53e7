/**
 * Those who may decide, and the first of them for each key: their controllers. Follows one node that comes or goes
 * without ranking all the others anew: with 500 nodes and 2,000 apps that would be a million weights for each change.
 */
import type { NodeId } from "../protocol/identity.ts";
import { isBefore, type KeyHash, keyHash, type RendezvousRanker, rendezvousRanker } from "./rendezvous.ts";

/** Keys whose first is remembered at most. */
const KEYS_KNOWN = 10_000;

/** See the module's text. */
export class Deciders {
  readonly #ids: Set<NodeId>;
  readonly #firsts = new Map<string, { readonly hash: KeyHash; readonly id: NodeId }>();
  #ranker: RendezvousRanker | undefined;

  /** `areOpen`: whether these were chosen since they take work; they are others when one comes that does. */
  constructor(ids: readonly NodeId[], readonly areOpen: boolean) {
    this.#ids = new Set(ids);
  }

  has(id: NodeId): boolean {
    return this.#ids.has(id);
  }

  get size(): number {
    return this.#ids.size;
  }

  /** One comes or goes. */
  set(id: NodeId, present: boolean): void {
    if (present === this.#ids.has(id)) return;
    this.#ranker = undefined;
    if (present) this.#ids.add(id);
    else this.#ids.delete(id);
    for (const [key, first] of this.#firsts) {
      if (!present && first.id === id) this.#firsts.delete(key);
      if (present && isBefore(first.hash, id, first.id)) this.#firsts.set(key, { hash: first.hash, id });
    }
  }

  /** The first `count` for a key, or all in their order. */
  rank(key: string, count?: number): NodeId[] {
    this.#ranker ??= rendezvousRanker([...this.#ids]);
    return this.#ranker(key, count);
  }

  /** The first for a key. */
  first(key: string): NodeId | undefined {
    const known = this.#firsts.get(key);
    if (known) return known.id;
    const [id] = this.rank(key, 1);
    if (id === undefined) return undefined;
    if (this.#firsts.size >= KEYS_KNOWN) this.#firsts.clear();
    this.#firsts.set(key, { hash: keyHash(key), id });
    return id;
  }
}
