/**
 * Projection of membership: who was admitted, by whose invite, who was removed. An invite with N uses admits the first
 * N in order of (time, node id), so that all nodes agree even when it was used at two places at once.
 */
import type { OpenedAdmission } from "../protocol/invite.ts";
import type { Digest, NodeId } from "../protocol/identity.ts";

/** A machine that was let in. */
export interface Member {
  readonly id: NodeId;
  readonly name: string;
  readonly invite: Digest;
  readonly tags: readonly string[];
  readonly joinedAt: number;
  /** Set when an admin ended the membership. */
  removedAt?: number;
}

interface Claim extends OpenedAdmission {
  /** The member that admitted it; itself for the founder. */
  readonly author: NodeId;
  readonly founder: boolean;
}

/** See the module's text. */
export interface Members {
  /** Verified admissions by node, whether or not they count. */
  readonly claims: Map<NodeId, Claim[]>;
  /** Nodes with an admission by each author. */
  readonly claimedBy: Map<NodeId, Set<NodeId>>;
  readonly admitted: Map<NodeId, Member>;
  readonly removed: Map<NodeId, number>;
  /** Invites that were made useless, and when. */
  readonly revokedInvites: Map<Digest, number>;
  readonly usedBy: Map<Digest, Set<NodeId>>;
}

/** Nobody. */
export const createMembers = (): Members => ({
  claims: new Map(),
  claimedBy: new Map(),
  admitted: new Map(),
  removed: new Map(),
  revokedInvites: new Map(),
  usedBy: new Map(),
});

const earlier = (a: Claim, b: Claim): number =>
  a.at - b.at || (a.node < b.node ? -1 : a.node > b.node ? 1 : 0);

function counts(members: Members, claim: Claim): boolean {
  const revoked = members.revokedInvites.get(claim.invite);
  if (revoked !== undefined && claim.at >= revoked) return false;
  return claim.founder || members.admitted.has(claim.author);
}

/** Takes in a verified admission. Returns who came in by it; `undefined` where all memberships were computed anew. */
export function claim(
  members: Members,
  opened: OpenedAdmission,
  author: NodeId,
  founder: boolean,
): readonly NodeId[] | undefined {
  const mine = members.claims.get(opened.node) ?? [];
  if (mine.some((c) => c.author === author && c.invite === opened.invite && c.at === opened.at)) return [];
  mine.push({ ...opened, author, founder });
  members.claims.set(opened.node, mine);
  addTo(members.claimedBy, author, opened.node);
  const used = addTo(members.usedBy, opened.invite, opened.node);
  if (used <= opened.uses && mine.length === 1) return admit(members, opened.node);
  settleMembers(members);
}

/** Adds to one of the sets of a map; returns how many are in it then. */
function addTo(sets: Map<string, Set<NodeId>>, key: string, node: NodeId): number {
  let set = sets.get(key);
  if (!set) sets.set(key, set = new Set());
  return set.add(node).size;
}

function admit(members: Members, node: NodeId): NodeId[] {
  if (members.admitted.has(node)) return [];
  const valid = (members.claims.get(node) ?? []).filter((c) => counts(members, c)).sort(earlier)[0];
  if (!valid) return [];
  const removedAt = members.removed.get(node);
  members.admitted.set(node, {
    id: node,
    name: valid.name,
    invite: valid.invite,
    tags: valid.tags,
    joinedAt: valid.at,
    ...(removedAt === undefined || removedAt < valid.at ? {} : { removedAt }),
  });
  // Those let in by who was unknown until now.
  const others = [...members.claimedBy.get(node) ?? []];
  return [node, ...others.flatMap((other) => admit(members, other))];
}

/** Computes all memberships anew. */
export function settleMembers(members: Members): void {
  members.admitted.clear();
  const all = [...members.claims.values()].flat().sort(earlier);
  const used = new Map<Digest, Set<NodeId>>();
  // An author may be admitted by a later pass: repeat until nothing more is let in.
  for (let again = true; again;) {
    again = false;
    for (const c of all) {
      if (members.admitted.has(c.node) || !counts(members, c)) continue;
      const users = used.get(c.invite) ?? new Set();
      if (users.size >= c.uses && !users.has(c.node)) continue;
      users.add(c.node);
      used.set(c.invite, users);
      const removedAt = members.removed.get(c.node);
      members.admitted.set(c.node, {
        id: c.node,
        name: c.name,
        invite: c.invite,
        tags: c.tags,
        joinedAt: c.at,
        ...(removedAt === undefined || removedAt < c.at ? {} : { removedAt }),
      });
      again = true;
    }
  }
}

/** Ends a membership. A machine may come back only by a later invite under a new admission. */
export function removeMember(members: Members, node: NodeId, at: number): boolean {
  const known = members.removed.get(node);
  if (known !== undefined && known <= at) return false;
  members.removed.set(node, at);
  const member = members.admitted.get(node);
  if (member && member.joinedAt <= at) member.removedAt = at;
  return true;
}

/** When a node's membership ended, by the clock of who ended it; `undefined` for a member, 0 for one never let in. */
export function endedAt(members: Members, node: NodeId): number | undefined {
  const member = members.admitted.get(node);
  return member ? member.removedAt : 0;
}

/** Whether a node is a member now. */
export function isMember(members: Members, node: NodeId): boolean {
  const member = members.admitted.get(node);
  return member !== undefined && member.removedAt === undefined;
}

/** Uses of an invite so far. */
export function inviteUses(members: Members, invite: Digest): number {
  let n = 0;
  for (const node of members.usedBy.get(invite) ?? []) if (members.admitted.get(node)?.invite === invite) n++;
  return n;
}
