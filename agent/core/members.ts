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
  readonly admitted: Map<NodeId, Member>;
  readonly removed: Map<NodeId, number>;
  /** Invites that were made useless, and when. */
  readonly revokedInvites: Map<Digest, number>;
  readonly usedBy: Map<Digest, Set<NodeId>>;
}

/** Nobody. */
export const createMembers = (): Members => ({
  claims: new Map(),
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

/** Takes in a verified admission; returns whether membership changed. */
export function claim(members: Members, opened: OpenedAdmission, author: NodeId, founder: boolean): boolean {
  const mine = members.claims.get(opened.node) ?? [];
  if (mine.some((c) => c.author === author && c.invite === opened.invite && c.at === opened.at)) return false;
  mine.push({ ...opened, author, founder });
  members.claims.set(opened.node, mine);
  const used = members.usedBy.get(opened.invite) ?? new Set();
  used.add(opened.node);
  members.usedBy.set(opened.invite, used);
  return used.size > opened.uses || mine.length > 1 ? settleMembers(members) : admit(members, opened.node);
}

function admit(members: Members, node: NodeId): boolean {
  if (members.admitted.has(node)) return false;
  const valid = (members.claims.get(node) ?? []).filter((c) => counts(members, c)).sort(earlier)[0];
  if (!valid) return false;
  const removedAt = members.removed.get(node);
  members.admitted.set(node, {
    id: node,
    name: valid.name,
    invite: valid.invite,
    tags: valid.tags,
    joinedAt: valid.at,
    ...(removedAt === undefined || removedAt < valid.at ? {} : { removedAt }),
  });
  // Claims whose author was unknown until now.
  for (const [other, claims] of members.claims) {
    if (claims.some((c) => c.author === node)) admit(members, other);
  }
  return true;
}

/** Recomputes everything; returns whether anything changed. */
export function settleMembers(members: Members): boolean {
  const before = JSON.stringify([...members.admitted.values()].sort((a, b) => a.id < b.id ? -1 : 1));
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
  return before !== JSON.stringify([...members.admitted.values()].sort((a, b) => a.id < b.id ? -1 : 1));
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
