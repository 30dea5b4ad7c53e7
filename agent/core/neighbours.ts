/**
 * Who watches whom, and keeps a connection to: a skip graph (Aspnes and Shah, "Skip graphs", SODA 2003). All members
 * stand on a ring in the order of a hash; level k divides them by the first k bits of a second hash into rings of their
 * own, on which each member's neighbour is the one after it. So each has about log2(n) neighbours and is the neighbour
 * of as many, the graph stays connected when many fail, and a member that comes or goes changes one neighbour per level
 * in the whole realm. (With the members at rank 1, 2, 4, 8 … as neighbours every arrival moved the ranks of all others:
 * in a realm of 50 each join opened 62 connections.)
 */
import { utf8 } from "../protocol/encoding.ts";
import { digestOf, type NodeId } from "../protocol/identity.ts";

/** Members right after a node that it watches whatever the levels give: nobody is watched by fewer than these. */
const NEAR = 3;
/** Neighbours at most; `meshLimits.neighbours` are kept connected. */
const MOST = 12;
/** Places on the ring: whole numbers that a double holds exactly. */
const RING = 2 ** 52;
/** Bits of the second hash: more levels than the largest realm has. */
const LEVELS = 32;

/** Where a member stands: on the ring, and the bits that name its ring on each level. */
interface Place {
  readonly at: number;
  readonly bits: number;
}

const places = new Map<NodeId, Place>();
/** Cached since it never changes. */
function placeOf(id: NodeId): Place {
  let place = places.get(id);
  if (place === undefined) {
    if (places.size > 50_000) places.clear();
    const hash = digestOf(utf8(`ring ${id}`));
    place = { at: parseInt(hash.slice(0, 13), 16), bits: parseInt(hash.slice(13, 21), 16) };
    places.set(id, place);
  }
  return place;
}

/** A share of [0, 1) that belongs to a text; the same everywhere. */
export const shareOf = (text: string): number => placeOf(text).at / RING;

/** The neighbours of `self` among `members` (which may hold `self`), the nearest first; see the module's text. */
export const neighboursOf = (self: NodeId, members: readonly NodeId[]): readonly NodeId[] =>
  nearestOf(self, members).slice(0, MOST);

/**
 * As many as the levels give, of which the first are the neighbours. When one comes, they follow from those before and
 * the new one: `nearestOf(self, [...nearestOf(self, members), id])` is `nearestOf(self, [...members, id])`.
 */
export function nearestOf(self: NodeId, members: readonly NodeId[]): readonly NodeId[] {
  const own = placeOf(self);
  interface Next {
    readonly id: NodeId;
    readonly distance: number;
  }
  const near: Next[] = [], levels: Next[] = [];
  for (const id of members) {
    if (id === self) continue;
    const place = placeOf(id);
    const distance = place.at < own.at ? place.at - own.at + RING : place.at - own.at;
    if (near.length < NEAR || distance < near[NEAR - 1].distance) {
      near.push({ id, distance });
      near.sort((a, b) => a.distance - b.distance);
      near.length = Math.min(near.length, NEAR);
    }
    const shared = Math.min(LEVELS - 1, Math.clz32((place.bits ^ own.bits) >>> 0));
    for (let level = 0; level <= shared; level++) {
      if (levels[level] === undefined || distance < levels[level].distance) levels[level] = { id, distance };
    }
  }
  return [...new Set([...near, ...levels].map(({ id }) => id))];
}
