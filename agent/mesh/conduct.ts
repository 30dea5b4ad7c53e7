/** Misbehaviour of members: points add up, fade with time, and end in a cut for a while. */
import type { Clock } from "../ports.ts";
import type { NodeId } from "../protocol/identity.ts";
import { meshLimits } from "../protocol/limits.ts";

/** What a member did wrong. */
export type Misconduct =
  | "oversize_message"
  | "garbage_frame"
  | "too_many_messages"
  | "oversize_gossip"
  | "invalid_gossip"
  | "invalid_message";

/** Points of each offence; at `meshLimits.misconductPoints` the member is cut off. */
const POINTS: Record<Misconduct, number> = {
  oversize_message: 40,
  garbage_frame: 40,
  too_many_messages: 5,
  oversize_gossip: 20,
  invalid_gossip: 10,
  invalid_message: 10,
};

/** The record of all members' conduct. */
export interface Conduct {
  /** Notes an offence; true when this one caused the cut. */
  note(id: NodeId, what: Misconduct): boolean;
  /** Whether the member is cut off now. */
  isCutOff(id: NodeId): boolean;
}

/** Empty records. Holds one small entry per member with points, dropped once forgiven. */
export function createConduct(clock: Clock): Conduct {
  const points = new Map<NodeId, { points: number; at: number }>();
  const cutUntil = new Map<NodeId, number>();
  return {
    note(id, what) {
      const now = clock.monotonic();
      for (const [other, entry] of points) {
        const left = entry.points - (now - entry.at) / 1000 * meshLimits.misconductForgiveness;
        if (left <= 0) points.delete(other);
        else points.set(other, { points: left, at: now });
      }
      const total = (points.get(id)?.points ?? 0) + POINTS[what];
      if (total < meshLimits.misconductPoints) {
        points.set(id, { points: total, at: now });
        return false;
      }
      points.delete(id);
      cutUntil.set(id, now + meshLimits.cutOffMs);
      return true;
    },
    isCutOff(id) {
      const until = cutUntil.get(id);
      if (until === undefined) return false;
      if (clock.monotonic() < until) return true;
      cutUntil.delete(id);
      return false;
    },
  };
}
